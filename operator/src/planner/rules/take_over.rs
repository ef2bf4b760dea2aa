//! Gives the slots of a master that is dead, withholds itself or leaves to its replica.

mod candidate;
mod death;
mod vote;
mod withholding;

use slotkeeper_topology::NodeId;

use crate::model::{FailoverMode, Place, Step, WaitReason};

use super::{Draft, View};
use candidate::{Choice, Refusal};
use death::{Death, Down};
use vote::Lack;

pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    // The dead first: their slots are served by nobody.
    let mut leaving = Vec::new();
    for (id, place) in view
        .owners
        .keys()
        .filter_map(|id| Some((*id, *view.places.get(id)?)))
    {
        let master = Master { id, place };
        match death::of(view, id, place) {
            Death::Serves => {}
            Death::Leaves => leaving.push(master),
            Death::NotProven => {
                let reason = WaitReason::NotProvenDead { master: id };
                draft.wait(Some(place.shard), reason, None);
            }
            Death::Down(down) => replace(view, draft, master, down),
        }
    }
    leaving
        .into_iter()
        .for_each(|master| hand_over(view, draft, master));
}

/// A master that owns slots, and its place.
#[derive(Clone, Copy)]
struct Master {
    id: NodeId,
    place: Place,
}

/// A master that no longer serves: first its withholding may end, then a replica takes over.
fn replace(view: &View<'_>, draft: &mut Draft<'_>, master: Master, down: Down) {
    if down == Down::Withholds && withholding::end(view, draft, master) {
        return;
    }
    let shard = Some(master.place.shard);
    let choice = match candidate::choose(view, master, down) {
        Ok(choice) => choice,
        Err(Refusal { reason, until }) => return draft.wait(shard, reason, until),
    };
    if let Some(until) = death::may_be_right_back(view, master.id, down, choice.facts.id) {
        let reason = WaitReason::RightBack { master: master.id };
        return draft.wait(shard, reason, Some(until));
    }
    if let Some(until) = death::gossips_turn(view, master.id) {
        let reason = WaitReason::GossipsTurn { master: master.id };
        return draft.wait(shard, reason, Some(until));
    }
    match vote::mode(view, master.id, choice.facts.id, down) {
        Ok(mode) => ask(view, draft, master, choice, mode, down.why()),
        Err(Lack { reason, until }) => draft.wait(shard, reason, until),
    }
}

/// A master that is being deleted and still answers hands over by itself: nothing is lost.
fn hand_over(view: &View<'_>, draft: &mut Draft<'_>, master: Master) {
    let shard = Some(master.place.shard);
    let Some(choice) = candidate::in_sync(view, master.id, |_| true) else {
        let members = candidate::describe(view, master, "its pod is being deleted");
        let reason = WaitReason::NoSafeReplica {
            master: master.id,
            members,
        };
        return draft.wait(shard, reason, None);
    };
    if let Err(Lack { reason, until }) = vote::majority(view, master.id, choice.facts.id) {
        return draft.wait(shard, reason, until);
    }
    ask(
        view,
        draft,
        master,
        choice,
        FailoverMode::Plain,
        "its pod is being deleted",
    );
}

/// Asks for the vote, one at a time in the whole cluster.
fn ask(
    view: &View<'_>,
    draft: &mut Draft<'_>,
    master: Master,
    choice: Choice<'_>,
    mode: FailoverMode,
    why: &str,
) {
    let shard = Some(master.place.shard);
    if let Some((pending, until)) = vote::pending(view, draft, master.id, mode) {
        return draft.wait(
            shard,
            WaitReason::VotePending { master: pending },
            Some(until),
        );
    }
    let Choice { place, facts, loss } = choice;
    let step = Step::Failover {
        node: view.target(place, facts),
        mode,
        master: master.id,
        epoch: (facts.candidacies.is_some() && mode != FailoverMode::Plain)
            .then_some(facts.cluster.current_epoch),
    };
    draft.step_with_loss(shard, step, why, loss);
}

/// The plain hand-over that another rule wants before it takes a master away.
pub(super) fn hand_over_to(
    view: &View<'_>,
    draft: &mut Draft<'_>,
    (id, place): (NodeId, Place),
    eligible: impl Fn(Place) -> bool,
) {
    let master = Master { id, place };
    let shard = Some(place.shard);
    let Some(choice) = candidate::in_sync(view, id, eligible) else {
        let members = candidate::describe(view, master, "no replica that stays is in sync");
        return draft.wait(
            shard,
            WaitReason::NoSafeReplica {
                master: id,
                members,
            },
            None,
        );
    };
    match vote::majority(view, id, choice.facts.id) {
        Err(Lack { reason, until }) => draft.wait(shard, reason, until),
        Ok(()) => {
            ask(
                view,
                draft,
                master,
                choice,
                FailoverMode::Plain,
                "its place is to be taken away",
            );
        }
    }
}
