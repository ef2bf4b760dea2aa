//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

mod multi;
mod watch;

use super::Spec;

/// The commands of this group.
pub(super) const COMMANDS: &[&Spec] = &[
    &multi::MULTI,
    &multi::EXEC,
    &multi::DISCARD,
    &watch::WATCH,
    &watch::UNWATCH,
];
