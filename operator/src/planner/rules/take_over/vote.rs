use slotkeeper_topology::NodeId;

use crate::model::{FailoverMode, Moment, WaitReason};

use super::super::super::view::sees;
use super::super::{Draft, View};
use super::death::Down;

/// How far apart two readings of an ended node have to be.
const READINGS_APART_MS: u64 = 500;

/// How a candidate takes over: by vote wherever one can succeed, and without only where it cannot
/// and two witnesses say that the master is dead.
pub(super) fn mode(
    view: &View<'_>,
    master: NodeId,
    candidate: NodeId,
    down: Down,
) -> Result<FailoverMode, WaitReason> {
    let lack = match majority(view, candidate) {
        Ok(()) => return Ok(FailoverMode::Force),
        Err(lack) => lack,
    };
    let of = view.owners.len();
    let answering = answering(view).count();
    if 2 * answering > of {
        return Err(lack);
    }
    match witnesses(view, master, down) {
        Ok(()) => Ok(FailoverMode::Takeover),
        Err(lacks) => Err(WaitReason::NoQuorum {
            answering,
            of,
            lacks,
        }),
    }
}

/// Whether a majority of the slot-owning masters answers and sees the candidate. One that
/// withholds itself answers and votes.
pub(super) fn majority(view: &View<'_>, candidate: NodeId) -> Result<(), WaitReason> {
    let of = view.owners.len();
    let voters = answering(view).filter(|owner| {
        view.facts(*owner)
            .is_some_and(|facts| sees(facts, candidate))
    });
    let answering = voters.count();
    if 2 * answering > of {
        return Ok(());
    }
    Err(WaitReason::NoQuorum {
        answering,
        of,
        lacks: "a vote needs the majority",
    })
}

fn answering<'a>(view: &'a View<'_>) -> impl Iterator<Item = NodeId> + 'a {
    let owners = view.owners.keys().copied();
    owners.filter(|id| {
        view.facts(*id)
            .is_some_and(|facts| facts.is_master() && !facts.loading)
    })
}

/// The two witnesses of a TAKEOVER: the platform proves that the process has ended, and every
/// answering node that lists the master has waited for its pong in two readings, both made after
/// that end and 500 ms apart.
fn witnesses(view: &View<'_>, master: NodeId, down: Down) -> Result<(), &'static str> {
    let Some(ended) = view.seen().ended.get(&master) else {
        return Err("TAKEOVER needs a proof that the master's process has ended");
    };
    if down == Down::Withholds || view.now() <= *ended {
        return Err("TAKEOVER needs a proof that the master's process has ended");
    }
    let silent_for_long = |facts: &crate::model::NodeFacts| {
        let reading = view.seen().readings.get(&(master, facts.id));
        reading.is_some_and(|reading| {
            reading.from > *ended && view.now() >= reading.from.after(READINGS_APART_MS)
        })
    };
    let mut witnesses = view
        .answered()
        .filter(|(_, facts)| facts.line(master).is_some());
    if witnesses.all(|(_, facts)| silent_for_long(facts)) {
        Ok(())
    } else {
        Err("TAKEOVER needs every node to wait for the master's pong in two readings")
    }
}

/// The vote that may still be under way, and until when. What was asked for before this memory
/// began is not known, so the first two node timeouts count as one.
pub(super) fn pending(
    view: &View<'_>,
    draft: &Draft<'_>,
    master: NodeId,
    mode: FailoverMode,
) -> Option<(NodeId, Moment)> {
    let spacing = view.node_timeouts(2);
    if let Some(planned) = draft.planned_vote() {
        return Some((planned, view.now().after(spacing)));
    }
    if let Some(vote) = view
        .seen()
        .votes
        .get(&master)
        .filter(|vote| view.is_recent(vote))
    {
        return Some((master, vote.asked_at.after(spacing)));
    }
    if let Some((other, vote)) = view.vote_in_flight() {
        return Some((other, vote.asked_at.after(spacing)));
    }
    let until = view.seen().started?.after(spacing);
    let unknown = !view.seen().votes_known && mode != FailoverMode::Plain;
    (unknown && view.now() < until).then_some((master, until))
}
