//! A master that was asleep, until a majority of the masters has answered.

use std::collections::BTreeSet;

use slotkeeper_topology::NodeId;

use super::bus::{Gossip, Header, KNOWS_EXTENSIONS};
use super::node::{Flags, Moment};
use super::{Cluster, ClusterEvent, NodeRef};
use crate::io::{Level, LinkId};
use crate::time::Now;

/// How many node timeouts a master waits for the others at most. Those that found it failed take
/// that back after two, once it answers again, and then no replica is elected in its place any more.
const PATIENCE_TIMEOUTS: i64 = 3;

/// A master that has slept: who of the others it has heard since.
#[derive(Debug)]
pub(super) struct Waking {
    since: Moment,
    /// Masters that have answered a PING of the time since, and for which it has not failed.
    agreed: BTreeSet<NodeId>,
    /// It was told that it has failed. Nodes of other kinds may not say so again.
    told_failed: bool,
}

impl Cluster {
    /// This node has slept: it was stopped, suspended, or busy for too long. What it has not heard
    /// meanwhile is no failure of a node. A master that may have been replaced holds its commands back
    /// until it knows better ([`ClusterEvent::HoldKeys`]).
    ///
    /// A node that replaces it has the votes of a majority. So it asks the other masters, over new links,
    /// on which nothing from before can be waiting. Among the majority that answers is one that
    /// voted, and it says in its answer that this node has failed, or tells of the new owner of its
    /// slots before it.
    pub fn wake(&mut self, now: Now) {
        self.now = now;
        let moment = Moment::of(now);
        self.migration.forget();
        for r in self.nodes.refs() {
            if let Some(ping_sent) = &mut self.nodes[r].ping_sent {
                *ping_sent = moment;
            }
        }
        if self.nodes.me().votes() && !self.withholding && self.nodes.quorum() > 1 {
            self.waking = Some(Waking {
                since: moment,
                agreed: BTreeSet::new(),
                told_failed: false,
            });
            self.events.push_back(ClusterEvent::HoldKeys);
            for r in self.other_masters() {
                self.disconnect(r);
                self.connect(r);
            }
        }
        self.flush();
    }

    fn other_masters(&self) -> Vec<NodeRef> {
        let me = self.nodes.my_ref();
        let others = self.nodes.iter().filter(|&(r, n)| r != me && n.votes());
        others.map(|(r, _)| r).collect()
    }

    /// A tenth of a second later: asks those again that have not agreed.
    pub(super) fn ask_again(&mut self) {
        for r in self.other_masters() {
            let node = &self.nodes[r];
            let waits = |waking: &Waking| !waking.agreed.contains(&node.id);
            if self.waking.as_ref().is_some_and(waits) && node.ping_sent.is_none() {
                self.ping(r);
            }
        }
    }

    /// A PONG has come on a link, perhaps on one that is younger than the sleep.
    pub(super) fn note_answer(&mut self, link: LinkId, header: &Header<'_>, entries: &[Gossip]) {
        let me = self.nodes.me().id;
        let replaceable = !self.nodes.replicas_of(self.nodes.my_ref()).is_empty();
        let Some(waking) = &mut self.waking else {
            return;
        };
        let link = self.links.get(link).filter(|link| link.outbound);
        if link.is_none_or(|link| link.created.mono < waking.since.mono) {
            return;
        }
        let failed = |entry: &Gossip| entry.flags.has(Flags::FAIL | Flags::PFAIL);
        let says_failed = (entries.iter()).any(|entry| entry.id == me && failed(entry));
        // A node of this kind always says so; of another kind it is not known what silence means.
        let would_say = header.message_flags[2] & KNOWS_EXTENSIONS != 0;
        if replaceable && (says_failed || (waking.told_failed && !would_say)) {
            waking.agreed.remove(&header.sender);
        } else {
            waking.agreed.insert(header.sender);
        }
    }

    /// Another node has found this one failed.
    pub(super) fn told_failed(&mut self) {
        if let Some(waking) = &mut self.waking {
            waking.told_failed = true;
            waking.agreed.clear();
        }
    }

    /// Ends the hold if this node knows where it stands.
    pub(super) fn judge_waking(&mut self) {
        let Some(waking) = &self.waking else { return };
        let others = self.nodes.iter().filter(|(_, n)| n.votes());
        let votes = others
            .filter(|(_, n)| waking.agreed.contains(&n.id))
            .count();
        let waited = waking.since.until(self.now);
        let patience = self.config.cluster_node_timeout.cast_signed() * PATIENCE_TIMEOUTS;
        let why = if !self.nodes.me().votes() {
            "it has no slots any longer"
        } else if votes + 1 >= self.nodes.quorum() {
            "the majority of the masters has answered"
        } else if waited > patience {
            "no replica was elected in its place"
        } else {
            return;
        };
        self.waking = None;
        let text = format!("Commands are executed again after {waited} milliseconds: {why}");
        self.log(Level::Notice, text);
        self.events.push_back(ClusterEvent::ReleaseKeys);
    }
}
