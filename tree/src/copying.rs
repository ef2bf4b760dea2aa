//! A second tree with the records of a first, made in steps.
//!
//! Two trees never share pages: that would need counts of references, which were measured to make
//! copies of inner pages dearer by almost a half for all who never copy a tree. So a copy is read
//! from a frozen tree, page by page; the first tree goes on changing meanwhile.

use crate::codec::Codec;
use crate::frozen::Frozen;
use crate::garbage::Garbage;
use crate::heap::Heap;
use crate::page::Page;
use crate::path::Path;
use crate::tree::Tree;

/// A copy under way.
#[derive(Debug)]
#[must_use = "a copy that is not driven to its end, or given up, keeps its pages"]
pub struct Copying<C> {
    frozen: Frozen<C>,
    tree: Tree<C>,
}

impl<C: Codec> Frozen<C> {
    /// Begins a copy of what this walk has still to hand out, from the start of the leaf that it
    /// is in.
    pub fn copy(self) -> Copying<C> {
        Copying {
            frozen: self,
            tree: Tree::empty(),
        }
    }
}

impl<C: Codec> Copying<C> {
    /// Copies up to so many leaves with their blocks. Returns whether the copy is complete.
    pub fn step<H: Heap>(&mut self, heap: &mut H, leaves: usize) -> bool {
        let _ = (0..leaves).all(|_| self.step_leaf(heap).is_some());
        self.frozen.is_over()
    }

    /// Copies one leaf. Returns the copy; none if the copy of the tree is complete.
    pub(crate) fn step_leaf<H: Heap>(&mut self, heap: &mut H) -> Option<Page> {
        let (steps, leaf) = self.frozen.leaf()?;
        let mut space = self.tree.space(heap);
        let copy = C::duplicate(&mut space, leaf);
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
        (self.tree, self.frozen)
    }

    /// Gives the copy up: what was copied is to be freed, the walk to be driven to its end.
    pub fn give_up(self) -> (Garbage<C>, Frozen<C>) {
        (self.tree.into_garbage(), self.frozen)
    }
}
