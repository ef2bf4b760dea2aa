//! The index of members: from the hash of a member to the number of its leaf.
//!
//! Entries of one hash and one number are alike, so it does not matter which of them changes when
//! one of their records goes to another leaf.

use crate::entries::{Entries, Entry};
use crate::garbage::Garbage;
use crate::heap::Heap;
use crate::page::Page;
use crate::records::Key;
use crate::tree::Tree;

use super::leaf;
use super::numbers::Numbers;

/// One for each member.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Member {
    /// The upper half of the hash.
    pub hash: u32,
    /// That of the leaf.
    pub number: u32,
}

impl Entry for Member {
    type Key = u32;

    const LOWEST: u32 = 0;

    fn key(&self) -> u32 {
        self.hash
    }

    fn place(key: u32) -> Option<u64> {
        Some(u64::from(key))
    }
}

/// The part of a hash that the index has.
pub fn part(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The index, and the numbers of the leaves.
#[derive(Debug)]
pub struct Members {
    pub index: Tree<Entries<Member>>,
    pub numbers: Numbers,
}

impl Members {
    pub fn new() -> Members {
        Members {
            index: Tree::empty(),
            numbers: Numbers::new(),
        }
    }

    pub fn memory(&self) -> usize {
        self.index.memory() + self.numbers.memory()
    }

    /// The leaf that has a member, and its index there.
    pub fn locate(&self, key: &Key<'_>) -> Option<(Page, usize)> {
        let mut found = None;
        self.index.find(part(key.hash), |entry| {
            let page = self.numbers.page(entry.number);
            found = leaf::find(page, key).map(|index| (page, index));
            found.is_some()
        })?;
        found
    }

    /// A member that is in the leaf of that number now.
    pub fn add<H: Heap>(&mut self, heap: &mut H, hash: u64, number: u32) {
        let hash = part(hash);
        self.index.insert(heap, Member { hash, number });
    }

    /// A member has gone from one leaf to another one.
    pub fn shift<H: Heap>(&mut self, heap: &mut H, hash: u64, from: u32, to: u32) {
        let is_it = |entry: &Member| entry.number == from;
        let done = (self.index).update(heap, part(hash), is_it, |entry| entry.number = to);
        debug_assert!(done, "each record has its entry");
    }

    /// A member that was in the leaf of that number is gone.
    pub fn remove<H: Heap>(&mut self, heap: &mut H, hash: u64, number: u32) {
        let is_it = |entry: &Member| entry.number == number;
        let gone = self.index.remove(heap, part(hash), is_it);
        debug_assert!(gone.is_some(), "each record has its entry");
    }

    pub fn into_parts(self) -> (Garbage<Entries<Member>>, Numbers) {
        (self.index.into_garbage(), self.numbers)
    }
}
