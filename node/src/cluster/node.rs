//! One node as this node knows it.

use std::net::{IpAddr, SocketAddr};

use slotkeeper_topology::{Epoch, NodeId, SlotSet};

use super::NodeRef;
use crate::io::LinkId;
use crate::time::Now;

/// A moment on both scales: deadlines use the monotonic one, texts and gossip the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Monotonic milliseconds; signed, since gossip names moments before the start.
    pub mono: i64,
    /// Unix milliseconds.
    pub unix: i64,
}

impl Moment {
    pub fn of(now: Now) -> Moment {
        Moment {
            mono: now.mono_ms().cast_signed(),
            unix: now.unix_ms(),
        }
    }

    /// Milliseconds from this moment to the other.
    pub fn until(self, later: Now) -> i64 {
        later.mono_ms().cast_signed() - self.mono
    }
}

/// The bits of a node's flags, as they stand in bus messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(pub u16);

impl Flags {
    pub const MASTER: Flags = Flags(1);
    pub const REPLICA: Flags = Flags(1 << 1);
    pub const PFAIL: Flags = Flags(1 << 2);
    pub const FAIL: Flags = Flags(1 << 3);
    pub const MYSELF: Flags = Flags(1 << 4);
    pub const HANDSHAKE: Flags = Flags(1 << 5);
    pub const NO_ADDRESS: Flags = Flags(1 << 6);
    /// The next message to it is a MEET.
    pub const MEET: Flags = Flags(1 << 7);
    /// A master that is meant to have replicas.
    pub const MIGRATE_TO: Flags = Flags(1 << 8);
    pub const NO_FAILOVER: Flags = Flags(1 << 9);
    /// It sets the extension flag in its own messages.
    pub const EXTENSIONS: Flags = Flags(1 << 10);

    pub fn has(self, any_of: Flags) -> bool {
        self.0 & any_of.0 != 0
    }

    pub fn set(&mut self, flags: Flags) {
        self.0 |= flags.0;
    }

    pub fn clear(&mut self, flags: Flags) {
        self.0 &= !flags.0;
    }

    pub fn assign(&mut self, flags: Flags, on: bool) {
        if on {
            self.set(flags);
        } else {
            self.clear(flags);
        }
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// A master that says a node cannot be reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailureReport {
    pub reporter: NodeRef,
    pub at: Moment,
}

/// That a replica stands for election in place of its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidacy {
    pub candidate: NodeId,
    pub epoch: Epoch,
    /// When this node began it or heard of it.
    pub since: Moment,
}

/// What this node knows of a node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub id: NodeId,
    /// The shard that it belongs to, as it announced it; none from nodes before Redis 7.2.
    pub shard: Option<NodeId>,
    pub created: Moment,
    pub flags: Flags,
    pub ip: Option<IpAddr>,
    pub port: u16,
    pub plain_port: u16,
    pub bus_port: u16,
    pub hostname: String,
    /// Its name for people, since Redis 7.2: it stands in logs and nodes.conf.
    pub human_name: String,
    pub master: Option<NodeRef>,
    /// Its own; a replica's counts for nothing, its master's does.
    pub config_epoch: Epoch,
    pub slots: SlotSet,
    pub slot_count: u16,
    /// The oldest ping that waits for its pong.
    pub ping_sent: Option<Moment>,
    pub pong_received: Option<Moment>,
    /// When anything came from it.
    pub data_received: Option<Moment>,
    pub fail_time: Option<Moment>,
    /// When this node last voted for a replica of it.
    pub voted: Option<Moment>,
    /// Who last stood for election in its place, as far as this node has heard.
    pub candidacy: Option<Candidacy>,
    pub repl_offset: u64,
    pub reports: Vec<FailureReport>,
    /// The link that this node opened, and the one that the other opened.
    pub outbound: Option<LinkId>,
    pub inbound: Option<LinkId>,
    /// It knows the extensions that came after Redis 7.0: it sent one, or is of this kind.
    pub knows_new_extensions: bool,
    /// The round of gossip that last had it, so that no message names it twice.
    pub gossip_round: u64,
    /// This node withholds, and has asked it once whether its slots have a newer owner.
    pub was_asked: bool,
}

impl Node {
    pub fn new(id: NodeId, flags: Flags, now: Now) -> Node {
        Node {
            id,
            shard: None,
            created: Moment::of(now),
            flags,
            ip: None,
            port: 0,
            plain_port: 0,
            bus_port: 0,
            hostname: String::new(),
            human_name: String::new(),
            master: None,
            config_epoch: Epoch::ZERO,
            slots: SlotSet::new(),
            slot_count: 0,
            ping_sent: None,
            pong_received: None,
            data_received: None,
            fail_time: flags.has(Flags::FAIL).then(|| Moment::of(now)),
            voted: None,
            candidacy: None,
            repl_offset: 0,
            reports: Vec::new(),
            outbound: None,
            inbound: None,
            knows_new_extensions: false,
            gossip_round: 0,
            was_asked: false,
        }
    }

    pub fn is_master(&self) -> bool {
        self.flags.has(Flags::MASTER)
    }

    pub fn is_replica(&self) -> bool {
        self.flags.has(Flags::REPLICA)
    }

    pub fn in_handshake(&self) -> bool {
        self.flags.has(Flags::HANDSHAKE)
    }

    pub fn failed(&self) -> bool {
        self.flags.has(Flags::FAIL)
    }

    pub fn suspected(&self) -> bool {
        self.flags.has(Flags::PFAIL)
    }

    /// A master with slots: those vote, and their majority decides.
    pub fn votes(&self) -> bool {
        self.is_master() && self.slot_count > 0
    }

    pub fn bus_address(&self) -> Option<SocketAddr> {
        self.ip
            .filter(|_| self.bus_port != 0)
            .map(|ip| SocketAddr::new(ip, self.bus_port))
    }

    pub fn client_address(&self) -> Option<SocketAddr> {
        self.ip
            .filter(|_| self.port != 0)
            .map(|ip| SocketAddr::new(ip, self.port))
    }

    /// How logs call it: its id, and the name that people gave to it.
    pub fn name(&self) -> String {
        match self.human_name.as_str() {
            "" => self.id.to_string(),
            human => format!("{} ({human})", self.id),
        }
    }

    /// The address as text; empty while unknown.
    pub fn ip_text(&self) -> String {
        self.ip.map(|ip| ip.to_string()).unwrap_or_default()
    }
}
