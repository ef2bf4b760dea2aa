//! The condition `SlotsCovered`.

use slotkeeper_topology::{SLOT_COUNT, SlotSet};

use super::{Condition, ConditionStatus, ReportInput};

/// Every slot has an owner that answers and serves.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let condition =
        |status, reason, message| Condition::new("SlotsCovered", status, reason, message);
    let view = input.view;
    if view.answered().next().is_none() {
        return condition(
            ConditionStatus::Unknown,
            "NoAnswer",
            input.with_busy("no node answers".to_owned()),
        );
    }
    if input.slots_covered == SLOT_COUNT {
        let message = format!("all {SLOT_COUNT} slots are served");
        return condition(ConditionStatus::True, "AllServed", message);
    }
    let owned = view
        .owners
        .values()
        .fold(SlotSet::new(), |all, owner| all.union(&owner.slots));
    let unowned = owned.complement();
    let served = input.slots_covered;
    if unowned.is_empty() {
        let missing = SLOT_COUNT - served;
        let message = format!("the masters of {missing} slots do not answer or serve");
        let message = input.with_busy(message);
        return condition(ConditionStatus::False, "MastersDown", message);
    }
    let reason = if view.seen().formed {
        "SlotsLost"
    } else {
        "NotFormed"
    };
    condition(
        ConditionStatus::False,
        reason,
        format!("{} slots have no owner: {unowned}", unowned.len()),
    )
}
