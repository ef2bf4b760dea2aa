use slotkeeper_topology::NodeId;

use crate::model::{Moment, Phase, Place, Silence};

use super::super::View;

/// How a master that owns slots is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// It answers and serves, or will presently.
    Serves,
    /// It answers and its pod is being deleted.
    Leaves,
    /// It does not answer, and nothing proves that it has ended: the nodes' own failure detection
    /// decides.
    NotProven,
    /// It no longer serves.
    Down(Down),
}

/// Why it no longer serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Down {
    /// Its process has ended, or nothing listens where it was.
    Ended,
    /// The majority of the masters has agreed that it failed, long enough ago.
    Failed,
    /// It was started again and does not serve before it has shown itself current.
    Withholds,
    /// Its pod has another node for good.
    Gone,
}

impl Down {
    pub(super) fn why(self) -> &'static str {
        match self {
            Down::Ended => "the master's process has ended",
            Down::Failed => "the masters agree that the master failed, and elected nobody",
            Down::Withholds => "the master has restarted without its data",
            Down::Gone => "the master's node is gone for good",
        }
    }
}

pub(super) fn of(view: &View<'_>, id: NodeId, place: Place) -> Death {
    let phase = view.pod(place).map(|pod| pod.phase).unwrap_or_default();
    if let Some(facts) = view.facts(id) {
        return match () {
            () if facts.withholding => Death::Down(Down::Withholds),
            () if phase == Phase::Deleting && facts.is_master() => Death::Leaves,
            () => Death::Serves,
        };
    }
    if view.is_gone(id) {
        return Death::Down(Down::Gone);
    }
    let ended = view.seen().ended.contains_key(&id);
    match view.observation.silence(place) {
        // Another id, its volume not mounted yet.
        None => Death::NotProven,
        Some(Silence::Loading) => Death::Serves,
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

/// How long after the restart of its replica a master that had ended with it may be on its way.
const RIGHT_BACK_MS: u64 = 5_000;

/// Until when a dead master may be expected back: its replica had ended, too, and has just been
/// started again. Where a whole shard restarts, who comes first is chance, and no reason to move
/// its slots.
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

/// Until when the shard is left to the nodes' own election: with three masters or more, between
/// one and five node timeouts after the death. When nobody saw the death, it may be that time
/// until five node timeouts after this memory began.
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
