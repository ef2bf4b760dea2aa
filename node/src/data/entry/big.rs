//! Hashes that do not fit into their key's block: a tree in a box of its own.
#![expect(
    unsafe_code,
    reason = "a tree keeps blocks of the heap that is lent to it"
)]

use std::ptr::NonNull;

use slotkeeper_tree::element::{Element, Text};
use slotkeeper_tree::{HashTree, Key, Record};

use super::Heap;
use super::heap::Waste;
use crate::data::hash::HashKey;

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

/// How many leaves one step of a copy takes.
const COPIED_AT_ONCE: usize = 1024;

/// A tree of fields with values, and the hash that orders it.
#[derive(Debug)]
pub(in crate::data) struct BigHash {
    tree: HashTree,
    hasher: HashKey,
}

impl BigHash {
    /// An empty one. All calls on it are given the same heap: there is one for all entries.
    pub fn new(hasher: HashKey) -> Box<BigHash> {
        Box::new(BigHash {
            // SAFETY: entries have one heap, which outlives them.
            tree: unsafe { HashTree::new() },
            hasher,
        })
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.tree.len() as usize
    }

    /// Bytes that it takes.
    pub fn memory(&self) -> usize {
        size_of::<BigHash>() + self.tree.memory()
    }

    /// Bytes of its pages.
    pub fn pages(&self) -> usize {
        self.tree.memory()
    }

    fn key<'k>(&self, field: &'k [u8]) -> Key<'k> {
        Key::new(field, self.hasher.hash(field))
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Element<'_>> {
        let record = self.tree.get(&self.key(field))?;
        Some(record.value)
    }

    /// The field of a rank with its value.
    pub fn at(&self, rank: usize) -> Option<(Element<'_>, Element<'_>)> {
        let Record { key, value } = self.tree.at(rank as u64)?;
        Some((key, value))
    }

    /// Shows fields with their values, until `visit` returns false.
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(Element<'a>, Element<'a>) -> bool) {
        self.tree
            .for_each(|Record { key, value }| visit(key, value));
    }

    /// Shows the next few fields behind a cursor. Returns where to go on, 0 at the end.
    pub fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(Element<'a>, Element<'a>)) -> u64 {
        let hash = |bytes: &[u8]| self.hasher.hash(bytes);
        self.tree
            .scan(hash, cursor, |Record { key, value }| visit(key, value))
    }

    /// Gives a field a value. Returns whether the field is new.
    pub fn insert(&mut self, heap: &mut Heap, field: &[u8], value: &[u8]) -> bool {
        let key = self.key(field);
        let hasher = self.hasher;
        self.tree
            .insert(heap, |bytes| hasher.hash(bytes), &key, value)
    }

    /// Removes a field. Returns whether it was there.
    pub fn remove(&mut self, heap: &mut Heap, field: &[u8]) -> bool {
        let key = self.key(field);
        self.tree.remove(heap, &key)
    }

    /// Another one with the same fields: page by page, unless a walk needs this one.
    pub fn copy(&mut self, heap: &mut Heap) -> Box<BigHash> {
        let mut copy = BigHash::new(self.hasher);
        if let Some(frozen) = self.tree.freeze(heap) {
            let mut copying = frozen.copy();
            while !copying.step(heap, COPIED_AT_ONCE) {}
            copy.tree = copying.into_parts().0;
            return copy;
        }
        self.for_each(|field, value| {
            let (mut field_text, mut value_text) = (Text::new(), Text::new());
            let field = field.bytes(&mut field_text);
            copy.insert(heap, field, value.bytes(&mut value_text));
            true
        });
        copy
    }

    /// Freezes it as it is now, at a cost that does not depend on its size.
    pub fn freeze(&mut self, heap: &mut Heap) -> FrozenHash {
        if let Some(frozen) = self.tree.freeze(heap) {
            return frozen;
        }
        // A walk that was stopped early has not let go of it yet.
        heap.end_walks();
        (self.tree.freeze(heap)).expect("there is one walk at a time, and those before are over")
    }

    /// Whether a walk still needs it as it was.
    pub fn is_frozen(&self) -> bool {
        self.tree.is_frozen()
    }

    /// Bytes that were copied for the sake of a walk since this was asked last.
    pub fn take_copied(&mut self) -> usize {
        self.tree.take_copied()
    }

    /// What is left of it, to be freed in steps.
    pub fn into_waste(self) -> Waste {
        Waste::Tree(self.tree.into_garbage())
    }
}

/// A big hash as it was at one moment.
pub(in crate::data) type FrozenHash = slotkeeper_tree::Frozen<slotkeeper_tree::Records<true>>;
