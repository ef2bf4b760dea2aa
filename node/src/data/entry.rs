//! One key with its value, in one block of memory.
//!
//! ```text
//! byte 0      flags: 1 has a time to live, 2 raw, 4 large, 8 typed; upper four bits: the walk's
//!             generation
//! bytes 1-3   what it remembers of its use: the access clock, seconds modulo 2^24; or how often it is
//!             used, see `usage.rs`
//! 8 bytes     unix time in milliseconds when it expires, only with its flag
//! 1 byte      type and encoding, only if typed: a string is not
//! 1-5 bytes   length of the key
//! 1-5 bytes   length of the value; not if large
//! key, value  a large string is a pointer to a vector of its own, a big value of another type one
//!             to a box with its trees
//! ```
//!
//! A length below 253 takes one byte, others a marker and two or four bytes.
#![expect(
    unsafe_code,
    reason = "an entry is laid out by hand: a short string is one block"
)]

mod big;
mod change;
mod heap;
mod view;

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::value::Kind;
pub(super) use big::{
    Big, BigHash, BigList, BigRecords, BigSet, BigValue, BigZset, CopyingValue, FieldTimes,
    FrozenValue, Group, dispose_tree, freeze_tree, hash_of, new_copy, new_tree, source,
};
pub(super) use change::{EntryMut, fill_up};
pub use heap::HeapUse;
pub(super) use heap::{Heap, Leftover, Waste, rounded};
pub use view::Entry;
pub(super) use view::clock_of;

/// The part of a table's word that is an entry's address.
pub(super) const ADDRESS: u64 = (1 << 48) - 1;

/// Values above so many bytes have a vector of their own: the walk sends them in pieces of this
/// size, and APPEND to them is amortised.
pub(super) const LARGE: usize = 64 * 1024;

const HAS_TTL: u8 = 1;
const RAW: u8 = 2;
const IS_LARGE: u8 = 4;
const TYPED: u8 = 8;
/// A value that is no string, in a box.
const BIG: u8 = IS_LARGE | TYPED;
const GENERATION_SHIFT: u8 = 4;
/// Walks are counted modulo this.
pub(super) const GENERATIONS: u8 = 16;
/// The access clock is counted modulo this.
pub(super) const CLOCK_MODULUS: u64 = 1 << 24;
/// It counts so many in a second.
pub(super) const CLOCKS_PER_SECOND: u64 = 2;

/// What an entry has beside key and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    /// Unix time in milliseconds.
    pub expire_at: Option<i64>,
    /// Type and encoding.
    pub kind: Kind,
    /// OBJECT ENCODING says `raw` whatever the string.
    pub raw: bool,
    /// When it was used last by the access clock, modulo [`CLOCK_MODULUS`]; or how often it is.
    pub clock: u32,
    /// The last walk that has saved it, or during which it was born; modulo [`GENERATIONS`].
    pub generation: u8,
}

impl Meta {
    fn flags(self, large: bool) -> u8 {
        let ttl = if self.expire_at.is_some() { HAS_TTL } else { 0 };
        let raw = if self.raw { RAW } else { 0 };
        let large = if large { IS_LARGE } else { 0 };
        let typed = if self.is_typed() { TYPED } else { 0 };
        ttl | raw | large | typed | self.generation << GENERATION_SHIFT
    }

    fn is_typed(self) -> bool {
        self.kind != Kind::STRING
    }

    /// How many bytes stand before the length of the key.
    fn head_len(self) -> usize {
        head_len(self.flags(false))
    }

    fn head(self, large: bool) -> u32 {
        u32::from(self.flags(large)) | self.clock << 8
    }
}

/// Owns an entry's block. There is no `Drop`: it goes back by [`EntryBox::release`], to the heap
/// that it came from.
#[must_use]
pub(super) struct EntryBox(NonNull<u8>);

// SAFETY: it owns what it points to.
unsafe impl Send for EntryBox {}

/// Where the parts of an entry lie, counted from its start.
struct Parts {
    flags: u8,
    key: usize,
    key_len: usize,
    value: usize,
    /// The value's length in the block: 8 (the pointer) for a large one.
    value_len: usize,
}

impl Parts {
    fn end(&self) -> usize {
        self.value + self.value_len
    }
}

fn length_width(len: usize) -> usize {
    match len {
        0..=252 => 1,
        253..=0xFFFF => 3,
        _ => 5,
    }
}

/// # Safety
/// `at` has room for the length's width.
unsafe fn write_length(at: *mut u8, len: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        match length_width(len) {
            1 => at.write(len as u8),
            3 => {
                at.write(253);
                at.add(1).cast::<u16>().write_unaligned(len as u16);
            }
            _ => {
                at.write(254);
                let len = u32::try_from(len).expect("requests bound keys to 512 MB");
                at.add(1).cast::<u32>().write_unaligned(len);
            }
        }
    }
}

/// The length at `at` and how many bytes it takes.
///
/// # Safety
/// `write_length` wrote there.
#[inline]
unsafe fn read_length(at: *const u8) -> (usize, usize) {
    // SAFETY: promised by the caller.
    unsafe {
        match at.read() {
            253 => (usize::from(at.add(1).cast::<u16>().read_unaligned()), 3),
            254 => (at.add(1).cast::<u32>().read_unaligned() as usize, 5),
            short => (usize::from(short), 1),
        }
    }
}

/// # Safety
/// `start` is the start of a live entry.
#[inline]
unsafe fn parts(start: *const u8) -> Parts {
    // SAFETY: an entry is laid out as the head of this file says.
    unsafe {
        let flags = start.read();
        let mut at = head_len(flags);
        let (key_len, width) = read_length(start.add(at));
        at += width;
        let mut value_len = 8;
        if flags & IS_LARGE == 0 {
            let (len, width) = read_length(start.add(at));
            value_len = len;
            at += width;
        }
        Parts {
            flags,
            key: at,
            key_len,
            value: at + key_len,
            value_len,
        }
    }
}

/// How many bytes stand before the length of the key, by the flags and without a branch.
#[inline]
fn head_len(flags: u8) -> usize {
    4 + usize::from((flags & HAS_TTL) * 8) + usize::from((flags & TYPED) / TYPED)
}

impl EntryBox {
    /// A new entry whose value is the two pieces together.
    pub fn new(heap: &mut Heap, key: &[u8], value: [&[u8]; 2], meta: Meta) -> EntryBox {
        let len = value[0].len() + value[1].len();
        if len > LARGE {
            return EntryBox::with_vec(heap, key, value.concat(), meta);
        }
        let lengths = length_width(key.len()) + length_width(len);
        let block = heap.allocate(meta.head_len() + lengths + key.len() + len);
        // SAFETY: the block is as long as the sum of what is written; nothing else points to it.
        unsafe {
            let mut at = write_head(block.as_ptr(), meta, false, key.len());
            write_length(at, len);
            at = at.add(length_width(len));
            at = write_bytes(at, key);
            at = write_bytes(at, value[0]);
            write_bytes(at, value[1]);
        }
        EntryBox(block)
    }

    /// A new entry whose value keeps a vector of its own.
    pub fn with_vec(heap: &mut Heap, key: &[u8], value: Vec<u8>, meta: Meta) -> EntryBox {
        assert!(!meta.is_typed(), "only a string has a vector");
        heap.account(0, value.capacity());
        EntryBox::with_box(heap, key, Box::new(value), meta)
    }

    /// A new entry of a big value.
    pub fn with_big(heap: &mut Heap, key: &[u8], value: Box<Big>, meta: Meta) -> EntryBox {
        assert!(meta.is_typed(), "a string is never such a value");
        heap.account(0, size_of::<Big>());
        EntryBox::with_box(heap, key, value, meta)
    }

    /// A new entry that owns the box: a vector for a string, a big value for the others.
    fn with_box<T>(heap: &mut Heap, key: &[u8], value: Box<T>, meta: Meta) -> EntryBox {
        let lengths = length_width(key.len());
        let block = heap.allocate(meta.head_len() + lengths + key.len() + 8);
        // SAFETY: as in `new`; `release` takes the box back.
        unsafe {
            let at = write_head(block.as_ptr(), meta, true, key.len());
            let at = write_bytes(at, key);
            at.cast::<*mut T>().write_unaligned(Box::into_raw(value));
        }
        EntryBox(block)
    }

    /// To read.
    pub fn view(&self) -> Entry<'_> {
        self.borrow().view()
    }

    /// To read, for as long as the box is borrowed.
    fn borrow(&self) -> EntryRef<'_> {
        EntryRef(self.0, PhantomData)
    }

    /// The same entry under another name or with another time to live: a new block. A large or big
    /// value moves, others are copied.
    pub fn remade(self, heap: &mut Heap, key: &[u8], meta: Meta) -> EntryBox {
        // SAFETY: the box owns a live entry.
        let parts = unsafe { parts(self.0.as_ptr()) };
        if parts.flags & IS_LARGE == 0 {
            let made = EntryBox::new(heap, key, [self.view().bytes(), &[]], meta);
            self.release(heap);
            return made;
        }
        // SAFETY: the pointer lies at the value's place, and is of the type that the flag tells; what
        // it points to has one owner at a time, and the block goes back without it.
        unsafe {
            let (start, end) = (self.0.as_ptr(), parts.end());
            if parts.flags & TYPED == 0 {
                let value = Box::from_raw(boxed_at::<Vec<u8>>(start, &parts));
                heap.release(self.0, end);
                EntryBox::with_box(heap, key, value, meta)
            } else {
                let value = Box::from_raw(boxed_at::<Big>(start, &parts));
                heap.release(self.0, end);
                EntryBox::with_box(heap, key, value, meta)
            }
        }
    }

    /// Frees the entry, a big value in steps. `heap` is the one it came from.
    pub fn release(self, heap: &mut Heap) {
        // SAFETY: the box owns a live entry of this heap, and is gone now.
        unsafe {
            let start = self.0.as_ptr();
            let parts = parts(start);
            match parts.flags & (IS_LARGE | TYPED) {
                IS_LARGE => {
                    let value = Box::from_raw(boxed_at::<Vec<u8>>(start, &parts));
                    heap.free_bytes(*value);
                }
                BIG => {
                    let mut value = Box::from_raw(boxed_at::<Big>(start, &parts));
                    heap.account(size_of::<Big>(), 0);
                    value.value_mut().dispose(heap);
                }
                _ => {}
            }
            heap.release(self.0, parts.end());
        }
    }

    /// The address, for a table to keep; [`EntryBox::from_address`] is its inverse.
    pub fn into_address(self) -> u64 {
        self.0.as_ptr().expose_provenance() as u64
    }

    /// # Safety
    /// `address` came from `into_address`, and nothing else makes a box of it.
    pub unsafe fn from_address(address: u64) -> EntryBox {
        let pointer = std::ptr::with_exposed_provenance_mut(address as usize);
        // SAFETY: the address of a block is not 0.
        EntryBox(unsafe { NonNull::new_unchecked(pointer) })
    }
}

/// # Safety
/// There is room for a head. Returns where it ends.
unsafe fn write_head(start: *mut u8, meta: Meta, large: bool, key_len: usize) -> *mut u8 {
    // SAFETY: promised by the caller.
    unsafe {
        start
            .cast::<u32>()
            .write_unaligned(meta.head(large).to_le());
        let mut at = start.add(4);
        if let Some(expire_at) = meta.expire_at {
            at.cast::<i64>().write_unaligned(expire_at);
            at = at.add(8);
        }
        if meta.is_typed() {
            at.write(meta.kind.byte());
            at = at.add(1);
        }
        write_length(at, key_len);
        at.add(length_width(key_len))
    }
}

/// # Safety
/// There is room for the bytes, and they lie elsewhere. Returns where they end.
unsafe fn write_bytes(at: *mut u8, bytes: &[u8]) -> *mut u8 {
    // SAFETY: promised by the caller.
    unsafe {
        at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        at.add(bytes.len())
    }
}

/// # Safety
/// A live entry with a value in a box, and its parts.
unsafe fn boxed_at<T>(start: *const u8, parts: &Parts) -> *mut T {
    // SAFETY: promised by the caller.
    unsafe { start.add(parts.value).cast::<*mut T>().read_unaligned() }
}

/// A borrowed entry.
#[derive(Clone, Copy)]
pub(super) struct EntryRef<'a>(NonNull<u8>, PhantomData<&'a u8>);

impl<'a> EntryRef<'a> {
    /// # Safety
    /// The entry at `address` lives, unchanged, for `'a`.
    #[inline]
    pub unsafe fn from_address(address: u64) -> EntryRef<'a> {
        let pointer = std::ptr::with_exposed_provenance_mut(address as usize);
        // SAFETY: the address of a block is not 0.
        EntryRef(unsafe { NonNull::new_unchecked(pointer) }, PhantomData)
    }

    /// Its parts.
    #[inline]
    pub fn view(self) -> Entry<'a> {
        let start = self.0.as_ptr().cast_const();
        // SAFETY: the entry is live and unchanged for `'a`.
        unsafe {
            let parts = parts(start);
            let mut big = None;
            let value = if parts.flags & IS_LARGE == 0 {
                std::slice::from_raw_parts(start.add(parts.value), parts.value_len)
            } else if parts.flags & TYPED == 0 {
                (*boxed_at::<Vec<u8>>(start, &parts)).as_slice()
            } else {
                big = Some(&*boxed_at::<Big>(start, &parts));
                &[]
            };
            let expire_at =
                (parts.flags & HAS_TTL != 0).then(|| start.add(4).cast::<i64>().read_unaligned());
            let kind = if parts.flags & TYPED == 0 {
                Kind::STRING
            } else {
                Kind::from_byte(start.add(head_len(parts.flags) - 1).read())
            };
            Entry {
                key: std::slice::from_raw_parts(start.add(parts.key), parts.key_len),
                bytes: value,
                big,
                meta: Meta {
                    expire_at,
                    kind,
                    raw: parts.flags & RAW != 0,
                    clock: u32::from_le(start.cast::<u32>().read_unaligned()) >> 8,
                    generation: parts.flags >> GENERATION_SHIFT,
                },
            }
        }
    }

    /// Whether its name is `key`.
    #[inline]
    pub fn is(self, key: &[u8]) -> bool {
        // SAFETY: as in `view`.
        unsafe {
            let parts = parts(self.0.as_ptr());
            std::slice::from_raw_parts(self.0.as_ptr().add(parts.key), parts.key_len) == key
        }
    }
}

#[cfg(test)]
mod tests;
