//! How far the forming of a cluster is, read from its nodes.

use slotkeeper_topology::Epoch;

use crate::model::{NodeFacts, PodIndex};

use super::View;

/// How far the forming of the cluster is, read from its nodes alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Forming {
    /// It has been formed: what is missing now is a loss.
    Over,
    /// First masters that have not answered in this pass; until they do, no slots are assigned.
    Unanswered(Vec<PodIndex>),
    /// A first master that is neither new nor half done.
    Blocked(PodIndex, String),
    /// Every first master has answered and is new or half done.
    Ready,
    /// Every first master has its slots and its epoch: the nodes may meet.
    Done,
}

/// How far a first master is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub has_slots: bool,
    pub has_epoch: bool,
}

impl Forming {
    pub(super) fn of(view: &View<'_>) -> Forming {
        let met = view
            .answered()
            .any(|(_, facts)| facts.peers().next().is_some());
        if view.seen().formed || met {
            return Forming::Over;
        }
        let firsts = (0..view.desired.shards).map(|shard| PodIndex::new(shard, 0));
        let silent: Vec<PodIndex> = firsts
            .clone()
            .filter(|index| view.observation.facts(*index).is_none())
            .collect();
        if !silent.is_empty() {
            return Forming::Unanswered(silent);
        }
        if let Some((index, _)) = foreign_slots(view) {
            return Forming::Blocked(index, format!("{index} owns slots and is no first master"));
        }
        let mut done = true;
        for index in firsts {
            match view
                .observation
                .facts(index)
                .map(|facts| part(view, index, facts))
            {
                Some(Ok(part)) => done &= part.has_slots && part.has_epoch,
                Some(Err(why)) => return Forming::Blocked(index, why),
                None => return Forming::Unanswered(vec![index]),
            }
        }
        if done { Forming::Done } else { Forming::Ready }
    }
}

fn foreign_slots<'a>(view: &View<'a>) -> Option<(PodIndex, &'a NodeFacts)> {
    let first = |index: PodIndex| index.ordinal == 0 && index.shard < view.desired.shards;
    let mut answered = view.answered();
    answered.find(|(index, facts)| !first(*index) && !facts.myself().slots.is_empty())
}

/// How far a lone first master is; an error when it must not be given slots.
pub(super) fn part(view: &View<'_>, index: PodIndex, facts: &NodeFacts) -> Result<Part, String> {
    let (slots, keys) = (&facts.myself().slots, facts.keys);
    let wanted = &view.desired.layout()[index.shard as usize];
    if !facts.alone() || !facts.is_master() {
        return Err(format!("{index} already knows another node"));
    }
    if !slots.is_empty() && slots != wanted {
        return Err(format!(
            "{index} owns {slots}, but its shard must own {wanted}"
        ));
    }
    if slots.is_empty() && keys > 0 {
        return Err(format!("{index} owns no slot and holds {keys} keys"));
    }
    let has_epoch = facts.myself().config_epoch > Epoch::ZERO;
    Ok(Part {
        has_slots: !slots.is_empty(),
        has_epoch,
    })
}
