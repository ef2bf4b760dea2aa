use super::{Condition, Subject, Truth};
use crate::model::WaitReason;

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
        None => condition(
            Truth::False,
            "NothingToDo",
            "nothing is left to do".to_owned(),
        ),
    }
}
