//! Slots that were given away: their keys are out of sight at once, and are named and freed in
//! steps.
//!
//! Until all keys of a slot are named, nothing may be written to it: a replica that repeats the
//! changes in order would remove what was written.

use std::collections::VecDeque;

use slotkeeper_topology::{Slot, SlotSet};

use super::database::SlotTable;
use super::hash::HashKey;

/// What a name costs of a step's budget, in bytes, beside its length.
const NAME_COST: usize = 64;

/// A slot's table, out of its database.
struct Dropped {
    slot: Slot,
    slot_table: SlotTable,
    /// What lies before it is named.
    position: u64,
}

/// All of them, in order.
#[derive(Default)]
pub(super) struct Dropping {
    queue: VecDeque<Dropped>,
    slots: SlotSet,
    /// A slot was lost, came back and was lost again meanwhile.
    twice: bool,
    /// Keys that are in no table any more.
    loose: Vec<Vec<u8>>,
}

impl Dropping {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether keys of that slot are not named yet.
    pub fn has(&self, slot: Slot) -> bool {
        !self.queue.is_empty() && self.slots.contains(slot)
    }

    /// Adds a slot's table, and a key of it that was taken out before.
    pub fn push(&mut self, slot: Slot, slot_table: SlotTable, loose: Option<Vec<u8>>) {
        self.twice |= !self.slots.insert(slot);
        self.loose.extend(loose);
        self.queue.push_back(Dropped {
            slot,
            slot_table,
            position: 0,
        });
    }

    /// Names the next keys, for about `budget` bytes; tables whose keys are all named come out.
    pub fn step(
        &mut self,
        hasher: &HashKey,
        budget: usize,
        names: &mut Vec<Vec<u8>>,
    ) -> Vec<SlotTable> {
        let (mut left, mut done) = (budget, Vec::new());
        names.append(&mut self.loose);
        while left > 0
            && let Some(first) = self.queue.front_mut()
        {
            let table = first.slot_table.table_mut();
            let next = table.visit(hasher, first.position, |entry| {
                left = left.saturating_sub(entry.key().len() + NAME_COST);
                names.push(entry.key().to_vec());
                left > 0
            });
            // A segment without keys is passed over, and costs something, too.
            left = left.saturating_sub(1);
            match next {
                Some(position) => first.position = position,
                None => done.extend(self.pop()),
            }
        }
        done
    }

    /// The first one, named or not.
    pub fn pop(&mut self) -> Option<SlotTable> {
        let Dropped {
            slot, slot_table, ..
        } = self.queue.pop_front()?;
        let again = || self.queue.iter().any(|dropped| dropped.slot == slot);
        if !(self.twice && again()) {
            self.slots.remove(slot);
        }
        self.twice &= !self.queue.is_empty();
        Some(slot_table)
    }
}
