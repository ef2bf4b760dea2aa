//! Blocks: the elements that are too long for a page.
//!
//! A block never changes. While a tree is frozen, the leaf of the walk and the tree's own copy of
//! it refer to the same blocks; so a block bears an epoch, as a page does, and when the tree no
//! longer refers to one that is shared, the walk frees it.
#![expect(unsafe_code, reason = "the bytes of a block follow its head")]

use std::ptr::NonNull;

use crate::heap::Heap;

const HEAD: usize = size_of::<Head>();

#[derive(Clone, Copy)]
#[repr(C)]
struct Head {
    epoch: u32,
    retired: bool,
}

/// A handle to a block. As with pages, it stays good until the block is released.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    at: NonNull<u8>,
    len: u32,
}

impl Block {
    pub fn new<H: Heap>(heap: &mut H, epoch: u32, bytes: &[u8]) -> Block {
        let len = u32::try_from(bytes.len()).expect("no element has 4 GiB: strings end at 512 MiB");
        let at = heap.allocate(HEAD + bytes.len());
        let head = Head {
            epoch,
            retired: false,
        };
        // SAFETY: the block is new, aligned, and has room for the head and the bytes.
        unsafe {
            at.cast::<Head>().write(head);
            at.add(HEAD)
                .copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
        Block { at, len }
    }

    /// The block of which a page holds address and length.
    ///
    /// # Safety
    /// They are those of a live block.
    pub unsafe fn from_parts(at: NonNull<u8>, len: u32) -> Block {
        Block { at, len }
    }

    pub fn address(self) -> NonNull<u8> {
        self.at
    }

    pub fn len(self) -> u32 {
        self.len
    }

    /// Its whole size in memory.
    pub fn size(self) -> usize {
        HEAD + self.len as usize
    }

    /// Its bytes.
    ///
    /// # Safety
    /// The block is not released within `'a`.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: promised by the caller; the bytes never change.
        unsafe { std::slice::from_raw_parts(self.at.add(HEAD).as_ptr(), self.len as usize) }
    }

    fn head(self) -> *mut Head {
        self.at.as_ptr().cast()
    }

    pub fn epoch(self) -> u32 {
        // SAFETY: the handle is to a live block.
        unsafe { (*self.head()).epoch }
    }

    pub fn set_epoch(self, epoch: u32) {
        // SAFETY: the handle is to a live block, and heads are written only by the code that
        // holds the heap at that moment.
        unsafe { (*self.head()).epoch = epoch }
    }

    pub fn is_retired(self) -> bool {
        // SAFETY: the handle is to a live block.
        unsafe { (*self.head()).retired }
    }

    pub fn retire(self) {
        // SAFETY: as for `set_epoch`.
        unsafe { (*self.head()).retired = true }
    }

    /// # Safety
    /// The block came from this heap, and nothing refers to it any more.
    pub unsafe fn release<H: Heap>(self, heap: &mut H) {
        // SAFETY: promised by the caller.
        unsafe { heap.release(self.at, self.size()) };
    }
}
