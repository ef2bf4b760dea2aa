//! Moving pages to other places, so that the heap can give memory back of which little is used.

use crate::codec::Codec;
use crate::heap::Heap;
use crate::page::Page;
use crate::path::{Path, Step};
use crate::tree::Tree;

impl<C: Codec> Tree<C> {
    /// Moves pages that the heap would rather have elsewhere ([`Heap::is_thin`]): looks at up to so
    /// many leaves, from the one on that has the record of rank `from`, and at the pages above them.
    /// Returns the rank to go on with; none at the end, and none while a walk shares the pages.
    /// Blocks of long elements stay where they are. Nothing but the tree may know where its pages
    /// are.
    pub fn relocate<H: Heap>(&mut self, heap: &mut H, from: u64, leaves: usize) -> Option<u64> {
        self.relocate_with(heap, from, leaves, |_| ())
    }

    /// The same, and calls with each leaf that has moved.
    pub(crate) fn relocate_with<H: Heap>(
        &mut self,
        heap: &mut H,
        from: u64,
        leaves: usize,
        mut moved: impl FnMut(Page),
    ) -> Option<u64> {
        let mut rank = from;
        for _ in 0..leaves {
            let shared = self.is_frozen();
            let root = self.root.filter(|_| rank < self.len && !shared)?;
            let (mut path, index) = Path::to_rank::<C::Separator>(root, self.len, rank);
            let mut space = self.space(heap);
            for depth in 0..path.steps.depth() {
                let Step { page, .. } = path.steps.get(depth);
                if let Some(page) = space.relocated::<C::Separator>(page) {
                    self.replace(&mut path.steps, depth, page);
                }
            }
            if let Some(leaf) = space.relocated::<C::Separator>(path.leaf) {
                self.put_leaf(&mut path, leaf);
                moved(leaf);
            }
            rank += (path.leaf.n() - index) as u64;
        }
        Some(rank)
    }
}
