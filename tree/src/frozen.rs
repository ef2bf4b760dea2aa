//! The walk over a frozen tree: its records as they were at one moment, while the tree goes on
//! changing.
//!
//! Freezing raises the tree's epoch by one, so every page is shared from then on: a writer replaces
//! those that it has to change by copies, and marks the old ones as retired. The walk goes through
//! the pages that were the tree's, in order. When it leaves one, it frees it if it is retired;
//! else it gives it the tree's epoch, so that behind the walk nothing is copied again. After the
//! last page nothing is shared, so there are no counts of references.
//!
//! Whichever of the tree and its walk ends last frees the few bytes by which they know of each
//! other.
#![expect(
    unsafe_code,
    reason = "the walk frees the pages that only it refers to"
)]

mod parts;

use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::block::Block;
use crate::codec::Codec;
use crate::garbage::LEAF_COST;
use crate::heap::Heap;
use crate::inner::Inner;
use crate::page::Page;
use crate::path::{Path, Step, Steps, prefetch};
use crate::space::release_page;
use crate::tree::Tree;

pub use parts::{Field, Fields, Part};
pub(crate) use parts::{PIECE_MAX, PIECE_MIN};

/// How much further the walk has to go for each byte that a writer had to copy, so that the writers
/// do not outrun it. With `k`, random writes make a frozen tree grow by `1 / (e k)` at most: what is
/// retired and not passed yet is most when the walk has passed all but `1 / e`.
pub const STEP_PER_COPIED: usize = 5;

/// What the tree and its walk tell each other, in a block of the heap.
#[derive(Debug)]
pub struct Control(NonNull<State>);

#[derive(Debug)]
struct State {
    walk_is_over: bool,
    tree_is_gone: bool,
}

impl Control {
    fn new<H: Heap>(heap: &mut H) -> Control {
        let block = heap.allocate(size_of::<State>()).cast::<State>();
        // SAFETY: the block is new, large enough and aligned.
        unsafe {
            block.write(State {
                walk_is_over: false,
                tree_is_gone: false,
            });
        }
        Control(block)
    }

    fn walk_is_over(&self) -> bool {
        // SAFETY: the block lives until both sides have let it go.
        unsafe { (*self.0.as_ptr()).walk_is_over }
    }

    /// The walk lets it go.
    fn end_walk<H: Heap>(self, heap: &mut H) {
        // SAFETY: the block is live, and released by the side that lets it go last.
        unsafe {
            if (*self.0.as_ptr()).tree_is_gone {
                heap.release(self.0.cast(), size_of::<State>());
            } else {
                (*self.0.as_ptr()).walk_is_over = true;
            }
        }
    }

    /// The tree lets it go.
    pub fn end_tree<H: Heap>(self, heap: &mut H) {
        // SAFETY: as for `end_walk`.
        unsafe {
            if self.walk_is_over() {
                heap.release(self.0.cast(), size_of::<State>());
            } else {
                (*self.0.as_ptr()).tree_is_gone = true;
            }
        }
    }
}

/// The records of a tree at the moment when it was frozen, to be handed out in order.
///
/// It must be driven to its end, whether its records are wanted or not ([`Frozen::discard`] when
/// they are not): until then the tree cannot be frozen again, and what is only the walk's stays
/// allocated. It can outlive the tree.
#[derive(Debug)]
#[must_use = "a walk that is not driven to its end keeps its pages"]
pub struct Frozen<C> {
    steps: Steps,
    leaf: Option<Page>,
    /// The index of the current record in the leaf.
    at: usize,
    /// Blocks of the leaf that was left last, which are not let go yet.
    left_behind: Vec<Block>,
    /// How far it has come within the record: whether in its second field, and how many bytes.
    pub(crate) progress: (bool, usize),
    /// For codecs that hand out more than one record at once: where in the leaf they are, in bytes.
    pub(crate) offset: usize,
    len: u64,
    leaves: u64,
    blocks: u64,
    /// The tree's, which does not change before the walk is over.
    epoch: u32,
    control: Option<Control>,
    codec: PhantomData<C>,
}

// SAFETY: as for the tree: both write the heads of pages only with the one heap in hand.
unsafe impl<C> Send for Frozen<C> {}

impl<C: Codec> Tree<C> {
    /// Freezes the tree as it is now, at a cost that does not depend on its size. None while an
    /// earlier walk is not at its end.
    pub fn freeze<H: Heap>(&mut self, heap: &mut H) -> Option<Frozen<C>> {
        if self.is_frozen() {
            return None;
        }
        if let Some(ended) = self.control.take() {
            ended.end_tree(heap);
        }
        let mut control = None;
        if self.root.is_some() {
            let shared = Control::new(heap);
            control = Some(Control(shared.0));
            self.control = Some(shared);
            self.epoch = self.epoch.wrapping_add(1);
        }
        let path = self.root.map(Path::first::<C::Separator>);
        Some(Frozen {
            steps: path.map_or(Steps::new(), |path| path.steps),
            leaf: path.map(|path| path.leaf),
            at: 0,
            left_behind: Vec::new(),
            progress: (false, 0),
            offset: 0,
            len: self.len,
            leaves: self.leaves(),
            blocks: self.blocks(),
            epoch: self.epoch,
            control,
            codec: PhantomData,
        })
    }

    /// Whether a walk is not at its end yet.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.control.as_ref().is_some_and(|it| !it.walk_is_over())
    }
}

impl<C: Codec> Frozen<C> {
    /// How many records the tree had.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// How many leaves the tree had, and how many of its elements had blocks of their own.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.leaves, self.blocks)
    }

    /// Whether the tree had no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether everything was handed out.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.leaf.is_none() && self.left_behind.is_empty()
    }

    /// The current record; none at the end. It stays as it is until the walk advances, whatever
    /// happens to the tree, so a long element can be taken in pieces meanwhile.
    #[must_use]
    pub fn item(&self) -> Option<C::Item<'_>> {
        let leaf = self.leaf?;
        // SAFETY: `at` is below the leaf's count of records. Pages that are shared do not change,
        // and only the walk frees them and their blocks, when it is borrowed mutably.
        Some(unsafe { C::item(leaf, self.at) })
    }

    /// Goes on to the next record. At most one leaf with its blocks and its parents are freed.
    pub fn advance<H: Heap>(&mut self, heap: &mut H) {
        self.pass(heap);
        let mut left = usize::MAX;
        self.release_blocks(heap, &mut left);
    }

    /// Goes on to the next record. The blocks of a leaf that is left are still to be released.
    pub(crate) fn pass<H: Heap>(&mut self, heap: &mut H) {
        self.at += 1;
        if self.leaf.is_some_and(|leaf| self.at >= leaf.n()) {
            self.leave_leaf(heap);
        }
    }

    /// Passes over up to so many leaves without handing anything out. The bytes of blocks count, 4
    /// KiB as a leaf, so a step goes beyond that by one block at most. Returns whether the walk is
    /// over.
    pub fn discard<H: Heap>(&mut self, heap: &mut H, leaves: usize) -> bool {
        let mut left = leaves.saturating_mul(LEAF_COST);
        while self.release_blocks(heap, &mut left) && left > 0 && self.leaf.is_some() {
            left = left.saturating_sub(LEAF_COST);
            self.leave_leaf(heap);
        }
        self.is_over()
    }

    /// Lets the blocks of the leaf that was left go, until about `left` bytes of them are freed.
    /// Returns whether all of them are.
    pub(crate) fn release_blocks<H: Heap>(&mut self, heap: &mut H, left: &mut usize) -> bool {
        while *left > 0
            && let Some(block) = self.left_behind.pop()
        {
            if block.is_retired() {
                *left = left.saturating_sub(block.size());
                // SAFETY: the tree does not refer to it any more, nor does the walk.
                unsafe { block.release(heap) };
            } else {
                block.set_epoch(self.epoch);
            }
        }
        if !self.left_behind.is_empty() {
            return false;
        }
        if self.leaf.is_none()
            && let Some(control) = self.control.take()
        {
            control.end_walk(heap);
        }
        true
    }

    /// The leaf that the walk is in, and the way to it.
    pub(crate) fn leaf(&self) -> Option<(&Steps, Page)> {
        self.leaf.map(|leaf| (&self.steps, leaf))
    }

    /// The root that the tree had, while nothing was passed over; none of a tree without records.
    pub(crate) fn root(&self) -> Option<Page> {
        assert!(
            self.at == 0 && self.steps.edges().0,
            "pages that were left may be freed"
        );
        match self.steps.depth() {
            0 => self.leaf,
            _ => Some(self.steps.get(0).page),
        }
    }

    /// How many bytes of the leaf there are for each of its records.
    fn record_size(&self) -> usize {
        self.leaf.map_or(0, |leaf| leaf.used().div_ceil(leaf.n()))
    }

    /// Leaves the leaf, and every page above of which it was the last child. The blocks of the leaf
    /// are still to be released.
    pub(crate) fn leave_leaf<H: Heap>(&mut self, heap: &mut H) {
        let Some(leaf) = self.leaf.take() else {
            return;
        };
        if leaf.has_blocks() {
            C::blocks(leaf, |block| self.left_behind.push(block));
        }
        self.leave(heap, leaf);
        self.at = 0;
        self.offset = 0;
        while let Some(Step { page, at }) = self.steps.pop() {
            let children = Inner::<C::Separator>::new(page).children();
            if let Some(next) = children.get(at + 1) {
                self.steps.push(page, at + 1);
                self.leaf = Some(self.steps.descend::<C::Separator>(next.page, false));
                if let Some(after) = children.get(at + 2) {
                    prefetch(after.page, usize::from(page.level()) - 1);
                }
                return;
            }
            self.leave(heap, page);
        }
    }

    fn leave<H: Heap>(&self, heap: &mut H, page: Page) {
        if page.is_retired() {
            // SAFETY: the tree has replaced it, and the walk has left it and all below.
            unsafe { release_page::<C::Separator, H>(heap, page) };
        } else {
            page.set_epoch(self.epoch);
        }
    }
}
