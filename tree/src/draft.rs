//! A record as it will be stored, before there is a place for it.
#![expect(
    unsafe_code,
    reason = "a draft holds addresses of blocks among its bytes"
)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::element::Encoded;
use crate::element::backward::Backward;
use crate::heap::Heap;
use crate::space::Space;
use crate::stored::LONG;

/// Elements above so many bytes have a block of their own.
pub const INLINE_MAX: usize = 255;

/// The longest record, in bytes, so that a leaf that is full and one record more always fit in two.
pub const RECORD_MAX: usize = 480;

/// The bytes of a record.
pub struct Draft {
    bytes: [MaybeUninit<u8>; RECORD_MAX],
    len: usize,
    pub has_blocks: bool,
}

impl Draft {
    pub fn new() -> Draft {
        Draft {
            bytes: [MaybeUninit::uninit(); RECORD_MAX],
            len: 0,
            has_blocks: false,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn bytes(&self) -> *const u8 {
        self.bytes.as_ptr().cast()
    }

    /// Appends an element: in place, or its block.
    pub fn push<H: Heap>(&mut self, space: &mut Space<'_, H>, bytes: &[u8], encoded: &Encoded<'_>) {
        if fits_inline(self.len, bytes, encoded) {
            self.push_bytes(encoded.header());
            self.push_bytes(encoded.body());
            return;
        }
        self.push_block(space, bytes);
    }

    /// Appends a long element: a block of these bytes.
    pub fn push_block<H: Heap>(&mut self, space: &mut Space<'_, H>, bytes: &[u8]) {
        let block = space.block(bytes);
        self.has_blocks = true;
        self.push_bytes(&[LONG]);
        self.push_bytes(&block.len().to_le_bytes());
        assert!(self.len + size_of::<usize>() <= RECORD_MAX);
        // SAFETY: there is room. It is written as an address, so that one can be read.
        unsafe {
            let place = self.bytes.as_mut_ptr().add(self.len);
            place.cast::<NonNull<u8>>().write_unaligned(block.address());
        }
        self.len += size_of::<usize>();
    }

    /// Appends the length backward of all that is there.
    pub fn push_backward(&mut self) {
        self.push_bytes(Backward::new(self.len).bytes());
    }

    /// Appends an element that is stored in a page already.
    ///
    /// # Safety
    /// So many bytes are there.
    pub unsafe fn push_stored(&mut self, from: *const u8, len: usize) {
        assert!(self.len + len <= RECORD_MAX);
        // SAFETY: there is room, and the page is not here.
        unsafe {
            let place = self.bytes.as_mut_ptr().add(self.len).cast::<u8>();
            place.copy_from_nonoverlapping(from, len);
        }
        self.len += len;
    }

    /// Appends bytes.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        // SAFETY: a slice has so many bytes.
        unsafe { self.push_stored(bytes.as_ptr(), bytes.len()) };
    }
}

/// Whether an element fits in a record of which `before` bytes are there already.
pub fn fits_inline(before: usize, bytes: &[u8], encoded: &Encoded<'_>) -> bool {
    bytes.len() <= INLINE_MAX && before + encoded.len() <= RECORD_MAX
}
