//! The condition `MembersJoined`.

use super::{Condition, ConditionStatus, ReportInput, list};
use crate::model::PodIndex;

/// Every wanted node answers and knows every other.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let view = input.view;
    let condition =
        |status, reason, message| Condition::new("MembersJoined", status, reason, message);
    let wanted: Vec<PodIndex> = view.desired.pod_indexes().collect();
    let silent: Vec<PodIndex> = wanted
        .iter()
        .copied()
        .filter(|index| view.observation.facts(*index).is_none())
        .collect();
    if silent.len() == wanted.len() {
        return condition(
            ConditionStatus::Unknown,
            "NoAnswer",
            input.with_busy("no node answers".to_owned()),
        );
    }
    let mute: Vec<PodIndex> = (silent.iter().copied())
        .filter(|index| !input.is_busy(*index))
        .collect();
    if !mute.is_empty() {
        let message = input.with_busy(format!("no answer from {}", list(mute)));
        return condition(ConditionStatus::False, "Unanswered", message);
    }
    if let Some(busy) = input.busy() {
        return condition(ConditionStatus::False, "NodesBusy", busy);
    }
    let ids: Vec<_> = view.answered().map(|(_, facts)| facts.id).collect();
    let strangers = |index: &PodIndex| {
        let facts = view.observation.facts(*index);
        !facts.is_some_and(|facts| ids.iter().all(|id| facts.line(*id).is_some()))
    };
    let apart: Vec<PodIndex> = wanted.into_iter().filter(strangers).collect();
    if apart.is_empty() {
        condition(
            ConditionStatus::True,
            "Joined",
            "every node knows every other".to_owned(),
        )
    } else {
        let message = format!("not every other node is known to {}", list(apart));
        condition(ConditionStatus::False, "Joining", message)
    }
}
