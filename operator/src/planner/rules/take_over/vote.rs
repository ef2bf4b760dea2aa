//! Whether a vote can succeed, and whether another one is pending.

use slotkeeper_topology::NodeId;

use crate::model::{ARRIVES_WITHIN_MS, FailoverMode, Moment, NodeFacts, WaitReason};

use super::super::{Draft, View};
use super::death::Down;

/// The minimum time between two readings of an ended node.
const READINGS_APART_MS: u64 = 500;

/// When a pass checks again whether the masters have heard of a candidate.
const HEARD_AGAIN_MS: u64 = 100;

/// Why no vote is asked for now, and when that may change by itself.
pub(super) struct Blocked {
    pub reason: WaitReason,
    pub until: Option<Moment>,
}

/// How a candidate takes over: by a vote if one can succeed; without a vote only if none can and
/// two witnesses confirm that the master is dead.
pub(super) fn mode(
    view: &View<'_>,
    master: NodeId,
    candidate: NodeId,
    down: Down,
) -> Result<FailoverMode, Blocked> {
    let blocked = match majority(view, master, candidate) {
        Ok(()) => return Ok(FailoverMode::Force),
        Err(blocked) => blocked,
    };
    if view.is_majority(view.voters().count()) {
        return Err(blocked);
    }
    match witnesses(view, master, down) {
        Ok(()) => Ok(FailoverMode::Takeover),
        Err(lacks) => Err(no_quorum(view, lacks)),
    }
}

/// Whether a majority of the slot-owning masters answers and knows the candidate as a replica of
/// the master. A master that does not know it yet denies the vote, and a failed vote blocks the
/// shard for four node timeouts.
pub(super) fn majority(view: &View<'_>, master: NodeId, candidate: NodeId) -> Result<(), Blocked> {
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
    Err(Blocked { reason, until })
}

fn no_quorum(view: &View<'_>, lacks: &'static str) -> Blocked {
    let reason = WaitReason::NoQuorum {
        answering: view.voters().count(),
        of: view.owners.len(),
        lacks,
    };
    Blocked {
        reason,
        until: None,
    }
}

/// The two witnesses of a TAKEOVER: the platform proves that the process has ended, and every
/// answering node that lists the master waits for its pong in two readings, both after that end and
/// 500 ms apart.
fn witnesses(view: &View<'_>, master: NodeId, down: Down) -> Result<(), &'static str> {
    let Some(ended) = view.seen().ended.get(&master) else {
        return Err("TAKEOVER needs a proof that the master's process has ended");
    };
    if down == Down::Withholds || view.now() <= *ended {
        return Err("TAKEOVER needs a proof that the master's process has ended");
    }
    let silent_for_long = |facts: &NodeFacts| {
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

/// The vote that may still be pending, and until when.
pub(super) fn pending(
    view: &View<'_>,
    draft: &Draft<'_>,
    master: NodeId,
    mode: FailoverMode,
) -> Option<(NodeId, Moment)> {
    if let Some(planned) = draft.planned_vote() {
        return Some((planned, view.now().after(view.node_timeouts(2))));
    }
    let of_master = |until| (master, until);
    (view.vote_against(master).map(of_master))
        .or_else(|| view.vote_in_flight())
        .or_else(|| unheard_of(view, master, mode).map(of_master))
}

/// Until when a vote may be pending that an earlier operator asked for and this one does not know:
/// two node timeouts after its start, unless every such vote would be known. Where nodes do not
/// refuse what arrives late, the last request of that operator may have been under way as well.
pub(super) fn unheard_of(view: &View<'_>, master: NodeId, mode: FailoverMode) -> Option<Moment> {
    if mode == FailoverMode::Plain {
        return None;
    }
    let until = view.seen().started?.after(unknown_for_ms(view));
    (view.now() < until && !all_heard_of(view, master, mode)).then_some(until)
}

/// Whether every vote against the master that can still be won is known. Votes that nodes do not
/// report were stored before they were asked for; votes that they report need not have been.
fn all_heard_of(view: &View<'_>, master: NodeId, mode: FailoverMode) -> bool {
    let none_tells = !view.answered().any(|(_, facts)| tells(facts));
    let since = view.seen().votes_since;
    let known = since.is_some_and(|since| view.now() >= since.after(unknown_for_ms(view)));
    (known || all_tell(view)) && (none_tells || is_told(view, master, mode))
}

/// How long a vote may be pending that was asked for before a certain moment.
fn unknown_for_ms(view: &View<'_>) -> u64 {
    let arrives_ms = if all_tell(view) { 0 } else { ARRIVES_WITHIN_MS };
    view.node_timeouts(2) + arrives_ms
}

fn all_tell(view: &View<'_>) -> bool {
    view.answered().all(|(_, facts)| tells(facts))
}

/// Whether enough nodes report votes: the majority of the voters, without which no replica can win
/// one; or else every replica that could have been asked.
fn is_told(view: &View<'_>, master: NodeId, mode: FailoverMode) -> bool {
    let voters = view.voters().filter(|(_, facts)| tells(facts)).count();
    if mode == FailoverMode::Force && view.is_majority(voters) {
        return true;
    }
    let mut replicas = view.lines().filter(|line| line.master == Some(master));
    replicas.all(|line| view.facts(line.id).is_some_and(tells) || view.is_gone(line.id))
}

fn tells(facts: &NodeFacts) -> bool {
    facts.candidacies.is_some()
}
