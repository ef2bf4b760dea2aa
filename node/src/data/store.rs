//! The door: every change of a key goes through here.
//!
//! Before an entry changes, a walk that has not saved it does so, and those who watch the key get
//! a new version of it. Counts, the times of keys and the account of memory follow each change.
//! Nothing here expires keys: [`Partition`](super::Partition) decides what an access finds.

use std::collections::VecDeque;

use slotkeeper_topology::{SLOT_COUNT, Slot, SlotSet, key_slot};

use super::database::{Database, Garbage, Shelf};
use super::dropping::Dropping;
use super::entry::{Entry, EntryBox, EntryMut, EntryRef, GENERATIONS, Heap, LARGE, Meta};
use super::hash::HashKey;
use super::walk::{Cursor, Saver, Walk, WalkState, WalkWait};
use super::watch::Watches;
use super::{Expire, Key, Layout, only_slot};

/// How many entries a flush frees at once; the rest is freed in steps.
const FREED_AT_ONCE: usize = 1000;

/// All databases, and what must know of their changes.
pub(super) struct Store {
    hasher: HashKey,
    layout: Layout,
    dbs: Vec<Database>,
    heap: Heap,
    pub watches: Watches,
    walk: Option<Walk>,
    /// How many large values the walks so far have begun.
    larges: u64,
    /// The number of the last walk; new entries bear it.
    generation: u8,
    /// How many earlier numbers entries may bear, since walks were stopped early.
    stale: u8,
    /// Where the pass is that gives all entries the last number after such a stop.
    settled: Option<Cursor>,
    garbage: VecDeque<Garbage>,
    dropping: Dropping,
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
            watches: Watches::new(count),
            walk: None,
            larges: 0,
            generation: 0,
            stale: 0,
            settled: None,
            garbage: VecDeque::new(),
            dropping: Dropping::default(),
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

    #[inline]
    pub fn get(&self, db: usize, key: &Key<'_>) -> Option<Entry<'_>> {
        self.dbs[db].get(key).map(EntryRef::view)
    }

    /// The entry, after its access clock was set. That alone is no change.
    #[inline]
    pub fn touch(&mut self, db: usize, key: &Key<'_>, clock: u32) -> Option<Entry<'_>> {
        let mut entry = self.dbs[db].get_mut(key)?;
        entry.set_clock(clock);
        Some(entry.into_view())
    }

    #[inline]
    fn before_change(&mut self, db: usize, key: &Key<'_>, removal: bool) {
        if let Some(walk) = &mut self.walk {
            walk.save_first(&mut self.dbs, db, key);
        }
        if !self.watches.is_empty() {
            self.watches.change(db, key.bytes, removal);
        }
    }

    /// Sets a key to a string.
    pub fn set(&mut self, db: usize, key: &Key<'_>, value: &[u8], expire: Expire, clock: u32) {
        self.before_change(db, key, false);
        let mut meta = Meta {
            expire_at: match expire {
                Expire::At(at) => Some(at),
                Expire::Keep | Expire::Never => None,
            },
            raw: false,
            clock,
            generation: self.generation,
        };
        let Some(mut entry) = self.dbs[db].get_mut(key) else {
            let entry = EntryBox::new(&mut self.heap, key.bytes, [value, b""], meta);
            self.dbs[db].insert(&mut self.heap, &self.hasher, key, entry);
            return;
        };
        let old = entry.view().expire_at();
        if expire == Expire::Keep {
            meta.expire_at = old;
        }
        if !entry.overwrite(value, meta) {
            let made = EntryBox::new(&mut self.heap, key.bytes, [value, b""], meta);
            entry.replace(made).release(&mut self.heap);
        }
        self.dbs[db].retime(key, old, meta.expire_at);
    }

    /// Appends to a string. Returns its new length.
    pub fn append(&mut self, db: usize, key: &Key<'_>, tail: &[u8], clock: u32) -> usize {
        if self.get(db, key).is_none() {
            self.set(db, key, tail, Expire::Never, clock);
            return tail.len();
        }
        self.change(db, key, clock, |entry, heap, meta| {
            if let Some(len) = entry.append(heap, tail) {
                return len;
            }
            let made = EntryBox::new(heap, key.bytes, [entry.view().str(), tail], meta);
            let len = made.view().str().len();
            entry.replace(made).release(heap);
            len
        })
    }

    /// Writes into a string, filled up with zero bytes. Returns its new length.
    pub fn set_range(
        &mut self,
        db: usize,
        key: &Key<'_>,
        offset: usize,
        bytes: &[u8],
        clock: u32,
    ) -> usize {
        if self.get(db, key).is_none() {
            self.set(db, key, b"", Expire::Never, clock);
        }
        self.change(db, key, clock, |entry, heap, meta| {
            if let Some(len) = entry.write_at(heap, offset, bytes) {
                return len;
            }
            let mut value = entry.view().str().to_vec();
            let len = value.len().max(offset + bytes.len());
            value.resize(len, 0);
            value[offset..offset + bytes.len()].copy_from_slice(bytes);
            let made = if len > LARGE {
                EntryBox::with_vec(heap, key.bytes, value, meta)
            } else {
                EntryBox::new(heap, key.bytes, [&value, b""], meta)
            };
            entry.replace(made).release(heap);
            len
        })
    }

    /// Changes a string that is there, in place or by an entry of this meta.
    fn change(
        &mut self,
        db: usize,
        key: &Key<'_>,
        clock: u32,
        change: impl FnOnce(&mut EntryMut<'_>, &mut Heap, Meta) -> usize,
    ) -> usize {
        self.before_change(db, key, false);
        let mut entry = self.dbs[db].get_mut(key).expect("the caller made sure");
        entry.set_clock(clock);
        let meta = Meta {
            raw: true,
            generation: self.generation,
            ..entry.view().meta()
        };
        change(&mut entry, &mut self.heap, meta)
    }

    /// Sets or removes a key's time to live. Returns whether the key is there.
    pub fn set_expire(&mut self, db: usize, key: &Key<'_>, at: Option<i64>) -> bool {
        self.before_change(db, key, false);
        let Some(mut entry) = self.dbs[db].get_mut(key) else {
            return false;
        };
        let old = entry.view().meta();
        if old.expire_at != at && !entry.overwrite_expire(at) {
            let meta = Meta {
                expire_at: at,
                generation: self.generation,
                ..old
            };
            entry.remake(&mut self.heap, meta);
        }
        self.dbs[db].retime(key, old.expire_at, at);
        true
    }

    /// Removes a key. `expired`: those who watched it as an expired one see no change.
    pub fn remove(&mut self, db: usize, key: &Key<'_>, expired: bool) -> bool {
        self.before_change(db, key, expired);
        let entry = self.take(db, key);
        entry.map(|entry| entry.release(&mut self.heap)).is_some()
    }

    fn take(&mut self, db: usize, key: &Key<'_>) -> Option<EntryBox> {
        let (entry, hollow) = self.dbs[db].remove(&mut self.heap, key)?;
        self.garbage.extend(hollow.map(Garbage::of_table));
        Some(entry)
    }

    /// Gives a key another name. Returns whether there was such a key.
    pub fn rename(&mut self, db: usize, from: &Key<'_>, to: &Key<'_>) -> bool {
        self.before_change(db, from, false);
        if from.bytes == to.bytes {
            return self.get(db, from).is_some();
        }
        let Some(entry) = self.take(db, from) else {
            return false;
        };
        self.remove(db, to, false);
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
        let Some(source) = self.dbs[from.0].get(from.1).map(EntryRef::view) else {
            return false;
        };
        let meta = Meta {
            clock,
            generation: self.generation,
            ..source.meta()
        };
        let made = EntryBox::new(&mut self.heap, to.1.bytes, [source.str(), b""], meta);
        self.remove(to.0, to.1, false);
        self.dbs[to.0].insert(&mut self.heap, &self.hasher, to.1, made);
        true
    }

    /// Removes all keys of a database. Returns how many there were.
    pub fn flush(&mut self, db: usize, now_ms: i64) -> usize {
        self.change_watched(db, |_| true, now_ms);
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
        self.change_watched(0, |slot| slots.contains(slot), now_ms);
        let mut count = 0;
        let shelves = self.dbs[0].shelves();
        for slot in slots.iter().take_while(|slot| slot.index() < shelves) {
            let keys = self.dbs[0].table(slot.index()).len();
            if keys > 0 {
                count += keys;
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
    fn change_watched(&mut self, db: usize, goes: impl Fn(Slot) -> bool, now_ms: i64) {
        if self.watches.is_empty() {
            return;
        }
        for name in self.watches.names(db) {
            let key = self.key(&name);
            if goes(key.slot)
                && let Some(entry) = self.get(db, &key)
            {
                let expired = entry.expire_at().is_some_and(|at| at <= now_ms);
                self.watches.change(db, &name, expired);
            }
        }
    }

    pub fn start_walk(&mut self, saver: Box<dyn Saver>) {
        self.stop_walk();
        if self.stale >= GENERATIONS - 2 {
            while !self.settle(usize::MAX) {}
        }
        self.settled = None;
        self.generation = (self.generation + 1) % GENERATIONS;
        let (generation, hasher) = (self.generation, self.hasher);
        self.walk = Some(Walk::new(saver, generation, hasher, self.larges, &self.dbs));
    }

    pub fn walk_step(&mut self, budget: usize) -> WalkState {
        let Some(walk) = &mut self.walk else {
            return WalkState::Done;
        };
        let mut garbage = Vec::new();
        let open = !self.dropping.is_empty();
        let state = walk.step(&mut self.dbs, &mut self.heap, budget, open, &mut garbage);
        self.garbage.extend(garbage.into_iter().map(Garbage::new));
        state
    }

    pub fn stop_walk(&mut self) -> Option<Box<dyn Saver>> {
        let walk = self.walk.take()?;
        if walk.done {
            self.stale = 0;
        } else {
            self.stale += 1;
            self.settled = Some(walk.cursor);
        }
        self.larges = walk.larges();
        let (saver, left) = walk.stop(&mut self.heap);
        self.garbage.extend(left.into_iter().map(Garbage::new));
        Some(saver)
    }

    pub fn walk_mut(&mut self) -> Option<&mut Walk> {
        self.walk.as_mut()
    }

    pub fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    pub fn must_wait(&self, db: usize, key: &Key<'_>) -> bool {
        self.walk_wait(db, key).is_some()
    }

    pub fn walk_wait(&self, db: usize, key: &Key<'_>) -> Option<WalkWait> {
        if self.dropping.has(key.slot) {
            return Some(WalkWait::Slot(key.slot));
        }
        self.walk.as_ref()?.wait(&self.dbs, db, key)
    }

    pub fn walk_value(&self) -> Option<u64> {
        self.walk.as_ref()?.value()
    }

    /// Frees what was flushed, and settles what a stopped walk left, about so many entries.
    /// Returns whether there is more.
    pub fn reclaim(&mut self, budget: usize) -> bool {
        let left = self.free_some(budget);
        // A region counts as a whole step: the system takes as long to get it back.
        left == 0 || self.heap.trim() || !self.settle(left)
    }

    /// Returns what is left of the budget.
    fn free_some(&mut self, budget: usize) -> usize {
        let mut left = budget;
        while let Some(garbage) = self.garbage.front_mut() {
            if !garbage.step(&mut self.heap, &mut left) {
                return 0;
            }
            self.garbage.pop_front();
        }
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
            let table = self.dbs[cursor.db].table_mut(cursor.shelf);
            let next = table.visit_mut(cursor.position, |mut entry| {
                entry.set_generation(self.generation);
                left = left.saturating_sub(1);
                true
            });
            cursor.advance(&self.dbs, next);
        }
        self.settled = None;
        self.stale = 0;
        true
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop_walk();
        self.forget_dropped();
        for db in std::mem::take(&mut self.dbs) {
            self.garbage.push_back(Garbage::new(db.into_shelves()));
        }
        self.free_some(usize::MAX);
    }
}
