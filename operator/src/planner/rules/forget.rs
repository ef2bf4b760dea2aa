use slotkeeper_topology::NodeId;

use crate::model::{Place, Step, Target, WaitReason};

use super::{Draft, View};

/// Drops ids that are gone for good, at every answering node in one step, and again while any
/// lists them. Slots that such an id still owns are lost by it, so that happens only where no
/// member of its shard has anything left.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    for id in view.listed().into_iter().filter(|id| view.is_gone(*id)) {
        let Some(place) = view.places.get(&id).copied() else {
            continue;
        };
        if view.owners.contains_key(&id) && !gives_up(view, draft, id, place.shard) {
            continue;
        }
        if replaced(view, place) && released(view, draft, id, place.shard) {
            forget(view, draft, id, place);
        }
    }
}

/// Whether the slots of a gone id may be lost by forgetting it: every member of the shard answers
/// and holds nothing.
fn gives_up(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId, shard: u32) -> bool {
    let silent: Vec<Place> = (view.pods_of(shard).map(|(place, _)| place))
        .filter(|place| {
            view.observation
                .facts(*place)
                .is_none_or(|facts| facts.loading)
        })
        .collect();
    if !silent.is_empty() {
        draft.wait(Some(shard), WaitReason::Unanswered { places: silent }, None);
        return false;
    }
    // Replicas of it may sit in pods of other shards; one that does not answer may have the data.
    if let Some(line) = view.lines().find(|line| {
        line.master == Some(id) && view.facts(line.id).is_none() && !view.is_gone(line.id)
    }) {
        draft.wait(Some(shard), WaitReason::MayReturn { id: line.id }, None);
        return false;
    }
    let members = view
        .answered()
        .filter(|(place, facts)| place.shard == shard || facts.master() == Some(id));
    for (place, facts) in members {
        if facts.keys > 0 {
            draft.wait(
                Some(shard),
                WaitReason::HoldsKeys {
                    place,
                    keys: facts.keys,
                },
                None,
            );
            return false;
        }
    }
    true
}

/// Whether the node that took the place of the id is known to the hub, if the place is still
/// wanted.
fn replaced(view: &View<'_>, place: Place) -> bool {
    let Some((_, hub)) = view.hub() else {
        return false;
    };
    let successor = view.observation.facts(place);
    successor.is_none_or(|facts| hub.line(facts.id).is_some_and(|line| !line.flags.handshake))
}

/// Whether no answering node follows the id any more: a replica of it refuses to forget it. One
/// in a shard that has a master is pointed to that by a later rule; else an empty one is reset.
fn released(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId, shard: u32) -> bool {
    let followers: Vec<_> = view.replicas_of(id).collect();
    for (place, facts) in &followers {
        let led = view.owners_of(place.shard).iter().any(|owner| *owner != id);
        if led {
            continue;
        }
        if facts.keys > 0 {
            let reason = WaitReason::HoldsKeys {
                place: *place,
                keys: facts.keys,
            };
            draft.wait(Some(shard), reason, None);
        } else if facts.myself().slots.is_empty() && !facts.syncing() && !facts.loading {
            let step = Step::ResetSoft {
                node: view.target(*place, facts),
            };
            draft.step(
                Some(place.shard),
                step,
                "an empty replica of a node that is gone",
            );
        }
    }
    followers.is_empty()
}

fn forget(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId, place: Place) {
    let nodes: Vec<Target> = (view.answered())
        .filter(|(_, facts)| facts.peers().any(|line| line.id == id))
        .map(|(place, facts)| view.target(place, facts))
        .collect();
    if !nodes.is_empty() {
        let step = Step::Forget { id, nodes };
        draft.step(
            Some(place.shard),
            step,
            format!("the pod {place} has another node for good"),
        );
    }
}
