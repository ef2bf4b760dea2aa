use super::{Condition, Subject, Truth, list};

/// Keys that were written are gone for good, and a step of the operator made that final. It stays
/// true; what an earlier operator said is repeated until there is something newer.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let seen = subject.view.seen();
    let losses = seen
        .losses
        .iter()
        .map(|(shard, loss)| format!("shard {shard}: {}", loss.what));
    let said = match (seen.losses.is_empty(), &seen.lost_before) {
        (false, _) => list(losses),
        (true, Some(before)) => before.clone(),
        (true, None) => {
            let message = "no loss of data is known";
            return Condition::new("DataLost", Truth::False, "NoLoss", message);
        }
    };
    Condition::new("DataLost", Truth::True, "KeysLost", said)
}
