use super::{Condition, Subject, Truth, list};
use crate::model::WaitReason;

/// A warning: a master does not serve, and no replica may take over without losing data.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let waits: Vec<String> = (subject.plan.waiting.iter())
        .filter_map(|wait| match &wait.reason {
            reason @ WaitReason::NoSafeReplica { .. } => Some(reason.to_string()),
            _ => None,
        })
        .collect();
    if waits.is_empty() {
        let message = "no master waits for a safe replica";
        Condition::new("NoSafeReplica", Truth::False, "NoneNeeded", message)
    } else {
        Condition::new("NoSafeReplica", Truth::True, "DataAtRisk", list(waits))
    }
}
