//! The partition: what commands, the engine and savers see of the keys.
//!
//! It decides what an access finds: whether a key has expired, and what is done about that. All
//! that changes a key is left to the store, `store.rs`.

mod ahead;
mod aside;
mod check;
mod eviction;
mod expiry;
mod fields;
mod list;
mod reader;
mod streams;
mod waiting;
mod walks;
mod write;

use slotkeeper_topology::Slot;

use super::entry::{Entry, Heap};
use super::store::Store;
use super::{
    Change, DataStats, ExpiryPolicy, HeapUse, Key, Layout, List, Scope, Set, Stream, Watched,
    WrongType, Zset,
};
use crate::key::Locate;
use crate::time::Now;
use eviction::Pool;
pub use eviction::{Evicted, Eviction};
pub use expiry::Expired;
pub use reader::Reader;

/// All keys that this node holds, and what belongs to them.
pub struct Partition {
    store: Store,
    now: Now,
    /// What a key remembers that is made or used now.
    stamp: u32,
    touch: bool,
    expiry: ExpiryPolicy,
    hits: u64,
    misses: u64,
    expired_count: u64,
    expired_fields: u64,
    expired: Vec<Expired>,
    /// Where active expiry goes on: database and table.
    expiry_next: (usize, usize),
    /// The same of fields.
    field_expiry_next: (usize, usize),
    pool: Pool,
}

impl Partition {
    /// An empty partition. `hash_key` seeds the hash.
    #[must_use]
    pub fn new(layout: Layout, hash_key: [u64; 2]) -> Partition {
        Partition::with_heap(layout, hash_key, Heap::new())
    }

    pub(super) fn with_heap(layout: Layout, hash_key: [u64; 2], heap: Heap) -> Partition {
        Partition {
            store: Store::new(layout, hash_key, heap),
            now: Now::default(),
            stamp: 0,
            touch: true,
            expiry: ExpiryPolicy::default(),
            hits: 0,
            misses: 0,
            expired_count: 0,
            expired_fields: 0,
            expired: Vec::new(),
            expiry_next: (0, 0),
            field_expiry_next: (0, 0),
            pool: Pool::default(),
        }
    }

    /// The key of that name.
    #[must_use]
    #[inline]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        self.store.key(bytes)
    }

    /// What accesses do with expired keys from now on.
    pub fn set_expiry_policy(&mut self, expiry: ExpiryPolicy) {
        self.expiry = expiry;
    }

    /// Begins a command (or an EXEC): the time by which keys expire, and whether accesses count
    /// as such (not after CLIENT NO-TOUCH).
    #[inline]
    pub fn begin(&mut self, now: Now, touch: bool) {
        self.now = now;
        self.stamp = self.store.usage.stamp(now);
        self.touch = touch;
    }

    /// How keys are accessed at present: what [`Self::begin`] and [`Self::set_expiry_policy`] have
    /// set.
    #[must_use]
    pub fn access(&self) -> (Now, bool, ExpiryPolicy) {
        (self.now, self.touch, self.expiry)
    }

    /// How many databases there are.
    #[must_use]
    pub fn databases(&self) -> usize {
        self.store.dbs().len()
    }

    /// The entry of a key; counts a hit or a miss, and is an access.
    #[inline]
    pub fn get(&mut self, db: usize, key: &Key<'_>) -> Option<Entry<'_>> {
        if self.store.dbs()[db].expires() > 0 && !self.live(db, key) {
            self.misses += 1;
            return None;
        }
        let found = if self.touch {
            self.store.touch(db, key, self.stamp)
        } else {
            self.store.get(db, key)
        };
        match found {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        found
    }

    /// The string at a key; counts a hit or a miss, and is an access.
    ///
    /// # Errors
    /// When a value of another type is there.
    #[inline]
    pub fn get_str(&mut self, db: usize, key: &Key<'_>) -> Result<Option<&[u8]>, WrongType> {
        self.get(db, key).map(|entry| entry.as_str()).transpose()
    }

    /// The sorted set at a key; counts a hit or a miss, and is an access.
    ///
    /// # Errors
    /// When a value of another type is there.
    #[inline]
    pub fn get_zset(&mut self, db: usize, key: &Key<'_>) -> Result<Option<Zset<'_>>, WrongType> {
        self.get(db, key).map(|entry| entry.as_zset()).transpose()
    }

    /// The set at a key; counts a hit or a miss, and is an access.
    ///
    /// # Errors
    /// When a value of another type is there.
    #[inline]
    pub fn get_set(&mut self, db: usize, key: &Key<'_>) -> Result<Option<Set<'_>>, WrongType> {
        self.get(db, key).map(|entry| entry.as_set()).transpose()
    }

    /// The list at a key; counts a hit or a miss, and is an access.
    ///
    /// # Errors
    /// When a value of another type is there.
    #[inline]
    pub fn get_list(&mut self, db: usize, key: &Key<'_>) -> Result<Option<List<'_>>, WrongType> {
        self.get(db, key).map(|entry| entry.as_list()).transpose()
    }

    /// The stream at a key; counts a hit or a miss, and is an access.
    ///
    /// # Errors
    /// When a value of another type is there.
    #[inline]
    pub fn get_stream(&mut self, db: usize, key: &Key<'_>) -> Result<Option<&Stream>, WrongType> {
        self.get(db, key).map(|entry| entry.as_stream()).transpose()
    }

    /// The entry of a key; counts a hit or a miss, and is no access: for commands that ask about a
    /// key and do not use it.
    pub fn probe(&mut self, db: usize, key: &Key<'_>) -> Option<Entry<'_>> {
        if !self.live(db, key) {
            self.misses += 1;
            return None;
        }
        self.hits += 1;
        self.store.get(db, key)
    }

    /// Counts a hit, for a command that writes and of which Redis counts one all the same.
    pub fn count_hit(&mut self) {
        self.hits += 1;
    }

    /// The entry of a key that is about to be changed: an access, and not counted, as Redis counts
    /// only what is read.
    #[inline]
    pub fn get_to_change(&mut self, db: usize, key: &Key<'_>) -> Option<Entry<'_>> {
        if !self.live(db, key) {
            return None;
        }
        if self.touch {
            return self.store.touch(db, key, self.stamp);
        }
        self.store.get(db, key)
    }

    /// The entry of a key, without being counted and without being an access.
    pub fn peek(&mut self, db: usize, key: &Key<'_>) -> Option<Entry<'_>> {
        if !self.live(db, key) {
            return None;
        }
        self.store.get(db, key)
    }

    /// How many keys a database holds, expired ones that are not removed yet included.
    #[must_use]
    pub fn len(&self, db: usize) -> usize {
        self.store.dbs()[db].len()
    }

    /// How many keys of a database have a time to live.
    #[must_use]
    pub fn expires(&self, db: usize) -> usize {
        self.store.dbs()[db].expires()
    }

    /// What all databases take without a key, in bytes. It does not change.
    #[must_use]
    pub fn empty_bytes(&self) -> usize {
        let dbs = self.store.dbs().iter();
        dbs.map(crate::data::database::Database::empty_bytes).sum()
    }

    /// What the tables of a database take beside its keys and values, and about what the times to
    /// live of its keys take, in bytes. The cost grows with the number of tables and the size of
    /// their directories.
    #[must_use]
    pub fn overhead(&self, db: usize) -> (usize, usize) {
        self.store.dbs()[db].overhead()
    }

    /// The mean time to live, in milliseconds, of the keys that have one.
    #[must_use]
    pub fn avg_ttl(&self, db: usize) -> i64 {
        let mean = self.store.dbs()[db].mean_expire();
        mean.map_or(0, |at| at.saturating_sub(self.now.unix_ms()).max(0))
    }

    /// Whether no database holds any key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.dbs().iter().all(|db| db.len() == 0)
    }

    /// How many keys a hash slot holds; outside of cluster mode slot 0 has those of database 0.
    #[must_use]
    pub fn slot_len(&self, slot: Slot) -> usize {
        let db = &self.store.dbs()[0];
        if slot.index() < db.tables() {
            db.table(slot.index()).len()
        } else {
            0
        }
    }

    /// Watches a key from now on, until [`Self::unwatch`].
    pub fn watch(&mut self, db: usize, key: &Key<'_>) -> Watched {
        Watched {
            db,
            key: key.bytes.to_vec(),
            version: self.store.changes.watches.add(db, key.bytes),
            was_expired: self.is_expired(db, key),
        }
    }

    /// Ends a watch that [`Self::watch`] began.
    pub fn unwatch(&mut self, watched: &Watched) {
        self.store.changes.watches.remove(watched.db, &watched.key);
    }

    /// Whether a watched key was changed, or has expired, since its watch began.
    #[must_use]
    pub fn watched_changed(&self, watched: &Watched) -> bool {
        let Watched {
            db,
            key,
            version,
            was_expired,
        } = watched;
        debug_assert!(
            self.store.changes.is_empty(),
            "the log is drained after every change"
        );
        let changed = self
            .store
            .changes
            .watches
            .has_changed(*db, key, *version, *was_expired);
        changed || (!was_expired && self.is_expired(*db, &self.key(key)))
    }

    /// From now on all changes in this scope are written to the change log, until
    /// [`Self::unfollow`].
    pub fn follow(&mut self, scope: Scope) {
        self.store.changes.follow(scope);
    }

    /// Ends what [`Self::follow`] began; to be called as often.
    pub fn unfollow(&mut self, scope: Scope) {
        self.store.changes.unfollow(scope);
    }

    /// The changes with a subscriber since [`Self::drain_changes`], in order.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.store.changes.iter()
    }

    /// Empties the change log. Those who watch a key see its changes from then on. To be called
    /// after every command, and whatever else changes keys. Whether a key has changed that is waited
    /// for: see [`Self::next_ready`].
    #[inline]
    pub fn drain_changes(&mut self) -> bool {
        if self.store.changes.is_quiet() {
            return false;
        }
        self.store.changes.drain();
        self.has_ready()
    }

    /// Counters for INFO.
    #[must_use]
    pub fn stats(&self) -> DataStats {
        DataStats {
            hits: self.hits,
            misses: self.misses,
            expired: self.expired_count,
            expired_fields: self.expired_fields,
            memory: self.store.memory(),
            tables: self.store.tables_memory(),
        }
    }

    /// What the heap has of the system.
    #[must_use]
    pub fn heap_usage(&self) -> HeapUse {
        self.store.heap_usage()
    }

    /// Gives all memory that is not used back to the system; its cost grows with how much that is.
    /// Returns how many bytes it was.
    pub fn purge(&mut self) -> usize {
        self.store.purge()
    }

    /// Sets the counters of accesses and expiry to zero (CONFIG RESETSTAT).
    pub fn reset_stats(&mut self) {
        self.hits = 0;
        self.misses = 0;
        self.expired_count = 0;
        self.expired_fields = 0;
        self.store.reset_freed_later();
    }

    /// Frees some of what flushes left behind, about `budget` keys. Returns whether there is more.
    pub fn reclaim_step(&mut self, budget: usize) -> bool {
        self.store.reclaim(budget)
    }
}

impl Locate for Partition {
    #[inline]
    fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        self.store.key(bytes)
    }
}
