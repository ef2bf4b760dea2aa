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
        if !replaced(view, place) || keeps_data(view, draft, id, place.shard) {
            continue;
        }
        // Followers last: they alone know the hostname by which an id without a pod is told from a
        // stranger, and what learned of the id by gossip could not be told to forget it any more.
        if !forget(view, draft, id, place) {
            release(view, draft, id);
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

/// Whether an answering node still follows the id, has its data, and has no other master to be
/// pointed to by a later rule.
fn keeps_data(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId, shard: u32) -> bool {
    // One that withholds itself leads nobody yet, and until then the replica brings the id up again.
    let is_led = |shard| {
        let master = view.serving_owner_of(shard);
        master.is_some_and(|(_, facts)| facts.id != id)
    };
    let keeper = view
        .replicas_of(id)
        .find(|(place, facts)| facts.keys > 0 && !is_led(place.shard));
    let Some((place, facts)) = keeper else {
        return false;
    };
    let keys = facts.keys;
    draft.wait(Some(shard), WaitReason::HoldsKeys { place, keys }, None);
    true
}

/// Whether the shard of the place has a master other than the id.
fn is_led(view: &View<'_>, id: NodeId, place: Place) -> bool {
    view.owners_of(place.shard).iter().any(|owner| *owner != id)
}

/// Tells every node that lists the id and does not follow it; false when there is none.
fn forget(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId, place: Place) -> bool {
    let nodes: Vec<Target> = (view.answered())
        .filter(|(_, facts)| facts.master() != Some(id))
        .filter(|(_, facts)| facts.peers().any(|line| line.id == id))
        .map(|(place, facts)| view.target(place, facts))
        .collect();
    if nodes.is_empty() {
        return false;
    }
    let step = Step::Forget { id, nodes };
    let why = format!("the pod {place} has another node for good");
    draft.step(Some(place.shard), step, why);
    true
}

/// A replica refuses to forget its master. One in a shard that has another master is pointed to that
/// by a later rule; an empty one of the others is reset, and met again.
fn release(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId) {
    let followers = view
        .replicas_of(id)
        .filter(|(place, _)| !is_led(view, id, *place))
        .filter(|(_, facts)| facts.keys == 0 && facts.myself().slots.is_empty())
        .filter(|(_, facts)| !facts.syncing() && !facts.loading);
    for (place, facts) in followers {
        let node = view.target(place, facts);
        let why = "an empty replica of a node that is gone";
        draft.step(Some(place.shard), Step::ResetSoft { node }, why);
    }
}
