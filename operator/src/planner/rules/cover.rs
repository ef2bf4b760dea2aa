//! Rule: assign lost slots.

use slotkeeper_topology::{NodeId, SlotSet};

use crate::model::{NodeFacts, PodIndex, Step, WaitReason};

use super::super::forming::Forming;
use super::super::view::serves;
use super::{Draft, View};

/// Assigns slots that have no owner any more to a master of the shard that must own them, once no
/// node is left that could own them with data. The epoch of the master is first raised above every
/// epoch seen, so the slots never stand under an epoch that the claim of an old owner could beat,
/// and a pass that ends in between leaves nothing half done.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    if Forming::of(view) != Forming::Over {
        return;
    }
    let claimed = view
        .lines()
        .fold(SlotSet::new(), |all, line| all.union(&line.slots));
    let lost = claimed.complement();
    if lost.is_empty() {
        return;
    }
    for (shard, wanted) in (0..).zip(view.desired.layout()) {
        let lost = lost.intersection(&wanted);
        if !lost.is_empty() && draft.is_open(shard) {
            cover(view, draft, shard, lost);
        }
    }
}

fn cover(view: &View<'_>, draft: &mut Draft<'_>, shard: u32, lost: SlotSet) {
    if let Some(reason) = hindrance(view, shard) {
        draft.wait(Some(shard), reason, None);
        return;
    }
    let (index, facts) = match new_owner(view, shard) {
        Ok(new_owner) => new_owner,
        Err(reason) => return draft.wait(Some(shard), reason, None),
    };
    let node = view.target(index, facts);
    let above = highest_epoch_of_others(view, facts.id);
    if facts.myself().config_epoch <= above {
        let step = Step::BumpEpoch { node, above };
        return draft.step(
            Some(shard),
            step,
            "it will own lost slots, and no old claim may beat it",
        );
    }
    let loss = format!("slots {lost} had no owner any more; the keys that they held are lost");
    let step = Step::AddSlots { node, slots: lost };
    draft.step_with_loss(Some(shard), step, "the slots have no owner", Some(loss));
}

/// The nodes that may still own the slots with data, or whose answer is missing.
fn hindrance(view: &View<'_>, shard: u32) -> Option<WaitReason> {
    let listed = view.listed();
    let unheard = |index: &PodIndex| {
        let known = view
            .indexes
            .iter()
            .any(|(id, at)| at == index && listed.contains(id));
        let silent = view
            .observation
            .facts(*index)
            .is_none_or(|facts| facts.loading);
        silent && (index.shard == shard || !known)
    };
    let indexes: Vec<PodIndex> = view
        .observation
        .pods
        .keys()
        .copied()
        .chain(view.desired.pod_indexes())
        .collect();
    let mut indexes: Vec<PodIndex> = indexes.into_iter().filter(unheard).collect();
    indexes.sort_unstable();
    indexes.dedup();
    if !indexes.is_empty() {
        return Some(WaitReason::Unanswered { pods: indexes });
    }
    let mut listed = listed.into_iter();
    listed
        .find(|id| may_own(view, *id, shard))
        .map(|id| WaitReason::MayReturn { id })
}

/// Whether an id that does not answer may hold data of the shard's lost slots: it belongs to the
/// shard, is a stranger without slots, or replicates one of these.
fn may_own(view: &View<'_>, id: NodeId, shard: u32) -> bool {
    if view.facts(id).is_some() || view.is_gone(id) || view.owners.contains_key(&id) {
        return false;
    }
    let follows_owner = view.lines().any(|line| {
        let master = line
            .master
            .filter(|master| view.owners.contains_key(master));
        line.id == id && master.is_some_and(|master| view.shard_of(master) != Some(shard))
    });
    let elsewhere = view.shard_of(id).is_some_and(|at| at != shard);
    !(follows_owner || elsewhere && view.lines().all(|line| line.id != id || line.flags.master))
}

/// The node that will own the slots: the master of the shard, or a node of a shard that holds
/// nothing.
fn new_owner<'a>(view: &View<'a>, shard: u32) -> Result<(PodIndex, &'a NodeFacts), WaitReason> {
    match view.owners_of(shard)[..] {
        [_] => {
            let none = || WaitReason::Unanswered { pods: Vec::new() };
            return view.serving_owner_of(shard).ok_or_else(none);
        }
        [] => {}
        [..] => {
            let what = format!("shard {shard} has several masters with slots");
            return Err(WaitReason::Conflict { what });
        }
    }
    let members: Vec<(PodIndex, &NodeFacts)> = view
        .answered()
        .filter(|(index, _)| index.shard == shard)
        .collect();
    if let Some((index, facts)) = members.iter().find(|(_, facts)| facts.keys > 0) {
        return Err(WaitReason::HoldsKeys {
            index: *index,
            keys: facts.keys,
        });
    }
    let mut masters = members.into_iter().filter(|(index, facts)| {
        let joined = facts.peers().next().is_some() || view.desired.pod_indexes().count() == 1;
        view.desired.wants(*index) && facts.is_master() && serves(facts) && joined
    });
    masters.next().ok_or_else(|| WaitReason::Conflict {
        what: format!("shard {shard} has no master that could get its lost slots"),
    })
}

/// The highest configuration epoch of all other nodes.
fn highest_epoch_of_others(view: &View<'_>, id: NodeId) -> slotkeeper_topology::Epoch {
    let others = view
        .lines()
        .filter(|line| line.id != id)
        .map(|line| line.config_epoch);
    others.max().unwrap_or_default()
}
