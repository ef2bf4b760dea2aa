//! The memory of one tree during one operation: pages and blocks come, go and are accounted here.
#![expect(
    unsafe_code,
    reason = "pages and blocks are given back to the heap by hand"
)]

use crate::block::Block;
use crate::heap::Heap;
use crate::inner;
use crate::page::{LEAF_MAX, Page};

/// The heap, lent to a tree for one operation.
pub struct Space<'a, H> {
    pub heap: &'a mut H,
    /// The tree's: what bears another is shared with a walk.
    pub epoch: u32,
    /// Bytes that came to the tree, and that it no longer has.
    pub added: usize,
    pub removed: usize,
    /// Bytes of shared pages that were copied.
    pub copied: usize,
    /// How many leaves and blocks the tree has more than before, or fewer.
    pub leaves: i64,
    pub blocks: i64,
    /// Copies of blocks that were made before their leaf is, the last one first.
    pub prepared: Vec<Block>,
}

impl<'a, H: Heap> Space<'a, H> {
    pub fn new(heap: &'a mut H, epoch: u32) -> Space<'a, H> {
        Space {
            heap,
            epoch,
            added: 0,
            removed: 0,
            copied: 0,
            leaves: 0,
            blocks: 0,
            prepared: Vec::new(),
        }
    }

    pub fn is_shared(&self, page: Page) -> bool {
        page.epoch() != self.epoch
    }

    /// A new leaf of `capacity` bytes.
    pub fn leaf(&mut self, capacity: usize) -> Page {
        debug_assert!(capacity <= LEAF_MAX);
        self.leaves += 1;
        self.page(0, capacity, capacity)
    }

    /// A new inner page with room for `capacity` children.
    pub fn inner<S>(&mut self, level: u8, capacity: usize) -> Page {
        self.page(level, capacity, inner::size::<S>(capacity))
    }

    fn page(&mut self, level: u8, capacity: usize, size: usize) -> Page {
        self.added += size;
        let block = self.heap.allocate(size);
        // SAFETY: the block is new and has the size for that capacity.
        unsafe { Page::in_block(block, self.epoch, level, capacity) }
    }

    /// A page that the tree no longer has, without what it refers to: frees it, or leaves that to
    /// the walk that shares it.
    pub fn dispose<S>(&mut self, page: Page) {
        self.removed += inner::page_size::<S>(page);
        self.leaves -= i64::from(page.is_leaf());
        if self.is_shared(page) {
            page.retire();
        } else {
            // SAFETY: it is the tree's own, and the tree has no handle to it any more.
            unsafe { release_page::<S, H>(self.heap, page) };
        }
    }

    /// The page at another place, if the heap would rather have it elsewhere. It is not shared, and
    /// its old handle is not used any more.
    pub fn relocated<S>(&mut self, page: Page) -> Option<Page> {
        debug_assert!(!self.is_shared(page));
        let size = inner::page_size::<S>(page);
        if !self.heap.is_thin(page.block(), size) {
            return None;
        }
        let block = self.heap.allocate(size);
        self.heap.moved(size);
        // SAFETY: both blocks have that size and are different; the old page is the tree's own, and
        // it has no handle to it any more.
        unsafe {
            block.copy_from_nonoverlapping(page.block(), size);
            self.heap.release(page.block(), size);
            Some(Page::of_block(block))
        }
    }

    /// Notes the copy of a page, made of `bytes` of it, in case the page is shared.
    pub fn note_copy(&mut self, page: Page, bytes: usize) {
        if self.is_shared(page) {
            self.copied += bytes;
        }
        self.heap.moved(bytes);
    }

    /// A new block with a copy of `bytes`.
    pub fn block(&mut self, bytes: &[u8]) -> Block {
        let block = Block::new(self.heap, self.epoch, bytes);
        self.added += block.size();
        self.blocks += 1;
        block
    }

    /// A copy of a block of another tree, whose blocks are asked for in the order of the leaf.
    pub fn copy_block(&mut self, block: Block) -> Block {
        match self.prepared.pop() {
            Some(copy) => copy,
            // SAFETY: the caller's leaf refers to it, so it is live.
            None => self.block(unsafe { block.bytes() }),
        }
    }

    /// A block to which the tree no longer refers.
    pub fn dispose_block(&mut self, block: Block) {
        self.removed += block.size();
        self.blocks -= 1;
        if block.epoch() == self.epoch {
            // SAFETY: it is the tree's own, and no page of the tree refers to it any more.
            unsafe { block.release(self.heap) };
        } else {
            block.retire();
        }
    }
}

/// # Safety
/// The page came from this heap, and no handle to it is used any more.
pub unsafe fn release_page<S, H: Heap>(heap: &mut H, page: Page) {
    let size = inner::page_size::<S>(page);
    // SAFETY: promised by the caller; the size is the one that it was made with.
    unsafe { heap.release(page.block(), size) };
}
