//! Copies in steps, and freeing in steps.

use crate::copying::Copying;
use crate::entries::Entries;
use crate::garbage::{Garbage, LEAF_COST};
use crate::heap::Heap;

use super::members::{Member, Members};
use super::numbers::Numbers;
use super::{Sorted, SortedTree};

/// A copy under way, see [`Copying`]. Its leaves have the numbers of the first ones, so the index is
/// copied as it is.
#[derive(Debug)]
#[must_use = "a copy that is not driven to its end, or given up, keeps its pages"]
pub struct SortedCopying {
    records: Copying<Sorted>,
    index: Copying<Entries<Member>>,
    numbers: Numbers,
}

impl SortedCopying {
    /// A copy with nothing in it yet.
    ///
    /// # Safety
    /// As for [`SortedTree::new`].
    #[expect(
        unsafe_code,
        reason = "a tree keeps blocks of a heap that is lent to each call"
    )]
    #[must_use = "it is to be made"]
    pub unsafe fn new() -> SortedCopying {
        SortedCopying {
            records: Copying::empty(),
            index: Copying::empty(),
            numbers: Numbers::new(),
        }
    }

    /// Copies up to so many leaves of the first one; the bytes of blocks count, 4 KiB as a leaf.
    /// Returns whether the copy is complete. Both have the same hash function.
    pub fn step<H: Heap>(&mut self, heap: &mut H, from: &SortedTree, leaves: usize) -> bool {
        let mut left = leaves.saturating_mul(LEAF_COST);
        let SortedTree { records, members } = from;
        while left > 0 && self.numbers.copy_chunk(heap, &members.numbers) {
            left = left.saturating_sub(LEAF_COST);
        }
        while let Some(copy) = self.records.step_leaf(heap, records, &mut left) {
            self.numbers.set(copy);
        }
        let index = &mut self.index;
        while (index.step_leaf(heap, &members.index, &mut left)).is_some() {}
        self.records.has_all(records) && self.index.has_all(&members.index)
    }

    /// The copy, which is complete.
    #[must_use]
    pub fn into_tree(self) -> SortedTree {
        SortedTree {
            records: self.records.into_tree(),
            members: Members {
                index: self.index.into_tree(),
                numbers: self.numbers,
            },
        }
    }

    /// Gives the copy up: what there is of it is to be freed.
    pub fn give_up(self) -> SortedGarbage {
        SortedGarbage {
            records: self.records.give_up(),
            index: self.index.give_up(),
            numbers: self.numbers,
        }
    }
}

impl SortedTree {
    /// See [`Tree::relocate`](crate::Tree::relocate). Behind the records, `from` counts the entries
    /// of the index.
    pub fn relocate<H: Heap>(&mut self, heap: &mut H, from: u64, leaves: usize) -> Option<u64> {
        let (records, Members { index, numbers }) = (&mut self.records, &mut self.members);
        let Some(entry) = from.checked_sub(records.len()) else {
            let next = records.relocate_with(heap, from, leaves, |leaf| numbers.set(leaf));
            return Some(next.unwrap_or(records.len()));
        };
        Some(records.len() + index.relocate(heap, entry, leaves)?)
    }
}

/// A sorted set of which only the memory is left.
#[derive(Debug)]
#[must_use = "what is not freed in steps stays allocated"]
pub struct SortedGarbage {
    records: Garbage<Sorted>,
    index: Garbage<Entries<Member>>,
    numbers: Numbers,
}

impl SortedTree {
    /// Its memory, to be freed in steps. A walk over it goes on meanwhile, or afterwards.
    pub fn into_garbage(self) -> SortedGarbage {
        let (index, numbers) = self.members.into_parts();
        SortedGarbage {
            records: self.records.into_garbage(),
            index,
            numbers,
        }
    }
}

impl SortedGarbage {
    /// Frees up to so many leaves with their blocks, and the pages above. Returns whether nothing
    /// is left; what a walk still needs is freed by the walk.
    pub fn step<H: Heap>(&mut self, heap: &mut H, leaves: usize) -> bool {
        self.records.step(heap, leaves)
            && self.index.step(heap, leaves)
            && self.numbers.free(heap, leaves)
    }

    /// How many bytes are left to free.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.records.memory() + self.index.memory() + self.numbers.memory()
    }
}
