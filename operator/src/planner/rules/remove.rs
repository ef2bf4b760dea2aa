use crate::model::{Place, ShardObject, Step, WaitReason};

use super::take_over;
use super::{Draft, View};

/// Takes away what the manifest no longer wants: pods beyond the wanted replicas, one at a time
/// and never a master that has not handed over; shards that own neither a slot nor a key.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    if view.observation.objects.refused.is_some() {
        return;
    }
    for (shard, object) in &view.observation.objects.shards {
        if !draft.is_open(*shard) {
            continue;
        }
        if *shard >= view.desired.shards {
            remove_shard(view, draft, *shard, object);
        } else if object.pods > view.desired.pods_per_shard() {
            shrink(view, draft, *shard, object.pods - 1);
        }
    }
}

/// Takes the pod with the highest ordinal away.
fn shrink(view: &View<'_>, draft: &mut Draft<'_>, shard: u32, pods: u32) {
    let leaving = Place::new(shard, pods);
    let stays = |place: Place| place.ordinal < view.desired.pods_per_shard();
    let going = view.pods_of(shard).map(|(place, _)| place);
    let going: Vec<Place> = going.filter(|place| place.ordinal > pods).collect();
    let going = going
        .into_iter()
        .find(|place| view.pod(*place).is_some_and(|pod| !pod.uid.0.is_empty()));
    if let Some(place) = going {
        let what = format!("{place} is still on its way out");
        return draft.wait(Some(shard), WaitReason::Conflict { what }, None);
    }
    let Some((master_place, master)) = view.serving_owner_of(shard) else {
        let places = view
            .pods_of(shard)
            .map(|(place, _)| place)
            .filter(|p| stays(*p))
            .collect();
        return draft.wait(Some(shard), WaitReason::Unanswered { places }, None);
    };
    if master_place == leaving {
        return take_over::hand_over_to(view, draft, (master.id, master_place), stays);
    }
    if let Some(facts) = view.observation.facts(leaving) {
        if facts.is_master() && facts.keys > 0 {
            let reason = WaitReason::HoldsKeys {
                place: leaving,
                keys: facts.keys,
            };
            return draft.wait(Some(shard), reason, None);
        }
        // Two nodes of a shard are never down at once by an act of ours.
        let silent: Vec<Place> = (view.pods_of(shard).map(|(place, _)| place))
            .filter(|place| stays(*place) && view.observation.facts(*place).is_none())
            .collect();
        if !silent.is_empty() {
            return draft.wait(Some(shard), WaitReason::Unanswered { places: silent }, None);
        }
    }
    let why = format!(
        "the manifest wants {} pods a shard",
        view.desired.pods_per_shard()
    );
    draft.step(Some(shard), Step::EnsureShard { shard, pods }, why);
}

fn remove_shard(view: &View<'_>, draft: &mut Draft<'_>, shard: u32, object: &ShardObject) {
    let places: Vec<Place> = (0..object.pods)
        .map(|ordinal| Place::new(shard, ordinal))
        .collect();
    let silent: Vec<Place> = places
        .iter()
        .copied()
        .filter(|place| view.observation.facts(*place).is_none())
        .collect();
    if !silent.is_empty() {
        return draft.wait(Some(shard), WaitReason::Unanswered { places: silent }, None);
    }
    if !view.owners_of(shard).is_empty() {
        let what = format!("shard {shard} is no longer wanted and still owns slots");
        return draft.wait(Some(shard), WaitReason::Conflict { what }, None);
    }
    let holders = places
        .iter()
        .filter_map(|place| Some((*place, view.observation.facts(*place)?)));
    if let Some((place, facts)) = holders.into_iter().find(|(_, facts)| facts.keys > 0) {
        let reason = WaitReason::HoldsKeys {
            place,
            keys: facts.keys,
        };
        return draft.wait(Some(shard), reason, None);
    }
    draft.step(
        Some(shard),
        Step::RemoveShard { shard },
        "the manifest no longer wants it",
    );
}
