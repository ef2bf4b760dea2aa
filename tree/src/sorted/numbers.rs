//! The numbers of leaves: a table from numbers to pages, in chunks of the heap. A leaf keeps its
//! number when it is copied, so the index of members need not follow every copy.
#![expect(unsafe_code, reason = "chunks are blocks of the heap")]

use std::ptr::{NonNull, without_provenance_mut};

use crate::heap::Heap;
use crate::page::{Page, prefetch_line};

/// How many numbers a chunk has.
const CHUNK: usize = 32;
const CHUNK_SIZE: usize = CHUNK * size_of::<Slot>();

/// The block of a page; or, with the lowest bit set, the next free number and that bit.
type Slot = *mut u8;

/// The end of the list of free numbers.
const NONE: u32 = u32::MAX >> 1;

/// The table.
#[derive(Debug)]
pub struct Numbers {
    chunks: Vec<NonNull<Slot>>,
    /// The first number that was never used.
    fresh: u32,
    /// The first free one of those that were.
    free: u32,
}

// SAFETY: it owns its chunks, and refers to pages of the tree that it is sent with.
unsafe impl Send for Numbers {}

impl Numbers {
    pub fn new() -> Numbers {
        Numbers {
            chunks: Vec::new(),
            fresh: 0,
            free: NONE,
        }
    }

    fn slot(&self, number: u32) -> *mut Slot {
        let (chunk, at) = (number as usize / CHUNK, number as usize % CHUNK);
        // SAFETY: a chunk has so many slots.
        unsafe { self.chunks[chunk].as_ptr().add(at) }
    }

    /// The page of a number.
    pub fn page(&self, number: u32) -> Page {
        assert!(number < self.fresh);
        // SAFETY: all slots below `fresh` were written; those that leaves bear, with pages.
        unsafe {
            let slot = self.slot(number).read();
            debug_assert!(slot.addr() & 1 == 0);
            Page::of_block(NonNull::new_unchecked(slot))
        }
    }

    /// Brings what [`Numbers::page`] will look at into the cache.
    pub fn prefetch(&self, number: u32) {
        prefetch_line(self.slot(number).cast());
    }

    /// Notes where the page of its number is now.
    pub fn set(&mut self, page: Page) {
        assert!(page.note() < self.fresh);
        // SAFETY: there is such a slot.
        unsafe { self.slot(page.note()).write(page.block().as_ptr()) };
    }

    /// Gives a page a number.
    pub fn take<H: Heap>(&mut self, heap: &mut H, page: Page) -> u32 {
        let number = self.free;
        if number == NONE {
            let number = self.fresh;
            assert!(number < NONE, "so many pages have no room in memory");
            if number as usize == self.chunks.len() * CHUNK {
                self.chunks.push(heap.allocate(CHUNK_SIZE).cast());
            }
            self.fresh += 1;
            page.set_note(number);
        } else {
            // SAFETY: it is free, so it holds the next one.
            let next = unsafe { self.slot(number).read() };
            self.free = (next.addr() >> 1) as u32;
            page.set_note(number);
        }
        self.set(page);
        page.note()
    }

    /// A number that no page has any more.
    pub fn release(&mut self, number: u32) {
        assert!(number < self.fresh);
        let next = without_provenance_mut((self.free as usize) << 1 | 1);
        // SAFETY: there is such a slot.
        unsafe { self.slot(number).write(next) };
        self.free = number;
    }

    /// Goes on with a copy of another table, by one chunk: the numbers of all pages, each of which is
    /// to be [set](Self::set) before it is looked for. Returns false when all chunks are there.
    pub fn copy_chunk<H: Heap>(&mut self, heap: &mut H, from: &Numbers) -> bool {
        let Some(chunk) = from.chunks.get(self.chunks.len()) else {
            return false;
        };
        let copy = heap.allocate(CHUNK_SIZE);
        // SAFETY: both have that size, and the new one nothing else refers to. Slots that were never
        // used are copied as what they are, and not looked at.
        unsafe { copy.copy_from_nonoverlapping(chunk.cast(), CHUNK_SIZE) };
        self.chunks.push(copy.cast());
        (self.fresh, self.free) = (from.fresh, from.free);
        true
    }

    /// Bytes of its chunks.
    pub fn memory(&self) -> usize {
        self.chunks.len() * CHUNK_SIZE
    }

    /// Frees up to so many chunks. Returns whether none is left.
    pub fn free<H: Heap>(&mut self, heap: &mut H, chunks: usize) -> bool {
        for _ in 0..chunks {
            let Some(chunk) = self.chunks.pop() else {
                break;
            };
            // SAFETY: it came from this heap, and no page is looked for any more.
            unsafe { heap.release(chunk.cast(), CHUNK_SIZE) };
        }
        self.chunks.is_empty()
    }
}
