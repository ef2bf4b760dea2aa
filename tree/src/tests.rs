//! Tests of the whole: a model under random traffic, and one test for each promise.

mod ahead;
mod copying;
mod frozen;
mod limits;
mod messages;
mod model;
mod relocate;
mod scan;
mod sequence;
mod sorted;
mod times;

use std::alloc::{Layout, alloc, dealloc};
use std::collections::{BTreeMap, HashMap};
use std::ptr::NonNull;

use crate::element::Text;
use crate::{Garbage, HashTree, Heap, Key, Record};

/// What a tree is compared with.
type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// A heap that knows its blocks, so that none is lost, released twice or with another length.
#[derive(Default)]
struct Counting {
    lengths: HashMap<usize, usize>,
    /// How many are out, and how many bytes they have.
    blocks: usize,
    used: usize,
    /// Bytes that were moved since somebody looked.
    moved: usize,
    /// Blocks of at least so many bytes would better be elsewhere.
    thin_from: Option<usize>,
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len, 8).expect("tests ask for little")
}

#[expect(unsafe_code, reason = "a heap hands out raw memory")]
// SAFETY: the global allocator keeps what the trait asks for.
unsafe impl Heap for Counting {
    fn allocate(&mut self, len: usize) -> NonNull<u8> {
        // SAFETY: no tree asks for an empty block.
        let block = NonNull::new(unsafe { alloc(layout(len)) }).expect("there is memory");
        // Miri knows its blocks itself.
        if !cfg!(miri) {
            assert_eq!(self.lengths.insert(block.as_ptr().addr(), len), None);
        }
        self.blocks += 1;
        self.used += len;
        block
    }

    unsafe fn release(&mut self, block: NonNull<u8>, len: usize) {
        if !cfg!(miri) {
            let known = self.lengths.remove(&block.as_ptr().addr());
            assert_eq!(known, Some(len));
        }
        self.blocks -= 1;
        self.used -= len;
        // SAFETY: the caller promises that it was live and has that length.
        unsafe { dealloc(block.as_ptr(), layout(len)) };
    }

    fn is_thin(&self, _: NonNull<u8>, len: usize) -> bool {
        self.thin_from.is_some_and(|least| len >= least)
    }

    fn moved(&mut self, bytes: usize) {
        self.moved += bytes;
    }
}

/// A cheap sequence of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % end
    }
}

/// A hash that spreads well.
fn spread(bytes: &[u8]) -> u64 {
    let mut state = Random(bytes.len() as u64);
    for &byte in bytes {
        state.0 = (state.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    state.below(u64::MAX)
}

/// Fewer under Miri, which is slow.
fn rounds(many: usize, few: usize) -> usize {
    if cfg!(miri) { few } else { many }
}

fn new_tree() -> HashTree {
    #[expect(unsafe_code, reason = "the heap is the caller's")]
    // SAFETY: each test has one heap, and frees what it made.
    unsafe {
        HashTree::new()
    }
}

fn text(element: crate::element::Element<'_>) -> Vec<u8> {
    element.bytes(&mut Text::new()).to_vec()
}

fn pair(record: Record<'_>) -> (Vec<u8>, Vec<u8>) {
    (text(record.key), text(record.value))
}

/// A tree with its heap, its hash function and the model that it has to equal.
struct Subject {
    heap: Counting,
    hash: fn(&[u8]) -> u64,
    tree: HashTree,
    model: Contents,
}

impl Subject {
    fn new(hash: fn(&[u8]) -> u64) -> Subject {
        Subject {
            heap: Counting::default(),
            hash,
            tree: new_tree(),
            model: Contents::new(),
        }
    }

    fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key::new(bytes, (self.hash)(bytes))
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) {
        let found = self.key(key);
        let is_new = self.tree.insert(&mut self.heap, self.hash, &found, value);
        let old = self.model.insert(key.to_vec(), value.to_vec());
        assert_eq!(is_new, old.is_none());
    }

    fn remove(&mut self, key: &[u8]) {
        let found = self.key(key);
        let had = self.tree.remove(&mut self.heap, &found);
        assert_eq!(had, self.model.remove(key).is_some());
    }

    fn fill(&mut self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.insert(
                format!("field:{number}").as_bytes(),
                b"a value of some bytes",
            );
        }
    }

    fn look_up(&self, key: &[u8]) {
        let found = self.tree.get(&self.key(key)).map(pair);
        let expected = self.model.get_key_value(key);
        assert_eq!(
            found,
            expected.map(|(key, value)| (key.clone(), value.clone()))
        );
    }

    /// Compares everything.
    fn check(&self) {
        assert_eq!(self.tree.len(), self.model.len() as u64);
        let mut seen = Contents::new();
        self.tree.for_each(|record| {
            let (key, value) = pair(record);
            assert_eq!(seen.insert(key, value), None);
            true
        });
        assert!(seen == self.model);
        self.model.keys().for_each(|key| self.look_up(key));
        for rank in [0, self.tree.len() / 2, self.tree.len().saturating_sub(1)] {
            assert_eq!(self.tree.at(rank).is_some(), rank < self.tree.len());
        }
        if !self.tree.is_frozen() {
            // What tree and walk know of each other is not the tree's.
            assert!(self.heap.used - self.tree.memory() <= 2);
        }
    }

    /// Frees everything, and looks whether it came back.
    fn end(self) {
        let mut heap = self.heap;
        free(self.tree.into_garbage(), &mut heap);
        assert!(heap.blocks == 0 && heap.used == 0);
    }
}

fn free(mut garbage: Garbage<crate::Records<true>>, heap: &mut Counting) {
    while !garbage.step(heap, 3) {}
    assert_eq!(garbage.memory(), 0);
}
