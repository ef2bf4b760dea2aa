//! A segment: the entries of one range of hashes, in hash order, in one block of memory.
//!
//! A segment of depth `d` holds the hashes that begin with the same `d` bits; the next 16 are an
//! entry's tag. A word of the segment is 0, or a tag above an entry's address. An entry's home is
//! where its tag lies in proportion, and it stands there or behind, with no gap between, sorted
//! by tag. The last words are the home of no hash, so that nothing wraps around. Growing needs the
//! tags only; just a split must look at the keys, since each tag loses a bit.
#![expect(
    unsafe_code,
    reason = "the words of a segment follow its header in one block"
)]

use std::ptr::NonNull;

use crate::data::entry::{ADDRESS, EntryBox, EntryMut, EntryRef, Heap};

/// The code of the largest ordinary segment, of 1023 words.
pub(super) const MAX_CODE: u8 = 28;

/// How many words a segment of that code has. With the count of entries they make 8, 10, 12, 14,
/// 16, 20, ... 1024, which are sizes that the heap has without loss.
#[inline]
pub(super) fn words_of(code: u8) -> usize {
    ((4 + usize::from(code & 3)) << (1 + (code >> 2))) - 1
}

/// How many of them are homes.
#[inline]
fn homes_of(words: usize) -> usize {
    words - words / 16 - 2
}

/// At how many entries it counts as full.
pub(super) fn limit_of(code: u8) -> usize {
    let words = words_of(code);
    words - words / 8 - words / 16
}

/// Whether so few entries are left in a segment of that code that a smaller one holds them, with room
/// for a few more: a segment that keeps about as many as it has does not stay as large as it was once.
pub(super) fn is_roomy(code: u8, len: usize) -> bool {
    code > 0 && len + len / 8 + 2 <= limit_of(code - 1)
}

/// The smallest code for so many entries and a few more.
pub(super) fn code_for(len: usize) -> u8 {
    let wanted = len + len / 8;
    (0..u8::MAX)
        .find(|&code| limit_of(code) >= wanted)
        .unwrap_or(u8::MAX)
}

/// The tag of a hash at a depth.
#[inline]
pub(super) fn tag_of(hash: u64, depth: u8) -> u64 {
    (hash << depth) >> 48
}

#[inline]
fn home_of(tag: u64, words: usize) -> usize {
    (tag as usize * homes_of(words)) >> 16
}

/// A segment in a table: it belongs to the owner of the table. Copies of the handle are what the
/// pointers of a directory hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// The number of entries, then the words.
    block: NonNull<u64>,
    pub code: u8,
    pub depth: u8,
}

/// A segment has no room left before its end, though it is not full.
pub(super) struct NoRoom(pub EntryBox);

impl Segment {
    /// An empty one.
    pub fn new(heap: &mut Heap, code: u8, depth: u8) -> Segment {
        let words = 1 + words_of(code);
        let block = heap.allocate(words * 8).cast::<u64>();
        heap.note_tables(0, words * 8);
        // SAFETY: the block is that long, and aligned to 8.
        unsafe { block.write_bytes(0, words) };
        Segment { block, code, depth }
    }

    /// Frees its memory, not its entries.
    ///
    /// # Safety
    /// The segment came from this heap, is live, and no handle to it is used again.
    pub unsafe fn release(self, heap: &mut Heap) {
        // SAFETY: promised by the caller.
        unsafe { heap.release(self.block.cast(), self.memory()) };
        heap.note_tables(self.memory(), 0);
    }

    /// # Safety
    /// The address and the rest came from a live segment's handle.
    #[inline]
    pub unsafe fn from_parts(address: u64, code: u8, depth: u8) -> Segment {
        let pointer = std::ptr::with_exposed_provenance_mut(address as usize);
        // SAFETY: the address of a block is not 0.
        let block = unsafe { NonNull::new_unchecked(pointer) };
        Segment { block, code, depth }
    }

    /// The memory of its block, in bytes.
    pub fn memory(self) -> usize {
        (1 + words_of(self.code)) * 8
    }

    pub fn address(self) -> u64 {
        self.block.as_ptr().expose_provenance() as u64
    }

    /// How many entries it holds.
    ///
    /// # Safety
    /// The segment is live.
    pub unsafe fn len(self) -> usize {
        // SAFETY: promised by the caller.
        unsafe { self.block.read() as usize }
    }

    /// # Safety
    /// The segment is live, and not changed for `'a`.
    #[inline]
    pub unsafe fn words<'a>(self) -> &'a [u64] {
        // SAFETY: the words follow the header, as many as the code says.
        unsafe {
            let first = self.block.as_ptr().add(1);
            std::slice::from_raw_parts(first, words_of(self.code))
        }
    }

    /// # Safety
    /// The segment is live, and not accessed otherwise for `'a`.
    #[inline]
    pub unsafe fn words_mut<'a>(self) -> &'a mut [u64] {
        // SAFETY: as in `words`.
        unsafe {
            let first = self.block.as_ptr().add(1);
            std::slice::from_raw_parts_mut(first, words_of(self.code))
        }
    }

    /// # Safety
    /// The segment is live, and not accessed otherwise meanwhile.
    unsafe fn add_len(self, change: i64) {
        // SAFETY: promised by the caller.
        unsafe {
            let len = self.block.read();
            self.block.write(len.wrapping_add_signed(change));
        }
    }

    /// Where the entry is that has this hash and that `is_it` knows.
    ///
    /// # Safety
    /// The segment is live, its depth and the hash fit it.
    #[inline]
    pub unsafe fn find(self, hash: u64, is_it: impl Fn(EntryRef<'_>) -> bool) -> Option<usize> {
        let tag = tag_of(hash, self.depth);
        // SAFETY: promised by the caller; words that are not 0 hold addresses of live entries.
        unsafe {
            let words = self.words();
            for (at, &word) in words.iter().enumerate().skip(home_of(tag, words.len())) {
                let found = word >> 48;
                if word == 0 || found > tag {
                    return None;
                }
                if found == tag && is_it(EntryRef::from_address(word & ADDRESS)) {
                    return Some(at);
                }
            }
        }
        None
    }

    /// The word at which a search for this hash begins.
    ///
    /// # Safety
    /// The segment is live.
    #[inline]
    pub unsafe fn home(self, hash: u64) -> *const u64 {
        // SAFETY: homes lie within the words.
        unsafe {
            let words: &[u64] = self.words();
            let home = home_of(tag_of(hash, self.depth), words.len());
            words.as_ptr().add(home)
        }
    }

    /// The address of the first entry with this hash's tag.
    ///
    /// # Safety
    /// The segment is live.
    #[inline]
    pub unsafe fn likely(self, hash: u64) -> Option<u64> {
        let tag = tag_of(hash, self.depth);
        // SAFETY: promised by the caller.
        let words = unsafe { self.words() };
        let mut tail = words[home_of(tag, words.len())..].iter();
        let word = tail.find(|&&word| word == 0 || word >> 48 >= tag)?;
        (word >> 48 == tag && *word != 0).then_some(word & ADDRESS)
    }

    /// Puts an entry in its place.
    ///
    /// # Safety
    /// The segment is live, nothing else accesses it meanwhile, the hash fits it, and is the
    /// entry's.
    pub unsafe fn insert(self, hash: u64, entry: EntryBox) -> Result<(), NoRoom> {
        let tag = tag_of(hash, self.depth);
        // SAFETY: promised by the caller.
        let words = unsafe { self.words_mut() };
        let home = home_of(tag, words.len());
        let tail = &words[home..];
        let after = |word: &u64| *word == 0 || *word >> 48 > tag;
        let Some(at) = tail.iter().position(after).map(|at| at + home) else {
            return Err(NoRoom(entry));
        };
        let Some(gap) = words[at..].iter().position(|&word| word == 0) else {
            return Err(NoRoom(entry));
        };
        words.copy_within(at..at + gap, at + 1);
        words[at] = tag << 48 | entry.into_address();
        // SAFETY: as above.
        unsafe { self.add_len(1) };
        Ok(())
    }

    /// Takes the entry at a position out; those behind it move up as far as their homes.
    ///
    /// # Safety
    /// The segment is live, nothing else accesses it meanwhile, and `find` gave the position.
    pub unsafe fn remove(self, at: usize) -> EntryBox {
        // SAFETY: promised by the caller.
        let words = unsafe { self.words_mut() };
        let count = words.len();
        let removed = words[at];
        let stays =
            |(next, &word): (usize, &u64)| word == 0 || home_of(word >> 48, count) == at + 1 + next;
        let run = words[at + 1..]
            .iter()
            .enumerate()
            .position(|(n, w)| stays((n, w)));
        let end = run.map_or(count, |run| at + 1 + run);
        words.copy_within(at + 1..end, at);
        words[end - 1] = 0;
        // SAFETY: the word owned the entry, and is gone.
        unsafe {
            self.add_len(-1);
            EntryBox::from_address(removed & ADDRESS)
        }
    }

    /// # Safety
    /// The segment is live, nothing else accesses it for `'a`, and `find` gave the position.
    #[inline]
    pub unsafe fn entry_mut<'a>(self, at: usize) -> EntryMut<'a> {
        // SAFETY: promised by the caller.
        unsafe { EntryMut::from_word(&mut self.words_mut()[at]) }
    }

    /// The same entries in a segment of another size: this one's memory is freed.
    ///
    /// # Safety
    /// As `release`; the new segment takes its place.
    pub unsafe fn resized(self, heap: &mut Heap, code: u8) -> Segment {
        // SAFETY: promised by the caller.
        unsafe {
            let words: &[u64] = self.words();
            let full = words.iter().filter(|&&word| word != 0);
            let tagged = full.map(|&word| (word >> 48 << 48, word & ADDRESS));
            // What is left of the hash, at depth 0, has the same tags.
            let made = Segment::filled(heap, code, 0, &tagged);
            self.release(heap);
            Segment {
                depth: self.depth,
                ..made
            }
        }
    }

    /// A segment of that code, or a larger one if need be, with these entries: their hashes and
    /// addresses.
    ///
    /// # Safety
    /// The addresses are those of live entries, which the new segment owns.
    pub unsafe fn filled(
        heap: &mut Heap,
        code: u8,
        depth: u8,
        entries: &(impl Iterator<Item = (u64, u64)> + Clone),
    ) -> Segment {
        let mut code = code;
        loop {
            let segment = Segment::new(heap, code, depth);
            let mut rest = entries.clone();
            // SAFETY: the segment is new. A box that found no room is not dropped but forgotten.
            let fits = unsafe {
                rest.all(|(hash, address)| {
                    heap.moves += 1;
                    segment
                        .insert(hash, EntryBox::from_address(address))
                        .is_ok()
                })
            };
            if fits {
                return segment;
            }
            // SAFETY: nothing refers to the segment yet.
            unsafe { segment.release(heap) };
            code += 1;
        }
    }
}
