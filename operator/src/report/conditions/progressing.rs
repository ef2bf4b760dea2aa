use std::collections::BTreeMap;

use super::{Condition, Subject, Truth, list};
use crate::model::{Place, WaitReason};

/// Whether the operator works on the cluster in this pass.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let plan = subject.plan;
    let condition =
        |truth, reason, message: String| Condition::new("Progressing", truth, reason, message);
    if subject.view.desired.paused {
        return condition(Truth::False, "Paused", WaitReason::Paused.to_string());
    }
    if let Some(planned) = plan.steps.first() {
        let message = format!("{} ({})", planned.step, planned.why);
        return condition(Truth::True, "Working", message);
    }
    if let Some(wait) = plan.waiting.iter().find(|wait| wait.until.is_some()) {
        return condition(Truth::True, "WaitingForEffect", wait.reason.to_string());
    }
    match plan.waiting.first() {
        Some(wait) => condition(Truth::False, "Blocked", wait.reason.to_string()),
        None if let Some(waits) = restarts(subject) => {
            condition(Truth::False, "RestartNeeded", waits)
        }
        None => condition(
            Truth::False,
            "NothingToDo",
            "nothing is left to do".to_owned(),
        ),
    }
}

/// The directives that nodes take only when they are started again, and which nodes.
fn restarts(subject: &Subject<'_>) -> Option<String> {
    let mut waiting: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    for (place, pod) in &subject.view.observation.pods {
        for name in &pod.restart_for {
            waiting.entry(name).or_default().push(*place);
        }
    }
    let each = waiting.into_iter().map(|(name, places)| {
        format!(
            "the new value of {name} waits for a restart of {}",
            list(places)
        )
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| each.join("; "))
}
