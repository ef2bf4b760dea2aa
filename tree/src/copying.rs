//! A second tree with the records of a first, made in steps while the first stays as it is.
//!
//! Two trees never share pages: that would need counts of references, which were measured to make
//! copies of inner pages dearer by almost a half for all who never copy a tree. So a copy is made
//! leaf by leaf. A walk may share the pages of the first tree, and its pages may move.
#![expect(unsafe_code, reason = "blocks are copied by their handles")]

use crate::block::Block;
use crate::codec::Codec;
use crate::garbage::{Garbage, LEAF_COST};
use crate::heap::Heap;
use crate::page::Page;
use crate::path::Path;
use crate::space::Space;
use crate::tree::Tree;

/// A copy under way. How far it has come follows from how many records it has, so the first tree
/// must not be changed before it is complete.
#[derive(Debug)]
#[must_use = "a copy that is not driven to its end, or given up, keeps its pages"]
pub struct Copying<C> {
    tree: Tree<C>,
    /// Copies of the first blocks of the next leaf.
    blocks: Vec<Block>,
}

// SAFETY: as for the tree: the heads of blocks are written only with the one heap in hand.
unsafe impl<C> Send for Copying<C> {}

impl<C: Codec> Copying<C> {
    /// A copy with nothing in it yet.
    ///
    /// # Safety
    /// As for [`Tree::new`].
    #[must_use = "it is to be made"]
    pub unsafe fn new() -> Copying<C> {
        Copying::empty()
    }

    pub(crate) fn empty() -> Copying<C> {
        Copying {
            tree: Tree::empty(),
            blocks: Vec::new(),
        }
    }

    /// Copies up to so many leaves of the first tree. The bytes of blocks count, 4 KiB as a leaf, so
    /// a step goes beyond that by one block at most. Returns whether the copy is complete.
    pub fn step<H: Heap>(&mut self, heap: &mut H, from: &Tree<C>, leaves: usize) -> bool {
        let mut left = leaves.saturating_mul(LEAF_COST);
        while self.step_leaf(heap, from, &mut left).is_some() {}
        self.has_all(from)
    }

    /// Whether all records were copied.
    pub(crate) fn has_all(&self, from: &Tree<C>) -> bool {
        self.tree.len >= from.len
    }

    /// Copies one leaf, if about `left` bytes are enough; what is left for it is kept for the next
    /// call. Returns the copy.
    pub(crate) fn step_leaf<H: Heap>(
        &mut self,
        heap: &mut H,
        from: &Tree<C>,
        left: &mut usize,
    ) -> Option<Page> {
        let root = from.root.filter(|_| *left > 0 && !self.has_all(from))?;
        let (at, index) = Path::to_rank::<C::Separator>(root, from.len, self.tree.len);
        assert_eq!(index, 0, "the first tree stays as it is");
        let mut space = self.tree.space(heap);
        if !copy_blocks::<C, H>(&mut space, at.leaf, &mut self.blocks, left) {
            self.tree.settle(&space);
            return None;
        }
        *left = left.saturating_sub(LEAF_COST);
        self.blocks.reverse();
        space.prepared = std::mem::take(&mut self.blocks);
        let copy = C::duplicate(&mut space, at.leaf);
        debug_assert!(space.prepared.is_empty(), "each block is one of the leaf");
        let records = copy.n() as u64;
        if let Some(root) = self.tree.root {
            let mut path = Path::last::<C::Separator>(root);
            let pair = (path.leaf, at.steps.lower::<C>(), copy);
            let delta = records.cast_signed();
            self.tree
                .split_leaf(&mut space, &mut path, pair, delta, true);
        } else {
            self.tree.root = Some(copy);
        }
        self.tree.len += records;
        self.tree.settle(&space);
        Some(copy)
    }

    /// The copy, which is complete.
    #[must_use]
    pub fn into_tree(self) -> Tree<C> {
        assert!(self.blocks.is_empty(), "the copy is complete");
        self.tree
    }

    /// Gives the copy up: what there is of it is to be freed.
    pub fn give_up(self) -> Garbage<C> {
        self.tree.into_garbage().with_blocks(self.blocks)
    }
}

/// Copies blocks of the leaf that are not copied yet, for about `left` bytes. Returns whether all
/// of them are.
fn copy_blocks<C: Codec, H: Heap>(
    space: &mut Space<'_, H>,
    leaf: Page,
    copies: &mut Vec<Block>,
    left: &mut usize,
) -> bool {
    if !leaf.has_blocks() {
        return true;
    }
    let mut count = 0;
    C::blocks(leaf, |block| {
        if count == copies.len() && *left > 0 {
            *left = left.saturating_sub(block.size());
            // SAFETY: the block is one of a leaf of the first tree, which is borrowed, so it is live.
            copies.push(space.block(unsafe { block.bytes() }));
        }
        count += 1;
    });
    count == copies.len()
}
