//! Many keys at once out of sight: flushes, and slots that were given away. They are freed in steps.

use slotkeeper_topology::{Slot, SlotSet};

use super::Store;
use crate::data::Event;
use crate::data::database::{Garbage, Shelf};
use crate::data::dropping::Dropping;

/// How many entries a flush frees at once; the rest is freed in steps.
const FREED_AT_ONCE: usize = 1000;

impl Store {
    /// Removes all keys of a database. Returns how many there were.
    pub fn flush(&mut self, db: usize, now_ms: i64) -> usize {
        self.note_watched(db, |_| true, now_ms);
        self.changes.note_database(db);
        self.forget_dropped();
        if self.dbs[db].len() == 0 {
            return 0;
        }
        let empty = self.new_database();
        let old = std::mem::replace(&mut self.dbs[db], empty);
        let count = old.len();
        self.discard(db, 0, old.into_shelves());
        count
    }

    /// Takes the keys of these slots out of sight. Returns how many. They are to be named by
    /// [`Self::name_dropped`] or to be forgotten by [`Self::forget_dropped`].
    pub fn drop_slots(&mut self, slots: &SlotSet, now_ms: i64) -> usize {
        self.note_watched(0, |slot| slots.contains(slot), now_ms);
        let mut count = 0;
        let shelves = self.dbs[0].shelves();
        for slot in slots.iter().take_while(|slot| slot.index() < shelves) {
            let keys = self.dbs[0].table(slot.index()).len();
            if keys > 0 {
                count += keys;
                self.changes.note_slot(slot);
                let mut shelf = [self.dbs[0].take(slot.index())];
                let walk = self.walk.as_mut();
                let loose = walk
                    .and_then(|walk| walk.own_large(&mut self.heap, 0, slot.index(), &mut shelf));
                let [shelf] = shelf;
                self.dropping.push(slot, shelf, loose);
            }
        }
        count
    }

    pub fn dropping(&self) -> &Dropping {
        &self.dropping
    }

    /// The next keys of dropped slots, for about `budget` bytes of names. Those of a slot are freed
    /// when all of them are named.
    pub fn name_dropped(&mut self, budget: usize) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        let named = self.dropping.step(&self.hasher, budget, &mut names);
        self.free_later(named);
        names
    }

    /// Nobody wants the names of what was dropped.
    pub fn forget_dropped(&mut self) {
        let mut shelves = Vec::new();
        while let Some(shelf) = self.dropping.pop() {
            shelves.push(shelf);
        }
        self.free_later(shelves);
    }

    /// A walk that is under way saves them first.
    fn free_later(&mut self, shelves: Vec<Shelf>) {
        match &mut self.walk {
            _ if shelves.is_empty() => {}
            Some(walk) if !walk.done => walk.take_over(0, shelves.into()),
            _ => self.garbage.push_back(Garbage::new(shelves)),
        }
    }

    fn discard(&mut self, db: usize, first: usize, shelves: Box<[Shelf]>) {
        match &mut self.walk {
            Some(walk) if !walk.done => walk.hand_over(&mut self.heap, db, first, shelves),
            _ => {
                self.garbage.push_back(Garbage::new(shelves));
                self.free_some(FREED_AT_ONCE);
            }
        }
    }

    /// A flush changes those watched keys that are there.
    fn note_watched(&mut self, db: usize, goes: impl Fn(Slot) -> bool, now_ms: i64) {
        for name in self.changes.watches.names(db) {
            let key = self.key(&name);
            if goes(key.slot)
                && let Some(entry) = self.get(db, &key)
            {
                let expired = entry.expire_at().is_some_and(|at| at <= now_ms);
                self.changes.note(db, &key, Event::Flushed, expired);
            }
        }
    }
}
