//! Freeing a tree, in steps.

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
pub struct Garbage<C>(Tree<C>);

impl<C: Codec> Tree<C> {
    /// The tree's memory, to be freed in steps. A walk over it goes on meanwhile, or afterwards.
    pub fn into_garbage(self) -> Garbage<C> {
        Garbage(self)
    }
}

impl<C: Codec> Garbage<C> {
    /// Frees up to so many leaves with their blocks, and the pages above. Returns whether nothing
    /// is left; what a walk still needs is freed by the walk.
    pub fn step<H: Heap>(&mut self, heap: &mut H, leaves: usize) -> bool {
        let tree = &mut self.0;
        let mut space = tree.space(heap);
        for _ in 0..leaves {
            let Some(root) = tree.root else {
                break;
            };
            tree.pop_leaf(&mut space, root);
        }
        tree.settle(&space);
        let is_done = tree.root.is_none();
        if is_done && let Some(control) = tree.control.take() {
            control.end_tree(heap);
        }
        is_done
    }

    /// How many bytes are left to free.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.0.memory()
    }
}

impl<C: Codec> Tree<C> {
    /// Takes out and disposes of the last leaf. Inner pages keep no counts here.
    fn pop_leaf<H: Heap>(&mut self, space: &mut Space<'_, H>, root: Page) {
        let mut path = Path::last::<C::Separator>(root);
        self.own(space, &mut path, 0);
        if path.leaf.has_blocks() {
            C::blocks(path.leaf, |block| space.dispose_block(block));
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
