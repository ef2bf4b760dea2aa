//! How records lie in a leaf.
//!
//! ```text
//! 16 bytes   head; its note is the number of the page
//! 8 a score  in order
//! 2 a slot   in the same order: upper 6 bits of the member's hash; lower 10: how far before the
//!            end of the page the member begins
//! ...        free
//! members    the newest first, as elements; a long one as in `stored.rs`
//! ```
#![expect(
    unsafe_code,
    reason = "scores, slots and members lie behind the head of a page"
)]

use std::ops::Range;

use crate::block::Block;
use crate::draft::INLINE_MAX;
use crate::element::{Element, Text};
use crate::heap::Heap;
use crate::page::{HEAD, LEAF_STEP, Page, leaf_capacity};
use crate::records::Key;
use crate::slots::{self, SLOT, away};
use crate::space::Space;
use crate::stored::{LONG, Stored, own_block, stored};

use super::order::Cut;
use super::{Scored, Separator};

const SCORE: usize = 8;
/// How much of a member is brought into the cache.
const MEMBER_AHEAD: usize = 32;
/// What a record takes beside its member.
pub const BESIDE: usize = SCORE + SLOT;

/// The bits of a hash that a slot has. They are among those that the index has.
pub fn tag(hash: u64) -> u16 {
    (hash >> 32) as u16 & 0x3F
}

/// The bytes of members in a page.
fn content(leaf: Page) -> usize {
    leaf.used() - HEAD - leaf.n() * BESIDE
}

fn first_score(leaf: Page) -> *mut f64 {
    // SAFETY: scores follow the head, which keeps them aligned.
    unsafe { leaf.start().add(HEAD).cast() }
}

/// Where the slots begin in a leaf of so many records.
fn first_slot(leaf: Page, n: usize) -> *mut u16 {
    // SAFETY: slots follow the scores.
    unsafe { leaf.start().add(HEAD + n * SCORE).cast() }
}

/// The scores. Nobody keeps them beyond a change of the page.
pub fn scores<'a>(leaf: Page) -> &'a [f64] {
    // SAFETY: so many were written.
    unsafe { std::slice::from_raw_parts(first_score(leaf), leaf.n()) }
}

/// The slots. Nobody keeps them beyond a change of the page.
fn slots<'a>(leaf: Page) -> &'a [u16] {
    // SAFETY: so many were written.
    unsafe { std::slice::from_raw_parts(first_slot(leaf, leaf.n()), leaf.n()) }
}

fn before_end(leaf: Page, away: usize) -> *mut u8 {
    debug_assert!(away <= leaf.capacity());
    // SAFETY: it is within the page.
    unsafe { leaf.start().add(leaf.capacity() - away) }
}

/// From the start of a member to the end of the page.
///
/// # Safety
/// The leaf does not change or go within `'a`.
unsafe fn from_member<'a>(leaf: Page, slot: u16) -> &'a [u8] {
    // SAFETY: members reach to the end of the page, and all their bytes were written.
    unsafe { std::slice::from_raw_parts(before_end(leaf, away(slot)), away(slot)) }
}

/// A member as it is stored.
///
/// # Safety
/// The leaf has such a record, and neither it nor its blocks change or go within `'a`.
#[inline]
pub unsafe fn member<'a>(leaf: Page, index: usize) -> Stored<'a> {
    // SAFETY: promised by the caller.
    unsafe { stored(from_member(leaf, slots(leaf)[index])) }
}

/// # Safety
/// As for [`member`].
#[inline]
pub unsafe fn record<'a>(leaf: Page, index: usize) -> Scored<'a> {
    Scored {
        // SAFETY: promised by the caller.
        member: unsafe { member(leaf, index) }.element,
        score: scores(leaf)[index],
    }
}

/// The records of these indices, in order or backwards.
///
/// # Safety
/// As for [`member`], of each of them.
#[inline]
pub unsafe fn records<'a>(
    leaf: Page,
    indices: Range<usize>,
) -> impl DoubleEndedIterator<Item = Scored<'a>> {
    let scores = &scores(leaf)[indices.clone()];
    let places = slots(leaf)[indices].iter().zip(scores);
    places.map(move |(slot, score)| Scored {
        // SAFETY: promised by the caller.
        member: unsafe { stored(from_member(leaf, *slot)) }.element,
        score: *score,
    })
}

/// Whether the slot of a record has the tag of that part of a hash.
pub fn has_tag(leaf: Page, index: usize, part: u32) -> bool {
    slots::tag(slots(leaf)[index]) == tag(u64::from(part) << 32)
}

/// Whether a record of the leaf is before a cut.
pub fn is_before(leaf: Page, index: usize, cut: &Cut<'_>) -> bool {
    let score = scores(leaf)[index];
    with_bytes(leaf, index, |bytes| cut.is_behind(score, bytes))
}

/// Calls with the bytes of a member.
pub fn with_bytes<R>(leaf: Page, index: usize, read: impl FnOnce(&[u8]) -> R) -> R {
    // SAFETY: the index is checked, and what is read is not kept.
    let element = unsafe { member(leaf, index) }.element;
    read(element.bytes(&mut Text::new()))
}

/// How many records of the leaf are before a cut.
pub fn position(leaf: Page, cut: &Cut<'_>) -> usize {
    let scores = scores(leaf);
    let low = scores.partition_point(|score| *score < cut.score);
    let equal = scores[low..].partition_point(|score| *score == cut.score);
    let (mut from, mut to) = (low, low + equal);
    while from < to {
        let middle = usize::midpoint(from, to);
        if is_before(leaf, middle, cut) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}

/// The index of the record of that member.
#[inline]
pub fn find(leaf: Page, key: &Key<'_>) -> Option<usize> {
    slots::find(slots(leaf), tag(key.hash), |slot| {
        // SAFETY: the bytes are not kept.
        let bytes = unsafe { from_member(leaf, slot) };
        if key.bytes.len() <= INLINE_MAX {
            return key.encoded.is_at(bytes);
        }
        // SAFETY: the same.
        bytes[0] == LONG && unsafe { stored(bytes) }.element == Element::Str(key.bytes)
    })
}

/// Brings the slots of a leaf into the cache; the head is there.
#[inline]
pub fn prefetch_slots(leaf: Page) {
    leaf.prefetch_part(HEAD + leaf.n() * SCORE, leaf.n() * SLOT);
}

/// Brings the record that may have that hash into the cache; the slots are there.
#[inline]
pub fn prefetch_record(leaf: Page, hash: u64) {
    let slots = slots(leaf);
    if let Some(index) = slots::find(slots, tag(hash), |_| true) {
        let at = leaf.capacity() - away(slots[index]);
        leaf.prefetch_part(at, MEMBER_AHEAD);
        leaf.prefetch_part(HEAD + index * SCORE, SCORE);
    }
}

/// A record that will be put in a leaf, or is in one: its score, its tag, and the bytes of its
/// member.
#[derive(Clone, Copy)]
pub struct Raw {
    pub score: f64,
    pub tag: u16,
    pub at: *const u8,
    pub len: usize,
}

impl Raw {
    /// The bytes that it takes in a leaf.
    pub fn size(&self) -> usize {
        BESIDE + self.len
    }
}

/// A record of the leaf.
pub fn raw(leaf: Page, index: usize) -> Raw {
    // SAFETY: the index is checked; what is read is not kept.
    let len = unsafe { member(leaf, index) }.len;
    let slot = slots(leaf)[index];
    Raw {
        score: scores(leaf)[index],
        tag: slots::tag(slot),
        at: before_end(leaf, away(slot)),
        len,
    }
}

/// A new leaf with these records.
///
/// # Safety
/// Their bytes are whole elements, and live.
pub unsafe fn filled<H: Heap>(space: &mut Space<'_, H>, records: &[Raw]) -> Page {
    let used = HEAD + records.iter().map(Raw::size).sum::<usize>();
    let leaf = space.leaf(leaf_capacity(used));
    let mut content = 0;
    for (index, record) in records.iter().enumerate() {
        content += record.len;
        // SAFETY: all of them fit; the bytes are live and not in this leaf.
        unsafe {
            first_score(leaf).add(index).write(record.score);
            let slot = slots::slot(record.tag, content);
            first_slot(leaf, records.len()).add(index).write(slot);
            before_end(leaf, content).copy_from_nonoverlapping(record.at, record.len);
        }
    }
    leaf.set_n(records.len());
    leaf.set_used(used);
    leaf
}

/// Puts a record in; there is room. Returns how many bytes that shifted.
///
/// # Safety
/// The bytes of the record are a whole element, live, and not in this leaf, which is ours to write.
pub unsafe fn insert(leaf: Page, index: usize, record: &Raw) -> usize {
    let (n, away) = (leaf.n(), content(leaf) + record.len);
    assert!(index <= n && leaf.used() + record.size() <= leaf.capacity());
    // SAFETY: there is room. The slots go out of the way of the scores, those behind the new one
    // first; then the scores behind it.
    unsafe {
        before_end(leaf, away).copy_from_nonoverlapping(record.at, record.len);
        let (old, new) = (first_slot(leaf, n), first_slot(leaf, n + 1));
        old.add(index).copy_to(new.add(index + 1), n - index);
        old.copy_to(new, index);
        new.add(index).write(slots::slot(record.tag, away));
        let score = first_score(leaf).add(index);
        score.copy_to(score.add(1), n - index);
        score.write(record.score);
    }
    leaf.set_n(n + 1);
    leaf.set_used(leaf.used() + record.size());
    n * SLOT + (n - index) * SCORE
}

/// Takes a record out whose member takes `len` bytes, and closes the gaps. Returns how many bytes
/// that shifted.
pub fn cut(leaf: Page, index: usize, len: usize) -> usize {
    let (n, all) = (leaf.n(), content(leaf));
    let gone = away(slots(leaf)[index]);
    let newer = all - gone;
    // SAFETY: the newer members lie before it, and move up by its length; then the scores behind it
    // move down, and then the slots.
    unsafe {
        let from = before_end(leaf, all);
        from.copy_to(from.add(len), newer);
        let score = first_score(leaf).add(index);
        score.copy_from(score.add(1), n - index - 1);
        let (old, new) = (first_slot(leaf, n), first_slot(leaf, n - 1));
        new.copy_from(old, index);
        new.add(index).copy_from(old.add(index + 1), n - index - 1);
    }
    leaf.set_n(n - 1);
    leaf.set_used(leaf.used() - len - BESIDE);
    // SAFETY: there are so many slots, and the leaf is ours to write.
    let slots = unsafe { std::slice::from_raw_parts_mut(first_slot(leaf, n - 1), n - 1) };
    slots::close_gap(slots, gone, len);
    newer + n * SLOT + (n - index) * SCORE
}

/// Gives a record another score; its place stays right, and the leaf is ours to write.
pub fn rescore(leaf: Page, index: usize, score: f64) {
    assert!(index < leaf.n());
    // SAFETY: there is such a record.
    unsafe { first_score(leaf).add(index).write(score) };
}

/// A copy with room for so many used bytes. It has the number and the blocks of the leaf.
fn copy<H: Heap>(space: &mut Space<'_, H>, leaf: Page, used: usize) -> Page {
    let new = space.leaf(leaf_capacity(used.max(leaf.used())));
    let (n, content) = (leaf.n(), content(leaf));
    // SAFETY: there is room for scores with slots, and for members; the leaves are two.
    unsafe {
        let heads = leaf.start().add(HEAD);
        let place = new.start().add(HEAD);
        place.copy_from_nonoverlapping(heads, n * BESIDE);
        before_end(new, content).copy_from_nonoverlapping(before_end(leaf, content), content);
    }
    new.set_n(n);
    new.set_used(leaf.used());
    new.set_note(leaf.note());
    new.set_has_blocks(leaf.has_blocks());
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
    space.note_copy(leaf, leaf.used());
    space.dispose::<Separator>(leaf);
    new
}

/// A new leaf with the same records, and blocks of its own.
pub fn duplicate<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
    let new = copy(space, leaf, leaf.used());
    space.heap.moved(leaf.used());
    for index in 0..if leaf.has_blocks() { leaf.n() } else { 0 } {
        // SAFETY: the leaf has so many records, and nothing of it changes here. The bytes of each
        // were copied to the new page.
        unsafe {
            if let Some(block) = member(leaf, index).block {
                own_block(space, block, before_end(new, away(slots(new)[index])));
            }
        }
    }
    new
}

/// Calls with every block of a leaf.
pub fn blocks(leaf: Page, mut visit: impl FnMut(Block)) {
    for index in 0..leaf.n() {
        // SAFETY: the leaf has so many records, and what is read is not kept. A block that
        // `visit` releases is not read again.
        let member = unsafe { member(leaf, index) };
        member.block.into_iter().for_each(&mut visit);
    }
}
