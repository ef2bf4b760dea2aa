//! Which keys have a time to live, themselves or some of their fields, and when the next one is due.

use std::collections::BTreeSet;

use super::{Database, SlotTable};
use crate::data::Key;
use crate::data::entry::{Entry, EntryRef, Heap};
use crate::data::hash::HashKey;
use crate::data::table::next_random;

/// The keys of a table that have a time to live.
#[derive(Default)]
pub(super) struct Times {
    /// When they expire, in unix milliseconds, and their hash.
    pub keys: BTreeSet<(i64, u64)>,
    /// The sum of these times.
    pub sum: i128,
    /// When the next field of hashes expires, and the hash of their key.
    pub hashes: BTreeSet<(i64, u64)>,
}

/// What the nodes of a tree of times take, in bytes: 11 times of 16 bytes each, and within the tree 12
/// pointers to others.
const LEAF: usize = 192;
const INNER: usize = 288;

/// About what a tree of so many times takes, in bytes: it does not tell. Its nodes are about two
/// thirds full.
fn tree_bytes(len: usize) -> usize {
    match len {
        0 => 0,
        1..=11 => LEAF,
        _ => len.div_ceil(8) * LEAF + len.div_ceil(72) * INNER,
    }
}

impl Times {
    /// About what they take in a box of their own, in bytes.
    pub fn memory(&self) -> usize {
        size_of::<Times>() + tree_bytes(self.keys.len()) + tree_bytes(self.hashes.len())
    }

    /// Forgets one of them, if there is any.
    pub fn pop(&mut self) -> bool {
        let popped = self.keys.pop_first();
        popped.or_else(|| self.hashes.pop_first()).is_some()
    }
}

impl Database {
    /// Notes that a key's time to live has changed.
    #[inline]
    pub fn retime(&mut self, heap: &mut Heap, key: &Key<'_>, old: Option<i64>, new: Option<i64>) {
        if old != new {
            let before = self.times_memory(key);
            self.move_key(key, old, new);
            heap.account_tables(before, self.times_memory(key));
        }
    }

    fn times_memory(&self, key: &Key<'_>) -> usize {
        let times = self.tables[key.slot.index()].times.as_ref();
        times.map_or(0, |times| times.memory())
    }

    fn move_key(&mut self, key: &Key<'_>, old: Option<i64>, new: Option<i64>) {
        let index = key.slot.index();
        let times = &mut self.tables[index].times;
        if let Some(at) = old {
            if let Some(known) = times {
                known.sum -= i128::from(at);
                known.keys.remove(&(at, key.hash));
                if known.keys.is_empty() {
                    times.take_if(|known| known.hashes.is_empty());
                    self.timed[index / 64] &= !(1 << (index % 64));
                }
            }
            self.expires -= 1;
            self.expire_sum -= i128::from(at);
        }
        if let Some(at) = new {
            let known = times.get_or_insert_default();
            known.sum += i128::from(at);
            known.keys.insert((at, key.hash));
            self.timed[index / 64] |= 1 << (index % 64);
            self.expires += 1;
            self.expire_sum += i128::from(at);
        }
    }

    /// Notes that the next field of a hash expires at another time, or none does.
    #[inline]
    pub fn retime_fields(
        &mut self,
        heap: &mut Heap,
        key: &Key<'_>,
        old: Option<i64>,
        new: Option<i64>,
    ) {
        if old != new {
            let before = self.times_memory(key);
            self.move_hash(key, old, new);
            heap.account_tables(before, self.times_memory(key));
        }
    }

    fn move_hash(&mut self, key: &Key<'_>, old: Option<i64>, new: Option<i64>) {
        let index = key.slot.index();
        let times = &mut self.tables[index].times;
        let bit = 1 << (index % 64);
        if let Some(at) = old {
            if let Some(known) = times {
                known.hashes.remove(&(at, key.hash));
                if known.hashes.is_empty() {
                    times.take_if(|known| known.keys.is_empty());
                    self.hash_timed[index / 64] &= !bit;
                }
            }
            self.timed_hashes -= 1;
        }
        if let Some(at) = new {
            let known = times.get_or_insert_default();
            known.hashes.insert((at, key.hash));
            self.hash_timed[index / 64] |= bit;
            self.timed_hashes += 1;
        }
    }

    /// The first table from `from` on that has keys with a time to live.
    pub fn next_timed(&self, from: usize) -> Option<usize> {
        next_bit(&self.timed, from)
    }

    /// The first table from `from` on that has hashes with fields that expire.
    pub fn next_hash_timed(&self, from: usize) -> Option<usize> {
        next_bit(&self.hash_timed, from)
    }

    /// The hash in a table whose next field expires first, if that is at a time or before.
    pub fn due_hash(&self, hasher: &HashKey, index: usize, until: i64) -> Option<Entry<'_>> {
        let times = self.tables[index].times.as_ref()?;
        let &(at, hash) = times.hashes.first()?;
        let is_it = |entry: &EntryRef<'_>| {
            let entry = entry.view();
            entry.field_expire_at() == Some(at) && hasher.hash(entry.key()) == hash
        };
        let found = self.tables[index].table.find(hash, |entry| is_it(&entry));
        found.map(EntryRef::view).filter(|_| at <= until)
    }

    /// The names of up to `limit` keys of a table that have expired, the oldest first.
    pub fn due(&self, hasher: &HashKey, index: usize, now_ms: i64, limit: usize) -> Vec<Vec<u8>> {
        let SlotTable { table, times } = &self.tables[index];
        let due = times
            .iter()
            .flat_map(|times| times.keys.range(..=(now_ms, u64::MAX)));
        let named = due.take(limit).filter_map(|&(at, hash)| {
            let found = table.find(hash, |entry| {
                let entry = entry.view();
                entry.expire_at() == Some(at) && hasher.hash(entry.key()) == hash
            });
            found.map(|entry| entry.view().key().to_vec())
        });
        named.collect()
    }

    /// Panics if the count of keys with a time to live is not that of the tables.
    pub fn check_times(&self) {
        let times = self.tables.iter().filter_map(|table| table.times.as_ref());
        let (mut count, mut sum, mut hashes) = (0, 0, 0);
        for times in times {
            count += times.keys.len();
            sum += times.sum;
            hashes += times.hashes.len();
        }
        assert_eq!((count, sum), (self.expires, self.expire_sum));
        assert_eq!(hashes, self.timed_hashes);
    }

    /// Shows when the next key expires in each of up to `tables` tables, with its hash, from a place
    /// on that `random` picks.
    pub fn next_to_expire(
        &self,
        random: u64,
        tables: usize,
        mut show: impl FnMut(usize, (i64, u64)),
    ) {
        let mut random = random;
        for _ in 0..tables {
            random = next_random(random);
            if let Some((index, times)) = self.pick_times(random)
                && let Some(first) = times.keys.first()
            {
                show(index, *first);
            }
        }
    }

    /// Shows when keys of a table expire that have a time to live, and their hashes: up to `count`
    /// that follow each other, from a time on that `random` picks.
    pub fn sample_timed(&self, random: u64, count: usize, mut show: impl FnMut(usize, (i64, u64))) {
        let mut random = random;
        for _ in 0..count {
            random = next_random(random);
            let Some((index, times)) = self.pick_times(random) else {
                return;
            };
            let (Some(first), Some(last)) = (times.keys.first(), times.keys.last()) else {
                return;
            };
            random = next_random(random);
            // Some times lie close together and some far apart: by turns all are likely.
            let span = last.0.abs_diff(first.0).saturating_add(1);
            let reach = if random & 1 == 0 {
                span
            } else {
                span >> (random >> 58).min(u64::from(span.ilog2()))
            };
            let at = first
                .0
                .saturating_add_unsigned((random >> 6) % reach.max(1));
            let from = (at, next_random(!random));
            let found = times.keys.range(from..).next().or(times.keys.first());
            if let Some(found) = found {
                show(index, *found);
            }
        }
    }

    /// The times of a table that has some.
    fn pick_times(&self, random: u64) -> Option<(usize, &Times)> {
        let from = random as usize % self.tables.len();
        let index = self.next_timed(from).or_else(|| self.next_timed(0))?;
        let times = self.tables[index].times.as_deref()?;
        Some((index, times))
    }
}

/// The first bit from `from` on that is set.
fn next_bit(words: &[u64], from: usize) -> Option<usize> {
    let mut word = from / 64;
    let mut bits = *words.get(word)? & (u64::MAX << (from % 64));
    while bits == 0 {
        word += 1;
        bits = *words.get(word)?;
    }
    Some(word * 64 + bits.trailing_zeros() as usize)
}
