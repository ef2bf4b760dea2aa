//! What the cluster knows of the rest of the node, and what it asks the engine to do.

use std::net::SocketAddr;

use bytes::Bytes;
use slotkeeper_topology::{NodeId, Slot, SlotSet};

use crate::io::{Level, LinkId, LinkOp, Origin, SessionId};

/// What the cluster machine must know of the rest of the node, at the moment of a call.
pub struct Facts<'a> {
    /// The own replication offset: of the stream that this node writes as a master, or of what it
    /// has applied of its master's.
    pub repl_offset: u64,
    /// As a replica: the link to the master is up and its data set was transferred.
    pub master_link_up: bool,
    /// As a replica: since when (monotonic milliseconds) the link to the master is down; none while
    /// it is up, and when it was never up since the start.
    pub master_link_down_since: Option<u64>,
    /// The data set is whole: no full sync was begun and cut short, no load is going on.
    pub dataset_complete: bool,
    /// Whether there is any key.
    pub has_keys: bool,
    /// Whether there is a key in a slot.
    pub slot_has_keys: &'a dyn Fn(Slot) -> bool,
    /// When this process started, in monotonic milliseconds.
    pub started: u64,
}

/// What the engine must do, in this order. A file that must be safe before a message leaves stands
/// before the message.
#[derive(Debug)]
pub enum ClusterEvent {
    /// An operation on a bus link.
    Link(LinkId, LinkOp),
    /// Replace nodes.conf, durably; answered by `Cluster::on_stored`.
    SaveNodesConf(Bytes),
    /// The reply to a request that waited for nodes.conf.
    Answer(SessionId, Vec<u8>),
    /// One of the requests of a transaction ended with this error: the place of its command, and the
    /// text.
    Failed(usize, Vec<u8>),
    /// nodes.conf cannot be stored on the first start, so this node has no identity to keep: it must
    /// end. The reason.
    CannotStart(String),
    /// A line for the log.
    Log(Origin, Level, String),
    /// Become the replica of this node, or stay it at a new address.
    FollowMaster {
        /// The master.
        id: NodeId,
        /// Its data port; none while its address is not known.
        address: Option<SocketAddr>,
    },
    /// This node is a master from now on: end the link to the former master.
    BecomeMaster,
    /// Slots went to another node: delete the keys in them.
    SlotsLost(SlotSet),
    /// Park writes until then (monotonic milliseconds): a replica takes over by plan.
    PauseWrites {
        /// The latest end.
        until_mono_ms: u64,
    },
    /// The planned take-over has ended, one way or the other.
    ResumeWrites,
    /// This master has slept, and may have been replaced: park what touches keys.
    HoldKeys,
    /// It knows where it stands.
    ReleaseKeys,
    /// CLUSTER RESET on a replica: empty the data set.
    FlushData,
    /// A message of PUBLISH from another node.
    Publish {
        /// The channel.
        channel: Bytes,
        /// The message.
        message: Bytes,
        /// SPUBLISH: a channel of a shard.
        sharded: bool,
    },
}

/// Another node, or this one; valid until the next call that may change the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeRef(pub(super) u16);

/// Where a slot is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Nowhere.
    Unassigned,
    /// Here.
    Mine,
    /// Here, but keys that are missing here are there already (ASK).
    Migrating(NodeRef),
    /// There (MOVED), but a request that was ASKING is served here.
    Importing(NodeRef),
    /// There (MOVED).
    Moved(NodeRef),
}
