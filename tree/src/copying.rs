//! A second tree with the records of a first, made in steps.
//!
//! Two trees never share pages: that would need counts of references, which were measured to make
//! copies of inner pages dearer by almost a half for all who never copy a tree. So a copy is read
//! from a frozen tree, page by page; the first tree goes on changing meanwhile.
#![expect(unsafe_code, reason = "blocks are copied by their handles")]

use crate::block::Block;
use crate::codec::Codec;
use crate::frozen::Frozen;
use crate::garbage::{Garbage, LEAF_COST};
use crate::heap::Heap;
use crate::page::Page;
use crate::path::Path;
use crate::space::Space;
use crate::tree::Tree;

/// A copy under way.
#[derive(Debug)]
#[must_use = "a copy that is not driven to its end, or given up, keeps its pages"]
pub struct Copying<C> {
    frozen: Frozen<C>,
    tree: Tree<C>,
    /// Copies of the first blocks of the next leaf.
    blocks: Vec<Block>,
}

// SAFETY: as for the tree: the heads of blocks are written only with the one heap in hand.
unsafe impl<C> Send for Copying<C> {}

impl<C: Codec> Frozen<C> {
    /// Begins a copy of what this walk has still to hand out, from the start of the leaf that it
    /// is in.
    pub fn copy(self) -> Copying<C> {
        Copying {
            frozen: self,
            tree: Tree::empty(),
            blocks: Vec::new(),
        }
    }
}

impl<C: Codec> Copying<C> {
    /// Copies up to so many leaves. The bytes of blocks count, 4 KiB as a leaf, so a step goes
    /// beyond that by one block at most. Returns whether the copy is complete.
    pub fn step<H: Heap>(&mut self, heap: &mut H, leaves: usize) -> bool {
        let mut left = leaves.saturating_mul(LEAF_COST);
        while self.step_leaf(heap, &mut left).is_some() {}
        self.frozen.is_over()
    }

    /// Copies one leaf, if about `left` bytes are enough; what is left for it is kept for the next
    /// call. Returns the copy.
    pub(crate) fn step_leaf<H: Heap>(&mut self, heap: &mut H, left: &mut usize) -> Option<Page> {
        if !self.frozen.release_blocks(heap, left) || *left == 0 {
            return None;
        }
        let (steps, leaf) = self.frozen.leaf()?;
        let mut space = self.tree.space(heap);
        if !copy_blocks::<C, H>(&mut space, leaf, &mut self.blocks, left) {
            self.tree.settle(&space);
            return None;
        }
        *left = left.saturating_sub(LEAF_COST);
        self.blocks.reverse();
        space.prepared = std::mem::take(&mut self.blocks);
        let copy = C::duplicate(&mut space, leaf);
        for block in std::mem::take(&mut space.prepared) {
            space.dispose_block(block);
        }
        let records = copy.n() as u64;
        if let Some(root) = self.tree.root {
            let mut path = Path::last::<C::Separator>(root);
            let pair = (path.leaf, steps.lower::<C>(), copy);
            let delta = records.cast_signed();
            self.tree
                .split_leaf(&mut space, &mut path, pair, delta, true);
        } else {
            self.tree.root = Some(copy);
        }
        self.tree.len += records;
        self.tree.settle(&space);
        self.frozen.leave_leaf(heap);
        Some(copy)
    }

    /// Whether the copy is complete.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.frozen.is_over()
    }

    /// The copy, as far as it has come, and the walk, to be driven to its end if it is not there.
    pub fn into_parts(self) -> (Tree<C>, Frozen<C>) {
        let (mut tree, mut frozen) = (self.tree, self.frozen);
        for block in self.blocks {
            // It is in no leaf: the walk frees it.
            tree.forget_block(block.size());
            block.retire();
            frozen.left_behind.push(block);
        }
        (tree, frozen)
    }

    /// Gives the copy up: what was copied is to be freed, the walk to be driven to its end.
    pub fn give_up(self) -> (Garbage<C>, Frozen<C>) {
        let (tree, frozen) = self.into_parts();
        (tree.into_garbage(), frozen)
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
            // SAFETY: the block is one of a leaf that the walk has not left, so it is live.
            copies.push(space.block(unsafe { block.bytes() }));
        }
        count += 1;
    });
    count == copies.len()
}
