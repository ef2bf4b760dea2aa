//! The conditions, one per file, each a pure function of the pass.

mod data_lost;
mod members_joined;
mod memory_overcommitted;
mod no_quorum;
mod no_safe_replica;
mod nodes_conf_failing;
mod progressing;
mod ready;
mod replicas_attached;
mod shared_host;
mod slots_covered;
mod snapshots_failing;

use super::ReportInput;

/// One condition of the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// A stable word for programs.
    pub reason: &'static str,
    /// One sentence for people.
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// This pass did not observe enough to tell.
    Unknown,
}

impl Condition {
    fn new(
        kind: &'static str,
        status: ConditionStatus,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Condition {
        Condition {
            kind,
            status,
            reason,
            message: message.into(),
        }
    }
}

/// All conditions, in the order in which the status has them.
pub(super) fn all(input: &ReportInput<'_>) -> Vec<Condition> {
    vec![
        ready::of(input),
        members_joined::of(input),
        slots_covered::of(input),
        replicas_attached::of(input),
        progressing::of(input),
        data_lost::of(input),
        shared_host::of(input),
        no_quorum::of(input),
        no_safe_replica::of(input),
        snapshots_failing::of(input),
        nodes_conf_failing::of(input),
        memory_overcommitted::of(input),
    ]
}

/// The items as text: `0-1, 2-0`.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
