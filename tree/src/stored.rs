//! Elements as they stand in a leaf: in place, or in a block of their own.
#![expect(
    unsafe_code,
    reason = "a leaf has the addresses of blocks among its bytes"
)]

use std::ptr::NonNull;

use crate::block::Block;
use crate::element::Element;
use crate::heap::Heap;
use crate::space::Space;

/// The first byte of an element that is in a block: no element's own. Behind it are the block's
/// length in 4 bytes, and its address in 8.
pub const LONG: u8 = 0xF5;
/// The bytes of such an element.
pub const LONG_LEN: usize = 1 + 4 + size_of::<usize>();

/// An element as it is stored, and how many bytes it takes in the page.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    pub element: Element<'a>,
    pub block: Option<Block>,
    pub len: usize,
}

/// The element at the start of `bytes`, which are in a leaf.
///
/// # Safety
/// Neither the leaf nor its blocks change or go within `'a`.
#[inline]
pub unsafe fn stored(bytes: &[u8]) -> Stored<'_> {
    // Most are short strings.
    if let [first @ 0x80..=0xBF, rest @ ..] = bytes {
        let text = &rest[..usize::from(first & 0x3F)];
        return Stored {
            element: Element::Str(text),
            block: None,
            len: 1 + text.len(),
        };
    }
    // SAFETY: promised by the caller.
    unsafe { stored_otherwise(bytes) }
}

/// The same of all other elements.
///
/// # Safety
/// As for [`stored`].
unsafe fn stored_otherwise(bytes: &[u8]) -> Stored<'_> {
    if bytes[0] != LONG {
        let (element, len) = Element::decode(bytes).expect("a record is whole elements");
        return Stored {
            element,
            block: None,
            len,
        };
    }
    let len = u32::from_le_bytes(*bytes[1..].first_chunk().expect("a long element is whole"));
    assert!(bytes.len() >= LONG_LEN);
    // SAFETY: the address of a live block was written there, and never 0.
    let block = unsafe {
        let address = bytes
            .as_ptr()
            .add(LONG_LEN - size_of::<usize>())
            .cast::<NonNull<u8>>();
        Block::from_parts(address.read_unaligned(), len)
    };
    Stored {
        // SAFETY: promised by the caller.
        element: Element::Str(unsafe { block.bytes() }),
        block: Some(block),
        len: LONG_LEN,
    }
}

/// Gives a long element, of which the bytes were copied to `place`, a block of its own.
///
/// # Safety
/// The block is live, and its long element was copied to `place`, in a page that is ours to write.
pub unsafe fn own_block<H: Heap>(space: &mut Space<'_, H>, block: Block, place: *mut u8) {
    // SAFETY: promised by the caller.
    unsafe {
        let copy = space.copy_block(block);
        let address = place.add(LONG_LEN - size_of::<usize>());
        address
            .cast::<NonNull<u8>>()
            .write_unaligned(copy.address());
    }
}
