//! Rule: bring every node into the cluster.

use slotkeeper_topology::SlotSet;

use crate::model::{NodeFacts, PodIndex, PodPhase, Step, WaitReason};

use super::super::forming::Forming;
use super::{Draft, View};

/// Brings every node into the cluster: one member, the hub, meets each node that it does not know
/// or that does not know it; gossip tells the others.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    if !matches!(Forming::of(view), Forming::Over | Forming::Done) {
        return;
    }
    let Some((hub_index, hub)) = view.hub() else {
        return;
    };
    for (index, facts) in view.answered() {
        let stays = view.desired.wants(index)
            && view
                .pod(index)
                .is_some_and(|pod| pod.phase != PodPhase::Deleting);
        if index != hub_index && stays && !acquainted(hub, facts) {
            meet(view, draft, (hub_index, hub), (index, facts));
        }
    }
}

fn acquainted(hub: &NodeFacts, facts: &NodeFacts) -> bool {
    let knows = |a: &NodeFacts, b: &NodeFacts| a.peers().any(|line| line.id == b.id);
    knows(hub, facts) && knows(facts, hub)
}

fn meet(
    view: &View<'_>,
    draft: &mut Draft<'_>,
    (hub_index, hub): (PodIndex, &NodeFacts),
    (index, facts): (PodIndex, &NodeFacts),
) {
    let shard = Some(index.shard);
    let Some(address) = view.pod(index).and_then(|pod| pod.address.clone()) else {
        return;
    };
    let under_way = hub.lines.iter().any(|line| {
        let at = &line.address;
        line.flags.handshake && at.ip == address.ip && at.port == address.port
    });
    if under_way {
        return;
    }
    if let Some(what) = conflict(view, hub, index, facts) {
        draft.wait(shard, WaitReason::Conflict { what }, None);
        return;
    }
    let step = Step::Meet {
        node: view.target(hub_index, hub),
        peer: view.target(index, facts),
        address,
    };
    draft.step(shard, step, "the cluster does not know it yet");
}

/// Why the newcomer must not join: it would bring nodes or claims of another cluster with it.
fn conflict(
    view: &View<'_>,
    hub: &NodeFacts,
    index: PodIndex,
    facts: &NodeFacts,
) -> Option<String> {
    if hub.peers().any(|line| line.id == facts.id) || facts.peers().any(|line| line.id == hub.id) {
        return None;
    }
    let stranger = facts
        .peers()
        .find(|line| !view.indexes.contains_key(&line.id));
    if let Some(line) = stranger {
        return Some(format!(
            "{index} knows {:.8}, which is no node of this cluster",
            line.id
        ));
    }
    let others = (view.lines().filter(|line| line.id != facts.id))
        .fold(SlotSet::new(), |all, line| all.union(&line.slots));
    let both = others.intersection(&facts.myself().slots);
    (!both.is_empty()).then(|| format!("{index} claims {both}, which others own, too"))
}
