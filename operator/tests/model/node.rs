//! A model of one node: what it knows, what it owns, what it holds.

use std::collections::BTreeMap;

use slotkeeper::model::PodIndex;
use slotkeeper_topology::NodeId;

/// A set of shards' ranges: bit `s` stands for all slots of shard `s`.
pub type Mask = u16;

#[derive(Clone, Debug)]
pub struct Node {
    pub id: NodeId,
    pub run: u64,
    pub pod: PodIndex,
    pub ip: u32,
    pub table: BTreeMap<NodeId, TableEntry>,
    pub banned: BTreeMap<NodeId, u64>,
    pub current_epoch: u64,
    pub master: Option<NodeId>,
    pub slots: Mask,
    pub epoch: u64,
    pub data: Data,
    pub link: Link,
    pub withholding: bool,
    /// Votes given: for which master, when, in which epoch.
    pub votes: BTreeMap<NodeId, u64>,
    /// A manual failover that was asked for, and until when it is tried.
    pub manual: Option<(Manual, u64)>,
    /// When its own election may start.
    pub election_at: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manual {
    Plain,
    Force,
}

/// What a node knows about another.
#[derive(Clone, Debug)]
pub struct TableEntry {
    pub pod: PodIndex,
    pub ip: u32,
    pub master: Option<NodeId>,
    pub slots: Mask,
    pub epoch: u64,
    pub ping_sent: u64,
    pub pong: u64,
    pub suspected: bool,
    pub failed: bool,
    pub no_addr: bool,
}

/// A data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// Keys by shard.
    pub keys: BTreeMap<u32, u64>,
    pub replid: u64,
    pub replid2: u64,
    pub offset: u64,
    pub complete: bool,
    /// The master that it was copied from; none for a master's own.
    pub synced_with: Option<NodeId>,
}

#[derive(Clone, Debug, Default)]
pub struct Link {
    pub up: bool,
    /// Until when a full sync runs.
    pub syncing: Option<u64>,
    pub down_since: u64,
}

impl Data {
    pub fn empty(replid: u64) -> Data {
        Data {
            replid,
            complete: true,
            ..Data::default()
        }
    }

    pub fn key_mask(&self) -> Mask {
        self.keys
            .iter()
            .filter(|(_, keys)| **keys > 0)
            .fold(0, |mask, (shard, _)| mask | 1 << shard)
    }

    pub fn key_count(&self) -> u64 {
        self.keys.values().sum()
    }
}

impl Node {
    pub fn new(id: NodeId, run: u64, index: PodIndex, ip: u32, replid: u64) -> Node {
        Node {
            id,
            run,
            pod: index,
            ip,
            table: BTreeMap::new(),
            banned: BTreeMap::new(),
            current_epoch: 0,
            master: None,
            slots: 0,
            epoch: 0,
            data: Data::empty(replid),
            link: Link::default(),
            withholding: false,
            votes: BTreeMap::new(),
            manual: None,
            election_at: None,
        }
    }

    /// How it would list another after a first contact.
    pub fn as_table_entry(&self, now: u64) -> TableEntry {
        TableEntry {
            pod: self.pod,
            ip: self.ip,
            master: self.master,
            slots: 0,
            epoch: self.epoch,
            ping_sent: 0,
            pong: now,
            suspected: false,
            failed: false,
            no_addr: false,
        }
    }

    /// The masters that own slots by its own table, itself included.
    pub fn owners(&self) -> Vec<NodeId> {
        let mut owners: Vec<NodeId> = (self.table.iter())
            .filter(|(_, known)| known.master.is_none() && known.slots != 0)
            .map(|(id, _)| *id)
            .collect();
        if self.master.is_none() && self.slots != 0 {
            owners.push(self.id);
        }
        owners
    }

    /// Who owns a shard's slots by its own table, and in which epoch.
    pub fn owner_of(&self, bit: Mask) -> Option<(NodeId, u64)> {
        if self.slots & bit != 0 {
            return Some((self.id, self.epoch));
        }
        let mut known = self.table.iter();
        known
            .find(|(_, known)| known.slots & bit != 0)
            .map(|(id, known)| (*id, known.epoch))
    }

    /// Notes that a node owns the slots in that epoch; gives back the claims that it knows better.
    pub fn learn_claim(&mut self, owner: NodeId, slots: Mask, epoch: u64, now: u64) -> Vec<NodeId> {
        let mut better = Vec::new();
        let mut lost_own = 0;
        let followed = self
            .master
            .and_then(|m| self.table.get(&m))
            .map_or(0, |known| known.slots);
        for bit in (0..16).map(|shift| 1 << shift) {
            let claims = slots & bit != 0;
            match self.owner_of(bit) {
                Some((holder, _)) if holder == owner && !claims => {
                    // A node that no longer claims a slot keeps it here until another claims it.
                }
                Some((holder, held)) if claims && holder != owner && held >= epoch => {
                    better.push(holder);
                }
                Some((holder, _)) if claims && holder != owner => {
                    if holder == self.id {
                        self.slots &= !bit;
                        lost_own |= bit;
                    } else if let Some(known) = self.table.get_mut(&holder) {
                        known.slots &= !bit;
                    }
                    self.give(owner, bit);
                }
                None if claims => self.give(owner, bit),
                _ => {}
            }
        }
        let still = self
            .master
            .and_then(|m| self.table.get(&m))
            .map_or(0, |known| known.slots);
        let superseded = self.master.is_some() && followed != 0 && still == 0;
        if (lost_own != 0 && self.slots == 0) || superseded && self.master != Some(owner) {
            self.follow(owner, now);
        }
        better
    }

    fn give(&mut self, owner: NodeId, bit: Mask) {
        if let Some(known) = self.table.get_mut(&owner) {
            known.slots |= bit;
        }
    }

    pub fn follow(&mut self, master: NodeId, now: u64) {
        self.master = Some(master);
        self.slots = 0;
        self.withholding = false;
        self.manual = None;
        self.election_at = None;
        self.link = Link {
            up: false,
            syncing: None,
            down_since: now,
        };
    }

    /// Takes the slots of its master in a new epoch.
    pub fn promote(&mut self, epoch: u64, replid: u64) {
        let Some(master) = self.master.take() else {
            return;
        };
        let slots = self.table.get(&master).map_or(0, |known| known.slots);
        if let Some(known) = self.table.get_mut(&master) {
            known.slots = 0;
        }
        self.slots = slots;
        self.epoch = epoch;
        self.current_epoch = self.current_epoch.max(epoch);
        self.data.replid2 = self.data.replid;
        self.data.replid = replid;
        self.data.complete = true;
        self.link = Link::default();
        self.manual = None;
        self.election_at = None;
    }
}
