use super::{Condition, Subject, Truth, list};
use crate::model::Place;

/// Every wanted node answers and knows every other.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let view = subject.view;
    let condition =
        |truth, reason, message| Condition::new("MembersJoined", truth, reason, message);
    let wanted: Vec<Place> = view.desired.places().collect();
    let silent: Vec<Place> = wanted
        .iter()
        .copied()
        .filter(|place| view.observation.facts(*place).is_none())
        .collect();
    if silent.len() == wanted.len() {
        return condition(Truth::Unknown, "NoAnswer", "no node answers".to_owned());
    }
    if !silent.is_empty() {
        let message = format!("no answer from {}", list(silent));
        return condition(Truth::False, "Unanswered", message);
    }
    let ids: Vec<_> = view.answered().map(|(_, facts)| facts.id).collect();
    let strangers = |place: &Place| {
        let facts = view.observation.facts(*place);
        !facts.is_some_and(|facts| ids.iter().all(|id| facts.line(*id).is_some()))
    };
    let apart: Vec<Place> = wanted.into_iter().filter(strangers).collect();
    if apart.is_empty() {
        condition(
            Truth::True,
            "Joined",
            "every node knows every other".to_owned(),
        )
    } else {
        let message = format!("not every other node is known to {}", list(apart));
        condition(Truth::False, "Joining", message)
    }
}
