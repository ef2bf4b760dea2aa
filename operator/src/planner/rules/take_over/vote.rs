use slotkeeper_topology::NodeId;

use crate::model::{FailoverMode, Moment, WaitReason};

use super::super::{Draft, View};
use super::death::Down;

/// How far apart two readings of an ended node have to be.
const READINGS_APART_MS: u64 = 500;

/// When a pass looks again whether the masters have heard of a candidate.
const HEARD_AGAIN_MS: u64 = 100;

/// Why no vote is asked for, and when that may change by itself.
pub(super) struct Lack {
    pub reason: WaitReason,
    pub until: Option<Moment>,
}

/// How a candidate takes over: by vote wherever one can succeed, and without only where it cannot
/// and two witnesses say that the master is dead.
pub(super) fn mode(
    view: &View<'_>,
    master: NodeId,
    candidate: NodeId,
    down: Down,
) -> Result<FailoverMode, Lack> {
    let lack = match majority(view, master, candidate) {
        Ok(()) => return Ok(FailoverMode::Force),
        Err(lack) => lack,
    };
    if view.is_majority(view.voters().count()) {
        return Err(lack);
    }
    match witnesses(view, master, down) {
        Ok(()) => Ok(FailoverMode::Takeover),
        Err(lacks) => Err(no_quorum(view, lacks)),
    }
}

/// Whether a majority of the slot-owning masters answers, and knows the candidate as a replica of
/// the master: whoever has not heard of that yet denies it the vote, and a vote that is missed
/// blocks the shard for four node timeouts.
pub(super) fn majority(view: &View<'_>, master: NodeId, candidate: NodeId) -> Result<(), Lack> {
    let aware = view.voters_for(candidate, master).count();
    if view.is_majority(aware) {
        return Ok(());
    }
    if !view.is_majority(view.voters().count()) {
        return Err(no_quorum(view, "a vote needs the majority"));
    }
    let reason = WaitReason::UnknownCandidate {
        candidate,
        master,
        aware,
        of: view.owners.len(),
    };
    let until = Some(view.now().after(HEARD_AGAIN_MS));
    Err(Lack { reason, until })
}

fn no_quorum(view: &View<'_>, lacks: &'static str) -> Lack {
    let reason = WaitReason::NoQuorum {
        answering: view.voters().count(),
        of: view.owners.len(),
        lacks,
    };
    Lack {
        reason,
        until: None,
    }
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
