//! Rule: attach replicas to the master of their shard.

use crate::model::{NodeFacts, PodIndex, PodPhase, Step, WaitReason};

use super::super::view::serves;
use super::{Draft, View};

/// Makes the other nodes of a shard replicate its master: an empty master without slots, and a
/// replica whose present master no longer owns slots or belongs to another shard. A master that
/// holds keys is never made a replica.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    for shard in 0..view.desired.shards {
        let Some((master_index, master)) = view.serving_owner_of(shard) else {
            continue;
        };
        for (index, _) in view
            .pods_of(shard)
            .filter(|(index, _)| *index != master_index)
        {
            let Some(facts) = view.observation.facts(index) else {
                continue;
            };
            attach(view, draft, (index, facts), master);
        }
    }
}

fn attach(
    view: &View<'_>,
    draft: &mut Draft<'_>,
    (index, facts): (PodIndex, &NodeFacts),
    master: &NodeFacts,
) {
    let leaves = view
        .pod(index)
        .is_none_or(|pod| pod.phase == PodPhase::Deleting);
    let acquainted = facts.peers().any(|line| line.id == master.id)
        && master.peers().any(|line| line.id == facts.id);
    if leaves || !acquainted || !serves(facts) || !view.desired.wants(index) {
        return;
    }
    let why = match facts.master() {
        Some(followed) if followed == master.id || !is_wrong(view, followed, index.shard) => {
            return;
        }
        Some(followed) => format!("its master {followed:.8} is not the master of the shard"),
        None if !facts.is_master() || owns_slots(view, facts) => return,
        None if facts.keys > 0 => {
            let reason = WaitReason::HoldsKeys {
                index,
                keys: facts.keys,
            };
            return draft.wait(Some(index.shard), reason, None);
        }
        None => "the other nodes of the shard replicate its master".to_owned(),
    };
    let step = Step::Replicate {
        node: view.target(index, facts),
        master: master.id,
    };
    draft.step(Some(index.shard), step, why);
}

/// Whether a master is the wrong one to replicate. Either it owns no slots, so the data of its
/// replica is superseded; or it belongs to another shard and serves, so its replica holds nothing
/// that it does not hold itself.
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

/// Whether any node, including itself, lists slots for the node.
fn owns_slots(view: &View<'_>, facts: &NodeFacts) -> bool {
    view.owners.contains_key(&facts.id)
        || view
            .lines()
            .any(|line| line.id == facts.id && !line.slots.is_empty())
}
