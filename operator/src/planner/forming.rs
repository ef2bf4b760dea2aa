use slotkeeper_topology::Epoch;

use crate::model::{NodeFacts, Place};

use super::View;

/// How far the cluster is with being formed, read from its nodes alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Forming {
    /// It has been formed: what is missing now is a loss.
    Over,
    /// First masters that have not answered in this pass; no slots are given before.
    Unanswered(Vec<Place>),
    /// A first master that is neither new nor half done.
    Blocked(Place, String),
    /// Every first master has answered and is new or half done.
    Ready,
    /// Every first master has its slots and its epoch: the nodes may be met.
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
        let firsts = (0..view.desired.shards).map(|shard| Place::new(shard, 0));
        let silent: Vec<Place> = firsts
            .clone()
            .filter(|place| view.observation.facts(*place).is_none())
            .collect();
        if !silent.is_empty() {
            return Forming::Unanswered(silent);
        }
        if let Some((place, _)) = foreign_slots(view) {
            return Forming::Blocked(place, format!("{place} owns slots and is no first master"));
        }
        let mut done = true;
        for place in firsts {
            match view
                .observation
                .facts(place)
                .map(|facts| part(view, place, facts))
            {
                Some(Ok(part)) => done &= part.has_slots && part.has_epoch,
                Some(Err(why)) => return Forming::Blocked(place, why),
                None => return Forming::Unanswered(vec![place]),
            }
        }
        if done { Forming::Done } else { Forming::Ready }
    }
}

fn foreign_slots<'a>(view: &View<'a>) -> Option<(Place, &'a NodeFacts)> {
    let first = |place: Place| place.ordinal == 0 && place.shard < view.desired.shards;
    let mut answered = view.answered();
    answered.find(|(place, facts)| !first(*place) && !facts.myself().slots.is_empty())
}

/// How far a lone first master is; an error when it must not be given slots.
pub(super) fn part(view: &View<'_>, place: Place, facts: &NodeFacts) -> Result<Part, String> {
    let (slots, keys) = (&facts.myself().slots, facts.keys);
    let wanted = &view.desired.layout()[place.shard as usize];
    if !facts.alone() || !facts.is_master() {
        return Err(format!("{place} already knows another node"));
    }
    if !slots.is_empty() && slots != wanted {
        return Err(format!(
            "{place} owns {slots}, its shard is to own {wanted}"
        ));
    }
    if slots.is_empty() && keys > 0 {
        return Err(format!("{place} owns no slot and holds {keys} keys"));
    }
    let has_epoch = facts.myself().config_epoch > Epoch::ZERO;
    Ok(Part {
        has_slots: !slots.is_empty(),
        has_epoch,
    })
}
