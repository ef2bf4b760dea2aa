//! The condition `SnapshotsFailing`.

use k8s_openapi::jiff::Timestamp;

use super::{Condition, ConditionStatus, ReportInput};
use crate::model::{NodeFacts, PodIndex};

/// A warning: a node cannot write its data file. It goes on serving reads; a master refuses writes
/// until a snapshot succeeds, unless the manifest says `stop-writes-on-bgsave-error: no`.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let view = input.view;
    let condition =
        |status, reason, message| Condition::new("SnapshotsFailing", status, reason, message);
    let failing: Vec<String> = (view.answered())
        .filter(|(_, facts)| facts.snapshots.failing)
        .map(|(index, facts)| failure(input, index, facts))
        .collect();
    if failing.is_empty() {
        let message = "no node that answers has failed to save its data".to_owned();
        return condition(ConditionStatus::False, "NoFailure", message);
    }
    condition(ConditionStatus::True, "SaveFailed", failing.join("; "))
}

/// The text does not change while the failure lasts.
fn failure(input: &ReportInput<'_>, index: PodIndex, facts: &NodeFacts) -> String {
    let name = input.pod_name(index);
    let why = facts.snapshots.error.as_deref();
    let why = why.unwrap_or("the reason is in the log of the node");
    let since = Timestamp::from_second(facts.snapshots.last_saved_unix);
    let since = since.map_or_else(|_| "an unknown time".to_owned(), |time| time.to_string());
    format!("{name} has saved nothing since {since}: {why}")
}
