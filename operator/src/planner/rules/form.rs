use slotkeeper_topology::Epoch;

use crate::model::{Place, Step, WaitReason};

use super::super::forming::{self, Forming};
use super::{Draft, View};

/// Gives the first master of each shard, still alone, its slots and an epoch of its own. Two
/// steps, in any order, repeated until both are seen; only then are the nodes met.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    match Forming::of(view) {
        Forming::Over | Forming::Done => {}
        Forming::Unanswered(places) => {
            draft.wait(None, WaitReason::Unanswered { places }, None);
        }
        Forming::Blocked(place, what) => {
            draft.wait(Some(place.shard), WaitReason::Conflict { what }, None);
        }
        Forming::Ready => {
            (0..view.desired.shards).for_each(|shard| form_shard(view, draft, shard));
        }
    }
}

fn form_shard(view: &View<'_>, draft: &mut Draft<'_>, shard: u32) {
    let place = Place::new(shard, 0);
    let Some(facts) = view.observation.facts(place) else {
        return;
    };
    let Ok(part) = forming::part(view, place, facts) else {
        return;
    };
    let node = view.target(place, facts);
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
        draft.step(
            Some(shard),
            step,
            "every master starts with an epoch of its own",
        );
    }
}
