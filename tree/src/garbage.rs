//! Freeing a tree, in steps.
#![expect(unsafe_code, reason = "blocks are kept by their handles")]

use crate::block::Block;
use crate::codec::Codec;
use crate::heap::Heap;
use crate::inner::Inner;
use crate::page::Page;
use crate::path::{Path, Step};
use crate::space::Space;
use crate::tree::Tree;

/// A tree of which only the memory is left.
#[derive(Debug)]
#[must_use = "what is not freed in steps stays allocated"]
pub struct Garbage<C> {
    tree: Tree<C>,
    /// Blocks that are in no leaf.
    blocks: Vec<Block>,
}

/// What a leaf counts as in a step, in bytes of blocks.
pub const LEAF_COST: usize = 4096;

// SAFETY: as for the tree: the heads of blocks are written only with the one heap in hand.
unsafe impl<C> Send for Garbage<C> {}

impl<C: Codec> Tree<C> {
    /// The tree's memory, to be freed in steps. A walk over it goes on meanwhile, or afterwards.
    pub fn into_garbage(self) -> Garbage<C> {
        Garbage {
            tree: self,
            blocks: Vec::new(),
        }
    }
}

impl<C: Codec> Garbage<C> {
    /// Also these blocks of the tree, which are in no leaf.
    pub(crate) fn with_blocks(mut self, blocks: Vec<Block>) -> Garbage<C> {
        self.blocks.extend(blocks);
        self
    }

    /// Frees up to so many leaves, and the pages above. The bytes of blocks count, 4 KiB as a leaf,
    /// so a step goes beyond that by one block at most. Returns whether nothing is left; what a
    /// walk still needs is freed by the walk.
    pub fn step<H: Heap>(&mut self, heap: &mut H, leaves: usize) -> bool {
        let mut left = leaves.saturating_mul(LEAF_COST);
        let tree = &mut self.tree;
        let mut space = tree.space(heap);
        while left > 0 {
            if let Some(block) = self.blocks.pop() {
                left = left.saturating_sub(block.size());
                space.dispose_block(block);
            } else if let Some(root) = tree.root {
                left = left.saturating_sub(LEAF_COST);
                tree.pop_leaf(&mut space, root, &mut self.blocks);
            } else {
                break;
            }
        }
        tree.settle(&space);
        let is_done = tree.root.is_none() && self.blocks.is_empty();
        if is_done && let Some(control) = tree.control.take() {
            control.end_tree(heap);
        }
        is_done
    }

    /// How many bytes are left to free.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.tree.memory()
    }
}

impl<C: Codec> Tree<C> {
    /// Takes out and disposes of the last leaf; its blocks are left to the caller. Inner pages keep
    /// no counts here.
    fn pop_leaf<H: Heap>(&mut self, space: &mut Space<'_, H>, root: Page, blocks: &mut Vec<Block>) {
        let mut path = Path::last::<C::Separator>(root);
        self.own(space, &mut path, 0);
        if path.leaf.has_blocks() {
            C::blocks(path.leaf, |block| blocks.push(block));
        }
        space.dispose::<C::Separator>(path.leaf);
        while let Some(Step { page, at }) = path.steps.pop() {
            Inner::<C::Separator>::new(page).remove(at);
            if at > 0 {
                return;
            }
            space.dispose::<C::Separator>(page);
        }
        self.root = None;
    }
}
