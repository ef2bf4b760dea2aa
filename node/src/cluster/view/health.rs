//! The cluster for probes and metrics.

use std::net::SocketAddr;

use slotkeeper_topology::{Epoch, NodeId};

use crate::cluster::Cluster;
use crate::cluster::bus::KINDS;

/// What probes ask of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterHealth {
    /// This node is a master.
    pub master: bool,
    /// Slots that it owns itself.
    pub own_slots: usize,
    /// It knows another node; not counting handshakes.
    pub knows_a_peer: bool,
    /// It sees a majority of the masters that own slots.
    pub sees_majority: bool,
    /// As a replica: its master is known and is flagged FAIL.
    pub master_failed: bool,
    /// `cluster_state:ok`.
    pub serving: bool,
}

/// Messages of one type since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageCount {
    /// As in CLUSTER INFO.
    pub kind: &'static str,
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
}

impl Cluster {
    /// What probes ask.
    #[must_use]
    pub fn health(&self) -> ClusterHealth {
        let me = self.nodes.me();
        ClusterHealth {
            master: me.is_master(),
            own_slots: me.slots.len(),
            knows_a_peer: self.nodes.refs().into_iter().any(|r| self.nodes.is_peer(r)),
            sees_majority: self.sees_majority(),
            master_failed: me.master.is_some_and(|master| self.nodes[master].failed()),
            serving: self.state.ok,
        }
    }

    /// Bus messages by type.
    #[must_use]
    pub fn message_counts(&self) -> Vec<MessageCount> {
        let counts = self.stats.sent.iter().zip(&self.stats.received);
        (KINDS.iter().zip(counts))
            .map(|(kind, (&sent, &received))| MessageCount {
                kind: kind.name(),
                sent,
                received,
            })
            .collect()
    }

    /// Slots that have an owner, in the whole cluster.
    #[must_use]
    pub fn assigned_slots(&self) -> usize {
        self.nodes
            .iter()
            .map(|(_, n)| usize::from(n.slot_count))
            .sum()
    }

    /// How many nodes are known, this one and handshakes among them.
    #[must_use]
    pub fn known_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The memory that the links of the bus take, in bytes.
    #[must_use]
    pub fn links_memory(&self) -> usize {
        self.links.memory()
    }

    /// How many masters own slots.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.size()
    }

    /// The current epoch.
    #[must_use]
    pub fn current_epoch(&self) -> Epoch {
        self.current_epoch
    }

    /// The master that this node replicates: id and client address, where it is known.
    #[must_use]
    pub fn master_address(&self) -> Option<(NodeId, Option<SocketAddr>)> {
        let master = self.nodes.me().master?;
        Some((self.nodes[master].id, self.nodes[master].client_address()))
    }

    /// The replica of this node that has the most data and is not failing, for a hand-over before
    /// a shutdown: id and client address. The offset is what it last told on the bus.
    #[must_use]
    pub fn best_replica(&self) -> Option<(NodeId, SocketAddr)> {
        let replicas = self.nodes.replicas_of(self.nodes.my_ref());
        (replicas.into_iter().map(|r| &self.nodes[r]))
            .filter(|n| !n.failed() && !n.suspected())
            .filter(|n| !n.flags.has(crate::cluster::node::Flags::NO_FAILOVER))
            .filter_map(|n| Some((n.repl_offset, n.id, n.client_address()?)))
            .max_by_key(|&(offset, id, _)| (offset, std::cmp::Reverse(id)))
            .map(|(_, id, address)| (id, address))
    }

    /// The shard of this node (CLUSTER MYSHARDID).
    #[must_use]
    pub fn my_shard(&self) -> NodeId {
        self.shard_of(self.nodes.my_ref())
    }
}
