//! The owner of each slot, and slots in migration.

use std::collections::BTreeMap;

use slotkeeper_topology::{SLOT_COUNT, Slot, SlotSet};

use super::node::Flags;
use super::nodes::Nodes;
use super::{NodeRef, Route};

/// Who owns which slot, and which are on their way. One array answers what every request asks.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    owner: Box<[Option<NodeRef>]>,
    route: Box<[Route]>,
    migrating: BTreeMap<Slot, NodeRef>,
    importing: BTreeMap<Slot, NodeRef>,
    /// How often a route has changed.
    changes: u64,
}

impl Slots {
    pub fn new() -> Slots {
        Slots {
            owner: vec![None; usize::from(SLOT_COUNT)].into(),
            route: vec![Route::Unassigned; usize::from(SLOT_COUNT)].into(),
            migrating: BTreeMap::new(),
            importing: BTreeMap::new(),
            changes: 0,
        }
    }

    #[inline]
    pub fn route(&self, slot: Slot) -> Route {
        self.route[slot.index()]
    }

    /// Another number than before if any route has changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub fn owner(&self, slot: Slot) -> Option<NodeRef> {
        self.owner[slot.index()]
    }

    pub fn migrating_to(&self, slot: Slot) -> Option<NodeRef> {
        self.migrating.get(&slot).copied()
    }

    pub fn importing_from(&self, slot: Slot) -> Option<NodeRef> {
        self.importing.get(&slot).copied()
    }

    pub fn migrating(&self) -> &BTreeMap<Slot, NodeRef> {
        &self.migrating
    }

    pub fn importing(&self) -> &BTreeMap<Slot, NodeRef> {
        &self.importing
    }

    /// Gives a slot to a node, or leaves it without an owner.
    pub fn assign(&mut self, nodes: &mut Nodes, slot: Slot, to: Option<NodeRef>) {
        if let Some(old) = self.owner[slot.index()]
            && nodes[old].slots.remove(slot)
        {
            nodes[old].slot_count -= 1;
        }
        if let Some(new) = to
            && nodes[new].slots.insert(slot)
        {
            nodes[new].slot_count += 1;
            // With its first slot it becomes one more that is meant to have replicas, if others do.
            if nodes[new].slot_count == 1 && nodes.have_replicas() {
                nodes[new].flags.set(Flags::MIGRATE_TO);
            }
        }
        self.owner[slot.index()] = to;
        if to != Some(nodes.my_ref()) {
            self.migrating.remove(&slot);
        }
        self.refresh(nodes.my_ref(), slot);
    }

    /// Takes all slots of a node away; how many there were.
    pub fn unassign_all(&mut self, nodes: &mut Nodes, of: NodeRef) -> usize {
        let slots = nodes[of].slots.clone();
        for slot in slots.iter() {
            self.assign(nodes, slot, None);
        }
        slots.len()
    }

    pub fn set_migrating(&mut self, me: NodeRef, slot: Slot, to: Option<NodeRef>) {
        match to {
            Some(to) => self.migrating.insert(slot, to),
            None => self.migrating.remove(&slot),
        };
        self.refresh(me, slot);
    }

    pub fn set_importing(&mut self, me: NodeRef, slot: Slot, from: Option<NodeRef>) {
        match from {
            Some(from) => self.importing.insert(slot, from),
            None => self.importing.remove(&slot),
        };
        self.refresh(me, slot);
    }

    /// Forgets that slots were on their way: all of them, or those from or to one node.
    pub fn close(&mut self, me: NodeRef, only: Option<NodeRef>) {
        let concerns = |node: NodeRef| only.is_none_or(|only| only == node);
        let open: SlotSet = (self.migrating.iter().chain(&self.importing))
            .filter(|&(_, &node)| concerns(node))
            .map(|(&slot, _)| slot)
            .collect();
        self.migrating.retain(|_, node| !concerns(*node));
        self.importing.retain(|_, node| !concerns(*node));
        for slot in open.iter() {
            self.refresh(me, slot);
        }
    }

    fn refresh(&mut self, me: NodeRef, slot: Slot) {
        self.changes += 1;
        self.route[slot.index()] = match self.owner(slot) {
            None => Route::Unassigned,
            Some(owner) if owner == me => match self.migrating_to(slot) {
                Some(to) => Route::Migrating(to),
                None => Route::Mine,
            },
            Some(owner) if self.importing_from(slot).is_some() => Route::Importing(owner),
            Some(owner) => Route::Moved(owner),
        };
    }
}
