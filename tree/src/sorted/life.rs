//! Copies in steps, and freeing in steps.

use crate::copying::Copying;
use crate::entries::Entries;
use crate::frozen::Frozen;
use crate::garbage::{Garbage, LEAF_COST};
use crate::heap::Heap;

use super::members::{Member, Members};
use super::numbers::Numbers;
use super::{Sorted, SortedTree, leaf};

/// A copy under way, see [`Copying`]; its index is made anew.
#[derive(Debug)]
#[must_use = "a copy that is not driven to its end, or given up, keeps its pages"]
pub struct SortedCopying {
    copying: Copying<Sorted>,
    members: Members,
}

impl Frozen<Sorted> {
    /// Begins a copy of what this walk has still to hand out, from the start of the leaf that it is
    /// in.
    pub fn copy_sorted(self) -> SortedCopying {
        SortedCopying {
            copying: self.copy(),
            members: Members::new(),
        }
    }
}

impl SortedCopying {
    /// Copies up to so many leaves; the bytes of blocks count, 4 KiB as a leaf. Returns whether the
    /// copy is complete. `hasher`
    /// is the hash function of the copy.
    pub fn step<H: Heap>(
        &mut self,
        heap: &mut H,
        hasher: impl Fn(&[u8]) -> u64,
        leaves: usize,
    ) -> bool {
        let mut left = leaves.saturating_mul(LEAF_COST);
        while let Some(page) = self.copying.step_leaf(heap, &mut left) {
            let number = self.members.numbers.take(heap, page);
            for index in 0..page.n() {
                let hash = leaf::with_bytes(page, index, &hasher);
                self.members.add(heap, hash, number);
            }
        }
        self.copying.is_over()
    }

    /// The copy, as far as it has come, and the walk, to be driven to its end if it is not there.
    pub fn into_parts(self) -> (SortedTree, Frozen<Sorted>) {
        let (records, frozen) = self.copying.into_parts();
        let members = self.members;
        (SortedTree { records, members }, frozen)
    }

    /// Gives the copy up: what was copied is to be freed, the walk to be driven to its end.
    pub fn give_up(self) -> (SortedGarbage, Frozen<Sorted>) {
        let (tree, frozen) = self.into_parts();
        (tree.into_garbage(), frozen)
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
