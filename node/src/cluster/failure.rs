//! Failure detection: PFAIL, FAIL, reports, and when a failure is taken back.

use slotkeeper_topology::NodeId;

use super::bus::Kind;
use super::node::{FailureReport, Flags, Moment};
use super::{Cluster, NodeRef};
use crate::io::Level;

/// Failure reports count for so many node timeouts; so long is also the wait before the FAIL of a
/// master that was not replaced is taken back.
const TIMEOUTS: i64 = 2;

impl Cluster {
    /// We cannot reach a node ourselves.
    pub(super) fn suspect(&mut self, r: NodeRef) {
        let text = format!("*** NODE {} possibly failing", self.nodes[r].name());
        self.log(Level::Debug, text);
        self.nodes[r].flags.set(Flags::PFAIL);
        self.todo.update_state = true;
        self.fail_if_agreed(r);
    }

    /// A node says that another cannot be reached, or can.
    pub(super) fn note_report(&mut self, reporter: NodeRef, about: NodeRef, down: bool) {
        if !self.nodes[reporter].is_master() {
            return;
        }
        let at = Moment::of(self.now);
        let names = [reporter, about].map(|r| self.nodes[r].name());
        let reports = &mut self.nodes[about].reports;
        let known = reports
            .iter()
            .position(|report| report.reporter == reporter);
        match (down, known) {
            (true, Some(i)) => reports[i].at = at,
            (true, None) => {
                reports.push(FailureReport { reporter, at });
                let [reporter, about] = names;
                let text = format!("Node {reporter} reported node {about} as not reachable.");
                self.log(Level::Verbose, text);
            }
            (false, Some(i)) => {
                reports.swap_remove(i);
                let [reporter, about] = names;
                let text = format!("Node {reporter} reported node {about} is back online.");
                self.log(Level::Verbose, text);
            }
            (false, None) => {}
        }
        if down {
            self.fail_if_agreed(about);
        }
    }

    /// How many masters lately reported the node as failing.
    pub(super) fn reports_of(&self, r: NodeRef) -> usize {
        self.recent_reports(r).count()
    }

    fn recent_reports(&self, r: NodeRef) -> impl Iterator<Item = NodeRef> {
        let oldest = self.config.cluster_node_timeout.cast_signed() * TIMEOUTS;
        (self.nodes[r].reports.iter())
            .filter(move |report| report.at.until(self.now) <= oldest)
            .map(|report| report.reporter)
    }

    /// A node that we suspect has failed when the majority of the slot-owning masters agree.
    fn fail_if_agreed(&mut self, r: NodeRef) {
        if !self.nodes[r].suspected() || self.nodes[r].failed() {
            return;
        }
        let others = self
            .recent_reports(r)
            .filter(|&by| self.nodes[by].votes())
            .count();
        let agreeing = others + usize::from(self.nodes.me().votes());
        if agreeing < self.nodes.quorum() {
            return;
        }
        let id = self.nodes[r].id;
        let name = self.nodes[r].name();
        let text = format!("Marking node {name} as failing (quorum reached).");
        self.log(Level::Notice, text);
        self.set_failed(r);
        self.broadcast_fail(id);
    }

    fn set_failed(&mut self, r: NodeRef) {
        let at = Moment::of(self.now);
        let node = &mut self.nodes[r];
        node.flags.clear(Flags::PFAIL);
        node.flags.set(Flags::FAIL);
        node.fail_time = Some(at);
        self.todo.save = true;
        self.todo.update_state = true;
        self.todo.failover = true;
    }

    /// Another node found the majority.
    pub(super) fn on_fail(&mut self, sender: NodeRef, failed: &NodeId) {
        let Some(r) = self.nodes.find(failed) else {
            return;
        };
        if r == self.nodes.my_ref() {
            self.found_failed |= self.withholding;
            self.told_failed();
            return;
        }
        if self.nodes[r].failed() {
            return;
        }
        let text = format!(
            "FAIL message received from {} about {}",
            self.nodes[sender].name(),
            self.nodes[r].name()
        );
        self.log(Level::Notice, text);
        self.set_failed(r);
    }

    /// A failed node answers again. A master keeps its FAIL for a while: it may be being replaced.
    pub(super) fn clear_failure_if_due(&mut self, r: NodeRef) {
        let node = &self.nodes[r];
        let wait = self.config.cluster_node_timeout.cast_signed() * TIMEOUTS;
        let waited = node.fail_time.is_none_or(|at| at.until(self.now) > wait);
        let text = if !node.votes() {
            let kind = if node.is_replica() {
                "replica"
            } else {
                "master without slots"
            };
            format!(
                "Clear FAIL state for node {}: {kind} is reachable again.",
                node.name()
            )
        } else if waited {
            format!(
                "Clear FAIL state for node {}: is reachable again and nobody is serving its slots \
                 after some time.",
                node.name()
            )
        } else {
            return;
        };
        self.log(Level::Notice, text);
        let node = &mut self.nodes[r];
        node.flags.clear(Flags::FAIL);
        node.fail_time = None;
        self.todo.save = true;
        self.todo.update_state = true;
    }

    /// Withholding is over. The others wait for the PONGs that were kept back, and would go on
    /// waiting: as long as anything comes from here, they do not open the link again. And no node
    /// answers the PINGs that were kept back here, for which this node waits itself.
    pub(super) fn speak_again(&mut self) {
        if !std::mem::take(&mut self.withholding) {
            return;
        }
        self.declared_failed = false;
        self.found_failed = false;
        for r in self.nodes.refs() {
            if let Some(link) = self.nodes[r].inbound {
                self.send_gossip(link, Kind::Pong);
            }
            let outbound = self.nodes[r].outbound;
            let open = |link| self.links.get(link).is_some_and(|link| link.open);
            if let Some(link) = outbound.filter(|&link| open(link)) {
                self.send_gossip(link, Kind::Ping);
            }
        }
    }

    /// A node that withholds sends each other one PING, once both links between them are up: one
    /// that knows a newer owner of its slots answers with that, even if the owner is gone. To the
    /// other it looks as if the process had ended that much later, and not as if it lived: a
    /// failure is taken back for a PONG only.
    pub(super) fn ask_for_owner(&mut self, r: NodeRef) {
        let node = &self.nodes[r];
        let known = node.data_received.is_some() && !node.in_handshake();
        if !self.withholding || node.was_asked || !known || !self.linked(r) {
            return;
        }
        self.nodes[r].was_asked = true;
        if let Some(link) = self.nodes[r].outbound {
            self.send_gossip_always(link, Kind::Ping);
        }
    }

    /// Broadcasts FAIL about this node itself: a replica has newer data and is to be elected. Only
    /// for a node that withholds.
    pub(super) fn fail_self(&mut self) {
        if !self.withholding || !self.nodes.me().is_master() {
            return;
        }
        self.declared_failed = true;
        let id = self.nodes.me().id;
        self.log(
            Level::Warning,
            "A replica has newer data: declaring this node failed.",
        );
        self.broadcast_fail(id);
    }
}
