//! The condition `NoSafeReplica`.

use super::{Condition, ConditionStatus, ReportInput, list};
use crate::model::WaitReason;

/// A warning: a master does not serve, and no replica may take over without losing data.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let waits: Vec<String> = (input.plan.waiting.iter())
        .filter_map(|wait| match &wait.reason {
            reason @ WaitReason::NoSafeReplica { .. } => Some(reason.to_string()),
            _ => None,
        })
        .collect();
    if waits.is_empty() {
        let message = "no master waits for a safe replica";
        Condition::new(
            "NoSafeReplica",
            ConditionStatus::False,
            "NoneNeeded",
            message,
        )
    } else {
        Condition::new(
            "NoSafeReplica",
            ConditionStatus::True,
            "DataAtRisk",
            list(waits),
        )
    }
}
