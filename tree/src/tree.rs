//! The tree: its root, and the changes of inner pages that every kind of leaf needs.

mod edit;

use std::marker::PhantomData;

use crate::codec::Codec;
use crate::frozen::Control;
use crate::heap::Heap;
use crate::inner::Inner;
use crate::page::{HEAD, LEAF_MAX, Page};
use crate::path::{Path, child_of_rank, prefetch};
use crate::records::AHEAD;
use crate::space::Space;

/// How much of a root is looked at by a walk from the first record on: its head, and some children.
const ROOT_AHEAD: usize = 128;

/// A counted B+tree of packed pages. It owns its pages, but not the heap, so it cannot free them
/// when it is dropped: [`Tree::into_garbage`] does that in steps.
///
/// No call touches more than a path of pages and the neighbours of each, nor moves more than 16 KiB
/// (of a long element, all that it has, when it is put in).
#[derive(Debug)]
pub struct Tree<C> {
    pub(crate) root: Option<Page>,
    pub(crate) len: u64,
    memory: usize,
    copied: usize,
    leaves: u64,
    blocks: u64,
    pub(crate) epoch: u32,
    pub(crate) control: Option<Control>,
    codec: PhantomData<C>,
}

#[expect(unsafe_code, reason = "pages are reached by address")]
// SAFETY: a tree owns its pages. It shares some with its walk, of which either side writes the
// heads only, and only with the heap in hand, of which there is one: see `Tree::new`.
unsafe impl<C> Send for Tree<C> {}

impl<C: Codec> Tree<C> {
    /// An empty tree, which needs no memory.
    ///
    /// # Safety
    /// All calls on this tree, its walks, its copies and its garbage are given one and the same
    /// heap, which stays until they are gone.
    #[must_use]
    #[expect(
        unsafe_code,
        reason = "a tree keeps blocks of a heap that is lent to each call"
    )]
    pub unsafe fn new() -> Tree<C> {
        Tree::empty()
    }

    /// An empty tree, for which somebody has promised what [`Tree::new`] asks.
    pub(crate) fn empty() -> Tree<C> {
        Tree {
            root: None,
            len: 0,
            memory: 0,
            copied: 0,
            leaves: 0,
            blocks: 0,
            epoch: 0,
            control: None,
            codec: PhantomData,
        }
    }

    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes its pages and blocks have, as they were asked of the heap. What only a walk
    /// still refers to does not count.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// How many bytes of pages that it shares with a walk were copied since this was asked last.
    /// The code that drives the walk lets it pass [`STEP_PER_COPIED`](crate::STEP_PER_COPIED) times as
    /// many before the next write, so that writers cannot outrun it.
    pub fn take_copied(&mut self) -> usize {
        std::mem::take(&mut self.copied)
    }

    /// How many leaves it has.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// How many of its elements have blocks of their own.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many levels of inner pages it has.
    #[must_use]
    pub fn height(&self) -> usize {
        self.root.map_or(0, |root| usize::from(root.level()))
    }

    /// Begins a change.
    pub(crate) fn space<'a, H: Heap>(&self, heap: &'a mut H) -> Space<'a, H> {
        Space::new(heap, self.epoch)
    }

    /// Ends a change.
    pub(crate) fn settle<H>(&mut self, space: &Space<'_, H>) {
        self.memory = self.memory + space.added - space.removed;
        self.copied += space.copied;
        self.leaves = self.leaves.wrapping_add_signed(space.leaves);
        self.blocks = self.blocks.wrapping_add_signed(space.blocks);
    }

    /// Calls with each record, in the order of leaves, until `visit` returns false.
    #[expect(unsafe_code, reason = "records are borrowed from pages")]
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(C::Item<'a>) -> bool) {
        let mut path = self.root.map(Path::first::<C::Separator>);
        while let Some(at) = &mut path {
            at.steps.prefetch_next::<C::Separator>();
            for index in 0..at.leaf.n() {
                // SAFETY: the leaf has so many, and nothing changes while the tree is borrowed.
                if !visit(unsafe { C::item(at.leaf, index) }) {
                    return;
                }
            }
            if !at.next::<C::Separator>() {
                return;
            }
        }
    }

    /// Brings the root into the cache, as far as a walk from the first record on looks at it.
    #[inline]
    pub fn prefetch_root(&self) {
        if let Some(root) = self.root {
            root.prefetch(ROOT_AHEAD);
        }
    }

    /// Brings the first records into the cache, and pages on the way to them: those that the root
    /// knows; some time after [`Tree::prefetch_root`].
    pub fn prefetch_first(&self) {
        let Some(root) = self.root else {
            return;
        };
        if root.is_leaf() {
            return root.prefetch(root.capacity());
        }
        let (inner, level) = (
            Inner::<C::Separator>::new(root),
            usize::from(root.level()) - 1,
        );
        for at in 0..inner.n().min(2) {
            prefetch(inner.child(at), level);
        }
    }

    /// The record of that rank in the order of leaves, which is the codec's. With random ranks,
    /// each record is as likely as any other.
    #[must_use]
    #[expect(unsafe_code, reason = "records are borrowed from pages")]
    pub fn at(&self, rank: u64) -> Option<C::Item<'_>> {
        let root = self.root.filter(|_| rank < self.len)?;
        let (path, index) = Path::to_rank::<C::Separator>(root, self.len, rank);
        // SAFETY: the leaf has such a record, and nothing changes while the tree is borrowed.
        Some(unsafe { C::item(path.leaf, index) })
    }

    /// Calls with the records of these ranks, which there are, in the order given. It goes down for
    /// several at a time, so that the misses of the cache overlap.
    #[expect(unsafe_code, reason = "records are borrowed from pages")]
    pub fn at_each<'a>(
        &'a self,
        mut ranks: impl Iterator<Item = u64>,
        mut visit: impl FnMut(C::Item<'a>),
    ) {
        let Some(root) = self.root else {
            return;
        };
        loop {
            let mut group: [Option<RankDescent>; AHEAD] = std::array::from_fn(|_| {
                let rank = ranks.next()?;
                assert!(rank < self.len, "there is no record of that rank");
                Some(RankDescent {
                    page: root,
                    total: self.len,
                    rank,
                    is_near: false,
                })
            });
            if group[0].is_none() {
                return;
            }
            let step = |more, descent: &mut RankDescent| descent.step::<C::Separator>() | more;
            while group.iter_mut().flatten().fold(false, step) {}
            for RankDescent { page, rank, .. } in group.into_iter().flatten() {
                // SAFETY: the leaf has such a record, and nothing changes while the tree is
                // borrowed.
                visit(unsafe { C::item(page, rank as usize) });
            }
        }
    }
}

/// A descent that goes one level at a time, to bring what an operation will look at into the cache,
/// while others do the same.
#[derive(Debug)]
pub(crate) struct Descent<'a, C: Codec> {
    page: Page,
    target: C::Target<'a>,
}

impl<'a, C: Codec> Descent<'a, C> {
    /// From that root.
    pub fn new(root: Page, target: C::Target<'a>) -> Descent<'a, C> {
        Descent { page: root, target }
    }

    /// Goes one level down and brings the page there into the cache. Returns false when it had
    /// arrived at a leaf before.
    fn step(&mut self) -> bool {
        if self.page.is_leaf() {
            return false;
        }
        let inner = Inner::new(self.page);
        let child = inner.child(C::child(inner.children(), self.target));
        prefetch(child, usize::from(self.page.level()) - 1);
        self.page = child;
        true
    }
}

/// Lets descents go down side by side, each to its leaf.
pub(crate) fn go_down<C: Codec>(descents: &mut [Option<Descent<'_, C>>]) {
    let step = |more, descent: &mut Descent<'_, C>| descent.step() | more;
    while descents.iter_mut().flatten().fold(false, step) {}
}

/// A way down to a rank, which goes in small steps beside others.
#[derive(Clone, Copy)]
struct RankDescent {
    page: Page,
    total: u64,
    rank: u64,
    /// Whether the counts are on their way, and not only the head.
    is_near: bool,
}

impl RankDescent {
    fn step<S: Copy>(&mut self) -> bool {
        if self.page.is_leaf() {
            return false;
        }
        let inner = Inner::<S>::new(self.page);
        if !self.is_near {
            inner.prefetch_counts();
            self.is_near = true;
            return true;
        }
        let (at, before) = child_of_rank(inner.counts(), self.total, self.rank);
        self.rank -= before;
        self.total = inner.counts()[at];
        self.page = inner.child(at);
        self.is_near = false;
        // Of an inner page the counts will be looked at: where they are, its head says.
        self.page.prefetch(if inner.page().level() == 1 {
            LEAF_MAX
        } else {
            HEAD
        });
        true
    }
}
