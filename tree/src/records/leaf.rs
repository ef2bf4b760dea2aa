//! How records lie in a leaf.
//!
//! ```text
//! 16 bytes   head
//! 2 a slot   upper 6 bits: the lowest of the key's hash; lower 10: how far before the end of the
//!            page the record begins
//! ...        free
//! records    the newest first: key, then value, as elements; a long one as F5, its length in 4
//!            bytes, the address of its block in 8
//! ```
//!
//! Slots are in the order of their records, the oldest first. A search looks at the slots, and at the
//! records of those with the right six bits. Distances from the end stay right when a page is copied to
//! a larger one.
#![expect(
    unsafe_code,
    reason = "slots and records lie behind the head of a page"
)]

use crate::block::Block;
use crate::draft::INLINE_MAX;
use crate::element::{Element, Encoded};
use crate::heap::Heap;
use crate::page::{HEAD, LEAF_STEP, Page, leaf_capacity};
pub use crate::slots::SLOT;
use crate::slots::{self, away};
use crate::space::Space;
use crate::stored::{LONG, Stored, own_block, stored};

use super::{Key, Record};

fn tag(hash: u64) -> u16 {
    hash as u16 & 0x3F
}

/// How much of a record is brought into the cache before it is looked at.
const RECORD_AHEAD: usize = 64;

/// The bytes of records in a page.
fn content(leaf: Page) -> usize {
    leaf.used() - HEAD - leaf.n() * SLOT
}

/// The slots. Nobody keeps them beyond a change of the page.
fn slots<'a>(leaf: Page) -> &'a [u16] {
    // SAFETY: so many slots follow the head, which keeps them aligned.
    unsafe { std::slice::from_raw_parts(leaf.start().add(HEAD).cast(), leaf.n()) }
}

fn slot_place(leaf: Page, index: usize) -> *mut u16 {
    debug_assert!(index <= leaf.n());
    // SAFETY: the place of a slot, or the next one, is within the page or at its end.
    unsafe { leaf.start().add(HEAD).cast::<u16>().add(index) }
}

/// Where the byte is that is so far before the end of the page.
fn before_end(leaf: Page, away: usize) -> *mut u8 {
    debug_assert!(away <= leaf.capacity());
    // SAFETY: it is within the page.
    unsafe { leaf.start().add(leaf.capacity() - away) }
}

/// From the start of a record to the end of the page.
///
/// # Safety
/// The leaf does not change or go within `'a`.
unsafe fn from_record<'a>(leaf: Page, slot: u16) -> &'a [u8] {
    // SAFETY: records reach to the end of the page, and all their bytes were written.
    unsafe { std::slice::from_raw_parts(before_end(leaf, away(slot)), away(slot)) }
}

/// Key and value of a record as they are stored, the value's length 0 in a set.
///
/// # Safety
/// The leaf has such a record, and neither it nor its blocks change or go within `'a`.
#[inline]
pub unsafe fn elements<'a, const VALUED: bool>(leaf: Page, index: usize) -> [Stored<'a>; 2] {
    // SAFETY: promised by the caller.
    unsafe {
        let bytes = from_record(leaf, slots(leaf)[index]);
        let key = stored(bytes);
        let value = if VALUED {
            stored(&bytes[key.len..])
        } else {
            Stored {
                element: Element::Str(b""),
                block: None,
                len: 0,
            }
        };
        [key, value]
    }
}

/// # Safety
/// As for [`elements`].
#[inline]
pub unsafe fn record<'a, const VALUED: bool>(leaf: Page, index: usize) -> Record<'a> {
    // SAFETY: promised by the caller.
    let [key, value] = unsafe { elements::<VALUED>(leaf, index) };
    Record {
        key: key.element,
        value: value.element,
    }
}

/// The index of the record with that key.
#[inline]
pub fn find(leaf: Page, key: &Key<'_>) -> Option<usize> {
    slots::find(slots(leaf), tag(key.hash), |slot| is_key(leaf, slot, key))
}

/// The index of the next record from an index on that may have that hash.
pub fn find_hash(leaf: Page, hash: u64, from: usize) -> Option<usize> {
    let found = slots::find(&slots(leaf)[from..], tag(hash), |_| true)?;
    Some(from + found)
}

/// Brings the record that may have that hash into the cache; the slots are there.
#[inline]
pub fn prefetch_record(leaf: Page, hash: u64) {
    if let Some(index) = slots::find(slots(leaf), tag(hash), |_| true) {
        let at = leaf.capacity() - away(slots(leaf)[index]);
        leaf.prefetch_part(at, RECORD_AHEAD);
    }
}

/// Brings the place where the next record will be written into the cache.
#[inline]
pub fn prefetch_next(leaf: Page) {
    let at = leaf.capacity() - content(leaf);
    leaf.prefetch_part(at.saturating_sub(RECORD_AHEAD), RECORD_AHEAD);
}

/// Brings the newest record into the cache.
#[inline]
pub fn prefetch_newest(leaf: Page) {
    leaf.prefetch_part(leaf.capacity() - content(leaf), RECORD_AHEAD);
}

#[inline]
fn is_key(leaf: Page, slot: u16, key: &Key<'_>) -> bool {
    // SAFETY: the bytes are not kept.
    let bytes = unsafe { from_record(leaf, slot) };
    if key.bytes.len() <= INLINE_MAX {
        return key.encoded.is_at(bytes);
    }
    // SAFETY: the same.
    bytes[0] == LONG && unsafe { stored(bytes) }.element == Element::Str(key.bytes)
}

/// Where the stored bytes of a record are.
pub fn place(leaf: Page, index: usize) -> *const u8 {
    before_end(leaf, away(slots(leaf)[index]))
}

/// Writes another value that takes as many bytes as the old one.
///
/// # Safety
/// It does, and the key of the record takes `key_len` bytes.
pub unsafe fn rewrite(leaf: Page, index: usize, key_len: usize, value: &Encoded<'_>) {
    let mut place = before_end(leaf, away(slots(leaf)[index]) - key_len);
    for part in [value.header(), value.body()] {
        // SAFETY: promised by the caller; the value is not from this leaf, which is ours to write.
        unsafe {
            place.copy_from_nonoverlapping(part.as_ptr(), part.len());
            place = place.add(part.len());
        }
    }
}

/// The tag of a record, to be given to [`append_raw`] again.
pub fn tag_of(leaf: Page, index: usize) -> u16 {
    slots::tag(slots(leaf)[index])
}

/// Appends a record of so many bytes; there is room.
///
/// # Safety
/// The bytes are whole elements of a record, and not in this leaf.
pub unsafe fn append_raw(leaf: Page, tag: u16, bytes: *const u8, len: usize) {
    let (n, start) = (leaf.n(), content(leaf) + len);
    assert!(leaf.used() + len + SLOT <= leaf.capacity());
    // SAFETY: there is room for slot and record, and the record is not in this leaf.
    unsafe {
        before_end(leaf, start).copy_from_nonoverlapping(bytes, len);
        slot_place(leaf, n).write(slots::slot(tag, start));
    }
    leaf.set_n(n + 1);
    leaf.set_used(leaf.used() + len + SLOT);
}

/// The same with the tag of a hash.
///
/// # Safety
/// As for [`append_raw`].
pub unsafe fn append(leaf: Page, hash: u64, bytes: *const u8, len: usize) {
    // SAFETY: promised by the caller.
    unsafe { append_raw(leaf, tag(hash), bytes, len) };
}

/// Takes a record of `len` bytes out, and closes the gap: with the newest record if that is as long,
/// else with all that are newer. Returns how many bytes that shifted.
pub fn cut(leaf: Page, index: usize, len: usize) -> usize {
    let (last, all) = (leaf.n() - 1, content(leaf));
    // SAFETY: the leaf has so many slots, and is ours to write.
    let slots = unsafe { std::slice::from_raw_parts_mut(slot_place(leaf, 0), last + 1) };
    let gone = away(slots[index]);
    let older = last.checked_sub(1).map_or(0, |before| away(slots[before]));
    let (shifted, to) = if all - older == len {
        slots[index] = slots::slot(slots::tag(slots[last]), gone);
        (len, gone)
    } else {
        slots.copy_within(index + 1.., index);
        slots[index..last]
            .iter_mut()
            .for_each(|slot| *slot -= len as u16);
        (all - gone, all - len)
    };
    leaf.set_n(last);
    leaf.set_used(leaf.used() - len - SLOT);
    // SAFETY: there are so many bytes of records from either place on.
    unsafe { before_end(leaf, all).copy_to(before_end(leaf, to), shifted) };
    shifted
}

/// A copy with room for so many used bytes, of any leaf.
fn copy<H: Heap>(space: &mut Space<'_, H>, leaf: Page, used: usize) -> Page {
    let new = space.leaf(leaf_capacity(used.max(leaf.used())));
    append_all(new, leaf);
    space.note_copy(leaf, leaf.used());
    new
}

/// The leaf, or one in its place, that is the tree's own and has room for so many used bytes, and
/// not much more. What is left over of it is disposed of.
pub fn fitted<H: Heap>(space: &mut Space<'_, H>, leaf: Page, used: usize) -> Page {
    let room = leaf.capacity();
    if !space.is_shared(leaf) && used <= room && room - used.max(leaf.used()) < 2 * LEAF_STEP {
        return leaf;
    }
    let new = copy(space, leaf, used);
    space.dispose::<super::Separator>(leaf);
    new
}

/// Appends all records of another leaf; there is room.
fn append_all(leaf: Page, from: Page) {
    let (n, old, more) = (leaf.n(), content(leaf), content(from));
    assert!(leaf.used() + more + from.n() * SLOT <= leaf.capacity());
    // SAFETY: there is room for slots and records, and the leaves are two.
    unsafe {
        let place = before_end(leaf, old + more);
        place.copy_from_nonoverlapping(before_end(from, more), more);
        if old == 0 {
            slot_place(leaf, n).copy_from_nonoverlapping(slot_place(from, 0), from.n());
        } else {
            for (at, slot) in slots(from).iter().enumerate() {
                slot_place(leaf, n).add(at).write(slot + old as u16);
            }
        }
    }
    leaf.set_n(n + from.n());
    leaf.set_used(leaf.used() + more + from.n() * SLOT);
    leaf.set_has_blocks(leaf.has_blocks() || from.has_blocks());
}

/// A new leaf with the records of both.
pub fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page {
    let new = copy(space, left, left.used() + right.used() - HEAD);
    append_all(new, right);
    space.note_copy(right, right.used());
    new
}

/// A new leaf with the same records, and blocks of its own.
pub fn duplicate<const VALUED: bool, H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
    let new = space.leaf(leaf_capacity(leaf.used()));
    append_all(new, leaf);
    space.heap.moved(leaf.used());
    for index in 0..if leaf.has_blocks() { leaf.n() } else { 0 } {
        // SAFETY: the leaf has so many records, and nothing of it changes here.
        let elements = unsafe { elements::<VALUED>(leaf, index) };
        let mut place = before_end(new, away(slots(new)[index]));
        for Stored { block, len, .. } in elements {
            if let Some(block) = block {
                // SAFETY: the block is live, and its element was copied there, to a page that is
                // new.
                unsafe { own_block(space, block, place) };
            }
            // SAFETY: the record goes on behind each of its elements.
            place = unsafe { place.add(len) };
        }
    }
    new
}

/// Calls with every block of a leaf.
pub fn blocks<const VALUED: bool>(leaf: Page, mut visit: impl FnMut(Block)) {
    for index in 0..leaf.n() {
        // SAFETY: the leaf has so many records, and what is read is not kept. A block that
        // `visit` releases is not read again.
        let elements = unsafe { elements::<VALUED>(leaf, index) };
        elements
            .iter()
            .filter_map(|it| it.block)
            .for_each(&mut visit);
    }
}
