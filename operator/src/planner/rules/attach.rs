use crate::model::{NodeFacts, Phase, Place, Step, WaitReason};

use super::super::view::serves;
use super::{Draft, View};

/// Makes every other node of a shard follow the shard's master: an empty master without slots,
/// and a replica whose own master no longer owns slots or is of another shard. A master that
/// holds keys is never made a replica.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    for shard in 0..view.desired.shards {
        let Some((master_place, master)) = view.serving_owner_of(shard) else {
            continue;
        };
        for (place, _) in view
            .pods_of(shard)
            .filter(|(place, _)| *place != master_place)
        {
            let Some(facts) = view.observation.facts(place) else {
                continue;
            };
            attach(view, draft, (place, facts), master);
        }
    }
}

fn attach(
    view: &View<'_>,
    draft: &mut Draft<'_>,
    (place, facts): (Place, &NodeFacts),
    master: &NodeFacts,
) {
    let leaves = view
        .pod(place)
        .is_none_or(|pod| pod.phase == Phase::Deleting);
    let acquainted = facts.peers().any(|line| line.id == master.id)
        && master.peers().any(|line| line.id == facts.id);
    if leaves || !acquainted || !serves(facts) || !view.desired.wants(place) {
        return;
    }
    let why = match facts.master() {
        Some(followed) if followed == master.id || !is_wrong(view, followed, place.shard) => {
            return;
        }
        Some(followed) => format!("its master {followed:.8} is not the master of the shard"),
        None if !facts.is_master() || owns_slots(view, facts) => return,
        None if facts.keys > 0 => {
            let reason = WaitReason::HoldsKeys {
                place,
                keys: facts.keys,
            };
            return draft.wait(Some(place.shard), reason, None);
        }
        None => "the shard's other nodes follow its master".to_owned(),
    };
    let step = Step::Replicate {
        node: view.target(place, facts),
        master: master.id,
    };
    draft.step(Some(place.shard), step, why);
}

/// Whether a master is the wrong one to follow: it owns no slots, so whatever its replica holds
/// has been superseded; or it is of another shard and alive, so its replica holds nothing that it
/// does not hold itself.
fn is_wrong(view: &View<'_>, followed: slotkeeper_topology::NodeId, shard: u32) -> bool {
    if !view.owners.contains_key(&followed) {
        return true;
    }
    let elsewhere = view.shard_of(followed).is_some_and(|other| other != shard);
    elsewhere
        && view
            .facts(followed)
            .is_some_and(|facts| facts.is_master() && serves(facts))
}

/// Whether anybody, itself included, says that the node owns slots.
fn owns_slots(view: &View<'_>, facts: &NodeFacts) -> bool {
    view.owners.contains_key(&facts.id)
        || view
            .lines()
            .any(|line| line.id == facts.id && !line.slots.is_empty())
}
