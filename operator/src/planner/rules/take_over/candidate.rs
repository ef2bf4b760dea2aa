use std::cmp::Reverse;

use slotkeeper_topology::NodeId;

use crate::model::{Moment, NodeFacts, NodeMemory, Phase, Place, WaitReason};

use super::super::View;
use super::Master;
use super::death::Down;

/// The replica that is to take over.
pub(super) struct Choice<'a> {
    pub place: Place,
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

/// The replica with a complete link to its living master that is the furthest.
pub(super) fn in_sync<'a>(
    view: &View<'a>,
    master: NodeId,
    eligible: impl Fn(Place) -> bool,
) -> Option<Choice<'a>> {
    let replicas = view.replicas_of(master).filter(|(place, facts)| {
        facts.link_up() && eligible(*place) && general_hindrance(view, *place, facts).is_none()
    });
    furthest(replicas)
}

/// What the master was seen to have while it served.
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
    let safe = view.replicas_of(master.id).filter(|(place, facts)| {
        general_hindrance(view, *place, facts).is_none() && hindrance(facts).is_none()
    });
    furthest(safe)
}

/// The highest offset wins, ties by node id.
fn furthest<'a>(replicas: impl Iterator<Item = (Place, &'a NodeFacts)>) -> Option<Choice<'a>> {
    let best = replicas.max_by_key(|(_, facts)| (facts.replication.offset, Reverse(facts.id)));
    best.map(|(place, facts)| Choice {
        place,
        facts,
        loss: None,
    })
}

/// Why a replica cannot take over from anybody.
fn general_hindrance(view: &View<'_>, place: Place, facts: &NodeFacts) -> Option<&'static str> {
    if facts.loading || facts.withholding {
        return Some("it is loading its data");
    }
    if facts.syncing() {
        return Some("a sync is in progress");
    }
    let leaves = view
        .pod(place)
        .is_none_or(|pod| pod.phase == Phase::Deleting);
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
        return Some("it was never seen in sync with it".to_owned());
    };
    if facts.replication.replid != seen.replid {
        return Some("it has another history".to_owned());
    }
    let behind = link.replid == seen.replid && facts.replication.offset < link.offset;
    behind.then(|| format!("it was seen at {} before", link.offset))
}

/// Where nothing was seen of the master: every other member answers, and all that hold keys share
/// one history.
fn unseen<'a>(view: &View<'a>, master: Master) -> Option<Choice<'a>> {
    let mut others = view
        .pods_of(master.place.shard)
        .filter(|(place, _)| *place != master.place);
    if others.any(|(place, _)| {
        view.observation
            .facts(place)
            .is_none_or(|facts| facts.loading)
    }) {
        return None;
    }
    let members = view.answered().filter(|(place, facts)| {
        place.shard == master.place.shard || facts.master() == Some(master.id)
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

/// The master will never return: the complete data set with the highest offset is the best there
/// is. A member that was seen further and does not answer is given five node timeouts.
fn best_there_is<'a>(
    view: &View<'a>,
    master: Master,
    seen: Option<&NodeMemory>,
) -> Result<Choice<'a>, Refusal> {
    let mine = |facts: &NodeFacts| seen.is_some_and(|s| s.replid == facts.replication.replid);
    let complete = view.replicas_of(master.id).filter(|(place, facts)| {
        // A process that was started again may have lost what was once in sync.
        let kept = linked(view, facts.id, master.id)
            .and_then(|memory| memory.in_sync.as_ref())
            .is_some_and(|link| link.replid == facts.replication.replid);
        general_hindrance(view, *place, facts).is_none() && (kept || facts.keys > 0)
    });
    let best = complete
        .max_by_key(|(_, facts)| (mine(facts), facts.replication.offset, Reverse(facts.id)));
    let Some((place, facts)) = best else {
        return Err(no_safe_replica(view, master));
    };
    let offset = facts.replication.offset;
    if let Some((silent, until)) = silent_and_further(view, master.id, offset) {
        let reason = WaitReason::Unanswered {
            places: vec![silent],
        };
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
    Ok(Choice { place, facts, loss })
}

fn linked<'a>(view: &View<'a>, id: NodeId, master: NodeId) -> Option<&'a NodeMemory> {
    let memory = view.seen().nodes.get(&id)?;
    let link = memory.in_sync.as_ref().filter(|link| link.master == master);
    link.map(|_| memory)
}

fn silent_and_further(view: &View<'_>, master: NodeId, offset: u64) -> Option<(Place, Moment)> {
    view.seen().nodes.iter().find_map(|(id, memory)| {
        let further = linked(view, *id, master).is_some() && memory.offset > offset;
        let until = memory.answered_at.after(view.node_timeouts(5));
        let absent = view.facts(*id).is_none() && !view.is_gone(*id) && view.now() < until;
        (further && absent).then_some((memory.place, until))
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

/// Every member of the master's shard with its id, its offset and what stands against it.
pub(super) fn describe(view: &View<'_>, master: Master, of_master: &str) -> Vec<String> {
    let mut members: Vec<String> = Vec::new();
    for (place, _) in view.pods_of(master.place.shard) {
        members.push(match view.observation.facts(place) {
            None => format!("{place} does not answer"),
            Some(facts) => format!(
                "{place} ({:.8}) has {} keys at offset {} of {:.8}: {}",
                facts.id,
                facts.keys,
                facts.replication.offset,
                facts.replication.replid,
                against(view, master, place, facts, of_master)
            ),
        });
    }
    members
}

fn against(
    view: &View<'_>,
    master: Master,
    place: Place,
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
    if let Some(why) = general_hindrance(view, place, facts) {
        return why.to_owned();
    }
    match memory(view, master.id) {
        Some(seen) => hindrance(view, master.id, seen, facts)
            .unwrap_or_else(|| "its link is not up".to_owned()),
        None => "nothing was seen of the master before".to_owned(),
    }
}
