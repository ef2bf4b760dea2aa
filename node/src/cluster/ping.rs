//! When links are opened and PINGs are sent.

use super::node::{Flags, Moment, Node};
use super::{Cluster, NodeRef};
use crate::time::Now;

/// The number of ticks (a second) after which one of a few random nodes is pinged.
const RANDOM_PING_TICKS: u64 = 10;
/// How many random nodes are looked at; the one heard of longest ago is pinged.
const RANDOM_PING_CANDIDATES: usize = 5;

impl Cluster {
    /// The regular work: links, pings, suspicions.
    pub(super) fn tick(&mut self) {
        self.ticks += 1;
        self.expire_handshakes();
        self.retry_store();
        self.store_soon();
        self.close_overdue_links();
        self.reconnect();
        self.ask_again();
        if self.ticks.is_multiple_of(RANDOM_PING_TICKS) {
            self.ping_random();
        }
        for r in self.nodes.refs() {
            let skipped = Flags::MYSELF | Flags::NO_ADDRESS | Flags::HANDSHAKE;
            if !self.nodes[r].flags.has(skipped) {
                self.look_after(r);
            }
        }
        self.consider_migration();
        self.todo.update_state |= !self.state.ok;
    }

    pub(super) fn reconnect(&mut self) {
        for r in self.nodes.refs() {
            let node = &self.nodes[r];
            let skipped = Flags::MYSELF | Flags::NO_ADDRESS;
            if node.outbound.is_none() && !node.flags.has(skipped) {
                self.connect(r);
            }
        }
    }

    fn ping_random(&mut self) {
        let mut oldest: Option<NodeRef> = None;
        for _ in 0..RANDOM_PING_CANDIDATES {
            let r = self.nodes.draw(&mut self.random);
            let node = &self.nodes[r];
            if node.outbound.is_none()
                || node.ping_sent.is_some()
                || node.flags.has(Flags::MYSELF | Flags::HANDSHAKE)
            {
                continue;
            }
            let heard = |r: NodeRef| self.nodes[r].pong_received.map(|moment| moment.mono);
            if oldest.is_none_or(|oldest| heard(r) < heard(oldest)) {
                oldest = Some(r);
            }
        }
        if let Some(r) = oldest {
            self.ping(r);
        }
    }

    /// Renews a link that seems dead, and pings a node that was silent lately. Whether it has.
    pub(super) fn keep_in_touch(&mut self, r: NodeRef) -> bool {
        let timeout = self.config.cluster_node_timeout.cast_signed();
        if self.link_is_stale(r, timeout) {
            self.disconnect(r);
        }
        let node = &self.nodes[r];
        if node.outbound.is_some()
            && node.ping_sent.is_none()
            && silence(node.pong_received, self.now) > timeout / 2
        {
            self.ping(r);
            return true;
        }
        false
    }

    /// Keeps in touch with a node, and suspects it if it is silent.
    fn look_after(&mut self, r: NodeRef) {
        let timeout = self.config.cluster_node_timeout.cast_signed();
        let now = self.now;
        if self.keep_in_touch(r) {
            return;
        }
        if self.manual.replica == Some(r) && self.manual.ends.is_some() {
            self.ping(r);
            return;
        }
        let node = &self.nodes[r];
        let Some(ping_sent) = node.ping_sent else {
            return;
        };
        let quiet = ping_sent.until(now).min(silence(node.data_received, now));
        if quiet > timeout && !node.flags.has(Flags::PFAIL | Flags::FAIL) {
            self.suspect(r);
        }
    }

    /// A link that is old enough, on which a ping waits for half the timeout and nothing came.
    fn link_is_stale(&self, r: NodeRef, timeout: i64) -> bool {
        let node: &Node = &self.nodes[r];
        let link = node.outbound.and_then(|link| self.links.get(link));
        link.is_some_and(|link| {
            link.created.until(self.now) > timeout
                && node
                    .ping_sent
                    .is_some_and(|sent| sent.until(self.now) > timeout / 2)
                && silence(node.data_received, self.now) > timeout / 2
        })
    }
}

/// Milliseconds since something came; without end if nothing ever did.
fn silence(since: Option<Moment>, now: Now) -> i64 {
    since.map_or(i64::MAX, |moment| moment.until(now))
}
