use super::{Condition, Subject, Truth, members_joined, replicas_attached, slots_covered};
use crate::model::NodeFacts;

/// The sum: a manifest that works, every slot served, every node joined, every replica attached, and
/// no node that still turns clients away because it has not seen so yet.
pub(super) fn of(subject: &Subject<'_>) -> Condition {
    if let Some(what) = &subject.view.observation.objects.refused {
        return Condition::new("Ready", Truth::False, "ManifestRefused", what.clone());
    }
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
    let down = |facts: &NodeFacts| !facts.cluster.state_ok;
    let down: Vec<String> = (subject.view.answered())
        .filter(|(place, facts)| subject.view.desired.wants(*place) && down(facts))
        .map(|(place, _)| place.to_string())
        .collect();
    if !down.is_empty() {
        let message = format!(
            "the cluster is still down in the eyes of {}",
            down.join(", ")
        );
        return Condition::new("Ready", Truth::False, "ClusterDown", message);
    }
    Condition::new(
        "Ready",
        Truth::True,
        "AsDesired",
        format!("all {wanted} nodes are ready"),
    )
}
