//! Big hashes and sets: a tree of fields with values, or of members.

use slotkeeper_tree::{Aim, Frozen, Key, Part, Record, Records, Tree};

use super::times::{FrozenTimed, TimedCopying};
use super::{
    Big, BigValue, CopyingValue, FieldTimes, FrozenValue, Group, OneTree, dispose_tree,
    freeze_tree, new_tree,
};
use crate::data::entry::Heap;
use crate::data::hash::HashKey;

/// A tree of keys, with values if `VALUED`, and the hash that orders it.
#[derive(Debug)]
pub struct BigRecords<const VALUED: bool> {
    tree: Tree<Records<VALUED>>,
    hasher: HashKey,
    /// Of a hash: when fields expire, if any does.
    times: Option<Box<FieldTimes>>,
}

/// A tree of fields with values.
pub type BigHash = BigRecords<true>;
/// A tree of members.
pub type BigSet = BigRecords<false>;

impl<const VALUED: bool> BigRecords<VALUED> {
    /// An empty one.
    pub fn new(hasher: HashKey) -> Self {
        BigRecords {
            tree: new_tree(),
            hasher,
            times: None,
        }
    }

    /// One of the same hash function.
    pub(super) fn with(
        &self,
        tree: Tree<Records<VALUED>>,
        times: Option<Box<FieldTimes>>,
    ) -> BigRecords<VALUED> {
        let hasher = self.hasher;
        BigRecords {
            tree,
            hasher,
            times,
        }
    }

    pub(super) fn records(&self) -> &Tree<Records<VALUED>> {
        &self.tree
    }

    /// When fields expire, if any does.
    #[inline]
    pub fn times(&self) -> Option<&FieldTimes> {
        self.times.as_deref()
    }

    /// The hash function.
    pub fn hasher(&self) -> &HashKey {
        &self.hasher
    }

    /// The record of that hash.
    pub fn by_hash(&self, hash: u64) -> Option<Record<'_>> {
        self.tree.by_hash(|bytes| self.hasher.hash(bytes), hash)
    }

    /// Of the leaf with the record of that rank: the rank of its first record, and a hash that parts
    /// it from those before.
    pub fn leaf_of(&self, rank: usize) -> Option<(usize, u64)> {
        let (first, lowest) = self.tree.leaf_of(rank as u64)?;
        Some((first as usize, lowest))
    }

    /// When a field expires, in unix milliseconds.
    pub fn time(&self, field: &[u8]) -> Option<i64> {
        self.times()?.get(self.hasher.hash(field))
    }

    /// Sets when a field expires, which is there. Returns when it did.
    pub fn set_time(&mut self, heap: &mut Heap, field: &[u8], at: Option<i64>) -> Option<i64> {
        if at.is_none() && self.times.is_none() {
            return None;
        }
        let times = self.times.get_or_insert_with(|| FieldTimes::new(heap));
        let old = times.set(heap, self.hasher.hash(field), at);
        if times.len() == 0
            && let Some(times) = self.times.take()
        {
            times.dispose(heap);
        }
        old
    }

    /// A field or member to look for.
    pub fn key<'k>(&self, field: &'k [u8]) -> Key<'k> {
        Key::new(field, self.hasher.hash(field))
    }

    /// The record of a field or member.
    pub fn get(&self, field: &[u8]) -> Option<Record<'_>> {
        self.tree.get(&self.key(field))
    }

    /// Shows the records of fields or members in their order.
    pub fn get_each<'a, 'k>(
        &'a self,
        fields: impl Iterator<Item = &'k [u8]>,
        visit: impl FnMut(Option<Record<'a>>),
    ) {
        self.tree
            .get_each(fields.map(|field| self.key(field)), visit);
    }

    /// Takes the next fields or members into a group, with what comes with each, and brings what is to
    /// be done with them will look at into the cache. Returns whether there were any.
    pub fn next_group<'k, T: Copy>(
        &self,
        group: &mut Group<'k, T>,
        items: &mut impl Iterator<Item = (&'k [u8], T)>,
        aim: Aim,
    ) -> bool {
        let any = group.fill(items, |name| self.key(name));
        self.tree.look_ahead(&mut group.keys, aim);
        any
    }

    /// Brings what is to be done with fields or members will look at into the cache.
    pub fn look_ahead<'k>(&self, names: impl Iterator<Item = &'k [u8]>, aim: Aim) {
        let (mut group, mut items) = (Group::new(), names.map(|name| (name, ())));
        while self.next_group(&mut group, &mut items, aim) {}
    }

    /// Brings the root into the cache.
    pub fn prefetch_root(&self) {
        self.tree.prefetch_root();
    }

    /// Brings the first records into the cache; some time after [`Self::prefetch_root`].
    pub fn prefetch_first(&self) {
        self.tree.prefetch_first();
    }

    /// Shows the records of ranks, which there are, in the order given.
    pub fn at_each<'a>(
        &'a self,
        ranks: impl Iterator<Item = usize>,
        visit: impl FnMut(Record<'a>),
    ) {
        self.tree.at_each(ranks.map(|rank| rank as u64), visit);
    }

    /// Brings what is near these ranks, which there are, into the cache.
    pub fn look_ahead_ranks(&self, ranks: &[usize]) {
        if ranks.len() > 1 {
            self.at_each(ranks.iter().copied(), |_| {});
        }
    }

    /// The record of a rank.
    pub fn at(&self, rank: usize) -> Option<Record<'_>> {
        self.tree.at(rank as u64)
    }

    /// Shows records, until `visit` returns false.
    pub fn for_each<'a>(&'a self, visit: impl FnMut(Record<'a>) -> bool) {
        self.tree.for_each(visit);
    }

    /// Shows about `count` records behind a cursor. Returns where to go on, 0 at the end.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Record<'a>)) -> u64 {
        let (mut next, mut shown) = (cursor, 0);
        loop {
            let hash = |bytes: &[u8]| self.hasher.hash(bytes);
            next = self.tree.scan(hash, next, |record| {
                visit(record);
                shown += 1;
            });
            if next == 0 || shown >= count {
                return next;
            }
        }
    }

    /// Puts a record in, or gives a field another value, which does not expire then. Returns whether
    /// it is new.
    pub fn insert(&mut self, heap: &mut Heap, field: &[u8], value: &[u8]) -> bool {
        self.insert_key(heap, &self.key(field), value)
    }

    /// The same with a key of [`BigRecords::next_group`].
    pub fn insert_key(&mut self, heap: &mut Heap, key: &Key<'_>, value: &[u8]) -> bool {
        if VALUED && self.times.is_some() {
            self.set_time(heap, key.bytes(), None);
        }
        self.insert_keeping(heap, key, value)
    }

    /// The same, and a time that the field has stays.
    pub fn insert_keeping(&mut self, heap: &mut Heap, key: &Key<'_>, value: &[u8]) -> bool {
        let hasher = self.hasher;
        self.tree
            .insert(heap, |bytes| hasher.hash(bytes), key, value)
    }

    /// Takes a record out. Returns whether it was there.
    pub fn remove(&mut self, heap: &mut Heap, field: &[u8]) -> bool {
        self.remove_key(heap, &self.key(field))
    }

    /// The same with a key of [`BigRecords::next_group`].
    pub fn remove_key(&mut self, heap: &mut Heap, key: &Key<'_>) -> bool {
        if VALUED && self.times.is_some() {
            self.set_time(heap, key.bytes(), None);
        }
        self.tree.remove(heap, key)
    }

    /// Takes the record of a rank out, after `visit` has seen it.
    pub fn remove_at<R>(
        &mut self,
        heap: &mut Heap,
        rank: usize,
        visit: impl FnOnce(Record<'_>) -> R,
    ) -> Option<R> {
        self.tree.remove_at(heap, rank as u64, visit)
    }
}

impl From<BigHash> for Big {
    fn from(hash: BigHash) -> Big {
        Big::Hash(hash)
    }
}

impl From<BigSet> for Big {
    fn from(set: BigSet) -> Big {
        Big::Set(set)
    }
}

impl<const VALUED: bool> BigValue for BigRecords<VALUED>
where
    Big: From<BigRecords<VALUED>>,
{
    fn len(&self) -> usize {
        self.tree.len() as usize
    }

    fn pages(&self) -> usize {
        self.tree.memory()
    }

    fn memory(&self) -> usize {
        self.tree.memory() + self.times().map_or(0, FieldTimes::memory)
    }

    fn keeps_tree(&self) -> bool {
        self.times.is_some()
    }

    fn begin_copy(&self) -> Box<dyn CopyingValue> {
        match self.times {
            Some(_) => Box::new(TimedCopying::<VALUED>::new()),
            None => self.begin_tree_copy(),
        }
    }

    fn freeze(&mut self, heap: &mut Heap) -> Box<dyn FrozenValue> {
        let (tree, hasher) = (&mut self.tree, self.hasher);
        match &mut self.times {
            Some(times) => Box::new(FrozenTimed::new(heap, tree, times, hasher)),
            None => Box::new(freeze_tree(tree, heap)),
        }
    }

    fn is_frozen(&self) -> bool {
        self.tree.is_frozen() || self.times().is_some_and(FieldTimes::is_frozen)
    }

    fn take_copied(&mut self) -> usize {
        let times = self.times.as_mut();
        self.tree.take_copied() + times.map_or(0, |times| times.take_copied())
    }

    /// `from` counts the records first, then what there is of times.
    fn relocate(&mut self, heap: &mut Heap, from: u64, leaves: usize) -> Option<u64> {
        let len = self.tree.len();
        match &mut self.times {
            None => self.tree.relocate(heap, from, leaves),
            Some(_) if from < len => {
                let next = self.tree.relocate(heap, from, leaves);
                Some(next.unwrap_or(len))
            }
            Some(times) => {
                let next = times.relocate(heap, from - len, leaves)?;
                Some(len + next)
            }
        }
    }

    fn dispose(&mut self, heap: &mut Heap) {
        dispose_tree(&mut self.tree, heap);
        if let Some(times) = self.times.take() {
            times.dispose(heap);
        }
    }
}

impl<const VALUED: bool> OneTree for BigRecords<VALUED>
where
    Big: From<BigRecords<VALUED>>,
{
    type Codec = Records<VALUED>;

    fn tree(&self) -> &Tree<Records<VALUED>> {
        &self.tree
    }

    fn with_copy(&self, tree: Tree<Records<VALUED>>) -> Big {
        self.with(tree, None).into()
    }
}

impl<const VALUED: bool> FrozenValue for Frozen<Records<VALUED>> {
    fn len(&self) -> u64 {
        Frozen::len(self)
    }

    fn step(&mut self, heap: &mut Heap, budget: usize, sink: &mut dyn FnMut(Part<'_>)) -> bool {
        <Frozen<Records<VALUED>>>::step(self, heap, budget, sink)
    }

    fn discard(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        Frozen::discard(self, heap, leaves)
    }
}
