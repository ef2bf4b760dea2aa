//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

mod multi;
mod watch;

use super::Definition;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &multi::MULTI,
    &multi::EXEC,
    &multi::DISCARD,
    &watch::WATCH,
    &watch::UNWATCH,
];
