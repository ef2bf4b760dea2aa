//! The wires between the cluster machine and the rest of the node.

use slotkeeper_topology::Slot;

use crate::cluster::{Cluster, ClusterEvent, Facts};
use crate::engine::commit::Change;
use crate::engine::parking::Parked;
use crate::engine::{Acted, Engine};
use crate::io::{DiskOp, Level, LinkEvent, LinkId, LinkOp, Output, Peer, SessionId};
use crate::request::ClusterRequest;
use crate::resp::Reply;
use crate::time::Now;

impl Engine {
    /// A node has connected to the bus port. Its bytes come by `on_link`, without `Opened`.
    pub fn accept_bus(&mut self, peer: Peer, now: Now) -> LinkId {
        let Some(cluster) = &mut self.cluster else {
            return LinkId::Bus(0);
        };
        let link = cluster.accept(peer, now);
        self.cluster_events(now);
        link
    }

    /// Something happened on a link.
    pub fn on_link(&mut self, link: LinkId, event: LinkEvent<'_>, now: Now) {
        self.look_at_clock(now);
        match link {
            LinkId::Bus(_) if self.cluster.is_none() => self.link(link, LinkOp::Close),
            LinkId::Bus(_) => self.with_cluster(now, |cluster, facts| {
                cluster.on_link(link, event, facts, now);
            }),
            LinkId::Master(_) => self.on_upstream_link(link, event, now),
            LinkId::Enquiry(_) => self.on_enquiry_link(link, event, now),
            LinkId::Migrate(_) => self.on_migrate_link(link, event, now),
        }
        self.offset_moved(now);
    }

    /// CLUSTER.
    pub(super) fn cluster_request(
        &mut self,
        request: ClusterRequest,
        session: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        if self.cluster.is_none() {
            reply.error("ERR This instance has cluster support disabled");
            return Acted::Replied;
        }
        let takes_over = matches!(
            request,
            ClusterRequest::Failover(_) | ClusterRequest::FailoverFrom { .. }
        );
        if takes_over && let Some(why) = self.refuses_take_over() {
            reply.error(why);
            return Acted::Replied;
        }
        match request {
            ClusterRequest::CountKeysInSlot(slot) => {
                reply.integer(self.data.slot_len(slot) as i64);
            }
            ClusterRequest::GetKeysInSlot(slot, max) => {
                let mut keys = Vec::new();
                self.data.keys_in_slot(slot, max, &mut keys);
                reply.array(keys.len());
                for key in keys {
                    reply.bulk(&key);
                }
            }
            request => {
                let mut waits = false;
                let session_to_answer = (!self.in_exec()).then_some(session);
                self.with_cluster(now, |cluster, facts| {
                    waits = cluster.request(request, session_to_answer, facts, now, reply);
                });
                if waits {
                    self.park(session, Parked::Reply);
                    return Acted::Waiting;
                }
            }
        }
        Acted::Replied
    }

    /// The answer to `SaveNodesConf`.
    pub(super) fn nodes_conf_stored(&mut self, result: Result<(), &str>, now: Now) {
        self.with_cluster(now, |cluster, facts| cluster.on_stored(result, facts, now));
    }

    /// The regular work of the cluster.
    pub(super) fn cluster_timer(&mut self, now: Now) {
        let due = |cluster: &Cluster| cluster.next_timer() <= now.mono_ms();
        if self.cluster.as_deref().is_some_and(due) {
            self.with_cluster(now, |cluster, facts| cluster.on_timer(facts, now));
        }
    }

    /// Our replication offset may have moved: a planned take-over waits for that.
    pub(super) fn offset_moved(&mut self, now: Now) {
        if self.cluster.as_deref().is_some_and(Cluster::watches_offset) {
            self.with_cluster(now, |cluster, facts| cluster.on_timer(facts, now));
        }
    }

    /// Lets the cluster act with the facts of this moment, then does what it asks for.
    pub(super) fn with_cluster(&mut self, now: Now, act: impl FnOnce(&mut Cluster, &Facts<'_>)) {
        let Some(mut cluster) = self.cluster.take() else {
            return;
        };
        let link = self.master_link();
        let slot_has_keys = |slot: Slot| self.data.slot_len(slot) > 0;
        let facts = Facts {
            repl_offset: self.replication.offset(),
            master_link_up: link.is_some_and(|link| link.up),
            master_link_down_since: link.and_then(|link| link.down_since),
            dataset_complete: self.is_complete(),
            has_keys: !self.data.is_empty(),
            slot_has_keys: &slot_has_keys,
            started: self.started.mono_ms(),
        };
        act(&mut cluster, &facts);
        self.cluster = Some(cluster);
        self.cluster_events(now);
    }

    /// Does what the cluster asks for.
    pub(super) fn cluster_events(&mut self, now: Now) {
        while let Some(event) = self
            .cluster
            .as_mut()
            .and_then(|cluster| cluster.poll_event())
        {
            self.is_replica = self
                .cluster
                .as_ref()
                .is_some_and(|cluster| !cluster.is_master());
            self.cluster_event(event, now);
        }
        self.is_replica = self
            .cluster
            .as_ref()
            .map_or(self.is_replica, |cluster| !cluster.is_master());
        self.release_held();
    }

    pub(super) fn cluster_event(&mut self, event: ClusterEvent, now: Now) {
        match event {
            ClusterEvent::Link(link, op) => self.link(link, op),
            ClusterEvent::SaveNodesConf(text) => {
                self.out(Output::Disk(DiskOp::SaveNodesConf(text)));
            }
            ClusterEvent::Answer(session, reply) => {
                if let Some(text) = reply.strip_prefix(b"-") {
                    self.stats.count_error(text);
                }
                self.resume_with(session, reply);
            }
            ClusterEvent::Failed(command, text) => {
                self.stats.of_command(command).failed += 1;
                self.stats.count_error(&text);
            }
            ClusterEvent::CannotStart(reason) => {
                self.log(Level::Warning, format!("Can't store nodes.conf: {reason}"));
                self.out(Output::Exit(1));
            }
            ClusterEvent::Log(origin, level, text) => self.log_of(origin, level, text),
            ClusterEvent::FollowMaster { address, .. } => {
                self.is_replica = true;
                self.end_all_migrations();
                if let Some(address) = address {
                    self.follow(address, now);
                }
            }
            ClusterEvent::BecomeMaster => {
                self.is_replica = false;
                self.stop_following(now);
            }
            ClusterEvent::SlotsLost(slots) => self.drop_slots(&slots),
            ClusterEvent::PauseWrites { until_mono_ms } => {
                self.pause.set_by_cluster(Some(until_mono_ms));
            }
            ClusterEvent::ResumeWrites => {
                self.pause.set_by_cluster(None);
                if !self.pause.any() {
                    self.resume_paused();
                }
            }
            ClusterEvent::HoldKeys => self.hold_keys(true),
            ClusterEvent::ReleaseKeys => self.hold_keys(false),
            ClusterEvent::FlushData => {
                self.data.flush(None);
                let flush = vec![vec![b"FLUSHALL".to_vec()]];
                self.commit(0, Change::Commands(&flush));
            }
            ClusterEvent::Publish { .. } => {}
        }
    }
}
