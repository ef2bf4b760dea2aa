//! Changing an entry where it stands, or putting another in its place.
#![expect(unsafe_code, reason = "writes into blocks that are laid out by hand")]

use std::ptr::NonNull;

use super::{
    ADDRESS, BIG, Big, Entry, EntryBox, EntryRef, GENERATION_SHIFT, HAS_TTL, Heap, IS_LARGE, LARGE,
    Meta, Parts, RAW, TYPED, boxed_at, head_len, length_width, parts, rounded, write_bytes,
    write_head, write_length,
};
use crate::data::value::Kind;

/// An entry in its table, to change in place or to replace.
pub(in crate::data) struct EntryMut<'a> {
    /// The word of the table: a tag in the upper 16 bits, the address in the lower 48.
    word: &'a mut u64,
}

impl<'a> EntryMut<'a> {
    /// # Safety
    /// The word holds the address of an entry that nothing else refers to for `'a`.
    pub unsafe fn from_word(word: &'a mut u64) -> EntryMut<'a> {
        EntryMut { word }
    }

    fn start(&self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut((*self.word & ADDRESS) as usize)
    }

    fn parts(&self) -> Parts {
        // SAFETY: the word holds a live entry.
        unsafe { parts(self.start()) }
    }

    /// To read.
    pub fn view(&self) -> Entry<'_> {
        // SAFETY: the entry is live, and borrowed as long as the view.
        unsafe { EntryRef::from_address(*self.word & ADDRESS) }.view()
    }

    /// To read, for as long as the table is borrowed.
    pub fn into_view(self) -> Entry<'a> {
        // SAFETY: the entry is live, and the word stays borrowed for `'a`.
        unsafe { EntryRef::from_address(*self.word & ADDRESS) }.view()
    }

    /// Puts another entry in its place, for the same key, and returns the old one.
    pub fn replace(&mut self, entry: EntryBox) -> EntryBox {
        let old = *self.word & ADDRESS;
        *self.word = (*self.word & !ADDRESS) | entry.into_address();
        // SAFETY: the word owned the old entry, and does not any more.
        unsafe { EntryBox::from_address(old) }
    }

    /// Gives the entry another meta, in a block of another layout.
    pub fn remake(&mut self, heap: &mut Heap, meta: Meta) {
        let old = *self.word & ADDRESS;
        let key = self.view().key().to_vec();
        // SAFETY: the word owns the entry, and gets the remade one at once.
        let made = unsafe { EntryBox::from_address(old) }.remade(heap, &key, meta);
        *self.word = (*self.word & !ADDRESS) | made.into_address();
    }

    /// Notes an access.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        // SAFETY: the first four bytes of a live entry, which is borrowed mutably.
        unsafe {
            let head = self.start().cast::<u32>();
            let old = u32::from_le(head.read_unaligned());
            if old >> 8 != clock {
                head.write_unaligned((old & 0xFF | clock << 8).to_le());
            }
        }
    }

    /// Notes the walk that has saved it.
    pub fn set_generation(&mut self, generation: u8) {
        // SAFETY: as in `set_clock`.
        unsafe {
            let flags = self.start().read();
            let low = flags & ((1 << GENERATION_SHIFT) - 1);
            self.start().write(low | generation << GENERATION_SHIFT);
        }
    }

    /// Writes value and meta over the old ones if the block has just the right size for them.
    pub fn overwrite(&mut self, value: &[u8], meta: Meta) -> bool {
        let parts = self.parts();
        let had_ttl = parts.flags & HAS_TTL != 0;
        let fits = parts.flags & IS_LARGE == 0
            && had_ttl == meta.expire_at.is_some()
            && (parts.flags & TYPED != 0) == meta.is_typed()
            && length_width(parts.value_len) == length_width(value.len())
            && value.len() <= LARGE
            && rounded(parts.end()) == rounded(parts.value + value.len());
        if fits {
            // SAFETY: the layout is the same but for the value's length, and the block as long.
            // The value is not part of the block: the table is borrowed mutably.
            unsafe {
                let at = write_head(self.start(), meta, false, parts.key_len);
                write_length(at, value.len());
                write_bytes(self.start().add(parts.value), value);
            }
        }
        fits
    }

    fn is_typed(&self) -> bool {
        self.parts().flags & TYPED != 0
    }

    /// A value that does not fit into the block.
    pub fn big_mut(&mut self) -> Option<&mut Big> {
        let parts = self.parts();
        // SAFETY: the flags tell what the pointer is; the entry owns it, and is borrowed mutably.
        (parts.flags & BIG == BIG).then(|| unsafe { &mut *boxed_at(self.start(), &parts) })
    }

    /// Moves the entry's block if the memory around it is hardly used.
    pub fn relocate(&mut self, heap: &mut Heap) {
        let len = self.parts().end();
        // SAFETY: the block is live and has that length; the word that owns it gets the copy, and the
        // old block is not used any more.
        unsafe {
            let old = NonNull::new_unchecked(self.start());
            if !heap.is_thin(old, len) {
                return;
            }
            let block = heap.allocate(len);
            block.copy_from_nonoverlapping(old, len);
            heap.release(old, len);
            let address = block.as_ptr().expose_provenance() as u64;
            *self.word = (*self.word & !ADDRESS) | address;
        }
    }

    /// Notes another encoding of a value that is no string.
    pub fn set_kind(&mut self, kind: Kind) {
        assert!(self.is_typed(), "a string has no place for it");
        let head = head_len(self.parts().flags);
        // SAFETY: the last byte of the head is the kind.
        unsafe { self.start().add(head - 1).write(kind.byte()) };
    }

    /// Changes the time to live in place, if the entry has one and keeps one.
    pub fn overwrite_expire(&mut self, at: Option<i64>) -> bool {
        let has = self.parts().flags & HAS_TTL != 0;
        let Some(at) = at.filter(|_| has) else {
            return false;
        };
        // SAFETY: the eight bytes after the head are the time.
        unsafe { self.start().add(4).cast::<i64>().write_unaligned(at) };
        true
    }

    /// Marks a string as one that was changed in place (OBJECT ENCODING: raw).
    fn set_raw(&mut self) {
        // SAFETY: the flags of a live entry, which is borrowed mutably.
        unsafe { self.start().write(self.start().read() | RAW) };
    }

    /// Appends in place, if the value is large or the block has room. Returns the new length.
    pub fn append(&mut self, heap: &mut Heap, tail: &[u8]) -> Option<usize> {
        let parts = self.parts();
        let len = parts.value_len + tail.len();
        if parts.flags & IS_LARGE != 0 {
            return Some(self.change_large(heap, |value| {
                reserve(value, tail.len());
                value.extend_from_slice(tail);
            }));
        }
        let fits = length_width(parts.value_len) == length_width(len)
            && len <= LARGE
            && rounded(parts.end()) == rounded(parts.value + len);
        if !fits {
            return None;
        }
        // SAFETY: the block is as long, and the length as wide; the tail lies elsewhere.
        unsafe {
            let at = parts.key - length_width(len);
            write_length(self.start().add(at), len);
            write_bytes(self.start().add(parts.end()), tail);
        }
        self.set_raw();
        Some(len)
    }

    /// Writes `bytes` at `offset` in place, if the value is large or long enough. Returns the new
    /// length.
    pub fn write_at(&mut self, heap: &mut Heap, offset: usize, bytes: &[u8]) -> Option<usize> {
        let parts = self.parts();
        let end = offset + bytes.len();
        if parts.flags & IS_LARGE != 0 {
            return Some(self.change_large(heap, |value| {
                fill_up(value, end);
                value[offset..end].copy_from_slice(bytes);
            }));
        }
        if end > parts.value_len {
            return None;
        }
        // SAFETY: the range lies within the value; the bytes lie elsewhere.
        unsafe { write_bytes(self.start().add(parts.value + offset), bytes) };
        self.set_raw();
        Some(parts.value_len)
    }

    fn change_large(&mut self, heap: &mut Heap, change: impl FnOnce(&mut Vec<u8>)) -> usize {
        self.set_raw();
        assert!(!self.is_typed(), "only a string has a vector");
        // SAFETY: the entry owns the vector, and is borrowed mutably.
        let value = unsafe { &mut *boxed_at::<Vec<u8>>(self.start(), &self.parts()) };
        let before = value.capacity();
        change(value);
        heap.account(before, value.capacity());
        value.len()
    }
}

/// Fills a string up with zero bytes to a length, if it is shorter. Where that is most of it, the
/// bytes are those of fresh memory, which is zeroed when it is used first: even half a gigabyte
/// takes no time now.
pub(in crate::data) fn fill_up(value: &mut Vec<u8>, len: usize) {
    let more = len.saturating_sub(value.len());
    if more > value.len() && more > LARGE && len > value.capacity() {
        let mut fresh = vec![0; len];
        fresh[..value.len()].copy_from_slice(value);
        *value = fresh;
    } else if more > 0 {
        reserve(value, more);
        value.resize(len, 0);
    }
}

/// Room for more: as much again, but at most 1 MiB more than is needed.
fn reserve(value: &mut Vec<u8>, more: usize) {
    if value.capacity() - value.len() < more {
        value.reserve_exact(more + (value.len() + more).min(1 << 20));
    }
}
