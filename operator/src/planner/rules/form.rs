//! Rule: form the cluster; happens once.

use slotkeeper_topology::Epoch;

use crate::model::{PodIndex, Step, WaitReason};

use super::super::forming::{self, Forming};
use super::{Draft, View};

/// Gives the first master of each shard, which is still alone, its slots and its own epoch: two
/// steps, in any order, repeated until both are observed. Only then do the nodes meet.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    match Forming::of(view) {
        Forming::Over | Forming::Done => {}
        Forming::Unanswered(indexes) => {
            draft.wait(None, WaitReason::Unanswered { pods: indexes }, None);
        }
        Forming::Blocked(index, what) => {
            draft.wait(Some(index.shard), WaitReason::Conflict { what }, None);
        }
        Forming::Ready => {
            (0..view.desired.shards).for_each(|shard| form_shard(view, draft, shard));
        }
    }
}

fn form_shard(view: &View<'_>, draft: &mut Draft<'_>, shard: u32) {
    let index = PodIndex::new(shard, 0);
    let Some(facts) = view.observation.facts(index) else {
        return;
    };
    let Ok(part) = forming::part(view, index, facts) else {
        return;
    };
    let node = view.target(index, facts);
    if !part.has_slots {
        let slots = view.desired.layout()[shard as usize].clone();
        let step = Step::AddSlots {
            node: node.clone(),
            slots,
        };
        draft.step(
            Some(shard),
            step,
            "the first master of the shard gets its slots",
        );
    }
    if !part.has_epoch {
        let step = Step::SetConfigEpoch {
            node,
            epoch: Epoch(u64::from(shard) + 1),
        };
        draft.step(Some(shard), step, "every master starts with its own epoch");
    }
}
