//! Many keys at once out of sight: flushes, and slots that were given away. They are freed in steps.

use std::collections::BTreeSet;

use slotkeeper_topology::{Slot, SlotSet};

use super::Store;
use crate::data::Event;
use crate::data::database::{Garbage, SlotTable};
use crate::data::dropping::Dropping;
use crate::data::walk::Cursor;

/// How many entries a flush frees at once; the rest is freed in steps.
const FREED_AT_ONCE: usize = 1000;

impl Store {
    /// Removes all keys of a database. Returns how many there were.
    pub fn flush(&mut self, db: usize, now_ms: i64) -> usize {
        self.note_watched(db, |_| true, now_ms);
        self.changes.note_database(db);
        self.forget_dropped();
        self.drop_copies();
        if self.dbs[db].len() == 0 {
            return 0;
        }
        let empty = self.new_database();
        let old = std::mem::replace(&mut self.dbs[db], empty);
        let count = old.len();
        self.discard(db, 0, old.into_tables());
        count
    }

    /// Lets two databases change places; not during a walk.
    pub fn swap(&mut self, one: usize, other: usize, now_ms: i64) {
        assert!(
            self.walks.is_empty(),
            "who swaps databases waits for their end"
        );
        self.drop_copies();
        for db in [one, other] {
            self.note_swapped(db, [one, other], now_ms);
            self.changes.note_database(db);
        }
        self.dbs.swap(one, other);
        if self.settled.is_some() {
            self.settled = Some(Cursor::default());
        }
    }

    /// A swap changes those watched keys of a database that are there before it, or after it.
    fn note_swapped(&mut self, db: usize, swapped: [usize; 2], now_ms: i64) {
        for name in self.changes.watches.names(db) {
            let key = self.key(&name);
            let found = swapped.map(|db| self.get(db, &key).map(|entry| entry.expire_at()));
            let is_live = |at: &Option<i64>| at.is_none_or(|at| at > now_ms);
            let mut found = found.iter().flatten().peekable();
            if found.peek().is_some() {
                let expired = !found.any(is_live);
                self.changes.note(db, &key, Event::Flushed, expired);
            }
        }
    }

    /// Takes the keys of these slots out of sight. Returns how many. They are to be named by
    /// [`Self::name_dropped`] or to be forgotten by [`Self::forget_dropped`].
    pub fn drop_slots(&mut self, slots: &SlotSet, now_ms: i64) -> usize {
        self.note_watched(0, |slot| slots.contains(slot), now_ms);
        self.drop_copies();
        let mut count = 0;
        let tables = self.dbs[0].tables();
        for slot in slots.iter().take_while(|slot| slot.index() < tables) {
            let keys = self.dbs[0].table(slot.index()).len();
            if keys > 0 {
                count += keys;
                self.changes.note_slot(slot);
                let mut slot_table = [self.dbs[0].take(slot.index())];
                let loose =
                    (self.walks).detach_large(&mut self.heap, 0, slot.index(), &mut slot_table);
                let [slot_table] = slot_table;
                self.dropping.push(slot, slot_table, loose);
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

    /// The names of dropped keys are not wanted.
    pub fn forget_dropped(&mut self) {
        let mut tables = Vec::new();
        while let Some(slot_table) = self.dropping.pop() {
            tables.push(slot_table);
        }
        self.free_later(tables);
    }

    /// A walk that is under way saves them first.
    fn free_later(&mut self, tables: Vec<SlotTable>) {
        if tables.is_empty() {
        } else if self.walks.keeps_detached() {
            self.walks.push_detached(0, tables.into());
        } else {
            self.garbage.push_back(Garbage::new(tables));
        }
    }

    fn discard(&mut self, db: usize, first: usize, tables: Box<[SlotTable]>) {
        if self.walks.keeps_detached() {
            self.walks.detach(&mut self.heap, db, first, tables);
        } else {
            self.garbage.push_back(Garbage::new(tables));
            self.free_some(FREED_AT_ONCE);
        }
    }

    /// A flush changes those keys that are there and that somebody watches, or whose end somebody
    /// waits for.
    fn note_watched(&mut self, db: usize, goes: impl Fn(Slot) -> bool, now_ms: i64) {
        let mut names: BTreeSet<_> = self.changes.watches.names(db).into_iter().collect();
        names.extend(self.changes.waits.group_names(db));
        for name in names {
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
