//! A database: a table per hash slot (or just one), what is known of their sizes, and which keys
//! have a time to live.

use std::collections::BTreeSet;

use slotkeeper_topology::{Slot, SlotSet};

use super::Key;
use super::entry::{Entry, EntryBox, EntryMut, EntryRef, Heap};
use super::hash::HashKey;
use super::table::{Drain, Table, next_random};

/// How many neighbouring tables share a count of keys.
const GROUP: usize = 128;

/// The keys of a table that have a time to live.
#[derive(Default)]
struct Times {
    /// When they expire, in unix milliseconds, and their hash.
    keys: BTreeSet<(i64, u64)>,
    /// The sum of these times.
    sum: i128,
}

/// What a time takes in the tree of them, in bytes: its nodes, of 11 times in 192 bytes, are about
/// two thirds full.
const TIME_BYTES: usize = 28;

/// A table and the times of its keys. An empty one costs 24 bytes.
#[derive(Default)]
pub(super) struct SlotTable {
    table: Table,
    times: Option<Box<Times>>,
}

impl SlotTable {
    pub fn table_mut(&mut self) -> &mut Table {
        &mut self.table
    }
}

/// One database.
pub(super) struct Database {
    tables: Box<[SlotTable]>,
    len: usize,
    /// Keys of each `GROUP` tables.
    groups: Box<[usize]>,
    expires: usize,
    /// The sum of all times at which keys expire.
    expire_sum: i128,
    /// A bit for each table that has times.
    timed: Box<[u64]>,
}

impl Database {
    /// An empty one of so many tables.
    pub fn new(tables: usize) -> Database {
        Database {
            tables: (0..tables).map(|_| SlotTable::default()).collect(),
            len: 0,
            groups: vec![0; tables.div_ceil(GROUP)].into(),
            expires: 0,
            expire_sum: 0,
            timed: vec![0; tables.div_ceil(64)].into(),
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn expires(&self) -> usize {
        self.expires
    }

    /// The mean of all times at which keys expire, in unix milliseconds.
    pub fn mean_expire(&self) -> Option<i64> {
        let mean = self.expire_sum.checked_div(self.expires as i128)?;
        i64::try_from(mean).ok()
    }

    /// How many keys the tables of these slots have, and how many of them a time to live.
    pub fn len_of(&self, slots: &SlotSet) -> (usize, usize) {
        let tables = self.tables.iter().zip(Slot::all());
        let covered = tables.filter(|(_, slot)| slots.contains(*slot));
        covered.fold(
            (0, 0),
            |(keys, expires), (SlotTable { table, times }, _)| {
                let timed = times.as_ref().map_or(0, |times| times.keys.len());
                (keys + table.len(), expires + timed)
            },
        )
    }

    /// The memory of its tables without their entries, and about that of the times at which its keys
    /// expire, in bytes. What an empty database takes is no part of it, as it is no part of what is
    /// used. The cost grows with the number of tables and the size of their directories.
    pub fn overhead(&self) -> (usize, usize) {
        let tables: usize = self.tables.iter().map(|one| one.table.memory()).sum();
        let timed: u32 = self.timed.iter().map(|bits| bits.count_ones()).sum();
        let times = timed as usize * size_of::<Times>() + self.expires * TIME_BYTES;
        (tables, times)
    }

    pub fn tables(&self) -> usize {
        self.tables.len()
    }

    pub fn table(&self, index: usize) -> &Table {
        &self.tables[index].table
    }

    pub fn table_mut(&mut self, index: usize) -> &mut Table {
        &mut self.tables[index].table
    }

    #[inline]
    pub fn get(&self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        self.tables[key.slot.index()].table.get(key.hash, key.bytes)
    }

    #[inline]
    pub fn get_mut(&mut self, key: &Key<'_>) -> Option<EntryMut<'_>> {
        let slot_table = &mut self.tables[key.slot.index()];
        slot_table.table.get_mut(key.hash, key.bytes)
    }

    /// Adds an entry whose key is not there yet.
    pub fn insert(&mut self, heap: &mut Heap, hasher: &HashKey, key: &Key<'_>, entry: EntryBox) {
        let at = entry.view().expire_at();
        let index = key.slot.index();
        self.tables[index]
            .table
            .insert(heap, hasher, key.hash, entry);
        self.len += 1;
        self.groups[index / GROUP] += 1;
        self.retime(key, None, at);
    }

    /// Takes an entry out. If its table is left with a directory of nothing, that comes out, too,
    /// to be freed in steps.
    pub fn remove(&mut self, heap: &mut Heap, key: &Key<'_>) -> Option<(EntryBox, Option<Table>)> {
        let index = key.slot.index();
        let table = &mut self.tables[index].table;
        let entry = table.remove(heap, key.hash, key.bytes)?;
        let hollow = table.is_hollow().then(|| std::mem::take(table));
        self.len -= 1;
        self.groups[index / GROUP] -= 1;
        self.retime(key, entry.view().expire_at(), None);
        Some((entry, hollow))
    }

    /// Notes that a key's time to live has changed.
    pub fn retime(&mut self, key: &Key<'_>, old: Option<i64>, new: Option<i64>) {
        if old == new {
            return;
        }
        let index = key.slot.index();
        let times = &mut self.tables[index].times;
        if let Some(at) = old {
            if let Some(known) = times {
                known.sum -= i128::from(at);
                known.keys.remove(&(at, key.hash));
                if known.keys.is_empty() {
                    *times = None;
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

    /// Takes a table with its times out.
    pub fn take(&mut self, index: usize) -> SlotTable {
        let taken = std::mem::take(&mut self.tables[index]);
        self.len -= taken.table.len();
        self.groups[index / GROUP] -= taken.table.len();
        self.timed[index / 64] &= !(1 << (index % 64));
        if let Some(times) = &taken.times {
            self.expires -= times.keys.len();
            self.expire_sum -= times.sum;
        }
        taken
    }

    /// Panics if the count of a group of tables, another one in each turn, is not theirs, or the
    /// total not that of the groups. With `by_key`, every key of the group is counted.
    pub fn check(&self, hasher: &HashKey, turn: usize, by_key: bool) {
        assert_eq!(self.groups.iter().sum::<usize>(), self.len);
        let group = turn % self.groups.len();
        let tables = self.tables.chunks(GROUP).nth(group).unwrap_or_default();
        let mut keys = 0;
        for (at, SlotTable { table, times }) in tables.iter().enumerate() {
            keys += table.len();
            let index = group * GROUP + at;
            let timed = self.timed[index / 64] >> (index % 64) & 1 == 1;
            assert_eq!(timed, times.is_some(), "table {index}");
            if by_key && table.len() > 0 {
                let (mut found, mut expiring, mut next) = (0, 0, Some(0));
                while let Some(position) = next {
                    next = table.visit(hasher, position, |entry| {
                        found += 1;
                        expiring += usize::from(entry.expire_at().is_some());
                        true
                    });
                }
                let known = times.as_ref().map_or(0, |times| times.keys.len());
                assert_eq!((found, expiring), (table.len(), known), "table {index}");
            }
        }
        assert_eq!(keys, self.groups[group], "keys of group {group}");
    }

    /// Panics if the count of keys with a time to live is not that of the tables.
    pub fn check_times(&self) {
        let times = self.tables.iter().filter_map(|table| table.times.as_ref());
        let (mut count, mut sum) = (0, 0);
        for times in times {
            count += times.keys.len();
            sum += times.sum;
        }
        assert_eq!((count, sum), (self.expires, self.expire_sum));
    }

    /// All tables, in order.
    pub fn into_tables(self) -> Box<[SlotTable]> {
        self.tables
    }

    /// The first table from `from` on that has keys with a time to live.
    pub fn next_timed(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = *self.timed.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.timed.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
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

    /// The entry of a table with that hash.
    pub fn by_hash(&self, hasher: &HashKey, index: usize, hash: u64) -> Option<Entry<'_>> {
        let table = &self.tables.get(index)?.table;
        let found = table.find(hash, |entry| hasher.hash(entry.view().key()) == hash);
        found.map(EntryRef::view)
    }

    /// Shows up to `count` entries that stand beside each other in a table, from a place on that
    /// `random` picks. Returns how many; at least one, if there is any.
    pub fn sample_some<'a>(
        &'a self,
        random: u64,
        count: usize,
        mut show: impl FnMut(usize, Entry<'a>),
    ) -> usize {
        let Some(index) = self.pick_table(random) else {
            return 0;
        };
        let table = &self.tables[index].table;
        table.sample_some(next_random(random), count, |entry| show(index, entry))
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

    /// The table of the key that `random` picks.
    fn pick_table(&self, random: u64) -> Option<usize> {
        let mut nth = random as usize % self.len.max(1);
        let group = self
            .groups
            .iter()
            .position(|&count| skip(&mut nth, count))?;
        let mut tables = self.tables.iter().skip(group * GROUP);
        let place = tables.position(|slot_table| skip(&mut nth, slot_table.table.len()))?;
        Some(group * GROUP + place)
    }

    /// An entry picked by `random`, all of them about equally likely.
    pub fn sample(&self, random: u64) -> Option<Entry<'_>> {
        let index = self.pick_table(random)?;
        self.tables[index].table.sample(next_random(random))
    }
}

/// Whether the `nth` of a sequence lies within its next `count`; passes over them if not.
fn skip(nth: &mut usize, count: usize) -> bool {
    let within = *nth < count;
    if !within {
        *nth -= count;
    }
    within
}

/// Shelves on their way out.
pub(super) struct Garbage {
    tables: Vec<SlotTable>,
    drain: Option<Drain>,
    times: BTreeSet<(i64, u64)>,
}

impl Garbage {
    pub fn new(tables: impl Into<Vec<SlotTable>>) -> Garbage {
        Garbage {
            tables: tables.into(),
            drain: None,
            times: BTreeSet::new(),
        }
    }

    pub fn of_table(table: Table) -> Garbage {
        Garbage::new(vec![SlotTable { table, times: None }])
    }

    /// Frees until the budget, in entries, is used up. Returns whether all is freed.
    pub fn step(&mut self, heap: &mut Heap, budget: &mut usize) -> bool {
        loop {
            if let Some(drain) = &mut self.drain {
                if !drain.step(heap, budget) {
                    return false;
                }
                self.drain = None;
            }
            while self.times.pop_first().is_some() {
                *budget = budget.saturating_sub(1);
                if *budget == 0 {
                    return false;
                }
            }
            let Some(slot_table) = self.tables.pop() else {
                return true;
            };
            self.times = slot_table
                .times
                .map_or_else(BTreeSet::new, |times| times.keys);
            self.drain = (slot_table.table.len() > 0 || slot_table.table.is_hollow())
                .then(|| Drain::new(slot_table.table));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::entry::Meta;
    use crate::data::value::Kind;

    fn key(hasher: &HashKey, bytes: &'static [u8], slot: u16) -> Key<'static> {
        Key {
            bytes,
            hash: hasher.hash(bytes),
            slot: Slot::new(slot).unwrap(),
        }
    }

    fn entry(heap: &mut Heap, key: &Key<'_>, expire_at: Option<i64>) -> EntryBox {
        let meta = Meta {
            expire_at,
            kind: Kind::STRING,
            raw: false,
            clock: 0,
            generation: 0,
        };
        EntryBox::new(heap, key.bytes, [b"value", b""], meta)
    }

    #[test]
    fn counts_keys_and_times_and_forgets_them_with_their_table() {
        let (mut heap, hasher) = (Heap::plain(), HashKey::new([3, 4]));
        let mut database = Database::new(16384);
        let keys = [b"a", b"b", b"c"].map(|name| key(&hasher, name, 500));
        let other = key(&hasher, b"d", 16383);
        for (key, at) in keys.iter().zip([None, Some(300), Some(100)]) {
            let made = entry(&mut heap, key, at);
            database.insert(&mut heap, &hasher, key, made);
        }
        let made = entry(&mut heap, &other, Some(800));
        database.insert(&mut heap, &hasher, &other, made);
        assert_eq!((database.len(), database.expires()), (4, 3));
        assert_eq!(database.mean_expire(), Some(400));
        assert_eq!(database.next_timed(0), Some(500));
        assert_eq!(database.next_timed(501), Some(16383));
        assert_eq!(database.due(&hasher, 500, 299, 10), [b"c"]);
        assert_eq!(database.due(&hasher, 500, 300, 10), [b"c", b"b"]);
        let taken = database.take(500);
        assert_eq!((database.len(), database.expires()), (1, 1));
        assert_eq!(database.next_timed(0), Some(16383));
        assert_eq!(database.sample(99).unwrap().key(), b"d");
        let (last, hollow) = database.remove(&mut heap, &other).unwrap();
        last.release(&mut heap);
        assert!(hollow.is_none() && database.next_timed(0).is_none());
        assert_eq!(database.mean_expire(), None);
        let mut garbage = Garbage::new(vec![taken]);
        while !garbage.step(&mut heap, &mut 1) {}
        assert_eq!(heap.used(), 0);
    }
}
