//! Which replica takes over, and what is lost with it.

use std::cmp::Reverse;

use slotkeeper_topology::NodeId;

use crate::model::{Moment, NodeFacts, NodeMemory, PodIndex, PodPhase, WaitReason};

use super::super::View;
use super::Master;
use super::death::Down;

/// The replica that will take over.
pub(super) struct Choice<'a> {
    pub index: PodIndex,
    pub facts: &'a NodeFacts,
    /// What is lost with it, for people.
    pub loss: Option<String>,
}

/// Why there is none.
pub(super) struct Refusal {
    pub reason: WaitReason,
    pub until: Option<Moment>,
}

/// The best replica of a master that no longer serves.
pub(super) fn choose<'a>(
    view: &View<'a>,
    master: Master,
    down: Down,
) -> Result<Choice<'a>, Refusal> {
    let choice = match (down, memory(view, master.id)) {
        (Down::Gone, seen) => return best_there_is(view, master, seen),
        (_, Some(seen)) => best(view, master, |facts| {
            hindrance(view, master.id, seen, facts)
        }),
        (_, None) => unseen(view, master),
    };
    choice.ok_or_else(|| no_safe_replica(view, master))
}

/// The replica in sync with its living master that has the highest offset.
pub(super) fn in_sync<'a>(
    view: &View<'a>,
    master: NodeId,
    eligible: impl Fn(PodIndex) -> bool,
) -> Option<Choice<'a>> {
    let replicas = view.replicas_of(master).filter(|(index, facts)| {
        facts.link_up() && eligible(*index) && general_hindrance(view, *index, facts).is_none()
    });
    furthest(replicas)
}

/// What was seen of the master while it served.
fn memory<'a>(view: &View<'a>, id: NodeId) -> Option<&'a NodeMemory> {
    view.seen()
        .nodes
        .get(&id)
        .filter(|memory| memory.served_at.is_some())
}

fn best<'a>(
    view: &View<'a>,
    master: Master,
    hindrance: impl Fn(&NodeFacts) -> Option<String>,
) -> Option<Choice<'a>> {
    let safe = view.replicas_of(master.id).filter(|(index, facts)| {
        general_hindrance(view, *index, facts).is_none() && hindrance(facts).is_none()
    });
    furthest(safe)
}

/// The highest offset wins, ties by node id.
fn furthest<'a>(replicas: impl Iterator<Item = (PodIndex, &'a NodeFacts)>) -> Option<Choice<'a>> {
    let best = replicas.max_by_key(|(_, facts)| (facts.replication.offset, Reverse(facts.id)));
    best.map(|(index, facts)| Choice {
        index,
        facts,
        loss: None,
    })
}

/// Why a replica cannot take over from any master.
fn general_hindrance(view: &View<'_>, index: PodIndex, facts: &NodeFacts) -> Option<&'static str> {
    if facts.loading || facts.withholding {
        return Some("it is loading its data");
    }
    if facts.syncing() {
        return Some("a sync is in progress");
    }
    let leaves = view
        .pod(index)
        .is_none_or(|pod| pod.phase == PodPhase::Deleting);
    leaves.then_some("its pod is being deleted")
}

/// Why a replica is not safe, judged by what was seen of the master and of itself.
fn hindrance(
    view: &View<'_>,
    master: NodeId,
    seen: &NodeMemory,
    facts: &NodeFacts,
) -> Option<String> {
    let memory = view.seen().nodes.get(&facts.id);
    let link = memory.and_then(|memory| memory.in_sync.as_ref());
    let Some(link) = link.filter(|link| link.master == master) else {
        return Some("it was never seen in sync with its master".to_owned());
    };
    if facts.replication.replid != seen.replid {
        return Some("it has another history".to_owned());
    }
    let behind = link.replid == seen.replid && facts.replication.offset < link.offset;
    behind.then(|| format!("it was seen at {} before", link.offset))
}

/// If nothing was seen of the master: every other member must answer, and all that hold keys must
/// share one history.
fn unseen<'a>(view: &View<'a>, master: Master) -> Option<Choice<'a>> {
    let mut others = view
        .pods_of(master.pod.shard)
        .filter(|(index, _)| *index != master.pod);
    if others.any(|(index, _)| {
        view.observation
            .facts(index)
            .is_none_or(|facts| facts.loading)
    }) {
        return None;
    }
    let members = view.answered().filter(|(index, facts)| {
        index.shard == master.pod.shard || facts.master() == Some(master.id)
    });
    let mut histories: Vec<&str> = members
        .filter(|(_, facts)| facts.keys > 0)
        .map(|(_, facts)| facts.replication.replid.as_str())
        .collect();
    histories.sort_unstable();
    histories.dedup();
    let [shared] = histories[..] else { return None };
    best(view, master, |facts| {
        let safe = facts.keys > 0 && facts.replication.replid == shared;
        (!safe).then(|| "it does not share the history of the others".to_owned())
    })
}

/// The master will never return: the complete data set with the highest offset is the best one. A
/// member that was seen with a higher offset and does not answer gets five node timeouts.
fn best_there_is<'a>(
    view: &View<'a>,
    master: Master,
    seen: Option<&NodeMemory>,
) -> Result<Choice<'a>, Refusal> {
    let mine = |facts: &NodeFacts| seen.is_some_and(|s| s.replid == facts.replication.replid);
    let complete = view.replicas_of(master.id).filter(|(index, facts)| {
        // A restarted process may have lost the data that was once in sync.
        let kept = linked(view, facts.id, master.id)
            .and_then(|memory| memory.in_sync.as_ref())
            .is_some_and(|link| link.replid == facts.replication.replid);
        general_hindrance(view, *index, facts).is_none() && (kept || facts.keys > 0)
    });
    let best = complete
        .max_by_key(|(_, facts)| (mine(facts), facts.replication.offset, Reverse(facts.id)));
    let Some((index, facts)) = best else {
        return Err(no_safe_replica(view, master));
    };
    let offset = facts.replication.offset;
    if let Some((silent, until)) = silent_and_further(view, master.id, offset) {
        let reason = WaitReason::Unanswered { pods: vec![silent] };
        return Err(Refusal {
            reason,
            until: Some(until),
        });
    }
    let loss = match seen {
        Some(_) if !mine(facts) => Some("its data set is not of the last history seen".to_owned()),
        Some(seen) if offset < seen.offset => Some(format!(
            "it is at offset {offset} of its master's history, which was seen at {}",
            seen.offset
        )),
        _ => None,
    };
    Ok(Choice { index, facts, loss })
}

fn linked<'a>(view: &View<'a>, id: NodeId, master: NodeId) -> Option<&'a NodeMemory> {
    let memory = view.seen().nodes.get(&id)?;
    let link = memory.in_sync.as_ref().filter(|link| link.master == master);
    link.map(|_| memory)
}

fn silent_and_further(view: &View<'_>, master: NodeId, offset: u64) -> Option<(PodIndex, Moment)> {
    view.seen().nodes.iter().find_map(|(id, memory)| {
        let further = linked(view, *id, master).is_some() && memory.offset > offset;
        let until = memory.answered_at.after(view.node_timeouts(5));
        let absent = view.facts(*id).is_none() && !view.is_gone(*id) && view.now() < until;
        (further && absent).then_some((memory.pod, until))
    })
}

fn no_safe_replica(view: &View<'_>, master: Master) -> Refusal {
    let members = describe(view, master, "unanswered");
    Refusal {
        reason: WaitReason::NoSafeReplica {
            master: master.id,
            members,
        },
        until: None,
    }
}

/// Every member of the master's shard with its id, its offset, and why it cannot take over.
pub(super) fn describe(view: &View<'_>, master: Master, of_master: &str) -> Vec<String> {
    let mut members: Vec<String> = Vec::new();
    for (index, _) in view.pods_of(master.pod.shard) {
        members.push(match view.observation.facts(index) {
            None => format!("{index} does not answer"),
            Some(facts) => format!(
                "{index} ({:.8}) has {} keys at offset {} of {:.8}: {}",
                facts.id,
                facts.keys,
                facts.replication.offset,
                facts.replication.replid,
                against(view, master, index, facts, of_master)
            ),
        });
    }
    members
}

fn against(
    view: &View<'_>,
    master: Master,
    index: PodIndex,
    facts: &NodeFacts,
    of_master: &str,
) -> String {
    if facts.id == master.id {
        return if facts.withholding {
            "withholds itself"
        } else {
            of_master
        }
        .to_owned();
    }
    if facts.master() != Some(master.id) {
        return "it does not follow this master".to_owned();
    }
    if let Some(why) = general_hindrance(view, index, facts) {
        return why.to_owned();
    }
    match memory(view, master.id) {
        Some(seen) => hindrance(view, master.id, seen, facts)
            .unwrap_or_else(|| "its link is not up".to_owned()),
        None => "nothing was seen of the master before".to_owned(),
    }
}
