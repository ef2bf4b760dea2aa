//! The clock of this machine, which every pass and every platform reads.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Moment;

/// The time now.
#[must_use]
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Moment(since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }))
}
