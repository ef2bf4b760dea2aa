//! Rule: forget node ids that are gone for good.

use slotkeeper_topology::NodeId;

use crate::model::{PodIndex, Step, Target, WaitReason};

use super::{Draft, View};

/// Forgets ids that are gone for good, at every answering node in one step, and again while any
/// node lists them. Slots that such an id still owns are lost by that, so it happens only if no
/// member of its shard has any data left.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    for id in view.listed().into_iter().filter(|id| view.is_gone(*id)) {
        let Some(index) = view.indexes.get(&id).copied() else {
            continue;
        };
        if view.owners.contains_key(&id) && !gives_up(view, draft, id, index.shard) {
            continue;
        }
        if !replaced(view, index) || keeps_data(view, draft, id, index.shard) {
            continue;
        }
        // Its replicas come last. Only they know the hostname that distinguishes an id without a
        // pod from a stranger, and without it nodes that learned of the id by gossip could not be
        // told to forget it.
        if !forget(view, draft, id, index) {
            release(view, draft, id);
        }
    }
}

/// Whether the slots of an id that is gone may be lost by forgetting it: every member of the shard
/// answers and holds nothing.
fn gives_up(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId, shard: u32) -> bool {
    let silent: Vec<PodIndex> = (view.pods_of(shard).map(|(index, _)| index))
        .filter(|index| {
            view.observation
                .facts(*index)
                .is_none_or(|facts| facts.loading)
        })
        .collect();
    if !silent.is_empty() {
        draft.wait(Some(shard), WaitReason::Unanswered { pods: silent }, None);
        return false;
    }
    // Its replicas may be in pods of other shards; one that does not answer may have the data.
    if let Some(line) = view.lines().find(|line| {
        line.master == Some(id) && view.facts(line.id).is_none() && !view.is_gone(line.id)
    }) {
        draft.wait(Some(shard), WaitReason::MayReturn { id: line.id }, None);
        return false;
    }
    let members = view
        .answered()
        .filter(|(index, facts)| index.shard == shard || facts.master() == Some(id));
    for (index, facts) in members {
        if facts.keys > 0 {
            draft.wait(
                Some(shard),
                WaitReason::HoldsKeys {
                    index,
                    keys: facts.keys,
                },
                None,
            );
            return false;
        }
    }
    true
}

/// Whether the hub knows the node that replaced the id, if its pod is still desired.
fn replaced(view: &View<'_>, index: PodIndex) -> bool {
    let Some((_, hub)) = view.hub() else {
        return false;
    };
    let successor = view.observation.facts(index);
    successor.is_none_or(|facts| hub.line(facts.id).is_some_and(|line| !line.flags.handshake))
}

/// Whether an answering node still replicates the id, has its data, and has no other master that a
/// later rule could attach it to.
fn keeps_data(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId, shard: u32) -> bool {
    // A master that withholds itself does not count yet: until it serves, the replica would bring
    // the id up again.
    let is_led = |shard| {
        let master = view.serving_owner_of(shard);
        master.is_some_and(|(_, facts)| facts.id != id)
    };
    let keeper = view
        .replicas_of(id)
        .find(|(index, facts)| facts.keys > 0 && !is_led(index.shard));
    let Some((index, facts)) = keeper else {
        return false;
    };
    let keys = facts.keys;
    draft.wait(Some(shard), WaitReason::HoldsKeys { index, keys }, None);
    true
}

/// Whether the shard of the pod has a master other than the id.
fn is_led(view: &View<'_>, id: NodeId, index: PodIndex) -> bool {
    view.owners_of(index.shard).iter().any(|owner| *owner != id)
}

/// Tells every node that lists the id and does not replicate it; false if there is none.
fn forget(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId, index: PodIndex) -> bool {
    let nodes: Vec<Target> = (view.answered())
        .filter(|(_, facts)| facts.master() != Some(id))
        .filter(|(_, facts)| facts.peers().any(|line| line.id == id))
        .map(|(index, facts)| view.target(index, facts))
        .collect();
    if nodes.is_empty() {
        return false;
    }
    let step = Step::Forget { id, nodes };
    let why = format!("the node of pod {index} is gone for good");
    draft.step(Some(index.shard), step, why);
    true
}

/// A replica refuses to forget its master. If its shard has another master, a later rule attaches
/// it to that one; otherwise, if it is empty, it is reset and meets the cluster again.
fn release(view: &View<'_>, draft: &mut Draft<'_>, id: NodeId) {
    let followers = view
        .replicas_of(id)
        .filter(|(index, _)| !is_led(view, id, *index))
        .filter(|(_, facts)| facts.keys == 0 && facts.myself().slots.is_empty())
        .filter(|(_, facts)| !facts.syncing() && !facts.loading);
    for (index, facts) in followers {
        let node = view.target(index, facts);
        let why = "an empty replica of a node that is gone";
        draft.step(Some(index.shard), Step::ResetSoft { node }, why);
    }
}
