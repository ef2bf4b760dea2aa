use slotkeeper_topology::{SLOT_COUNT, SlotSet};

use super::{Condition, Subject, Truth};

/// Every slot has an owner that answers and serves.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let condition = |truth, reason, message| Condition::new("SlotsCovered", truth, reason, message);
    let view = subject.view;
    if view.answered().next().is_none() {
        return condition(Truth::Unknown, "NoAnswer", "no node answers".to_owned());
    }
    if subject.slots_covered == SLOT_COUNT {
        let message = format!("all {SLOT_COUNT} slots are served");
        return condition(Truth::True, "AllServed", message);
    }
    let owned = view
        .owners
        .values()
        .fold(SlotSet::new(), |all, owner| all.union(&owner.slots));
    let unowned = owned.complement();
    let served = subject.slots_covered;
    if unowned.is_empty() {
        let missing = SLOT_COUNT - served;
        let message = format!("the masters of {missing} slots do not serve");
        return condition(Truth::False, "MastersDown", message);
    }
    let reason = if view.seen().formed {
        "SlotsLost"
    } else {
        "NotFormed"
    };
    condition(
        Truth::False,
        reason,
        format!("{} slots have no owner: {unowned}", unowned.len()),
    )
}
