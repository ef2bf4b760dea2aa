//! Values that do not fit into their key's block: trees in a box of their own.
//!
//! [`Big`] is what the box holds; what all kinds of it can do is [`BigValue`], so that entries,
//! walks and the freeing in steps know nothing of types.
#![expect(
    unsafe_code,
    reason = "a tree keeps blocks of the heap that is lent to it"
)]

mod copying;
mod list;
mod records;
mod sorted;
mod times;

use std::any::Any;
use std::ptr::NonNull;

use slotkeeper_tree::{AHEAD, Codec, Copying, Frozen, Key, Part, Tree};

use super::Heap;
use super::heap::Waste;
use crate::data::Stream;
use copying::OneTree;
pub use copying::{CopyingValue, source};
pub use list::BigList;
pub use records::{BigHash, BigRecords, BigSet};
pub use sorted::BigZset;
pub use times::{FieldTimes, hash_of};

// SAFETY: blocks are as long as was asked for, aligned to 8, and the caller's until released.
unsafe impl slotkeeper_tree::Heap for Heap {
    fn allocate(&mut self, len: usize) -> NonNull<u8> {
        Heap::allocate(self, len)
    }

    unsafe fn release(&mut self, block: NonNull<u8>, len: usize) {
        // SAFETY: promised by the caller.
        unsafe { Heap::release(self, block, len) }
    }

    fn is_thin(&self, block: NonNull<u8>, len: usize) -> bool {
        // SAFETY: a tree asks for blocks that it has.
        unsafe { Heap::is_thin(self, block, len) }
    }
}

/// What the box of a big value holds.
#[derive(Debug)]
pub enum Big {
    /// A hash.
    Hash(BigHash),
    /// A set.
    Set(BigSet),
    /// A list.
    List(BigList),
    /// A sorted set.
    Zset(BigZset),
    /// A stream.
    Stream(Box<Stream>),
}

impl Big {
    /// As any big value, to read.
    pub fn value(&self) -> &dyn BigValue {
        match self {
            Big::Hash(hash) => hash,
            Big::Set(set) => set,
            Big::List(list) => list,
            Big::Zset(zset) => zset,
            Big::Stream(stream) => &**stream,
        }
    }

    /// As any big value, to change.
    pub fn value_mut(&mut self) -> &mut dyn BigValue {
        match self {
            Big::Hash(hash) => hash,
            Big::Set(set) => set,
            Big::List(list) => list,
            Big::Zset(zset) => zset,
            Big::Stream(stream) => &mut **stream,
        }
    }

    /// Brings the root into the cache of a hash, a set or a sorted set.
    pub fn prefetch_root(&self) {
        match self {
            Big::Hash(hash) => hash.prefetch_root(),
            Big::Set(set) => set.prefetch_root(),
            Big::Zset(zset) => zset.prefetch_root(),
            Big::List(_) | Big::Stream(_) => {}
        }
    }

    /// Brings its first records into the cache; some time after [`Big::prefetch_root`].
    pub fn prefetch_first(&self) {
        match self {
            Big::Hash(hash) => hash.prefetch_first(),
            Big::Set(set) => set.prefetch_first(),
            Big::Zset(zset) => zset.prefetch_first(),
            Big::List(_) | Big::Stream(_) => {}
        }
    }

    /// Another one with the same elements, made at once.
    pub fn copy(&self, heap: &mut Heap) -> Big {
        let mut copying = self.value().begin_copy();
        while !copying.step(heap, self.value(), usize::MAX) {}
        copying.finish(heap, self.value())
    }

    /// Bytes that it takes.
    pub fn memory(&self) -> usize {
        size_of::<Big>() + self.value().memory()
    }
}

/// What all big values can do. All calls on one are given the same heap: there is one for all
/// entries.
pub trait BigValue: Any {
    /// How many elements it has.
    fn len(&self) -> usize;

    /// Bytes of its pages.
    fn pages(&self) -> usize;

    /// Bytes that it takes outside of its box.
    fn memory(&self) -> usize {
        self.pages()
    }

    /// Whether it stays a tree, however little is in it.
    fn keeps_tree(&self) -> bool {
        false
    }

    /// Begins a copy, which is made in steps. For a value that is one tree: [`OneTree`].
    fn begin_copy(&self) -> Box<dyn CopyingValue>;

    /// Freezes it as it is now, at a cost that does not depend on its size.
    fn freeze(&mut self, heap: &mut Heap) -> Box<dyn FrozenValue>;

    /// Whether a walk still needs it as it was.
    fn is_frozen(&self) -> bool;

    /// Bytes that were copied for the sake of a walk since this was asked last.
    fn take_copied(&mut self) -> usize;

    /// Moves pages out of memory that is hardly used, see [`Tree::relocate`]. A type that does not
    /// say how is passed over.
    fn relocate(&mut self, heap: &mut Heap, from: u64, leaves: usize) -> Option<u64> {
        let _ = (heap, from, leaves);
        None
    }

    /// Hands what it has to the heap, to be freed in steps, and is empty then.
    fn dispose(&mut self, heap: &mut Heap);
}

/// Elements that are looked ahead for side by side, with what comes with each. It is filled again and
/// again where it is: moving it takes longer than it seems.
pub struct Group<'k, T> {
    keys: [Option<Key<'k>>; AHEAD],
    values: [Option<T>; AHEAD],
}

impl<'k, T: Copy> Group<'k, T> {
    /// An empty one.
    pub fn new() -> Group<'k, T> {
        Group {
            keys: [None; AHEAD],
            values: [None; AHEAD],
        }
    }

    /// Takes the next of these items in the place of what it has. Returns whether there was any.
    #[inline]
    fn fill(
        &mut self,
        items: &mut impl Iterator<Item = (&'k [u8], T)>,
        key: impl Fn(&'k [u8]) -> Key<'k>,
    ) -> bool {
        for (place, value) in self.keys.iter_mut().zip(&mut self.values) {
            let item = items.next();
            *place = item.map(|(name, _)| key(name));
            *value = item.map(|(_, with)| with);
        }
        self.keys[0].is_some()
    }

    /// What it has.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&Key<'k>, T)> {
        let keys = self.keys.iter().flatten();
        keys.zip(self.values.iter().flatten().copied())
    }
}

/// A big value as it was at one moment. It is to be driven to its end, see
/// [`slotkeeper_tree::Frozen`].
pub trait FrozenValue: Send {
    /// How many elements it had.
    fn len(&self) -> u64;

    /// How many times as much work it is to hand out a byte of it as one of other values.
    fn effort(&self) -> usize {
        1
    }

    /// Of a hash in which fields expire: when the first of them does, in unix milliseconds. There is
    /// a [`Part::FieldTime`] before each field then.
    fn first_time(&self) -> Option<i64> {
        None
    }

    /// Hands out about `budget` bytes more. Returns whether that was all.
    fn step(&mut self, heap: &mut Heap, budget: usize, sink: &mut dyn FnMut(Part<'_>)) -> bool;

    /// Passes over up to so many leaves. Returns whether that was all.
    fn discard(&mut self, heap: &mut Heap, leaves: usize) -> bool;
}

/// An empty tree.
pub fn new_tree<C: Codec>() -> Tree<C> {
    // SAFETY: entries have one heap, which outlives them.
    unsafe { Tree::new() }
}

/// A copy of a tree that has nothing in it yet.
pub fn new_copy<C: Codec>() -> Copying<C> {
    // SAFETY: entries have one heap, which outlives them.
    unsafe { Copying::new() }
}

/// Why a value that is to be frozen is not frozen yet.
const NOT_FROZEN: &str = "walks begin when nothing is frozen, and each takes a value once";

/// Freezes a tree for the walks that are under way.
pub fn freeze_tree<C: Codec>(tree: &mut Tree<C>, heap: &mut Heap) -> Frozen<C> {
    tree.freeze(heap).expect(NOT_FROZEN)
}

/// Hands a tree's pages to the heap, to be freed in steps, and leaves an empty one.
pub fn dispose_tree<C: Codec + 'static>(tree: &mut Tree<C>, heap: &mut Heap) {
    let garbage = std::mem::replace(tree, new_tree()).into_garbage();
    heap.free_later(Waste::Tree(Box::new(garbage)));
}
