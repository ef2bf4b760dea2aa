//! The condition `Ready`.

use super::{
    Condition, ConditionStatus, ReportInput, members_joined, replicas_attached, slots_covered,
};
use crate::model::NodeFacts;

/// The summary: the manifest can be applied, every slot is served, every node has joined, every
/// replica is attached, and no node still refuses clients because it considers the cluster down.
pub(super) fn of(input: &ReportInput<'_>) -> Condition {
    if let Some(what) = &input.view.observation.objects.refused {
        return Condition::new(
            "Ready",
            ConditionStatus::False,
            "ManifestRefused",
            what.clone(),
        );
    }
    let parts = [
        slots_covered::of(input),
        members_joined::of(input),
        replicas_attached::of(input),
    ];
    for part in parts {
        if part.status != ConditionStatus::True {
            return Condition::new("Ready", part.status, part.reason, part.message);
        }
    }
    let (ready, wanted) = (input.ready_nodes, input.wanted_nodes);
    if ready < wanted {
        let message = format!("{ready} of {wanted} nodes are ready");
        return Condition::new("Ready", ConditionStatus::False, "NodesNotReady", message);
    }
    let down = |facts: &NodeFacts| !facts.cluster.state_ok;
    let down: Vec<String> = (input.view.answered())
        .filter(|(index, facts)| input.view.desired.wants(*index) && down(facts))
        .map(|(index, _)| index.to_string())
        .collect();
    if !down.is_empty() {
        let message = format!("the cluster is still down according to {}", down.join(", "));
        return Condition::new("Ready", ConditionStatus::False, "ClusterDown", message);
    }
    Condition::new(
        "Ready",
        ConditionStatus::True,
        "AsDesired",
        format!("all {wanted} nodes are ready"),
    )
}
