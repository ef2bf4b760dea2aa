//! Waiting with a limit, and with the last error when the limit is reached.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Repeats until `attempt` succeeds.
///
/// # Panics
/// When it does not within `limit`; the text has the last error.
pub fn within<T>(limit: Duration, what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if Instant::now() > deadline => {
                panic!("not within {} s: {what}: {error}", limit.as_secs())
            }
            Err(_) => sleep(Duration::from_millis(50)),
        }
    }
}

/// As [`within`], for a condition.
///
/// # Panics
/// When it is not within `limit`.
pub fn until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    within(limit, what, || {
        if holds() {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    });
}
