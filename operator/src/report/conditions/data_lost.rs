use super::{Condition, Subject, Truth, list};

/// Keys that were written are gone for good, and a step of the operator made that final.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let losses = &subject.view.seen().losses;
    if losses.is_empty() {
        return Condition::new(
            "DataLost",
            Truth::False,
            "NoLoss",
            "no loss of data is known",
        );
    }
    let losses = losses
        .iter()
        .map(|(shard, loss)| format!("shard {shard}: {}", loss.what));
    Condition::new("DataLost", Truth::True, "KeysLost", list(losses))
}
