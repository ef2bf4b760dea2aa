use k8s_openapi::jiff::Timestamp;

use super::{Condition, Subject, Truth};
use crate::model::{NodeFacts, Place};

/// A warning: a node cannot write its data file. It goes on serving reads; a master refuses writes
/// until a snapshot succeeds, unless the manifest says `stop-writes-on-bgsave-error: no`.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let view = subject.view;
    let condition =
        |truth, reason, message| Condition::new("SnapshotsFailing", truth, reason, message);
    let failing: Vec<String> = (view.answered())
        .filter(|(_, facts)| facts.snapshots.failing)
        .map(|(place, facts)| failure(subject, place, facts))
        .collect();
    if failing.is_empty() {
        let message = "no node that answers has failed to save its data".to_owned();
        return condition(Truth::False, "NoFailure", message);
    }
    condition(Truth::True, "SaveFailed", failing.join("; "))
}

/// It says nothing that moves while the failure lasts.
fn failure(subject: &Subject<'_>, place: Place, facts: &NodeFacts) -> String {
    let name = subject.pod_name(place);
    let why = facts.snapshots.error.as_deref();
    let why = why.unwrap_or("the log of the node says why");
    let since = Timestamp::from_second(facts.snapshots.last_saved_unix);
    let since = since.map_or_else(|_| "an unknown time".to_owned(), |time| time.to_string());
    format!("{name} has saved nothing since {since}: {why}")
}
