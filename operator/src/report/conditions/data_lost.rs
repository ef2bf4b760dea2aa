//! The condition `DataLost`.

use super::{Condition, ConditionStatus, ReportInput, list};

/// Written keys are lost for good, and a step of the operator made that final. It stays true; the
/// message of an earlier operator is repeated until there is a newer one.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    let seen = input.view.seen();
    let losses = seen
        .losses
        .iter()
        .map(|(shard, loss)| format!("shard {shard}: {}", loss.what));
    let said = match (seen.losses.is_empty(), &seen.lost_before) {
        (false, _) => list(losses),
        (true, Some(before)) => before.clone(),
        (true, None) => {
            let message = "no loss of data is known";
            return Condition::new("DataLost", ConditionStatus::False, "NoLoss", message);
        }
    };
    Condition::new("DataLost", ConditionStatus::True, "KeysLost", said)
}
