//! A master that restarts holds back until it has shown itself current.

use crate::engine::Engine;
use crate::io::{Level, LinkEvent, LinkId, Output};
use crate::replication::withhold::{Access, WithholdEvent, Withholding};
use crate::resp::Reply;
use crate::time::Now;

/// How many links the enquiries of one process may take.
const ENQUIRY_LINKS: u64 = 1 << 40;

impl Engine {
    /// Whether the node withholds: keyed commands, PSYNC and SYNC get -LOADING.
    pub(super) fn is_withholding(&self) -> bool {
        self.replication.withholding.is_some()
    }

    /// Whether nodes.conf made this node a master with slots and replicas: it may have lost what
    /// they still hold. Until its data file is loaded it keeps silent on the bus.
    pub(super) fn must_withhold(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| {
            cluster.is_master()
                && !cluster.my_slots().is_empty()
                && !cluster.replicas_of_me().is_empty()
        })
    }

    /// Before the data file is loaded: nothing may leave for the bus that makes this node look
    /// alive.
    pub(super) fn keep_silent(&mut self) {
        if self.must_withhold()
            && let Some(cluster) = &mut self.cluster
        {
            cluster.set_withholding(true);
        }
    }

    /// The data file is loaded: decides whether to withhold, and starts asking.
    pub(super) fn start_withholding(&mut self, now: Now) {
        if !self.must_withhold() {
            self.warn_of_serving_alone();
            if let Some(cluster) = &mut self.cluster {
                cluster.set_withholding(false);
            }
            return;
        }
        let access = Access {
            user: self.config.masteruser.clone(),
            password: self.config.masterauth.clone(),
            from: self.config.bind_source_addr,
        };
        let first_link = self.replication.enquiry_links(ENQUIRY_LINKS);
        let (held, wait) = (self.replication.held, self.config.cluster_empty_master_wait);
        self.replication.withholding = Some(Withholding::new(held, access, first_link, wait, now));
        if let Some(cluster) = &mut self.cluster {
            cluster.set_withholding(true);
        }
        let text = "Withholding: this master was restarted and asks its replicas whether they \
                    hold newer data";
        self.log(Level::Warning, text);
        self.withhold_cron(now);
    }

    fn warn_of_serving_alone(&mut self) {
        let alone = self
            .cluster
            .as_ref()
            .is_some_and(|cluster| cluster.is_master() && !cluster.my_slots().is_empty());
        if alone && self.data.is_empty() {
            let text = "This master was restarted without data and knows no replica that could \
                        have them: it serves";
            self.log(Level::Warning, text);
        }
    }

    /// SLOTKEEPER SERVE.
    pub(super) fn end_withholding(&mut self, run_id: &[u8], now: Now, reply: &mut Reply) {
        if run_id != self.boot.run_id {
            reply.error("ERR That is not the run id of this process");
            return;
        }
        let Some(withholding) = &mut self.replication.withholding else {
            reply.error("ERR This node does not withhold");
            return;
        };
        withholding.end(
            Level::Warning,
            "Withholding ends by the command SLOTKEEPER SERVE",
        );
        self.drain_withholding(now);
        reply.ok();
    }

    /// This node is no master any longer, so that it has nothing to withhold.
    pub(super) fn withholding_is_over(&mut self, why: &str, now: Now) {
        if let Some(withholding) = &mut self.replication.withholding {
            withholding.end(Level::Notice, &format!("Withholding ends: {why}"));
            self.drain_withholding(now);
        }
    }

    /// Something happened on an enquiry's link.
    pub(super) fn on_enquiry_link(&mut self, link: LinkId, event: LinkEvent<'_>, now: Now) {
        if self.on_hand_over_link(link, &event, now) {
            return;
        }
        if let Some(withholding) = &mut self.replication.withholding {
            withholding.on_link(link, &event, now);
            self.drain_withholding(now);
        }
    }

    /// Ten times a second.
    pub(super) fn withhold_cron(&mut self, now: Now) {
        let Some(cluster) = &self.cluster else {
            return;
        };
        if !cluster.is_master() {
            self.withholding_is_over("another node is the master of this shard now", now);
            return;
        }
        let replicas = cluster.replicas_of_me();
        if let Some(withholding) = &mut self.replication.withholding {
            withholding.on_timer(&replicas, now);
            self.drain_withholding(now);
        }
    }

    fn drain_withholding(&mut self, now: Now) {
        while let Some(event) = self
            .replication
            .withholding
            .as_mut()
            .and_then(Withholding::poll_event)
        {
            match event {
                WithholdEvent::Link(link, op) => self.out(Output::Link(link, op)),
                WithholdEvent::Log(level, text) => self.log(level, text),
                WithholdEvent::DeclareFailed => {
                    if let Some(cluster) = &mut self.cluster {
                        cluster.declare_self_failed(now);
                    }
                    self.cluster_events(now);
                }
                WithholdEvent::End => {
                    self.replication.withholding = None;
                    if let Some(cluster) = &mut self.cluster {
                        cluster.set_withholding(false);
                    }
                }
            }
        }
    }
}
