//! The store: every change of a key goes through here.
//!
//! Before an entry changes, a walk that has not saved it does so; what happened then goes to the
//! change log, if it has a subscriber. Counts, the times of keys and the account of memory follow
//! each change.
//! Nothing here expires keys: [`Partition`](super::Partition) decides what an access finds.

mod aside;
mod collections;
mod compaction;
mod copies;
mod flush;
mod held;
mod streams;
mod strings;

use std::collections::VecDeque;

use slotkeeper_topology::{SLOT_COUNT, SlotSet, key_slot};

use self::aside::Aside;
pub use self::aside::Portrait;
use self::compaction::Compaction;
use self::copies::Copies;
use self::held::Held;
use super::changes::Changes;
use super::database::{Database, Garbage};
use super::dropping::Dropping;
use super::entry::{Entry, EntryBox, EntryMut, EntryRef, GENERATIONS, Heap, Meta};
use super::hash::HashKey;
use super::usage::Usage;
use super::value::Kind;
use super::walk::{Cursor, Saver, WalkId, WalkState, WalkWait, Walks, age};
use super::{Event, HeapUse, Key, Layout, only_slot};

/// Entries bear at most so many numbers of walks before the last one: numbers are few.
const SPREAD_MAX: u8 = GENERATIONS - 2;
/// Above so many, a pass gives all entries the last number once no walk is under way.
const SPREAD_KEPT: u8 = 4;

/// What a change of a value came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing.
    Same,
    /// The value is another one.
    Changed(Event),
    /// Nothing is left of it: the key goes, too.
    Emptied(Event),
}

/// All databases, and what must know of their changes.
pub(super) struct Store {
    hasher: HashKey,
    layout: Layout,
    dbs: Vec<Database>,
    heap: Heap,
    pub changes: Changes,
    pub usage: Usage,
    walks: Walks,
    /// The number of the last walk; new entries bear it.
    generation: u8,
    /// How many numbers before that entries may bear.
    spread: u8,
    /// Where the pass is that gives all entries the last number.
    settled: Option<Cursor>,
    garbage: VecDeque<Garbage>,
    /// What a small value is put together in.
    scratch: Vec<u8>,
    dropping: Dropping,
    copies: Copies,
    compaction: Compaction,
    /// Keys that nobody may change.
    pub held: Held,
    /// What is put together beside the keyspace.
    aside: Option<Box<Aside>>,
}

impl Store {
    pub fn new(layout: Layout, hash_key: [u64; 2], heap: Heap) -> Store {
        let count = match layout {
            Layout::Cluster => 1,
            Layout::Databases(count) => count,
        };
        let mut store = Store {
            hasher: HashKey::new(hash_key),
            layout,
            dbs: Vec::new(),
            heap,
            changes: Changes::new(count),
            usage: Usage::default(),
            walks: Walks::new(HashKey::new(hash_key)),
            generation: 0,
            spread: 0,
            settled: None,
            garbage: VecDeque::new(),
            scratch: Vec::new(),
            dropping: Dropping::default(),
            copies: Copies::default(),
            compaction: Compaction::default(),
            held: Held::default(),
            aside: None,
        };
        store.dbs = (0..count).map(|_| store.new_database()).collect();
        store
    }

    fn new_database(&self) -> Database {
        Database::new(match self.layout {
            Layout::Cluster => usize::from(SLOT_COUNT),
            Layout::Databases(_) => 1,
        })
    }

    #[inline]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        let slot = match self.layout {
            Layout::Cluster => key_slot(bytes),
            Layout::Databases(_) => only_slot(),
        };
        Key {
            bytes,
            hash: self.hasher.hash(bytes),
            slot,
        }
    }

    pub fn hasher(&self) -> &HashKey {
        &self.hasher
    }

    pub fn dbs(&self) -> &[Database] {
        &self.dbs
    }

    pub fn memory(&self) -> usize {
        self.heap.used()
    }

    /// The part of it that leads to entries.
    pub fn tables_memory(&self) -> usize {
        self.heap.tables()
    }

    pub fn heap_usage(&self) -> HeapUse {
        self.heap.usage()
    }

    pub fn purge(&mut self) -> usize {
        self.heap.purge()
    }

    #[inline]
    pub fn get(&self, db: usize, key: &Key<'_>) -> Option<Entry<'_>> {
        self.dbs[db].get(key).map(EntryRef::view)
    }

    /// The entry, after a use was noted in it. That alone is no change.
    #[inline]
    pub fn touch(&mut self, db: usize, key: &Key<'_>, clock: u32) -> Option<Entry<'_>> {
        let mut entry = self.dbs[db].get_mut(key)?;
        self.usage.note(&mut entry, clock);
        Some(entry.into_view())
    }

    /// Saves the entry for walks that have not saved it, and drops a copy that is being made of it.
    #[inline]
    fn before_change(&mut self, db: usize, key: &Key<'_>) {
        if !self.walks.is_empty() | !self.copies.is_empty() {
            (self.walks).save_first(&mut self.dbs, &mut self.heap, db, key);
            self.drop_copy(db, key);
        }
    }

    /// What a new string without a time to live has.
    fn new_meta(&self, clock: u32) -> Meta {
        Meta {
            expire_at: None,
            kind: Kind::STRING,
            raw: false,
            clock,
            generation: self.generation,
        }
    }

    /// Adds an entry whose key is not there yet.
    fn insert(&mut self, db: usize, key: &Key<'_>, value: [&[u8]; 2], meta: Meta) {
        let entry = EntryBox::new(&mut self.heap, key.bytes, value, meta);
        self.dbs[db].insert(&mut self.heap, &self.hasher, key, entry);
    }

    /// Changes a value of any type that is there, in place or by an entry of this meta. None if
    /// it is not there.
    pub fn change<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        clock: u32,
        change: impl FnOnce(&mut EntryMut<'_>, &mut Heap, Meta) -> (R, Outcome),
    ) -> Option<R> {
        self.before_change(db, key);
        let mut entry = self.dbs[db].get_mut(key)?;
        self.usage.note(&mut entry, clock);
        let meta = Meta {
            generation: self.generation,
            ..entry.view().meta()
        };
        let (result, outcome) = change(&mut entry, &mut self.heap, meta);
        match outcome {
            Outcome::Same => {}
            Outcome::Changed(event) => self.changes.note(db, key, event, false),
            Outcome::Emptied(event) => {
                self.changes.note(db, key, event, false);
                self.remove(db, key, Event::Del, false);
            }
        }
        Some(result)
    }

    /// Sets or removes a key's time to live. Returns whether the key is there.
    pub fn set_expire(&mut self, db: usize, key: &Key<'_>, at: Option<i64>) -> bool {
        self.before_change(db, key);
        let Some(mut entry) = self.dbs[db].get_mut(key) else {
            return false;
        };
        let event = if at.is_some() {
            Event::Expire
        } else {
            Event::Persist
        };
        self.changes.note(db, key, event, false);
        let old = entry.view().meta();
        if old.expire_at != at && !entry.overwrite_expire(at) {
            let meta = Meta {
                expire_at: at,
                generation: self.generation,
                ..old
            };
            entry.remake(&mut self.heap, meta);
        }
        self.dbs[db].retime(&mut self.heap, key, old.expire_at, at);
        true
    }

    /// Removes a key. `had_expired`: its time had come, so that those who knew that see no change.
    pub fn remove(&mut self, db: usize, key: &Key<'_>, event: Event, had_expired: bool) -> bool {
        let removed = self.discard_key(db, key);
        if removed {
            self.changes.note(db, key, event, had_expired);
        }
        removed
    }

    /// Removes a key without a word about it.
    fn discard_key(&mut self, db: usize, key: &Key<'_>) -> bool {
        self.before_change(db, key);
        let entry = self.take(db, key);
        entry.map(|entry| entry.release(&mut self.heap)).is_some()
    }

    fn take(&mut self, db: usize, key: &Key<'_>) -> Option<EntryBox> {
        let (entry, hollow) = self.dbs[db].remove(&mut self.heap, key)?;
        self.garbage.extend(hollow.map(Garbage::of_table));
        Some(entry)
    }

    /// Gives a key another name, another database, or both. Returns whether there was such a key.
    pub fn rename(
        &mut self,
        (from_db, from): (usize, &Key<'_>),
        (db, to): (usize, &Key<'_>),
        events: (Event, Event),
    ) -> bool {
        if from_db == db && from.bytes == to.bytes {
            return self.get(db, from).is_some();
        }
        self.before_change(from_db, from);
        let Some(entry) = self.take(from_db, from) else {
            return false;
        };
        self.discard_key(db, to);
        self.changes.note(from_db, from, events.0, false);
        self.changes.note(db, to, events.1, false);
        let meta = Meta {
            generation: self.generation,
            ..entry.view().meta()
        };
        let entry = entry.remade(&mut self.heap, to.bytes, meta);
        self.dbs[db].insert(&mut self.heap, &self.hasher, to, entry);
        true
    }

    /// Copies a key over another. Returns whether there was such a key.
    pub fn copy(&mut self, from: (usize, &Key<'_>), to: (usize, &Key<'_>), clock: u32) -> bool {
        let made = self.take_copy(from.0, from.1);
        let Some(source) = self.dbs[from.0].get(from.1).map(EntryRef::view) else {
            return false;
        };
        let meta = Meta {
            clock,
            generation: self.generation,
            ..source.meta()
        };
        let heap = &mut self.heap;
        let made = if let Some(big) = source.big() {
            let copy = match made {
                Some(made) => made.finish(heap, big.value()),
                None => big.copy(heap),
            };
            EntryBox::with_big(heap, to.1.bytes, Box::new(copy), meta)
        } else {
            EntryBox::new(heap, to.1.bytes, [source.bytes(), b""], meta)
        };
        self.discard_key(to.0, to.1);
        self.changes.note(to.0, to.1, Event::CopyTo, false);
        self.dbs[to.0].insert(&mut self.heap, &self.hasher, to.1, made);
        true
    }

    /// Whether a walk may begin, see [`Partition::start_walk`](super::Partition::start_walk).
    pub fn can_start_walk(&self) -> bool {
        let has_number = self.spread.max(self.walks.oldest()) < SPREAD_MAX;
        let is_free = self.walks.can_start() && !self.heap.has_frozen();
        has_number && is_free && self.dropping.is_empty()
    }

    pub fn start_walk(&mut self, saver: Box<dyn Saver>, slots: Option<SlotSet>) -> Option<WalkId> {
        if !self.can_start_walk() {
            return None;
        }
        self.settled = None;
        self.generation = (self.generation + 1) % GENERATIONS;
        self.spread += 1;
        let started = self.walks.start(saver, slots, self.generation, &self.dbs);
        Some(started)
    }

    pub fn walk_step(&mut self, id: WalkId, budget: usize) -> WalkState {
        let mut garbage = Vec::new();
        let how = (budget, !self.dropping.is_empty());
        let state = (self.walks).step(&mut self.dbs, &mut self.heap, id, how, &mut garbage);
        self.garbage.extend(garbage.into_iter().map(Garbage::new));
        state
    }

    pub fn stop_walk(&mut self, id: WalkId) -> Option<Box<dyn Saver>> {
        let stopped = self.walks.stop(id, &mut self.heap)?;
        if let Some(generation) = stopped.saved_all {
            self.spread = self.spread.min(age(self.generation, generation));
        }
        if self.walks.is_empty() && self.spread > SPREAD_KEPT {
            self.settled = Some(Cursor::default());
        }
        let left = stopped.tables.into_iter().map(Garbage::new);
        self.garbage.extend(left);
        Some(stopped.saver)
    }

    pub fn walks(&self) -> &Walks {
        &self.walks
    }

    pub fn saver_mut(&mut self, id: WalkId) -> Option<&mut (dyn Saver + 'static)> {
        self.walks.saver_mut(id)
    }

    pub fn must_wait(&self, db: usize, key: &Key<'_>) -> bool {
        self.walk_wait(db, key).is_some()
    }

    pub fn walk_wait(&self, db: usize, key: &Key<'_>) -> Option<WalkWait> {
        if self.dropping.has(key.slot) {
            return Some(WalkWait::Slot(key.slot));
        }
        if !self.held.is_empty()
            && let Some(number) = self.held.of(db, key.bytes)
        {
            return Some(WalkWait::Move(number));
        }
        let walks = Some(&self.walks).filter(|walks| !walks.is_empty());
        let wait = walks.and_then(|walks| walks.wait(&self.dbs, db, key));
        wait.or_else(|| self.copies.wait(db, key))
    }

    /// Frees what was flushed, and settles what stopped walks left, about so many entries; then
    /// moves together what is scattered. Returns whether there is more.
    pub fn reclaim(&mut self, budget: usize) -> bool {
        let left = self.free_some(budget);
        // A region counts as a whole step: the system takes as long to get it back.
        left == 0 || self.heap.trim() || !self.settle(left) || self.compact()
    }

    /// Whether something is to be freed.
    pub fn is_freeing(&self) -> bool {
        !self.garbage.is_empty() || self.heap.has_waste()
    }

    /// Whether all tables that are not on their way to be freed are those of the databases.
    pub fn is_whole(&self) -> bool {
        self.walks.is_empty() && self.dropping.is_empty() && self.aside.is_none()
    }

    /// How many keys and big values wait to be freed in steps, and how many were.
    pub fn freed_later(&self) -> (usize, u64) {
        let (values, freed) = self.heap.freed_later();
        let keys = self.garbage.iter().map(Garbage::keys);
        (values + keys.sum::<usize>(), freed)
    }

    pub fn reset_freed_later(&mut self) {
        self.heap.reset_freed_later();
    }

    /// Frees what was removed, about so many entries. Returns what is left of the budget.
    pub fn free_some(&mut self, budget: usize) -> usize {
        let mut left = budget;
        while let Some(garbage) = self.garbage.front_mut() {
            if !garbage.step(&mut self.heap, &mut left) {
                return 0;
            }
            self.garbage.pop_front();
        }
        self.heap.free_waste(&mut left);
        left
    }

    /// Gives entries the number of the last walk, so that the next numbers are free again. Returns
    /// whether all have it.
    fn settle(&mut self, budget: usize) -> bool {
        let Some(cursor) = &mut self.settled else {
            return true;
        };
        let mut left = budget;
        while cursor.db < self.dbs.len() {
            if left == 0 {
                return false;
            }
            left -= 1;
            let table = self.dbs[cursor.db].table_mut(cursor.table);
            let next = table.visit_mut(cursor.position, |mut entry| {
                entry.set_generation(self.generation);
                left = left.saturating_sub(1);
                true
            });
            cursor.advance(&self.dbs, next);
        }
        self.settled = None;
        self.spread = 0;
        true
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        while let Some(id) = self.walks.first() {
            self.stop_walk(id);
        }
        self.drop_copies();
        self.forget_dropped();
        let aside = self.aside.take().map(|aside| aside.into_databases());
        for db in (std::mem::take(&mut self.dbs).into_iter()).chain(aside.into_iter().flatten()) {
            self.garbage.push_back(Garbage::new(db.into_tables()));
        }
        self.free_some(usize::MAX);
    }
}
