//! A configuration epoch.

use std::fmt;

/// A configuration epoch or the current epoch of a cluster (Redis Cluster specification,
/// "Configuration epoch"): a 64-bit counter that only grows. The owner of a slot with the higher
/// configuration epoch wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch before any was taken.
    pub const ZERO: Epoch = Epoch(0);

    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
