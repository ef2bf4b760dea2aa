//! What CLUSTER asks for.

use slotkeeper_topology::{Epoch, Slot};

/// CLUSTER subcommands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterRequest {
    /// INFO.
    Info,
    /// NODES.
    Nodes,
    /// SLOTS.
    Slots,
    /// SHARDS.
    Shards,
    /// MYID.
    MyId,
    /// MYSHARDID.
    MyShardId,
    /// LINKS.
    Links,
    /// MEET.
    Meet {
        /// Address as text.
        ip: String,
        /// Client port.
        port: u16,
        /// Bus port; none for port + 10000.
        bus_port: Option<u16>,
    },
    /// FORGET.
    Forget(String),
    /// REPLICATE.
    Replicate(String),
    /// REPLICATE NO ONE.
    ReplicateNoOne,
    /// REPLICAS, SLAVES.
    Replicas(String),
    /// COUNT-FAILURE-REPORTS.
    CountFailureReports(String),
    /// SAVECONFIG.
    SaveConfig,
    /// ADDSLOTS and ADDSLOTSRANGE.
    AddSlots(Vec<Slot>),
    /// DELSLOTS and DELSLOTSRANGE.
    DelSlots(Vec<Slot>),
    /// FLUSHSLOTS.
    FlushSlots,
    /// SETSLOT.
    SetSlot(Slot, SetSlot),
    /// COUNTKEYSINSLOT.
    CountKeysInSlot(Slot),
    /// GETKEYSINSLOT: slot and how many at most.
    GetKeysInSlot(Slot, usize),
    /// BUMPEPOCH.
    BumpEpoch,
    /// SET-CONFIG-EPOCH.
    SetConfigEpoch(Epoch),
    /// FAILOVER.
    Failover(Failover),
    /// SLOTKEEPER FAILOVER: from that master alone, and only while no later epoch is known.
    FailoverFrom {
        /// How.
        how: Failover,
        /// The master's id.
        master: String,
        /// The epoch that was current when it was decided.
        epoch: Epoch,
    },
    /// RESET.
    Reset {
        /// HARD also takes a new id and zeroes the epochs.
        hard: bool,
    },
    /// All requests of a transaction, which are stored as one.
    Together {
        /// In their order.
        requests: Vec<OneOf>,
        /// Whether the client reads RESP3.
        resp3: bool,
    },
}

/// A request of a transaction that asks only the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOf {
    /// The place of its command in the table.
    pub command: usize,
    /// What it asks for, or why that is refused.
    pub request: Result<ClusterRequest, String>,
}

impl ClusterRequest {
    /// Whether it may change what nodes.conf holds, now or by what it begins.
    #[must_use]
    pub fn changes(&self) -> bool {
        if let ClusterRequest::Together { requests, .. } = self {
            let changes = |one: &OneOf| one.request.as_ref().is_ok_and(ClusterRequest::changes);
            return requests.iter().any(changes);
        }
        matches!(
            self,
            ClusterRequest::Meet { .. }
                | ClusterRequest::Forget(_)
                | ClusterRequest::Replicate(_)
                | ClusterRequest::ReplicateNoOne
                | ClusterRequest::SaveConfig
                | ClusterRequest::AddSlots(_)
                | ClusterRequest::DelSlots(_)
                | ClusterRequest::FlushSlots
                | ClusterRequest::SetSlot(..)
                | ClusterRequest::BumpEpoch
                | ClusterRequest::SetConfigEpoch(_)
                | ClusterRequest::Failover(Failover::Takeover)
                | ClusterRequest::FailoverFrom {
                    how: Failover::Takeover,
                    ..
                }
                | ClusterRequest::Reset { .. }
        )
    }
}

/// What CLUSTER SETSLOT does to the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetSlot {
    /// NODE id.
    Node(String),
    /// MIGRATING id.
    Migrating(String),
    /// IMPORTING id.
    Importing(String),
    /// STABLE.
    Stable,
}

/// How CLUSTER FAILOVER proceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failover {
    /// With the master's help, which pauses its clients: nothing is lost.
    Plain,
    /// Without the master, by election.
    Force,
    /// Without the master and without an election.
    Takeover,
}
