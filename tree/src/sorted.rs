//! Sorted sets: a tree of records in the order of score and member, and an index that finds the
//! record of a member.
//!
//! The index has, for each member, 32 bits of its hash and the number of the leaf where the record
//! is. A leaf keeps its number when it is copied for a change, so the index changes only for what a
//! split or a join brings to another leaf. It follows from the records, is never frozen, and a walk
//! knows nothing of it.

mod ahead;
mod leaf;
mod life;
mod members;
mod numbers;
mod ops;
mod order;
mod read;
mod split;

use crate::block::Block;
use crate::codec::{Child, Codec};
use crate::element::Element;
use crate::frozen::{Field, Fields, Frozen};
use crate::heap::Heap;
use crate::page::Page;
use crate::space::Space;
use crate::tree::Tree;

pub use life::{SortedCopying, SortedGarbage};
use members::Members;
pub use order::{Cut, Separator, Target};

/// A sorted set. As a [`Tree`], it owns its memory, but not the heap.
///
/// `hasher` is, in all calls, the function that the hashes of keys come from.
#[derive(Debug)]
pub struct SortedTree {
    records: Tree<Sorted>,
    members: Members,
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// The member.
    pub member: Element<'a>,
    /// Its score; never a NaN.
    pub score: f64,
}

/// The codec of the records.
#[derive(Debug)]
pub struct Sorted;

impl Codec for Sorted {
    type Separator = Separator;
    type Target<'a> = Target<'a>;
    type Item<'a> = Scored<'a>;

    const LOWEST: Separator = Separator::LOWEST;

    #[inline]
    fn child(children: &[Child<Separator>], target: Target<'_>) -> usize {
        order::child(children, &target)
    }

    #[expect(unsafe_code, reason = "as in the trait")]
    unsafe fn item<'a>(leaf: Page, index: usize) -> Scored<'a> {
        // SAFETY: promised by the caller.
        unsafe { leaf::record(leaf, index) }
    }

    fn blocks(leaf: Page, visit: impl FnMut(Block)) {
        leaf::blocks(leaf, visit);
    }

    fn duplicate<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
        leaf::duplicate(space, leaf)
    }

    fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page {
        split::joined(space, left, right)
    }
}

impl Fields for Sorted {
    const COUNT: usize = 2;

    fn field(item: Self::Item<'_>, index: usize) -> Field<'_> {
        match index {
            0 => Field::Element(item.member),
            _ => Field::Score(item.score),
        }
    }
}

impl SortedTree {
    /// An empty one, which needs no memory.
    ///
    /// # Safety
    /// As for [`Tree::new`].
    #[must_use]
    #[expect(
        unsafe_code,
        reason = "a tree keeps blocks of a heap that is lent to each call"
    )]
    pub unsafe fn new() -> SortedTree {
        SortedTree {
            records: Tree::empty(),
            members: Members::new(),
        }
    }

    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.records.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many bytes it has, as they were asked of the heap. What only a walk still refers to does
    /// not count.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.records.memory() + self.members.memory()
    }

    /// The same of the records alone.
    #[must_use]
    pub fn records_memory(&self) -> usize {
        self.records.memory()
    }

    /// See [`Tree::take_copied`].
    pub fn take_copied(&mut self) -> usize {
        self.records.take_copied()
    }

    /// Freezes the records, see [`Tree::freeze`].
    pub fn freeze<H: Heap>(&mut self, heap: &mut H) -> Option<Frozen<Sorted>> {
        self.records.freeze(heap)
    }

    /// Whether a walk is not at its end yet.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.records.is_frozen()
    }
}
