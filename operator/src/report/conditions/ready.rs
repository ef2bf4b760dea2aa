use super::{Condition, Subject, Truth, members_joined, replicas_attached, slots_covered};

/// The sum: every slot served, every node joined, every replica attached.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    let parts = [
        slots_covered::of(subject),
        members_joined::of(subject),
        replicas_attached::of(subject),
    ];
    for part in parts {
        if part.truth != Truth::True {
            return Condition::new("Ready", part.truth, part.reason, part.message);
        }
    }
    let (ready, wanted) = (subject.ready_nodes, subject.wanted_nodes);
    if ready < wanted {
        let message = format!("{ready} of {wanted} nodes are ready");
        return Condition::new("Ready", Truth::False, "NodesNotReady", message);
    }
    Condition::new(
        "Ready",
        Truth::True,
        "AsDesired",
        format!("all {wanted} nodes are ready"),
    )
}
