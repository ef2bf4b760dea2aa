//! Big sorted sets: a tree in the order of scores, with its index of members.

use slotkeeper_tree::{
    Cut, Frozen, Key, Part, Scored, Sorted, SortedCopying, SortedGarbage, SortedTree,
};

use super::copying::source;
use super::{Big, BigValue, CopyingValue, FrozenValue, Group, NOT_FROZEN};
use crate::data::entry::Heap;
use crate::data::entry::heap::{Leftover, Waste};
use crate::data::hash::HashKey;

/// A tree of members with scores, and the hash by which members are found.
#[derive(Debug)]
pub struct BigZset {
    tree: SortedTree,
    hasher: HashKey,
}

fn new_tree() -> SortedTree {
    #[expect(
        unsafe_code,
        reason = "a tree keeps blocks of the heap that is lent to it"
    )]
    // SAFETY: entries have one heap, which outlives them.
    unsafe {
        SortedTree::new()
    }
}

impl BigZset {
    /// An empty one.
    pub fn new(hasher: HashKey) -> BigZset {
        let tree = new_tree();
        BigZset { tree, hasher }
    }

    fn key<'k>(&self, member: &'k [u8]) -> Key<'k> {
        Key::new(member, self.hasher.hash(member))
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.tree.score(&self.key(member))
    }

    /// Shows the scores of members in their order.
    pub fn score_each<'k>(
        &self,
        members: impl Iterator<Item = &'k [u8]>,
        visit: impl FnMut(Option<f64>),
    ) {
        self.tree
            .score_each(members.map(|member| self.key(member)), visit);
    }

    /// Takes the next members into a group, with what comes with each, and brings what their changes
    /// will look at into the cache: also the places of the scores that `score` says they get. Returns
    /// whether there were any.
    pub fn next_group<'k, T: Copy>(
        &self,
        group: &mut Group<'k, T>,
        items: &mut impl Iterator<Item = (&'k [u8], T)>,
        score: Option<fn(T) -> f64>,
    ) -> bool {
        let any = group.fill(items, |name| self.key(name));
        let scores = score.map(|score| group.values.map(|value| value.map_or(0.0, score)));
        self.tree.look_ahead(&group.keys, scores.as_ref());
        any
    }

    /// Brings members into the cache.
    pub fn look_ahead<'k>(&self, names: impl Iterator<Item = &'k [u8]>) {
        let (mut group, mut items) = (Group::new(), names.map(|name| (name, ())));
        while group.fill(&mut items, |name| self.key(name)) {
            self.tree.prefetch(&group.keys);
        }
    }

    /// Brings the root into the cache.
    pub fn prefetch_root(&self) {
        self.tree.prefetch_root();
    }

    /// Brings the first records into the cache; some time after [`Self::prefetch_root`].
    pub fn prefetch_first(&self) {
        self.tree.prefetch_first();
    }

    /// How many records are before a cut.
    pub fn rank(&self, cut: Cut<'_>) -> usize {
        self.tree.rank(cut) as usize
    }

    /// The record of a rank.
    pub fn at(&self, rank: usize) -> Option<Scored<'_>> {
        self.tree.at(rank as u64)
    }

    /// Shows up to `count` records from a rank on, in order.
    pub fn show<'a>(&'a self, rank: usize, count: usize, visit: impl FnMut(Scored<'a>)) {
        self.tree.show(rank as u64, count as u64, visit);
    }

    /// Shows up to `count` records from a rank on, downwards.
    pub fn show_back<'a>(&'a self, rank: usize, count: usize, visit: impl FnMut(Scored<'a>)) {
        self.tree.show_back(rank as u64, count as u64, visit);
    }

    /// Shows records from a rank on, until `visit` returns false.
    pub fn show_while<'a>(&'a self, rank: usize, visit: impl FnMut(Scored<'a>) -> bool) {
        self.tree.show_while(rank as u64, visit);
    }

    /// Shows records in order, until `visit` returns false.
    pub fn for_each<'a>(&'a self, visit: impl FnMut(Scored<'a>) -> bool) {
        self.tree.for_each(visit);
    }

    /// Shows about `count` records behind a cursor. Returns where to go on, 0 at the end.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: impl FnMut(Scored<'a>)) -> u64 {
        let hash = |bytes: &[u8]| self.hasher.hash(bytes);
        self.tree.scan(hash, cursor, count, visit)
    }

    /// Gives a member a score. Returns the one that it had.
    pub fn insert(&mut self, heap: &mut Heap, member: &[u8], score: f64) -> Option<f64> {
        self.insert_key(heap, &self.key(member), score)
    }

    /// The same with a key of [`BigZset::group`].
    pub fn insert_key(&mut self, heap: &mut Heap, key: &Key<'_>, score: f64) -> Option<f64> {
        let hasher = self.hasher;
        self.tree
            .insert(heap, |bytes| hasher.hash(bytes), key, score)
    }

    /// Takes a member out. Returns its score.
    pub fn remove(&mut self, heap: &mut Heap, member: &[u8]) -> Option<f64> {
        self.remove_key(heap, &self.key(member))
    }

    /// The same with a key of [`BigZset::group`].
    pub fn remove_key(&mut self, heap: &mut Heap, key: &Key<'_>) -> Option<f64> {
        let hasher = self.hasher;
        self.tree.remove(heap, |bytes| hasher.hash(bytes), key)
    }

    /// Shows the records of ranks, which there are, in the order given.
    pub fn at_each<'a>(
        &'a self,
        ranks: impl Iterator<Item = usize>,
        visit: impl FnMut(Scored<'a>),
    ) {
        self.tree.at_each(ranks.map(|rank| rank as u64), visit);
    }

    /// Takes up to so many records out from a rank on, after `visit` has seen each. Returns how many
    /// there were.
    pub fn remove_ranks(
        &mut self,
        heap: &mut Heap,
        rank: usize,
        count: usize,
        visit: impl FnMut(Scored<'_>),
    ) -> usize {
        let hasher = self.hasher;
        let hash = |bytes: &[u8]| hasher.hash(bytes);
        let gone = self
            .tree
            .remove_ranks(heap, hash, rank as u64, count as u64, visit);
        gone as usize
    }
}

impl From<BigZset> for Big {
    fn from(zset: BigZset) -> Big {
        Big::Zset(zset)
    }
}

impl BigValue for BigZset {
    fn len(&self) -> usize {
        self.tree.len() as usize
    }

    fn pages(&self) -> usize {
        self.tree.records_memory()
    }

    fn memory(&self) -> usize {
        self.tree.memory()
    }

    fn begin_copy(&self) -> Box<dyn CopyingValue> {
        #[expect(
            unsafe_code,
            reason = "a tree keeps blocks of the heap that is lent to it"
        )]
        // SAFETY: entries have one heap, which outlives them.
        let copying = unsafe { SortedCopying::new() };
        Box::new(ZsetCopying(copying))
    }

    fn freeze(&mut self, heap: &mut Heap) -> Box<dyn FrozenValue> {
        Box::new(self.tree.freeze(heap).expect(NOT_FROZEN))
    }

    fn is_frozen(&self) -> bool {
        self.tree.is_frozen()
    }

    fn take_copied(&mut self) -> usize {
        self.tree.take_copied()
    }

    fn relocate(&mut self, heap: &mut Heap, from: u64, leaves: usize) -> Option<u64> {
        self.tree.relocate(heap, from, leaves)
    }

    fn dispose(&mut self, heap: &mut Heap) {
        let garbage = std::mem::replace(&mut self.tree, new_tree()).into_garbage();
        heap.free_later(Waste::Tree(Box::new(garbage)));
    }
}

/// A copy of a tree with its index.
struct ZsetCopying(SortedCopying);

impl CopyingValue for ZsetCopying {
    fn step(&mut self, heap: &mut Heap, from: &dyn BigValue, leaves: usize) -> bool {
        self.0.step(heap, &source::<BigZset>(from).tree, leaves)
    }

    fn finish(self: Box<Self>, _: &mut Heap, from: &dyn BigValue) -> Big {
        let (tree, hasher) = (self.0.into_tree(), source::<BigZset>(from).hasher);
        BigZset { tree, hasher }.into()
    }

    fn give_up(self: Box<Self>, heap: &mut Heap) {
        heap.free_later(Waste::Tree(Box::new(self.0.give_up())));
    }
}

impl FrozenValue for Frozen<Sorted> {
    fn len(&self) -> u64 {
        Frozen::len(self)
    }

    fn step(&mut self, heap: &mut Heap, budget: usize, sink: &mut dyn FnMut(Part<'_>)) -> bool {
        Frozen::<Sorted>::step(self, heap, budget, sink)
    }

    fn discard(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        Frozen::discard(self, heap, leaves)
    }
}

impl Leftover for SortedGarbage {
    fn step(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        SortedGarbage::step(self, heap, leaves)
    }
}
