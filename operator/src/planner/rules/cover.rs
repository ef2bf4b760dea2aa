use slotkeeper_topology::{NodeId, SlotSet};

use crate::model::{NodeFacts, Place, Step, WaitReason};

use super::super::forming::Forming;
use super::super::view::serves;
use super::{Draft, View};

/// Assigns slots that nobody owns any more to a master of the shard that is to have them, when
/// nobody is left who could own them with data. Its epoch is first raised above every epoch seen:
/// so the slots never stand, not even for a moment, under an epoch that an old owner's claim
/// could beat, and a pass that ends in between leaves nothing half done.
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
    let (place, facts) = match heir(view, shard) {
        Ok(heir) => heir,
        Err(reason) => return draft.wait(Some(shard), reason, None),
    };
    let node = view.target(place, facts);
    let above = highest_epoch_of_others(view, facts.id);
    if facts.myself().config_epoch <= above {
        let step = Step::BumpEpoch { node, above };
        return draft.step(
            Some(shard),
            step,
            "it is to own lost slots before any old claim",
        );
    }
    let loss = format!("slots {lost} had no owner any more; the keys that they held are lost");
    let step = Step::AddSlots { node, slots: lost };
    draft.step_with_loss(Some(shard), step, "the slots have no owner", Some(loss));
}

/// Whoever may still own the slots with data, or may say so.
fn hindrance(view: &View<'_>, shard: u32) -> Option<WaitReason> {
    let listed = view.listed();
    let unheard = |place: &Place| {
        let known = view
            .places
            .iter()
            .any(|(id, at)| at == place && listed.contains(id));
        let silent = view
            .observation
            .facts(*place)
            .is_none_or(|facts| facts.loading);
        silent && (place.shard == shard || !known)
    };
    let places: Vec<Place> = view
        .observation
        .pods
        .keys()
        .copied()
        .chain(view.desired.places())
        .collect();
    let mut places: Vec<Place> = places.into_iter().filter(unheard).collect();
    places.sort_unstable();
    places.dedup();
    if !places.is_empty() {
        return Some(WaitReason::Unanswered { places });
    }
    let mut listed = listed.into_iter();
    listed
        .find(|id| may_own(view, *id, shard))
        .map(|id| WaitReason::MayReturn { id })
}

/// Whether an id that does not answer may hold data of the shard's lost slots: it belongs to the
/// shard, is a stranger without slots of its own, or follows one of the two.
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

/// The node that gets the slots: the shard's master, or a node of a shard that holds nothing.
fn heir<'a>(view: &View<'a>, shard: u32) -> Result<(Place, &'a NodeFacts), WaitReason> {
    match view.owners_of(shard)[..] {
        [_] => {
            let none = || WaitReason::Unanswered { places: Vec::new() };
            return view.serving_owner_of(shard).ok_or_else(none);
        }
        [] => {}
        [..] => {
            let what = format!("shard {shard} has several masters with slots");
            return Err(WaitReason::Conflict { what });
        }
    }
    let members: Vec<(Place, &NodeFacts)> = view
        .answered()
        .filter(|(place, _)| place.shard == shard)
        .collect();
    if let Some((place, facts)) = members.iter().find(|(_, facts)| facts.keys > 0) {
        return Err(WaitReason::HoldsKeys {
            place: *place,
            keys: facts.keys,
        });
    }
    let mut masters = members.into_iter().filter(|(place, facts)| {
        let joined = facts.peers().next().is_some() || view.desired.places().count() == 1;
        view.desired.wants(*place) && facts.is_master() && serves(facts) && joined
    });
    masters.next().ok_or_else(|| WaitReason::Conflict {
        what: format!("shard {shard} has no master that could get its lost slots"),
    })
}

/// The highest epoch that anybody has heard of, unless the node itself brought it up.
fn highest_epoch_of_others(view: &View<'_>, id: NodeId) -> slotkeeper_topology::Epoch {
    let others = view
        .lines()
        .filter(|line| line.id != id)
        .map(|line| line.config_epoch);
    others.max().unwrap_or_default()
}
