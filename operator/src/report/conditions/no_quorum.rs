//! The condition `NoQuorum`.

use super::{Condition, ConditionStatus, ReportInput};
use crate::model::WaitReason;

/// A warning: the masters cannot elect a new master by themselves.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let lost = input
        .plan
        .waiting
        .iter()
        .find_map(|wait| match &wait.reason {
            reason @ WaitReason::NoQuorum { .. } => Some(reason.to_string()),
            _ => None,
        });
    if let Some(message) = lost {
        return Condition::new("NoQuorum", ConditionStatus::True, "MajorityLost", message);
    }
    if input.view.desired.shards < 3 {
        let message = "fewer than three masters cannot elect; only the operator can fail over";
        return Condition::new("NoQuorum", ConditionStatus::True, "TooFewShards", message);
    }
    Condition::new(
        "NoQuorum",
        ConditionStatus::False,
        "CanElect",
        "the masters can elect",
    )
}
