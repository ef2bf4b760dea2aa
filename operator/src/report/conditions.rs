//! One condition a file, each a pure function of the pass.

mod data_lost;
mod members_joined;
mod memory_overcommitted;
mod no_quorum;
mod no_safe_replica;
mod nodes_conf_failing;
mod progressing;
mod ready;
mod replicas_attached;
mod shared_machine;
mod slots_covered;
mod snapshots_failing;

use super::Subject;

/// One condition of the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: &'static str,
    /// Whether it holds.
    pub truth: Truth,
    /// One stable word for machines.
    pub reason: &'static str,
    /// One sentence for people.
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It does.
    True,
    /// It does not.
    False,
    /// This pass did not observe what it takes to say.
    Unknown,
}

impl Condition {
    fn new(
        kind: &'static str,
        truth: Truth,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Condition {
        Condition {
            kind,
            truth,
            reason,
            message: message.into(),
        }
    }
}

/// All conditions, in the order in which the status has them.
pub(super) fn all(subject: &Subject<'_>) -> Vec<Condition> {
    vec![
        ready::of(subject),
        members_joined::of(subject),
        slots_covered::of(subject),
        replicas_attached::of(subject),
        progressing::of(subject),
        data_lost::of(subject),
        shared_machine::of(subject),
        no_quorum::of(subject),
        no_safe_replica::of(subject),
        snapshots_failing::of(subject),
        nodes_conf_failing::of(subject),
        memory_overcommitted::of(subject),
    ]
}

/// The wanted places of which something is not so, as text: `0-1, 2-0`.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
