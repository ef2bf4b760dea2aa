//! When the fields of a hash expire: those that do, in the order of their hashes and in that of time.
//!
//! Both know a field by the 64 bits of its hash, so no name is held twice. It is a keyed hash: that two
//! fields of one hash of ten million agree in all bits, and would share a time, has a chance of one in
//! 370,000.

use slotkeeper_tree::{Copying, Entries, Entry, Frozen, Part, Record, Records, Tree};

use super::{
    Big, BigRecords, BigValue, CopyingValue, FrozenValue, dispose_tree, freeze_tree, new_copy,
    new_tree, source,
};
use crate::data::entry::Heap;
use crate::data::entry::heap::Waste;
use crate::data::hash::HashKey;
use slotkeeper_tree::element::{Element, Text};

/// What a leaf counts as in a step of a walk, in bytes.
const LEAF: usize = 1024;

/// When a field expires, found by its hash.
#[derive(Clone, Copy, Debug)]
struct ByField {
    hash: u64,
    /// In unix milliseconds.
    at: i64,
}

impl Entry for ByField {
    type Key = u64;

    const LOWEST: u64 = 0;

    fn key(&self) -> u64 {
        self.hash
    }
}

/// The same in the order of time.
#[derive(Clone, Copy, Debug)]
struct ByTime {
    at: i64,
    hash: u64,
}

impl Entry for ByTime {
    type Key = (i64, u64);

    const LOWEST: (i64, u64) = (i64::MIN, 0);

    fn key(&self) -> (i64, u64) {
        (self.at, self.hash)
    }
}

/// When fields expire: of those that do. The second tree follows from the first, so a walk needs only
/// the first as it was.
#[derive(Debug)]
pub struct FieldTimes {
    by_field: Tree<Entries<ByField>>,
    by_time: Tree<Entries<ByTime>>,
}

impl FieldTimes {
    /// Of no field yet. It goes by [`FieldTimes::dispose`].
    pub fn new(heap: &mut Heap) -> Box<FieldTimes> {
        FieldTimes::of(heap, new_tree(), new_tree())
    }

    fn of(
        heap: &mut Heap,
        by_field: Tree<Entries<ByField>>,
        by_time: Tree<Entries<ByTime>>,
    ) -> Box<FieldTimes> {
        heap.account(0, size_of::<FieldTimes>());
        Box::new(FieldTimes { by_field, by_time })
    }

    /// How many fields expire.
    pub fn len(&self) -> usize {
        self.by_field.len() as usize
    }

    /// When the field of that hash expires, in unix milliseconds.
    pub fn get(&self, hash: u64) -> Option<i64> {
        self.by_field.find(hash, |_| true).map(|entry| entry.at)
    }

    /// When the next field expires.
    pub fn first(&self) -> Option<i64> {
        self.by_time.at(0).map(|entry| entry.at)
    }

    /// How many fields expire at a time or before.
    pub fn count_due(&self, until: i64) -> usize {
        match until.checked_add(1) {
            Some(next) => self.by_time.below((next, 0)) as usize,
            None => self.len(),
        }
    }

    /// The hash of the field that expires after so many others.
    pub fn hash_at(&self, rank: usize) -> Option<u64> {
        self.by_time.at(rank as u64).map(|entry| entry.hash)
    }

    /// How many of those that expire have a hash below that one.
    pub fn count_below(&self, hash: u64) -> usize {
        self.by_field.below(hash) as usize
    }

    /// Sets when the field of that hash expires. Returns when it did.
    pub fn set(&mut self, heap: &mut Heap, hash: u64, at: Option<i64>) -> Option<i64> {
        let old = self.get(hash);
        if old == at {
            return old;
        }
        if let Some(old) = old {
            self.by_time.remove(heap, (old, hash), |_| true);
        }
        match (old, at) {
            (Some(_), Some(at)) => {
                self.by_field
                    .update(heap, hash, |_| true, |entry| entry.at = at);
            }
            (Some(_), None) => {
                self.by_field.remove(heap, hash, |_| true);
            }
            (None, Some(at)) => self.by_field.insert(heap, ByField { hash, at }),
            (None, None) => {}
        }
        if let Some(at) = at {
            self.by_time.insert(heap, ByTime { at, hash });
        }
        old
    }

    /// Shows the hashes of the fields that expire at a time or before, the next one first, until
    /// `visit` returns false.
    pub fn due(&self, until: i64, mut visit: impl FnMut(u64) -> bool) {
        self.by_time.for_each_from(ByTime::LOWEST, |entry| {
            entry.at <= until && visit(entry.hash)
        });
    }

    /// Bytes that it takes, and those of its trees.
    pub fn memory(&self) -> usize {
        size_of::<FieldTimes>() + self.by_field.memory() + self.by_time.memory()
    }

    pub fn is_frozen(&self) -> bool {
        self.by_field.is_frozen()
    }

    pub fn take_copied(&mut self) -> usize {
        self.by_field.take_copied()
    }

    /// As [`BigValue::relocate`]: `from` counts both trees, one after the other.
    pub fn relocate(&mut self, heap: &mut Heap, from: u64, leaves: usize) -> Option<u64> {
        let len = self.by_field.len();
        if from < len {
            let next = self.by_field.relocate(heap, from, leaves);
            return Some(next.unwrap_or(len));
        }
        let next = self.by_time.relocate(heap, from - len, leaves)?;
        Some(len + next)
    }

    /// Hands its trees to the heap, to be freed in steps.
    pub fn dispose(mut self, heap: &mut Heap) {
        heap.account(size_of::<FieldTimes>(), 0);
        dispose_tree(&mut self.by_field, heap);
        dispose_tree(&mut self.by_time, heap);
    }
}

/// A hash with times as it was at one moment.
pub struct FrozenTimed<const VALUED: bool> {
    records: Frozen<Records<VALUED>>,
    /// Asked for each record, and let go behind the last one.
    times: Frozen<Entries<ByField>>,
    first: Option<i64>,
    hasher: HashKey,
}

impl<const VALUED: bool> FrozenTimed<VALUED> {
    pub fn new(
        heap: &mut Heap,
        records: &mut Tree<Records<VALUED>>,
        times: &mut FieldTimes,
        hasher: HashKey,
    ) -> Self {
        FrozenTimed {
            first: times.first(),
            records: freeze_tree(records, heap),
            times: freeze_tree(&mut times.by_field, heap),
            hasher,
        }
    }
}

/// The hash of a field.
pub fn hash_of(hasher: &HashKey, field: Element<'_>) -> u64 {
    hasher.hash(field.bytes(&mut Text::new()))
}

impl<const VALUED: bool> FrozenValue for FrozenTimed<VALUED> {
    fn len(&self) -> u64 {
        self.records.len()
    }

    fn first_time(&self) -> Option<i64> {
        self.first
    }

    /// A field is looked up for each.
    fn effort(&self) -> usize {
        3
    }

    fn step(&mut self, heap: &mut Heap, budget: usize, sink: &mut dyn FnMut(Part<'_>)) -> bool {
        let (times, hasher) = (&self.times, &self.hasher);
        let lead = |record: Record<'_>| {
            let found = times.find(hash_of(hasher, record.key));
            Some(Part::FieldTime(found.map(|entry| entry.at)))
        };
        if !self.records.is_over() && !self.records.step_led(heap, budget, lead, sink) {
            return false;
        }
        self.times.discard(heap, budget / LEAF + 1)
    }

    fn discard(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        if !self.records.is_over() && !self.records.discard(heap, leaves) {
            return false;
        }
        self.times.discard(heap, leaves)
    }
}

/// A copy of a hash with times: first the fields, then the times.
pub struct TimedCopying<const VALUED: bool> {
    records: Copying<Records<VALUED>>,
    by_field: Copying<Entries<ByField>>,
    by_time: Copying<Entries<ByTime>>,
    has_records: bool,
}

impl<const VALUED: bool> TimedCopying<VALUED> {
    /// With nothing in it yet.
    pub fn new() -> Self {
        TimedCopying {
            records: new_copy(),
            by_field: new_copy(),
            by_time: new_copy(),
            has_records: false,
        }
    }
}

impl<const VALUED: bool> CopyingValue for TimedCopying<VALUED>
where
    Big: From<BigRecords<VALUED>>,
{
    fn step(&mut self, heap: &mut Heap, from: &dyn BigValue, leaves: usize) -> bool {
        let from = source::<BigRecords<VALUED>>(from);
        let Some(times) = from.times() else {
            unreachable!("a copy is made while its source does not change");
        };
        if !self.has_records {
            self.has_records = self.records.step(heap, from.records(), leaves);
            return false;
        }
        let by_field = self.by_field.step(heap, &times.by_field, leaves);
        self.by_time.step(heap, &times.by_time, leaves) && by_field
    }

    fn finish(self: Box<Self>, heap: &mut Heap, from: &dyn BigValue) -> Big {
        let (by_field, by_time) = (self.by_field.into_tree(), self.by_time.into_tree());
        let times = FieldTimes::of(heap, by_field, by_time);
        let from = source::<BigRecords<VALUED>>(from);
        from.with(self.records.into_tree(), Some(times)).into()
    }

    fn give_up(self: Box<Self>, heap: &mut Heap) {
        heap.free_later(Waste::Tree(Box::new(self.records.give_up())));
        heap.free_later(Waste::Tree(Box::new(self.by_field.give_up())));
        heap.free_later(Waste::Tree(Box::new(self.by_time.give_up())));
    }
}
