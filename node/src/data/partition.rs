//! The partition: what commands, the engine and savers see of the keys.

use std::collections::BTreeMap;
use std::ops::Bound;

use slotkeeper_topology::{Slot, key_slot};

use super::hash::HashKey;
use super::{DataStats, Expire, Expiry, Key, Layout, Saver, Value, WalkState};
use crate::session::Watched;
use crate::time::Now;

/// A key and its value, to read.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    key: &'a [u8],
    value: &'a [u8],
    expire_at: Option<i64>,
    raw: bool,
    clock: u32,
}

impl<'a> Entry<'a> {
    /// The key's name.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        Value::Str(self.value)
    }

    /// The bytes of a string.
    #[must_use]
    pub fn str(&self) -> &'a [u8] {
        self.value
    }

    /// When it expires: unix time in milliseconds.
    #[must_use]
    pub fn expire_at(&self) -> Option<i64> {
        self.expire_at
    }

    /// What OBJECT ENCODING answers: `int`, `embstr` or `raw`.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        let canonical = |text: &[u8]| -> Option<bool> {
            let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            Some(number.to_string().as_bytes() == text)
        };
        match self.value {
            _ if self.raw => "raw",
            short if short.len() <= 20 && canonical(short) == Some(true) => "int",
            short if short.len() <= 44 => "embstr",
            _ => "raw",
        }
    }

    /// Whole seconds since it was last accessed.
    #[must_use]
    pub fn idle_secs(&self, now: Now) -> u64 {
        u64::from(clock(now).wrapping_sub(self.clock) & 0xFF_FFFF)
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.key.len() + self.value.len() + 16
    }
}

fn clock(now: Now) -> u32 {
    (now.mono_us / 1_000_000) as u32 & 0xFF_FFFF
}

#[derive(Clone, Debug)]
struct Item {
    value: Vec<u8>,
    expire_at: Option<i64>,
    raw: bool,
    clock: u32,
}

impl Item {
    fn view<'a>(&'a self, key: &'a [u8]) -> Entry<'a> {
        Entry {
            key,
            value: &self.value,
            expire_at: self.expire_at,
            raw: self.raw,
            clock: self.clock,
        }
    }
}

type Map = BTreeMap<(u64, Vec<u8>), Item>;

#[derive(Debug)]
struct WatchState {
    watchers: usize,
    version: u64,
    before_expiry: Option<u64>,
}

struct Walk {
    saver: Box<dyn Saver>,
    left: Vec<(usize, Vec<u8>, Item)>,
}

/// All keys that this node holds, and what belongs to them.
pub struct Partition {
    hash_key: HashKey,
    layout: Layout,
    dbs: Vec<Map>,
    now: Now,
    touch: bool,
    expiry: Expiry,
    stats: DataStats,
    expired: Vec<(usize, Vec<u8>)>,
    watches: BTreeMap<(usize, Vec<u8>), WatchState>,
    version: u64,
    walk: Option<Walk>,
}

impl Partition {
    /// An empty partition. `hash_key` seeds the hash.
    #[must_use]
    pub fn new(layout: Layout, hash_key: [u64; 2]) -> Partition {
        let count = match layout {
            Layout::Cluster => 1,
            Layout::Databases(count) => count,
        };
        Partition {
            hash_key: HashKey::new(hash_key),
            layout,
            dbs: (0..count).map(|_| Map::new()).collect(),
            now: Now::default(),
            touch: true,
            expiry: Expiry::Delete,
            stats: DataStats::default(),
            expired: Vec::new(),
            watches: BTreeMap::new(),
            version: 0,
            walk: None,
        }
    }

    /// The key of that name.
    #[must_use]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        let slot = match self.layout {
            Layout::Cluster => key_slot(bytes),
            Layout::Databases(_) => key_slot(b""),
        };
        Key {
            bytes,
            hash: self.hash_key.hash(bytes),
            slot,
        }
    }

    /// Brings the key's place in its table into the processor's cache.
    pub fn prefetch_home(&self, _db: usize, _key: &Key<'_>) {}

    /// Brings the key's entry into the cache; some time after [`Self::prefetch_home`].
    pub fn prefetch_entry(&self, _db: usize, _key: &Key<'_>) {}

    /// What accesses do with expired keys from now on.
    pub fn set_expiry(&mut self, expiry: Expiry) {
        self.expiry = expiry;
    }

    /// Begins a command (or an EXEC): the time by which keys expire, and whether accesses count
    /// as such (not after CLIENT NO-TOUCH).
    pub fn begin(&mut self, now: Now, touch: bool) {
        self.now = now;
        self.touch = touch;
    }

    /// How many databases there are.
    #[must_use]
    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    /// The entry of a key; counts a hit or a miss, and is an access.
    pub fn get(&mut self, db: usize, key: &Key<'_>) -> Option<Entry<'_>> {
        let found = self.live(db, key);
        if !found {
            self.stats.misses += 1;
            return None;
        }
        self.stats.hits += 1;
        let (now, touch) = (clock(self.now), self.touch);
        let (name, item) = self.item(db, key)?;
        if touch {
            item.clock = now;
        }
        Some(item.view(name))
    }

    /// The entry of a key, without being counted and without being an access.
    pub fn peek(&mut self, db: usize, key: &Key<'_>) -> Option<Entry<'_>> {
        if !self.live(db, key) {
            return None;
        }
        self.item(db, key).map(|(name, item)| item.view(name))
    }

    /// Sets a key to a string; creates it, or replaces its value.
    pub fn set(&mut self, db: usize, key: &Key<'_>, value: &[u8], expire: Expire) {
        let old = self
            .live(db, key)
            .then(|| self.item(db, key).and_then(|(_, item)| item.expire_at));
        let expire_at = match expire {
            Expire::Keep => old.flatten(),
            Expire::Never => None,
            Expire::At(at) => Some(at),
        };
        self.put(db, key, value.to_vec(), expire_at, false);
    }

    /// Appends to a string, created when missing. Returns its new length.
    pub fn append(&mut self, db: usize, key: &Key<'_>, tail: &[u8]) -> usize {
        let (mut value, expire_at) = self.owned(db, key);
        value.extend_from_slice(tail);
        let length = value.len();
        self.put(db, key, value, expire_at, true);
        length
    }

    /// Overwrites part of a string from `offset` on, filled up with zero bytes, created when
    /// missing. Returns its new length.
    pub fn set_range(&mut self, db: usize, key: &Key<'_>, offset: usize, bytes: &[u8]) -> usize {
        let (mut value, expire_at) = self.owned(db, key);
        if value.len() < offset + bytes.len() {
            value.resize(offset + bytes.len(), 0);
        }
        value[offset..offset + bytes.len()].copy_from_slice(bytes);
        let length = value.len();
        self.put(db, key, value, expire_at, true);
        length
    }

    /// Removes a key. Returns whether it was there.
    pub fn remove(&mut self, db: usize, key: &Key<'_>) -> bool {
        if !self.live(db, key) {
            return false;
        }
        self.changed(db, key.bytes, false);
        let place = self.place(key);
        self.dbs[db].remove(&place).is_some()
    }

    /// Sets or removes (none) a key's time to live, in unix milliseconds. Returns whether the key
    /// is there.
    pub fn set_expire(&mut self, db: usize, key: &Key<'_>, at: Option<i64>) -> bool {
        if !self.live(db, key) {
            return false;
        }
        self.changed(db, key.bytes, false);
        if let Some((_, item)) = self.item(db, key) {
            item.expire_at = at;
        }
        true
    }

    /// Gives a key another name, in place of what is there. Returns whether there was such a key.
    pub fn rename(&mut self, db: usize, from: &Key<'_>, to: &Key<'_>) -> bool {
        if !self.live(db, from) {
            return false;
        }
        self.changed(db, from.bytes, false);
        self.changed(db, to.bytes, false);
        let place = self.place(from);
        if let Some(item) = self.dbs[db].remove(&place) {
            let place = self.place(to);
            self.dbs[db].insert(place, item);
        }
        true
    }

    /// Copies a key. Returns whether it was done: not without a source, and not over another key
    /// unless `replace` says so.
    pub fn copy(
        &mut self,
        from_db: usize,
        from: &Key<'_>,
        to_db: usize,
        to: &Key<'_>,
        replace: bool,
    ) -> bool {
        if !self.live(from_db, from) || (!replace && self.live(to_db, to)) {
            return false;
        }
        self.changed(to_db, to.bytes, false);
        if let Some(item) = self.dbs[from_db].get(&self.place(from)).cloned() {
            let place = self.place(to);
            self.dbs[to_db].insert(place, item);
        }
        true
    }

    /// How many keys a database holds, expired ones that are not removed yet included.
    #[must_use]
    pub fn len(&self, db: usize) -> usize {
        self.dbs[db].len()
    }

    /// How many keys of a database have a time to live.
    #[must_use]
    pub fn expires(&self, db: usize) -> usize {
        self.dbs[db]
            .values()
            .filter(|i| i.expire_at.is_some())
            .count()
    }

    /// The mean time to live, in milliseconds, of the keys that have one.
    #[must_use]
    pub fn avg_ttl(&self, db: usize) -> i64 {
        let now = self.now.unix_ms();
        let times = self.dbs[db].values().filter_map(|i| i.expire_at);
        let (sum, count) = times.fold((0, 0), |(s, c), at| (s + (at - now).max(0), c + 1));
        sum.checked_div(count).unwrap_or(0)
    }

    /// Whether no database holds any key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dbs.iter().all(BTreeMap::is_empty)
    }

    /// How many keys a hash slot holds.
    #[must_use]
    pub fn slot_len(&self, slot: Slot) -> usize {
        self.dbs[0]
            .keys()
            .filter(|(_, name)| key_slot(name) == slot)
            .count()
    }

    /// Appends the names of up to `max` keys of a hash slot.
    pub fn keys_in_slot(&self, slot: Slot, max: usize, out: &mut Vec<Vec<u8>>) {
        let names = self.dbs[0].keys().map(|(_, name)| name);
        out.extend(
            names
                .filter(|name| key_slot(name) == slot)
                .take(max)
                .cloned(),
        );
    }

    /// Removes all keys of a hash slot. Returns how many.
    pub fn flush_slot(&mut self, slot: Slot) -> usize {
        let mut names = Vec::new();
        self.keys_in_slot(slot, usize::MAX, &mut names);
        for name in &names {
            self.changed(0, name, false);
            let place = self.place(&self.key(name));
            self.dbs[0].remove(&place);
        }
        names.len()
    }

    /// Removes all keys of a database, or of all. Returns how many.
    pub fn flush(&mut self, db: Option<usize>) -> usize {
        let which = db.map_or(0..self.dbs.len(), |db| db..db + 1);
        let mut count = 0;
        for db in which {
            for (_, name) in std::mem::take(&mut self.dbs[db]).into_keys() {
                self.changed(db, &name, false);
                count += 1;
            }
        }
        count
    }

    /// Shows about `count` keys from `cursor` on (0: from the start). Returns where to go on, 0
    /// at the end. A key that is there during the whole of a scan is shown exactly once. Expired
    /// keys are passed over.
    pub fn scan(
        &mut self,
        db: usize,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&Entry<'_>),
    ) -> u64 {
        let from = Bound::Included((cursor, Vec::new()));
        let mut last = None;
        for (shown, ((place, name), item)) in
            self.dbs[db].range((from, Bound::Unbounded)).enumerate()
        {
            if shown >= count && last != Some(*place) {
                return *place;
            }
            last = Some(*place);
            if !self.is_over(item) {
                visit(&item.view(name));
            }
        }
        0
    }

    /// Shows every key of a database that has not expired.
    pub fn for_each_key(&mut self, db: usize, visit: &mut dyn FnMut(&Entry<'_>)) {
        self.scan(db, 0, usize::MAX, visit);
    }

    /// The name of a key picked by `random`, if there is any.
    pub fn random_key(&mut self, db: usize, random: u64) -> Option<Vec<u8>> {
        let at = random as usize % self.dbs[db].len().max(1);
        let name = self.dbs[db].keys().nth(at).map(|(_, name)| name.clone());
        name.filter(|name| {
            let key = self.key(name);
            self.live(db, &key)
        })
    }

    /// Removes up to `limit` expired keys. Returns how many. `random` picks where to look.
    pub fn expire_cycle(&mut self, now: Now, _random: u64, limit: usize) -> usize {
        self.now = now;
        let mut names = Vec::new();
        for (db, map) in self.dbs.iter().enumerate() {
            let over = map.iter().filter(|(_, item)| self.is_over(item));
            names.extend(over.map(|((_, name), _)| (db, name.clone())));
        }
        names.truncate(limit);
        for (db, name) in &names {
            let key = self.key(name);
            self.expire_now(*db, &key);
        }
        names.len()
    }

    /// The keys removed by expiry since the last call, with their databases, in order.
    pub fn take_expired(&mut self) -> Vec<(usize, Vec<u8>)> {
        std::mem::take(&mut self.expired)
    }

    /// Watches a key from now on, until [`Self::unwatch`].
    pub fn watch(&mut self, db: usize, key: &Key<'_>) -> Watched {
        let was_expired = self.item(db, key).map(|(_, item)| item.expire_at);
        let was_expired = was_expired
            .flatten()
            .is_some_and(|at| at <= self.now.unix_ms());
        let fresh = self.version;
        let state = self
            .watches
            .entry((db, key.bytes.to_vec()))
            .or_insert(WatchState {
                watchers: 0,
                version: fresh,
                before_expiry: None,
            });
        state.watchers += 1;
        Watched {
            db,
            key: key.bytes.to_vec(),
            version: state.version,
            was_expired,
        }
    }

    /// Ends a watch that [`Self::watch`] began.
    pub fn unwatch(&mut self, watched: &Watched) {
        let place = (watched.db, watched.key.clone());
        if let Some(state) = self.watches.get_mut(&place) {
            state.watchers -= 1;
            if state.watchers == 0 {
                self.watches.remove(&place);
            }
        }
    }

    /// Whether a watched key was changed, or has expired, since its watch began.
    #[must_use]
    pub fn watched_changed(&self, watched: &Watched) -> bool {
        let place = (watched.db, watched.key.clone());
        let Some(state) = self.watches.get(&place) else {
            return true;
        };
        let only_removed = watched.was_expired && state.before_expiry == Some(watched.version);
        if state.version != watched.version && !only_removed {
            return true;
        }
        let key = self.key(&watched.key);
        let item = self.dbs[watched.db].get(&self.place(&key));
        let over = item
            .and_then(|i| i.expire_at)
            .is_some_and(|at| at <= self.now.unix_ms());
        over && !watched.was_expired
    }

    /// Counters for INFO.
    #[must_use]
    pub fn stats(&self) -> DataStats {
        let all = self.dbs.iter().flatten();
        let memory = all.map(|((_, name), item)| item.view(name).memory()).sum();
        DataStats {
            memory,
            ..self.stats
        }
    }

    /// Sets the counters of accesses and expiry to zero (CONFIG RESETSTAT).
    pub fn reset_stats(&mut self) {
        self.stats = DataStats::default();
    }

    /// Starts a walk: `saver` gets the state of this moment, in steps. There is one walk at a
    /// time; one that is under way is stopped and its saver dropped.
    pub fn start_walk(&mut self, mut saver: Box<dyn Saver>) {
        let mut left = Vec::new();
        for (db, map) in self.dbs.iter().enumerate() {
            if !map.is_empty() {
                saver.table(db, map.len(), self.expires(db));
            }
            left.extend(
                map.iter()
                    .map(|((_, name), item)| (db, name.clone(), item.clone())),
            );
        }
        self.walk = Some(Walk { saver, left });
    }

    /// Hands out about `budget` bytes more.
    pub fn walk_step(&mut self, budget: usize) -> WalkState {
        let Some(walk) = &mut self.walk else {
            return WalkState::Done;
        };
        let start = walk.saver.unsent();
        loop {
            if walk.saver.unsent() >= walk.saver.bound() {
                return WalkState::PausedAtBound;
            }
            let Some((db, name, item)) = walk.left.pop() else {
                return WalkState::Done;
            };
            walk.saver.entry(db, &item.view(&name));
            if walk.saver.unsent() >= start + budget {
                return WalkState::More;
            }
        }
    }

    /// Ends the walk, whether done or not, and returns its saver.
    pub fn stop_walk(&mut self) -> Option<Box<dyn Saver>> {
        self.walk.take().map(|walk| walk.saver)
    }

    /// Whether a walk was started and not stopped.
    #[must_use]
    pub fn walking(&self) -> bool {
        self.walk.is_some()
    }

    /// The saver of the walk that is under way.
    pub fn saver_mut(&mut self) -> Option<&mut (dyn Saver + 'static)> {
        self.walk.as_mut().map(|walk| &mut *walk.saver)
    }

    /// Whether a command that writes this key must wait: a walk is sending its large value in
    /// pieces, or has reached its saver's bound and has not saved the key.
    #[must_use]
    pub fn must_wait(&self, _db: usize, _key: &Key<'_>) -> bool {
        false
    }

    /// Frees some of what flushes left behind, about `budget` keys. Returns whether there is more.
    pub fn reclaim_step(&mut self, _budget: usize) -> bool {
        false
    }

    fn place(&self, key: &Key<'_>) -> (u64, Vec<u8>) {
        let order = match self.layout {
            Layout::Cluster => (u64::from(key.slot.get()) << 46) | (key.hash >> 18),
            Layout::Databases(_) => key.hash >> 2,
        };
        (order | 1, key.bytes.to_vec())
    }

    fn item(&mut self, db: usize, key: &Key<'_>) -> Option<(&[u8], &mut Item)> {
        let place = self.place(key);
        let found = self.dbs[db].range_mut(place.clone()..=place).next();
        found.map(|((_, name), item)| (name.as_slice(), item))
    }

    fn is_over(&self, item: &Item) -> bool {
        let over = item.expire_at.is_some_and(|at| at <= self.now.unix_ms());
        over && self.expiry != Expiry::Keep
    }

    /// Whether the key is there for an access; removes it if it has expired and that is our task.
    fn live(&mut self, db: usize, key: &Key<'_>) -> bool {
        let Some(item) = self.dbs[db].get(&self.place(key)) else {
            return false;
        };
        if !self.is_over(item) {
            return true;
        }
        if self.expiry == Expiry::Delete {
            self.expire_now(db, key);
        }
        false
    }

    fn expire_now(&mut self, db: usize, key: &Key<'_>) {
        self.changed(db, key.bytes, true);
        let place = self.place(key);
        self.dbs[db].remove(&place);
        self.stats.expired += 1;
        self.expired.push((db, key.bytes.to_vec()));
    }

    fn owned(&mut self, db: usize, key: &Key<'_>) -> (Vec<u8>, Option<i64>) {
        if !self.live(db, key) {
            return (Vec::new(), None);
        }
        self.item(db, key)
            .map(|(_, i)| (i.value.clone(), i.expire_at))
            .unwrap_or_default()
    }

    fn put(&mut self, db: usize, key: &Key<'_>, value: Vec<u8>, at: Option<i64>, raw: bool) {
        self.changed(db, key.bytes, false);
        let item = Item {
            value,
            expire_at: at,
            raw,
            clock: clock(self.now),
        };
        let place = self.place(key);
        self.dbs[db].insert(place, item);
    }

    fn changed(&mut self, db: usize, name: &[u8], by_expiry: bool) {
        if self.watches.is_empty() {
            return;
        }
        if let Some(state) = self.watches.get_mut(&(db, name.to_vec())) {
            self.version += 1;
            state.before_expiry = by_expiry.then_some(state.version);
            state.version = self.version;
        }
    }
}
