//! Rule: give the slots of a master that is dead, withholds itself or is being deleted to its
//! replica.

mod candidate;
mod death;
mod vote;
mod withholding;

use slotkeeper_topology::NodeId;

use crate::model::{FailoverMode, PodIndex, Step, WaitReason};

use super::{Draft, View};
use candidate::{Choice, Refusal};
use death::{Death, Down};
use vote::Blocked;

pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    // Dead masters first: their slots are not served.
    let mut leaving = Vec::new();
    for (id, index) in view
        .owners
        .keys()
        .filter_map(|id| Some((*id, *view.indexes.get(id)?)))
    {
        let master = Master { id, pod: index };
        match death::of(view, id, index) {
            Death::Serves => {}
            Death::Leaves => leaving.push(master),
            Death::NotProven => {
                let reason = WaitReason::NotProvenDead { master: id };
                draft.wait(Some(index.shard), reason, None);
            }
            Death::Down(down) => replace(view, draft, master, down),
        }
    }
    leaving
        .into_iter()
        .for_each(|master| hand_over(view, draft, master));
}

/// A master that owns slots, and its pod.
#[derive(Clone, Copy)]
struct Master {
    id: NodeId,
    pod: PodIndex,
}

/// A master that no longer serves: end its withholding if possible, else let a replica take over.
fn replace(view: &View<'_>, draft: &mut Draft<'_>, master: Master, down: Down) {
    if down == Down::Withholds && withholding::end(view, draft, master) {
        return;
    }
    let shard = Some(master.pod.shard);
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
        Err(Blocked { reason, until }) => draft.wait(shard, reason, until),
    }
}

/// A master that is being deleted and still answers hands over: nothing is lost.
fn hand_over(view: &View<'_>, draft: &mut Draft<'_>, master: Master) {
    let shard = Some(master.pod.shard);
    let Some(choice) = candidate::in_sync(view, master.id, |_| true) else {
        let members = candidate::describe(view, master, "its pod is being deleted");
        let reason = WaitReason::NoSafeReplica {
            master: master.id,
            members,
        };
        return draft.wait(shard, reason, None);
    };
    if let Err(Blocked { reason, until }) = vote::majority(view, master.id, choice.facts.id) {
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
    let shard = Some(master.pod.shard);
    if let Some((pending, until)) = vote::pending(view, draft, master.id, mode) {
        return draft.wait(
            shard,
            WaitReason::VotePending { master: pending },
            Some(until),
        );
    }
    let Choice { index, facts, loss } = choice;
    let step = Step::Failover {
        node: view.target(index, facts),
        mode,
        master: master.id,
        epoch: (facts.candidacies.is_some() && mode != FailoverMode::Plain)
            .then_some(facts.cluster.current_epoch),
    };
    draft.step_with_loss(shard, step, why, loss);
}

/// The plain failover that another rule needs before it removes a master.
pub(super) fn hand_over_to(
    view: &View<'_>,
    draft: &mut Draft<'_>,
    (id, index): (NodeId, PodIndex),
    eligible: impl Fn(PodIndex) -> bool,
) {
    let master = Master { id, pod: index };
    let shard = Some(index.shard);
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
        Err(Blocked { reason, until }) => draft.wait(shard, reason, until),
        Ok(()) => {
            ask(
                view,
                draft,
                master,
                choice,
                FailoverMode::Plain,
                "its pod is to be removed",
            );
        }
    }
}
