//! A database: a table per hash slot (or just one), what is known of their sizes, and which keys
//! have a time to live, themselves or some of their fields.

mod times;

use slotkeeper_topology::{Slot, SlotSet};

use super::Key;
use super::entry::{Entry, EntryBox, EntryMut, EntryRef, Heap};
use super::hash::HashKey;
use super::table::{Drain, Table, next_random};
use times::Times;

/// How many neighbouring tables share a count of keys.
const GROUP: usize = 128;

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
    /// A bit for each table with keys that have a time to live.
    timed: Box<[u64]>,
    /// How many hashes have fields that expire.
    timed_hashes: usize,
    /// A bit for each table with such hashes.
    hash_timed: Box<[u64]>,
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
            timed_hashes: 0,
            hash_timed: vec![0; tables.div_ceil(64)].into(),
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn expires(&self) -> usize {
        self.expires
    }

    /// How many hashes have fields that expire.
    #[inline]
    pub fn timed_hashes(&self) -> usize {
        self.timed_hashes
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

    /// What it takes without a key, in bytes.
    pub fn empty_bytes(&self) -> usize {
        size_of_val(&*self.tables)
            + size_of_val(&*self.groups)
            + size_of_val(&*self.timed)
            + size_of_val(&*self.hash_timed)
    }

    /// The memory of its tables without their entries, and about that of the times at which its keys
    /// expire, in bytes. The cost grows with the number of tables and the size of their directories.
    pub fn overhead(&self) -> (usize, usize) {
        let parts = self.tables.iter().map(|one| {
            let times = one.times.as_ref().map_or(0, |times| times.memory());
            (one.table.memory(), times)
        });
        parts.fold((self.empty_bytes(), 0), |sum, part| {
            (sum.0 + part.0, sum.1 + part.1)
        })
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
        let view = entry.view();
        let (at, field_at) = (view.expire_at(), view.field_expire_at());
        let index = key.slot.index();
        self.tables[index]
            .table
            .insert(heap, hasher, key.hash, entry);
        self.len += 1;
        self.groups[index / GROUP] += 1;
        self.retime(heap, key, None, at);
        self.retime_fields(heap, key, None, field_at);
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
        let view = entry.view();
        self.retime(heap, key, view.expire_at(), None);
        self.retime_fields(heap, key, view.field_expire_at(), None);
        Some((entry, hollow))
    }

    /// Takes a table with its times out.
    pub fn take(&mut self, index: usize) -> SlotTable {
        let taken = std::mem::take(&mut self.tables[index]);
        self.len -= taken.table.len();
        self.groups[index / GROUP] -= taken.table.len();
        for bits in [&mut self.timed, &mut self.hash_timed] {
            bits[index / 64] &= !(1 << (index % 64));
        }
        if let Some(times) = &taken.times {
            self.expires -= times.keys.len();
            self.expire_sum -= times.sum;
            self.timed_hashes -= times.hashes.len();
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
            let is_set = |bits: &[u64]| bits[index / 64] >> (index % 64) & 1 == 1;
            let known = times.as_ref();
            let known = known.map_or((0, 0), |times| (times.keys.len(), times.hashes.len()));
            let has_any = (known.0 > 0, known.1 > 0);
            let marked = (is_set(&self.timed), is_set(&self.hash_timed));
            assert_eq!(marked, has_any, "table {index}");
            assert_eq!(times.is_some(), has_any.0 || has_any.1, "table {index}");
            if by_key && table.len() > 0 {
                let (mut found, mut expiring, mut next) = (0, (0, 0), Some(0));
                while let Some(position) = next {
                    next = table.visit(hasher, position, |entry| {
                        found += 1;
                        expiring.0 += usize::from(entry.expire_at().is_some());
                        expiring.1 += usize::from(entry.field_expire_at().is_some());
                        true
                    });
                }
                assert_eq!((found, expiring), (table.len(), known), "table {index}");
            }
        }
        assert_eq!(keys, self.groups[group], "keys of group {group}");
    }

    /// All tables, in order.
    pub fn into_tables(self) -> Box<[SlotTable]> {
        self.tables
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
    times: Times,
}

impl Garbage {
    pub fn new(tables: impl Into<Vec<SlotTable>>) -> Garbage {
        Garbage {
            tables: tables.into(),
            drain: None,
            times: Times::default(),
        }
    }

    pub fn of_table(table: Table) -> Garbage {
        Garbage::new(vec![SlotTable { table, times: None }])
    }

    /// How many keys are left.
    pub fn keys(&self) -> usize {
        let tables = self.tables.iter().map(|slot| slot.table.len());
        tables.sum::<usize>() + self.drain.as_ref().map_or(0, Drain::left)
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
            let mut memory = self.times.memory();
            while self.times.pop() {
                let less = self.times.memory();
                heap.account_tables(memory, less);
                memory = less;
                *budget = budget.saturating_sub(1);
                if *budget == 0 {
                    return false;
                }
            }
            let Some(slot_table) = self.tables.pop() else {
                return true;
            };
            if let Some(times) = slot_table.times {
                heap.account_tables(size_of::<Times>(), 0);
                self.times = *times;
            }
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
