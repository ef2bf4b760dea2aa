//! How messages lie in a leaf.
//!
//! ```text
//! 16 bytes   head; its note is how many bytes there are in blocks
//! 16 bytes   the id that the others are counted from: ms and seq
//! 2, 2       how many bytes the fields of the leaf take, and how many they are; often none
//! fields     elements
//! records    in order, see below
//! ...        free
//!
//! 2 bytes    of a record: 1 its fields are those of the leaf, 2 its body is in a block; the upper
//!            14 bits: how many bytes follow
//! 2 numbers  how far its ms and its seq are from those of the leaf, as elements
//! body       values; or how many fields, and fields and values by turns. Or F5, the length of the
//!            block in 4 bytes and its address in 8; in the block before the body: how many elements
//!            it has, in 4 bytes, and how many bytes they take in a listpack, in 8
//! ```
//!
//! Places in a leaf are bytes from the end of the head.
#![expect(unsafe_code, reason = "messages lie behind the head of a page")]

use crate::block::Block;
use crate::draft::Draft;
use crate::element::{Element, Encoded};
use crate::heap::Heap;
use crate::page::{HEAD, LEAF_MAX, LEAF_STEP, Page, leaf_capacity};
use crate::space::Space;
use crate::stored::{own_block, stored};

use super::message::{Message, StreamId, take, take_number};

/// The bytes before the fields of the leaf.
const FIXED: usize = 16 + 2 + 2;
/// The bytes of a record before its numbers.
pub const RECORD_HEAD: usize = 2;
/// What stands in a block before the body.
pub const BLOCK_HEAD: usize = 4 + 8;

pub const SAME: u16 = 1;
pub const IN_BLOCK: u16 = 2;
const LEN_SHIFT: u16 = 2;

/// The head of a leaf.
#[derive(Clone, Copy)]
pub struct Base<'a> {
    pub id: StreamId,
    /// Its fields as elements, and how many they are.
    pub fields: &'a [u8],
    pub count: usize,
}

/// A message where it lies.
#[derive(Clone, Copy)]
pub struct Placed<'a> {
    pub at: usize,
    pub len: usize,
    pub message: Message<'a>,
    pub block: Option<Block>,
}

/// How many bytes of content a leaf has.
pub fn content_len(leaf: Page) -> usize {
    leaf.used() - HEAD
}

fn place(leaf: Page, at: usize) -> *mut u8 {
    debug_assert!(HEAD + at <= leaf.capacity());
    // SAFETY: it is within the page, or at its end.
    unsafe { leaf.start().add(HEAD + at) }
}

/// # Safety
/// The leaf does not change or go within `'a`.
unsafe fn content<'a>(leaf: Page) -> &'a [u8] {
    // SAFETY: so many bytes were written.
    unsafe { std::slice::from_raw_parts(place(leaf, 0), content_len(leaf)) }
}

/// The head of a leaf.
///
/// # Safety
/// The leaf does not change or go within `'a`.
#[inline]
pub unsafe fn base<'a>(leaf: Page) -> Base<'a> {
    // SAFETY: promised by the caller.
    let content = unsafe { content(leaf) };
    let number = |at: usize| {
        let bytes = content[at..].first_chunk();
        u64::from_le_bytes(*bytes.expect("a leaf has its head"))
    };
    let short = |at: usize| usize::from(u16::from_le_bytes([content[at], content[at + 1]]));
    Base {
        id: StreamId {
            ms: number(0),
            seq: number(8),
        },
        fields: &content[FIXED..FIXED + short(16)],
        count: short(18),
    }
}

/// Where the first record is.
pub fn first_place(leaf: Page) -> usize {
    // SAFETY: nothing of it is kept.
    FIXED + unsafe { base(leaf) }.fields.len()
}

/// The record that begins at that place; there is one.
///
/// # Safety
/// Neither the leaf nor its blocks change or go within `'a`.
#[inline]
pub unsafe fn from_place<'a>(leaf: Page, base: &Base<'a>, at: usize) -> Placed<'a> {
    // SAFETY: promised by the caller.
    let content = unsafe { content(leaf) };
    let head = u16::from_le_bytes([content[at], content[at + 1]]);
    let len = RECORD_HEAD + usize::from(head >> LEN_SHIFT);
    let mut body = &content[at + RECORD_HEAD..at + len];
    let (ms, seq) = (take_number(&mut body), take_number(&mut body));
    let mut block = None;
    if head & IN_BLOCK != 0 {
        // SAFETY: promised by the caller; a long element stands there.
        let stored = unsafe { stored(body) };
        let Element::Str(bytes) = stored.element else {
            unreachable!("blocks hold strings");
        };
        (body, block) = (&bytes[BLOCK_HEAD..], stored.block);
    }
    let (fields, count) = if head & SAME != 0 {
        (Some(base.fields), base.count)
    } else {
        (None, take_number(&mut body) as usize)
    };
    Placed {
        at,
        len,
        message: Message {
            id: base.id.plus((ms, seq)),
            fields,
            body,
            len: count,
        },
        block,
    }
}

/// The record of that index.
///
/// # Safety
/// As for [`from_place`]; and there are so many.
pub unsafe fn nth<'a>(leaf: Page, index: usize) -> Placed<'a> {
    assert!(index < leaf.n());
    // SAFETY: promised by the caller.
    unsafe {
        let base = base(leaf);
        let at = skip(leaf, first_place(leaf), index);
        from_place(leaf, &base, at)
    }
}

/// The place that is so many records behind one.
pub fn skip(leaf: Page, mut at: usize, records: usize) -> usize {
    // SAFETY: nothing of it is kept.
    let content = unsafe { content(leaf) };
    for _ in 0..records {
        let head = u16::from_le_bytes([content[at], content[at + 1]]);
        at += RECORD_HEAD + usize::from(head >> LEN_SHIFT);
    }
    at
}

/// The first record at or above that id.
///
/// # Safety
/// As for [`from_place`].
pub unsafe fn seek<'a>(leaf: Page, id: StreamId) -> Option<Placed<'a>> {
    // SAFETY: promised by the caller.
    unsafe {
        let (base, mut at) = (base(leaf), first_place(leaf));
        while at < content_len(leaf) {
            let placed = from_place(leaf, &base, at);
            if placed.message.id >= id {
                return Some(placed);
            }
            at += placed.len;
        }
    }
    None
}

/// Calls with every record of a leaf.
///
/// # Safety
/// As for [`from_place`].
pub unsafe fn for_each<'a>(leaf: Page, mut visit: impl FnMut(Placed<'a>)) {
    // SAFETY: promised by the caller.
    unsafe {
        let (base, mut at) = (base(leaf), first_place(leaf));
        while at < content_len(leaf) {
            let placed = from_place(leaf, &base, at);
            at += placed.len;
            visit(placed);
        }
    }
}

/// Calls with every block of a leaf.
pub fn blocks(leaf: Page, visit: impl FnMut(Block)) {
    blocks_of(leaf, first_place(leaf)..content_len(leaf), visit);
}

/// Calls with the blocks of the records in a range of places.
pub fn blocks_of(leaf: Page, range: std::ops::Range<usize>, mut visit: impl FnMut(Block)) {
    let mut at = range.start;
    while at < range.end {
        // SAFETY: nothing is kept, and a block that `visit` releases is not read again.
        let placed = unsafe { from_place(leaf, &base(leaf), at) };
        at += placed.len;
        if let Some(block) = placed.block {
            visit(block);
        }
    }
}

/// The head of a record with these flags and so many bytes behind it.
pub fn record_head(flags: u16, len: usize) -> [u8; 2] {
    (flags | (len as u16) << LEN_SHIFT).to_le_bytes()
}

/// Appends bytes; there is room.
fn extend(leaf: Page, bytes: &[u8]) {
    assert!(leaf.used() + bytes.len() <= leaf.capacity());
    let end = content_len(leaf);
    // SAFETY: there is room, and nothing in a page of the tree is lent to a change of it.
    unsafe { place(leaf, end).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    leaf.set_used(leaf.used() + bytes.len());
}

/// Writes the head of a leaf that has nothing yet.
pub fn begin(leaf: Page, id: StreamId, fields: &[u8], count: usize) {
    extend(leaf, &id.ms.to_le_bytes());
    extend(leaf, &id.seq.to_le_bytes());
    extend(leaf, &(fields.len() as u16).to_le_bytes());
    extend(leaf, &(count as u16).to_le_bytes());
    extend(leaf, fields);
}

/// How many bytes the head of a leaf takes.
pub fn head_len(fields: usize) -> usize {
    HEAD + FIXED + fields
}

/// Appends a record of which `in_block` bytes are in a block; there is room.
pub fn push(leaf: Page, record: &Draft, in_block: usize) {
    assert!(leaf.used() + record.len() <= leaf.capacity());
    let end = content_len(leaf);
    // SAFETY: there is room, and a draft is in no page.
    unsafe { place(leaf, end).copy_from_nonoverlapping(record.bytes(), record.len()) };
    leaf.set_used(leaf.used() + record.len());
    leaf.set_n(leaf.n() + 1);
    add_in_block(leaf, in_block);
}

/// Notes that so many bytes more are in blocks.
fn add_in_block(leaf: Page, bytes: usize) {
    if bytes > 0 {
        leaf.set_has_blocks(true);
        leaf.set_note(leaf.note().saturating_add(bytes as u32));
    }
}

/// Takes whole records out, so many in these places. Returns how many bytes that shifted.
pub fn cut(leaf: Page, range: std::ops::Range<usize>, records: usize) -> usize {
    let behind = content_len(leaf) - range.end;
    // SAFETY: so many bytes are behind them.
    unsafe { place(leaf, range.start).copy_from(place(leaf, range.end), behind) };
    leaf.set_used(leaf.used() - range.len());
    leaf.set_n(leaf.n() - records);
    behind
}

/// The leaf, or one in its place, that is the tree's own and has room for so many used bytes. It
/// has not much more unless it is the `last` one of several, where messages come.
pub fn fitted<H: Heap>(space: &mut Space<'_, H>, leaf: Page, used: usize, last: bool) -> Page {
    let (room, most) = (leaf.capacity(), used.max(leaf.used()));
    let is_tight = last || room.saturating_sub(most) < 2 * LEAF_STEP;
    if !space.is_shared(leaf) && used <= room && is_tight {
        return leaf;
    }
    let capacity = if last { LEAF_MAX } else { leaf_capacity(most) };
    replaced(space, leaf, capacity)
}

/// The leaf, or a smaller one in its place, when it is the last one no more.
pub fn trimmed<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
    let capacity = leaf_capacity(leaf.used());
    if space.is_shared(leaf) || leaf.capacity() == capacity {
        return leaf;
    }
    replaced(space, leaf, capacity)
}

fn replaced<H: Heap>(space: &mut Space<'_, H>, leaf: Page, capacity: usize) -> Page {
    let new = space.leaf(capacity);
    copy_all(new, leaf);
    space.note_copy(leaf, leaf.used());
    space.dispose::<StreamId>(leaf);
    new
}

/// Puts what a leaf has into an empty one; there is room.
fn copy_all(new: Page, leaf: Page) {
    // SAFETY: nothing of it is kept.
    extend(new, unsafe { content(leaf) });
    new.set_n(leaf.n());
    new.set_note(leaf.note());
    new.set_has_blocks(leaf.has_blocks());
}

/// A new leaf with the same messages, and blocks of its own.
pub fn duplicate<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
    let new = space.leaf(leaf_capacity(leaf.used()));
    copy_all(new, leaf);
    space.heap.moved(leaf.used());
    if leaf.has_blocks() {
        // SAFETY: nothing of the leaf changes here. Where the address of a block is, in a page that
        // is new, the copy's is put.
        unsafe {
            for_each(leaf, |placed| {
                if let Some(block) = placed.block {
                    let address = placed.at + placed.len - crate::stored::LONG_LEN;
                    own_block(space, block, place(new, address));
                }
            });
        }
    }
    new
}

/// The numbers of a record as they are in a leaf that counts from another id, and its other bytes.
fn recounted<'a>(
    placed: &Placed<'a>,
    leaf: Page,
    base: StreamId,
) -> ([Encoded<'static>; 2], &'a [u8]) {
    // SAFETY: the record is borrowed from the leaf for so long.
    let content: &'a [u8] = unsafe { content(leaf) };
    let mut rest = &content[placed.at + RECORD_HEAD..placed.at + placed.len];
    take(&mut rest);
    take(&mut rest);
    let (ms, seq) = placed.message.id.minus(base);
    ([ms, seq].map(|number| Element::Int(number).into()), rest)
}

/// How many bytes [`joined`] uses; more than there can be if the leaves do not go together.
pub fn joined_size(left: Page, right: Page) -> usize {
    // SAFETY: nothing of them is kept.
    unsafe {
        let (base, other) = (base(left), base(right));
        if base.fields != other.fields || left.note().saturating_add(right.note()) > 0 {
            return usize::MAX;
        }
        let mut used = left.used();
        for_each(right, |placed| {
            let (numbers, rest) = recounted(&placed, right, base.id);
            used += RECORD_HEAD + numbers[0].len() + numbers[1].len() + rest.len();
        });
        used
    }
}

/// A new leaf with the messages of both; neither has blocks.
pub fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page {
    let new = space.leaf(leaf_capacity(joined_size(left, right)));
    copy_all(new, left);
    // SAFETY: neither leaf changes meanwhile.
    unsafe {
        let base = base(left);
        for_each(right, |placed| {
            let ([ms, seq], rest) = recounted(&placed, right, base.id);
            let len = ms.len() + seq.len() + rest.len();
            let flags = if placed.message.fields.is_some() {
                SAME
            } else {
                0
            };
            extend(new, &record_head(flags, len));
            extend(new, ms.header());
            extend(new, seq.header());
            extend(new, rest);
            new.set_n(new.n() + 1);
        });
    }
    space.note_copy(left, left.used());
    space.note_copy(right, right.used());
    new
}
