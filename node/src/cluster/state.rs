//! `cluster_state`: when the cluster is ok, and when this node may serve.

use slotkeeper_topology::SLOT_COUNT;

use super::Cluster;
use super::node::{Flags, Moment};
use crate::io::Level;

/// How long a master that has just started waits before it serves, in milliseconds: the cluster may
/// have replaced it.
const START_DELAY_MS: i64 = 2000;
/// How long a master waits that was in the minority: a node timeout, within these bounds.
const REJOIN_DELAY_MS: std::ops::RangeInclusive<i64> = 500..=5000;

/// Whether the cluster serves, as this node sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub ok: bool,
    /// The first judgement of this process.
    first: Option<Moment>,
    /// When the majority was last out of sight.
    minority: Option<Moment>,
}

impl Cluster {
    /// Judges whether the cluster serves.
    pub(super) fn update_state(&mut self) {
        let now = Moment::of(self.now);
        let first = *self.state.first.get_or_insert(now);
        let master = self.nodes.me().is_master();
        if master && !self.state.ok && first.until(self.now) < START_DELAY_MS {
            return;
        }
        let covered = !self.config.cluster_require_full_coverage || self.all_slots_served();
        let majority = self.reachable_masters() >= self.nodes.quorum();
        if !majority {
            self.state.minority = Some(now);
        }
        let ok = covered && majority;
        if ok == self.state.ok {
            return;
        }
        let timeout = self.config.cluster_node_timeout.cast_signed();
        let delay = timeout.clamp(*REJOIN_DELAY_MS.start(), *REJOIN_DELAY_MS.end());
        let just_back = self
            .state
            .minority
            .is_some_and(|at| at.until(self.now) < delay);
        if ok && master && just_back {
            return;
        }
        let word = if ok { "ok" } else { "fail" };
        self.log(Level::Warning, format!("Cluster state changed: {word}"));
        self.state.ok = ok;
    }

    /// Whether a master sees the majority of the masters that own slots, itself among them.
    #[must_use]
    pub fn sees_majority(&self) -> bool {
        self.reachable_masters() >= self.nodes.quorum()
    }

    fn reachable_masters(&self) -> usize {
        let down = Flags::FAIL | Flags::PFAIL;
        self.nodes
            .iter()
            .filter(|(_, n)| n.votes() && !n.flags.has(down))
            .count()
    }

    fn all_slots_served(&self) -> bool {
        let alive = self.nodes.iter().filter(|(_, n)| !n.failed());
        alive.map(|(_, n)| n.slot_count).sum::<u16>() == SLOT_COUNT
    }
}
