//! The condition `Progressing`.

use std::collections::BTreeMap;

use super::{Condition, ConditionStatus, ReportInput, list};
use crate::model::{PodIndex, WaitReason};

/// Whether the operator changes the cluster in this pass.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let plan = input.plan;
    let condition =
        |status, reason, message: String| Condition::new("Progressing", status, reason, message);
    if input.view.desired.paused {
        return condition(
            ConditionStatus::False,
            "Paused",
            WaitReason::Paused.to_string(),
        );
    }
    if let Some(planned) = plan.steps.first() {
        let message = format!("{} ({})", planned.step, planned.why);
        return condition(ConditionStatus::True, "Working", message);
    }
    if let Some(wait) = plan.waiting.iter().find(|wait| wait.until.is_some()) {
        return condition(
            ConditionStatus::True,
            "WaitingForEffect",
            wait.reason.to_string(),
        );
    }
    match plan.waiting.first() {
        Some(wait) => condition(ConditionStatus::False, "Blocked", wait.reason.to_string()),
        None if let Some(waits) = restarts(input) => {
            condition(ConditionStatus::False, "RestartNeeded", waits)
        }
        None => condition(
            ConditionStatus::False,
            "NothingToDo",
            "nothing to do".to_owned(),
        ),
    }
}

/// The directives that wait for a restart, and of which nodes.
fn restarts(input: &ReportInput<'_>) -> Option<String> {
    let mut waiting: BTreeMap<&str, Vec<PodIndex>> = BTreeMap::new();
    for (index, pod) in &input.view.observation.pods {
        for name in &pod.restart_for {
            waiting.entry(name).or_default().push(*index);
        }
    }
    let each = waiting.into_iter().map(|(name, indexes)| {
        format!(
            "the new value of {name} waits for a restart of {}",
            list(indexes)
        )
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| each.join("; "))
}
