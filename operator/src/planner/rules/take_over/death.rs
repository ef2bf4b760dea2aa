//! Whether a master is dead, and whether it may be about to return.

use slotkeeper_topology::NodeId;

use crate::model::{Moment, PodIndex, PodPhase, Silence};

use super::super::View;

/// The state of a master that owns slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// It answers and serves, or will soon.
    Serves,
    /// It answers and its pod is being deleted.
    Leaves,
    /// It does not answer, and nothing proves that it has ended: the failure detection of the nodes
    /// decides.
    NotProven,
    /// It no longer serves.
    Down(Down),
}

/// Why it no longer serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Down {
    /// Its process has ended, or nothing listens at its address.
    Ended,
    /// The majority of the masters has agreed that it failed, long enough ago.
    Failed,
    /// It has restarted and does not serve until its data is known to be current.
    Withholds,
    /// Its pod runs another node now.
    Gone,
}

impl Down {
    pub(super) fn why(self) -> &'static str {
        match self {
            Down::Ended => "the master's process has ended",
            Down::Failed => "the masters agree that the master failed, and elected no successor",
            Down::Withholds => "the master has restarted without its data",
            Down::Gone => "the master's node is gone for good",
        }
    }
}

pub(super) fn of(view: &View<'_>, id: NodeId, index: PodIndex) -> Death {
    let phase = view.pod(index).map(|pod| pod.phase).unwrap_or_default();
    if let Some(facts) = view.facts(id) {
        return match () {
            () if facts.withholding => Death::Down(Down::Withholds),
            () if phase == PodPhase::Deleting && facts.is_master() => Death::Leaves,
            () => Death::Serves,
        };
    }
    if view.is_gone(id) {
        return Death::Down(Down::Gone);
    }
    let ended = view.seen().ended.contains_key(&id);
    match view.observation.silence(index) {
        // Another id answers, and the volume of the pod is not mounted yet.
        None => Death::NotProven,
        Some(Silence::Loading | Silence::Busy) => Death::Serves,
        Some(_) if ended => Death::Down(Down::Ended),
        Some(Silence::Refused) => Death::Down(Down::Ended),
        Some(_) if failed(view, id) => Death::Down(Down::Failed),
        Some(_) => Death::NotProven,
    }
}

/// Whether a majority of the slot-owning masters answers and calls the id failed.
fn failed(view: &View<'_>, id: NodeId) -> bool {
    let agree = view
        .owners
        .keys()
        .filter_map(|owner| view.facts(*owner))
        .filter(|facts| facts.line(id).is_some_and(|line| line.flags.fail));
    2 * agree.count() > view.owners.len()
}

/// How long a master that ended together with its replica is given to return after the replica's
/// restart.
const RIGHT_BACK_MS: u64 = 5_000;

/// Until when a dead master may return: its replica had ended as well and has just restarted. When
/// a whole shard restarts, the order is chance and no reason to move its slots.
pub(super) fn may_be_right_back(
    view: &View<'_>,
    master: NodeId,
    down: Down,
    replica: NodeId,
) -> Option<Moment> {
    let died = view.seen().nodes.get(&master)?.down_since?;
    let restarted = view.seen().nodes.get(&replica)?.restarted_at?;
    let until = restarted.after(RIGHT_BACK_MS);
    (down == Down::Ended && restarted >= died && view.now() < until).then_some(until)
}

/// Until when the shard is left to the election of the nodes: with three or more masters, between
/// one and five node timeouts after the death. If the death was not seen, until five node timeouts
/// after this memory began.
pub(super) fn gossips_turn(view: &View<'_>, id: NodeId) -> Option<Moment> {
    if view.owners.len() < 3 {
        return None;
    }
    let memory = view
        .seen()
        .nodes
        .get(&id)
        .filter(|memory| memory.served_at.is_some());
    match memory.and_then(|memory| memory.down_since) {
        Some(died) => {
            let until = died.after(view.node_timeouts(5));
            (view.now().since(died) >= view.node_timeouts(1) && view.now() < until).then_some(until)
        }
        None => {
            let until = view.seen().started?.after(view.node_timeouts(5));
            (view.now() < until).then_some(until)
        }
    }
}
