use super::{Condition, Subject, Truth};
use crate::model::WaitReason;

/// A warning: the masters cannot elect a new one by themselves.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let lost = subject
        .plan
        .waiting
        .iter()
        .find_map(|wait| match &wait.reason {
            reason @ WaitReason::NoQuorum { .. } => Some(reason.to_string()),
            _ => None,
        });
    if let Some(message) = lost {
        return Condition::new("NoQuorum", Truth::True, "MajorityLost", message);
    }
    if subject.view.desired.shards < 3 {
        let message = "fewer than three masters cannot elect; only the operator can fail over";
        return Condition::new("NoQuorum", Truth::True, "TooFewShards", message);
    }
    Condition::new(
        "NoQuorum",
        Truth::False,
        "CanElect",
        "the masters can elect",
    )
}
