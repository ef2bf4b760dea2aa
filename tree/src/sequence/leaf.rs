//! How elements lie in a leaf.
//!
//! ```text
//! 16 bytes   head
//! elements   in order: the element, and its length backward; a long one as F5, its length in 4
//!            bytes, the address of its block in 8
//! ...        free
//! ```
//!
//! Places in a leaf are bytes from the end of the head.
#![expect(unsafe_code, reason = "elements lie behind the head of a page")]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::block::Block;
use crate::draft::Draft;
use crate::element::backward;
use crate::heap::Heap;
use crate::page::{HEAD, LEAF_MAX, LEAF_STEP, Page, leaf_capacity};
use crate::space::Space;
use crate::stored::{LONG_LEN, Stored, stored};

/// The most bytes of elements that a leaf has.
const CONTENT_MAX: usize = LEAF_MAX - HEAD;
/// The longest element with its length: 255 bytes, and two before and behind.
const ELEMENT_MAX: usize = 259;

/// An element where it lies.
#[derive(Clone, Copy)]
pub struct Placed<'a> {
    pub at: usize,
    /// With the length backward.
    pub len: usize,
    pub stored: Stored<'a>,
}

/// The bytes of a long element in a leaf, with its length backward.
pub const LONG_LISTED: usize = LONG_LEN + 1;

/// How many bytes an element takes in a listpack.
pub fn listed(placed: &Placed<'_>) -> usize {
    placed.stored.block.map_or(placed.len, listed_block)
}

/// The same of one that is in a block.
pub fn listed_block(block: Block) -> usize {
    // SAFETY: the block is live, and nothing of it is kept.
    backward::listed(unsafe { block.bytes() })
}

/// How many bytes of elements a leaf has.
pub fn content_len(leaf: Page) -> usize {
    leaf.used() - HEAD
}

fn place(leaf: Page, at: usize) -> *mut u8 {
    debug_assert!(HEAD + at <= leaf.capacity());
    // SAFETY: it is within the page, or at its end.
    unsafe { leaf.start().add(HEAD + at) }
}

/// The elements as they lie there.
///
/// # Safety
/// The leaf does not change or go within `'a`.
pub unsafe fn content<'a>(leaf: Page) -> &'a [u8] {
    // SAFETY: so many bytes were written.
    unsafe { std::slice::from_raw_parts(place(leaf, 0), content_len(leaf)) }
}

/// The element that begins at that place; there is one.
///
/// # Safety
/// Neither the leaf nor its blocks change or go within `'a`.
#[inline]
pub unsafe fn from_place<'a>(leaf: Page, at: usize) -> Placed<'a> {
    // SAFETY: promised by the caller.
    let stored = unsafe { stored(&content(leaf)[at..]) };
    Placed {
        at,
        len: stored.len + backward::size(stored.len),
        stored,
    }
}

/// The element that ends at that place; there is one.
///
/// # Safety
/// As for [`from_place`].
#[inline]
pub unsafe fn before_place<'a>(leaf: Page, end: usize) -> Placed<'a> {
    // SAFETY: promised by the caller.
    unsafe {
        let before = &content(leaf)[..end];
        let (len, behind) = backward::read(before).expect("a leaf has whole elements");
        from_place(leaf, end - len - behind)
    }
}

/// The element of that index, from the nearer end.
///
/// # Safety
/// As for [`from_place`]; and there are so many.
#[inline]
pub unsafe fn nth<'a>(leaf: Page, index: usize) -> Placed<'a> {
    assert!(index < leaf.n());
    // SAFETY: promised by the caller.
    unsafe {
        if index <= leaf.n() / 2 {
            let mut at = 0;
            for _ in 0..index {
                at += from_place(leaf, at).len;
            }
            return from_place(leaf, at);
        }
        let mut placed = before_place(leaf, content_len(leaf));
        for _ in index + 1..leaf.n() {
            placed = before_place(leaf, placed.at);
        }
        placed
    }
}

/// Calls with every element of a leaf.
///
/// # Safety
/// As for [`from_place`].
unsafe fn for_each<'a>(leaf: Page, mut visit: impl FnMut(Placed<'a>)) {
    let mut at = 0;
    while at < content_len(leaf) {
        // SAFETY: promised by the caller.
        let placed = unsafe { from_place(leaf, at) };
        at += placed.len;
        visit(placed);
    }
}

/// Calls with every block of a leaf.
pub fn blocks(leaf: Page, visit: impl FnMut(Block)) {
    blocks_of(leaf, 0..leaf.n(), visit);
}

/// Calls with the blocks of the elements of these indices.
pub fn blocks_of(leaf: Page, range: std::ops::Range<usize>, mut visit: impl FnMut(Block)) {
    let mut at = 0;
    for index in 0..range.end {
        // SAFETY: there are so many, and what is read is not kept. A block that `visit` releases
        // is not read again.
        let placed = unsafe { from_place(leaf, at) };
        at += placed.len;
        if range.contains(&index)
            && let Some(block) = placed.stored.block
        {
            visit(block);
        }
    }
}

/// Puts `len` bytes from `from`, which are `n` whole elements, in the place of the `old` bytes at
/// `at`, which were `old_n`; there is room. Returns how many bytes that moved.
///
/// # Safety
/// They are that, and not in this leaf.
pub unsafe fn replace(
    leaf: Page,
    (at, old, old_n): (usize, usize, usize),
    (from, len, n): (*const u8, usize, usize),
) -> usize {
    let all = content_len(leaf);
    let behind = all - at - old;
    assert!(HEAD + all - old + len <= leaf.capacity());
    // SAFETY: there is room behind for what follows, and then for the new bytes.
    unsafe {
        place(leaf, at + old).copy_to(place(leaf, at + len), behind);
        place(leaf, at).copy_from_nonoverlapping(from, len);
    }
    leaf.set_used(leaf.used() - old + len);
    leaf.set_n(leaf.n() - old_n + n);
    behind + len
}

/// The leaf, or one in its place, that is the tree's own and has room for so many used bytes. It
/// has not much more unless it is at an `edge`: there, elements come and go.
pub fn fitted<H: Heap>(space: &mut Space<'_, H>, leaf: Page, used: usize, edge: bool) -> Page {
    let (room, most) = (leaf.capacity(), used.max(leaf.used()));
    let is_tight = edge || room.saturating_sub(most) < 2 * LEAF_STEP;
    if !space.is_shared(leaf) && used <= room && is_tight {
        return leaf;
    }
    let capacity = if edge { LEAF_MAX } else { leaf_capacity(most) };
    let new = copy(space, leaf, capacity);
    space.dispose::<()>(leaf);
    new
}

/// The leaf, or a smaller one in its place, when it is no edge any more.
pub fn trimmed<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
    let capacity = leaf_capacity(leaf.used());
    if space.is_shared(leaf) || leaf.capacity() == capacity {
        return leaf;
    }
    let new = copy(space, leaf, capacity);
    space.dispose::<()>(leaf);
    new
}

fn copy<H: Heap>(space: &mut Space<'_, H>, leaf: Page, capacity: usize) -> Page {
    let new = space.leaf(capacity);
    append_all(new, leaf);
    space.note_copy(leaf, leaf.used());
    new
}

/// Appends all elements of another leaf; there is room.
fn append_all(leaf: Page, from: Page) {
    let end = content_len(leaf);
    // SAFETY: whole elements, of another leaf.
    unsafe {
        let elements = (place(from, 0).cast_const(), content_len(from), from.n());
        replace(leaf, (end, 0, 0), elements);
    }
    leaf.set_has_blocks(leaf.has_blocks() || from.has_blocks());
}

/// A new leaf with one element.
pub fn single<H: Heap>(space: &mut Space<'_, H>, draft: &Draft, edge: bool) -> Page {
    let used = HEAD + draft.len();
    let leaf = space.leaf(if edge { LEAF_MAX } else { leaf_capacity(used) });
    // SAFETY: a draft is a whole element.
    unsafe { replace(leaf, (0, 0, 0), (draft.bytes(), draft.len(), 1)) };
    leaf.set_has_blocks(draft.has_blocks);
    leaf
}

/// A new leaf with the elements of both.
pub fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page {
    let used = left.used() + right.used() - HEAD;
    let new = copy(space, left, leaf_capacity(used));
    append_all(new, right);
    space.note_copy(right, right.used());
    new
}

/// A new leaf with the same elements, and blocks of its own.
pub fn duplicate<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
    let new = space.leaf(leaf_capacity(leaf.used()));
    append_all(new, leaf);
    space.heap.moved(leaf.used());
    if leaf.has_blocks() {
        // SAFETY: nothing of the leaf changes here. Where the address of a block is, in a page that
        // is new, the copy's is put.
        unsafe {
            for_each(leaf, |placed| {
                if let Some(block) = placed.stored.block {
                    let copy = space.copy_block(block);
                    let address = place(new, placed.at + LONG_LEN - size_of::<usize>());
                    address
                        .cast::<NonNull<u8>>()
                        .write_unaligned(copy.address());
                }
            });
        }
    }
    new
}

/// Two new leaves with the elements of one, and the new one in the place of the `old` bytes at
/// `at`, in halves. The leaf is disposed of.
pub fn split<H: Heap>(
    space: &mut Space<'_, H>,
    leaf: Page,
    (at, old): (usize, usize),
    new: &Draft,
) -> (Page, (), Page) {
    let mut room = [MaybeUninit::<u8>::uninit(); CONTENT_MAX + ELEMENT_MAX];
    let (all, total) = (content_len(leaf), content_len(leaf) - old + new.len());
    assert!(total <= room.len());
    let start = room.as_mut_ptr().cast::<u8>();
    // SAFETY: there is room for all; it is not in the leaf.
    let whole = unsafe {
        start.copy_from_nonoverlapping(place(leaf, 0), at);
        (start.add(at)).copy_from_nonoverlapping(new.bytes(), new.len());
        let behind = start.add(at + new.len());
        behind.copy_from_nonoverlapping(place(leaf, at + old), all - at - old);
        std::slice::from_raw_parts(start, total)
    };
    let (mut middle, mut n) = (0, 0);
    while middle < total / 2 {
        // SAFETY: whole elements were copied, and their blocks stay.
        let len = unsafe { stored(&whole[middle..]) }.len;
        middle += len + backward::size(len);
        n += 1;
    }
    let count = leaf.n() + usize::from(old == 0);
    let has_blocks = leaf.has_blocks() || new.has_blocks;
    let mut half = |bytes: &[u8], n: usize| {
        let half = space.leaf(leaf_capacity(HEAD + bytes.len()));
        // SAFETY: whole elements, not in a leaf.
        unsafe { replace(half, (0, 0, 0), (bytes.as_ptr(), bytes.len(), n)) };
        half.set_has_blocks(has_blocks);
        half
    };
    let left = half(&whole[..middle], n);
    let right = half(&whole[middle..], count - n);
    space.note_copy(leaf, leaf.used());
    space.dispose::<()>(leaf);
    (left, (), right)
}
