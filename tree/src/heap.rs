//! What a tree asks of the memory that it lives in.
#![expect(unsafe_code, reason = "memory is handed out raw")]

use std::ptr::NonNull;

/// Where pages and blocks come from.
///
/// # Safety
/// A block has at least as many bytes as were asked for, is aligned to 8, and belongs to the
/// caller alone until it is released.
pub unsafe trait Heap {
    /// A block of at least `len` bytes, its content undefined. Pages ask for 64 to 1008 bytes in
    /// steps of 16, and for up to 3088; a long element for its length and 8.
    fn allocate(&mut self, len: usize) -> NonNull<u8>;

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from `allocate` of this heap with this `len`, and is not used any more.
    unsafe fn release(&mut self, block: NonNull<u8>, len: usize);

    /// Whether the memory around this block is hardly used, so that it could go back to the system
    /// if the block were released and another one allocated for its content.
    fn is_thin(&self, block: NonNull<u8>, len: usize) -> bool {
        let _ = (block, len);
        false
    }

    /// Hears how many bytes an operation has copied or shifted within pages. Tests bound that.
    fn moved(&mut self, bytes: usize) {
        let _ = bytes;
    }
}
