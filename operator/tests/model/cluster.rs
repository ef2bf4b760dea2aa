//! A model of a whole cluster: pods, processes, disks, a network with partitions, and time.

use std::collections::BTreeMap;

use slotkeeper::model::{PodIndex, Step};
use slotkeeper_topology::NodeId;

use crate::node::Node;
use crate::random::Random;

/// The length of a turn, in milliseconds.
pub const TURN_MS: u64 = 100;

pub struct ModelCluster {
    pub random: Random,
    pub now: u64,
    pub node_timeout: u64,
    /// The number of shards that share the slots.
    pub shards: u32,
    pub common: bool,
    /// The number of pods that the platform runs for a shard.
    pub objects: BTreeMap<u32, u32>,
    pub members: BTreeMap<PodIndex, Member>,
    /// Steps in flight.
    pub delayed: Vec<(u64, Step)>,
    pub formed: bool,
    /// Shards that were ever written to.
    pub written: crate::node::Mask,
    /// Whether a master that withholds itself may decide by itself.
    pub self_resolving: bool,
    next: u64,
}

/// A pod with its process and its disk.
#[derive(Default)]
pub struct Member {
    pub uid: u64,
    pub ip: u32,
    pub process: Option<Node>,
    pub disk: Option<Node>,
    /// When the process starts again.
    pub start_at: Option<u64>,
    /// When a process that was asked to end does end.
    pub leaves_at: Option<u64>,
    /// Partitioned from all others.
    pub cut: bool,
    /// Partitioned from the operator only.
    pub hidden: bool,
    /// Incarnation and time of the last end.
    pub ended: Option<(u64, u64)>,
}

impl ModelCluster {
    pub fn new(seed: u64, shards: u32) -> ModelCluster {
        let mut random = Random::new(seed);
        let self_resolving = random.chance(50);
        ModelCluster {
            random,
            now: 1_000_000,
            node_timeout: 2_000,
            shards,
            common: false,
            objects: BTreeMap::new(),
            members: BTreeMap::new(),
            delayed: Vec::new(),
            formed: false,
            written: 0,
            self_resolving,
            next: 1,
        }
    }

    /// A number that was not used before.
    pub fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn fresh_id(&mut self) -> NodeId {
        let number = self.fresh();
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.random.next().to_be_bytes());
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        NodeId::from_random(bytes)
    }

    pub fn node(&self, index: PodIndex) -> Option<&Node> {
        self.members.get(&index)?.process.as_ref()
    }

    pub fn node_mut(&mut self, index: PodIndex) -> Option<&mut Node> {
        self.members.get_mut(&index)?.process.as_mut()
    }

    pub fn running(&self) -> Vec<PodIndex> {
        let running = self
            .members
            .iter()
            .filter(|(_, member)| member.process.is_some());
        running.map(|(index, _)| *index).collect()
    }

    /// The pod whose running node has that address.
    pub fn at_ip(&self, ip: u32) -> Option<PodIndex> {
        let mut members = self.members.iter();
        members
            .find(|(_, member)| member.ip == ip && member.process.is_some())
            .map(|(index, _)| *index)
    }

    pub fn reach(&self, a: PodIndex, b: PodIndex) -> bool {
        let cut = |index| self.members.get(&index).is_none_or(|member| member.cut);
        a == b || !cut(a) && !cut(b)
    }

    /// The pod of the running node at the address that another node has for it, if it can be
    /// reached there and has that id.
    pub fn peer(&self, from: PodIndex, id: NodeId) -> Option<PodIndex> {
        let known = self
            .node(from)?
            .table
            .get(&id)
            .filter(|known| !known.no_addr)?;
        let index = self.at_ip(known.ip)?;
        (self.node(index)?.id == id && self.reach(from, index)).then_some(index)
    }

    /// Advances the model by one turn.
    pub fn turn(&mut self) {
        self.now += TURN_MS;
        self.processes();
        self.perform_delayed();
        self.gossip();
        self.replicate();
        self.write();
        self.elect();
        self.resolve_withholding();
        self.formed |= self.all_owned();
    }

    pub fn turns(&mut self, count: u64) {
        (0..count).for_each(|_| self.turn());
    }

    /// Starts what has to start and ends what has to end.
    fn processes(&mut self) {
        let indexes: Vec<PodIndex> = self.members.keys().copied().collect();
        for index in indexes {
            let kept = self.objects.get(&index.shard).copied().unwrap_or(0) > index.ordinal;
            let now = self.now;
            let member = self.members.get_mut(&index).expect("a known pod");
            if member.leaves_at.is_some_and(|at| at <= now) {
                self.end_pod(index, kept);
                continue;
            }
            if member.start_at.is_some_and(|at| at <= now) && kept {
                self.start(index);
            }
        }
        let wanted: Vec<PodIndex> = (self.objects.iter())
            .flat_map(|(shard, pods)| (0..*pods).map(|ordinal| PodIndex::new(*shard, ordinal)))
            .collect();
        for index in wanted {
            let start = self.now + self.random.between(100, 3_000);
            let member = self.members.entry(index).or_default();
            if member.process.is_none() && member.start_at.is_none() {
                member.start_at = Some(start);
            }
        }
    }

    fn start(&mut self, index: PodIndex) {
        let (run, id, replid, uid) = (self.fresh(), self.fresh_id(), self.fresh(), self.fresh());
        let resolving = self.now;
        let ip = u32::try_from(self.fresh()).expect("few addresses");
        let member = self.members.get_mut(&index).expect("a known pod");
        member.start_at = None;
        if member.uid == 0 {
            (member.uid, member.ip) = (uid, ip);
        }
        let mut node = match member.disk.clone() {
            Some(disk) => Node {
                run,
                ip: member.ip,
                ..disk
            },
            None => Node::new(id, run, index, member.ip, replid),
        };
        node.link = crate::node::Link {
            down_since: resolving,
            ..Default::default()
        };
        (node.manual, node.election_at) = (None, None);
        for known in node.table.values_mut() {
            (known.ping_sent, known.pong, known.suspected) = (0, 0, false);
        }
        let replicas = node
            .table
            .values()
            .any(|known| known.master == Some(node.id));
        node.withholding = node.slots != 0 && replicas;
        member.disk = None;
        member.process = Some(node);
    }

    /// Ends a process; its disk keeps the configuration, and the data that the fault leaves.
    pub fn kill(&mut self, index: PodIndex, keep: Keep) {
        let (now, replid) = (self.now, self.fresh());
        let start = now + self.random.between(200, 5_000);
        let Some(member) = self.members.get_mut(&index) else {
            return;
        };
        let Some(mut node) = member.process.take() else {
            return;
        };
        member.ended = Some((member.uid, now));
        member.start_at = Some(start);
        member.leaves_at = None;
        member.disk = match keep {
            Keep::All => {
                node.data.complete &= node.link.syncing.is_none();
                Some(node)
            }
            Keep::Configuration => {
                node.data = crate::node::Data::empty(replid);
                Some(node)
            }
            Keep::Nothing => None,
        };
        if let Some(disk) = &mut member.disk
            && !disk.data.complete
        {
            disk.data = crate::node::Data::empty(replid);
        }
    }

    /// Ends a pod: its successor has another UID and another address.
    pub fn end_pod(&mut self, index: PodIndex, keep: bool) {
        let volume = keep && self.random.chance(70);
        self.kill(index, if volume { Keep::All } else { Keep::Nothing });
        let Some(member) = self.members.get_mut(&index) else {
            return;
        };
        (member.uid, member.ip, member.leaves_at) = (0, 0, None);
        if !keep {
            (member.disk, member.start_at) = (None, None);
        }
    }

    fn all_owned(&self) -> bool {
        let indexes = self.running();
        let owned = indexes
            .iter()
            .filter_map(|index| self.node(*index))
            .fold(0, |m, n| m | n.slots);
        let all = (0..self.shards).fold(0, |mask, shard| mask | 1 << shard);
        let met = indexes
            .iter()
            .filter_map(|p| self.node(*p))
            .any(|n| !n.table.is_empty());
        owned == all && (met || indexes.len() == 1)
    }

    /// Clients write to every master that serves.
    fn write(&mut self) {
        for index in self.running() {
            let percent = 30;
            let writes = self.random.chance(percent);
            let Some(node) = self.node_mut(index) else {
                continue;
            };
            if !writes || node.master.is_some() || node.withholding || node.slots == 0 {
                continue;
            }
            for shard in (0..16).filter(|shard| node.slots & (1 << shard) != 0) {
                *node.data.keys.entry(shard).or_default() += 1;
            }
            node.data.offset += 10;
            let slots = node.slots;
            self.written |= slots;
        }
    }
}

/// What the disk keeps when a process ends.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    All,
    Configuration,
    Nothing,
}
