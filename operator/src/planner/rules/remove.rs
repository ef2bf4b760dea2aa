//! Rule: remove pods and shards that the manifest no longer wants.

use crate::model::{PodIndex, ShardObject, Step, WaitReason};

use super::take_over;
use super::{Draft, View};

/// Removes what the manifest no longer wants: surplus pods, one at a time and never a master that
/// has not handed over; and shards that own neither a slot nor a key.
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

/// Removes the pod with the highest ordinal.
fn shrink(view: &View<'_>, draft: &mut Draft<'_>, shard: u32, pods: u32) {
    let leaving = PodIndex::new(shard, pods);
    let stays = |index: PodIndex| index.ordinal < view.desired.pods_per_shard();
    let going = view.pods_of(shard).map(|(index, _)| index);
    let going: Vec<PodIndex> = going.filter(|index| index.ordinal > pods).collect();
    let going = going
        .into_iter()
        .find(|index| view.pod(*index).is_some_and(|pod| !pod.uid.0.is_empty()));
    if let Some(index) = going {
        let what = format!("{index} is still being removed");
        return draft.wait(Some(shard), WaitReason::Conflict { what }, None);
    }
    let Some((master_index, master)) = view.serving_owner_of(shard) else {
        let indexes = view
            .pods_of(shard)
            .map(|(index, _)| index)
            .filter(|p| stays(*p))
            .collect();
        return draft.wait(Some(shard), WaitReason::Unanswered { pods: indexes }, None);
    };
    if master_index == leaving {
        return take_over::hand_over_to(view, draft, (master.id, master_index), stays);
    }
    if let Some(facts) = view.observation.facts(leaving) {
        if facts.is_master() && facts.keys > 0 {
            let reason = WaitReason::HoldsKeys {
                index: leaving,
                keys: facts.keys,
            };
            return draft.wait(Some(shard), reason, None);
        }
        // The operator never takes down two nodes of a shard at once.
        let silent: Vec<PodIndex> = (view.pods_of(shard).map(|(index, _)| index))
            .filter(|index| stays(*index) && view.observation.facts(*index).is_none())
            .collect();
        if !silent.is_empty() {
            return draft.wait(Some(shard), WaitReason::Unanswered { pods: silent }, None);
        }
    }
    let why = format!(
        "the manifest wants {} pods per shard",
        view.desired.pods_per_shard()
    );
    draft.step(Some(shard), Step::EnsureShard { shard, pods }, why);
}

fn remove_shard(view: &View<'_>, draft: &mut Draft<'_>, shard: u32, object: &ShardObject) {
    let indexes: Vec<PodIndex> = (0..object.pods)
        .map(|ordinal| PodIndex::new(shard, ordinal))
        .collect();
    let silent: Vec<PodIndex> = indexes
        .iter()
        .copied()
        .filter(|index| view.observation.facts(*index).is_none())
        .collect();
    if !silent.is_empty() {
        return draft.wait(Some(shard), WaitReason::Unanswered { pods: silent }, None);
    }
    if !view.owners_of(shard).is_empty() {
        let what = format!("shard {shard} is no longer wanted and still owns slots");
        return draft.wait(Some(shard), WaitReason::Conflict { what }, None);
    }
    let holders = indexes
        .iter()
        .filter_map(|index| Some((*index, view.observation.facts(*index)?)));
    if let Some((index, facts)) = holders.into_iter().find(|(_, facts)| facts.keys > 0) {
        let reason = WaitReason::HoldsKeys {
            index,
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
