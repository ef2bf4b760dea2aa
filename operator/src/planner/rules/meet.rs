use slotkeeper_topology::SlotSet;

use crate::model::{NodeFacts, Phase, Place, Step, WaitReason};

use super::super::forming::Forming;
use super::{Draft, View};

/// Brings every node into the cluster: one of its members, the hub, meets each that it does not
/// know or that does not know it; gossip tells the others.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    if !matches!(Forming::of(view), Forming::Over | Forming::Done) {
        return;
    }
    let Some((hub_place, hub)) = view.hub() else {
        return;
    };
    for (place, facts) in view.answered() {
        let stays = view.desired.wants(place)
            && view
                .pod(place)
                .is_some_and(|pod| pod.phase != Phase::Deleting);
        if place != hub_place && stays && !acquainted(hub, facts) {
            meet(view, draft, (hub_place, hub), (place, facts));
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
    (hub_place, hub): (Place, &NodeFacts),
    (place, facts): (Place, &NodeFacts),
) {
    let shard = Some(place.shard);
    let Some(address) = view.pod(place).and_then(|pod| pod.address.clone()) else {
        return;
    };
    let under_way = hub.lines.iter().any(|line| {
        let at = &line.address;
        line.flags.handshake && at.ip == address.ip && at.port == address.port
    });
    if under_way {
        return;
    }
    if let Some(what) = conflict(view, hub, place, facts) {
        draft.wait(shard, WaitReason::Conflict { what }, None);
        return;
    }
    let step = Step::Meet {
        node: view.target(hub_place, hub),
        peer: view.target(place, facts),
        address,
    };
    draft.step(shard, step, "it is not known to the cluster");
}

/// Why the newcomer must not be met: it would bring another cluster's nodes or claims with it.
fn conflict(view: &View<'_>, hub: &NodeFacts, place: Place, facts: &NodeFacts) -> Option<String> {
    if hub.peers().any(|line| line.id == facts.id) || facts.peers().any(|line| line.id == hub.id) {
        return None;
    }
    let stranger = facts
        .peers()
        .find(|line| !view.places.contains_key(&line.id));
    if let Some(line) = stranger {
        return Some(format!(
            "{place} knows {:.8}, which is no node of this cluster",
            line.id
        ));
    }
    let others = (view.lines().filter(|line| line.id != facts.id))
        .fold(SlotSet::new(), |all, line| all.union(&line.slots));
    let both = others.intersection(&facts.myself().slots);
    (!both.is_empty()).then(|| format!("{place} claims {both}, which others own, too"))
}
