//! Memory for entries and segments.
//!
//! A block costs no header, and the sizes of short ones go in steps of 8 bytes, so a short string
//! takes what it is long. Blocks above [`MEDIUM`] come from the global allocator.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

mod pool;
mod waste;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::VecDeque;
use std::ptr::NonNull;

use self::pool::{Pool, Shape};
pub(in crate::data) use self::waste::{Leftover, Waste};

/// The largest block of the pool of small ones, in bytes.
const SMALL: usize = 1024;
/// The largest block that comes from a pool.
const MEDIUM: usize = 16 * 1024;

const SMALL_SHAPE: Shape = Shape {
    chunk: 16 * 1024,
    chunks: 64,
    classes: 97,
};
/// Large enough for segments, of which the largest has 8 KiB.
const MEDIUM_SHAPE: Shape = Shape {
    chunk: 256 * 1024,
    chunks: 8,
    classes: 33,
};

/// Where blocks come from, and the account of all bytes in use.
pub struct Heap {
    small: Pool,
    medium: Pool,
    /// Every block from the global allocator, so that AddressSanitizer sees each of them.
    plain: bool,
    /// Bytes in use outside of the pools.
    outside: usize,
    /// Of all bytes in use, those of tables and of the times of keys.
    tables: usize,
    /// What is freed in steps.
    waste: VecDeque<Waste>,
    /// How many keys and big values were freed in steps.
    freed_later: u64,
    /// How much of it are frozen trees.
    stopped: usize,
    /// Entries and directory places written by moves; tests bound what one insertion costs.
    pub moves: usize,
}

/// How many bytes a block of at least `len` bytes has: two lengths that round alike fit the same
/// block.
pub(in crate::data) fn rounded(len: usize) -> usize {
    match len {
        0..=512 => len.max(8).next_multiple_of(8),
        513..=SMALL => len.next_multiple_of(16),
        _ => len.next_multiple_of(1 << (len.ilog2() - 3)),
    }
}

fn small_class(size: usize) -> usize {
    if size <= 512 {
        size / 8
    } else {
        64 + (size - 512) / 16
    }
}

/// Eight steps from one power of two to the next.
fn medium_class(size: usize) -> usize {
    let octave = (size - 1).ilog2();
    (octave as usize - 10) * 8 + ((size - 1) >> (octave - 3)) - 7
}

fn plain_layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("no block is near the size of the address space")
}

/// The memory of the heap, in bytes, with that of blocks that are not in its pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapUse {
    /// With the chunks that have a block in use.
    pub held: usize,
    /// With all chunks that take memory.
    pub resident: usize,
}

impl Heap {
    pub fn new() -> Heap {
        Heap {
            small: Pool::new(SMALL_SHAPE),
            medium: Pool::new(MEDIUM_SHAPE),
            plain: false,
            outside: 0,
            tables: 0,
            waste: VecDeque::new(),
            freed_later: 0,
            stopped: 0,
            moves: 0,
        }
    }

    /// A heap whose every block is the global allocator's.
    #[cfg(test)]
    pub fn plain() -> Heap {
        Heap {
            plain: true,
            ..Heap::new()
        }
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.small.live() + self.medium.live() + self.outside
    }

    /// Bytes of chunks of small blocks that no block uses, and how many are worth to move blocks
    /// for: an eighth of what is in use, beyond what is never full.
    pub fn scattered(&self) -> (usize, usize) {
        let small = &self.small;
        let worth = small.live() / 8 + small.slack();
        (small.held() - small.live(), worth)
    }

    /// Accounts for memory that entries own outside of this heap.
    pub fn account(&mut self, before: usize, after: usize) {
        self.outside = self.outside + after - before;
    }

    /// Accounts for memory outside of this heap that leads to entries.
    pub fn account_tables(&mut self, before: usize, after: usize) {
        self.account(before, after);
        self.note_tables(before, after);
    }

    /// Notes that so much of what is in use leads to entries.
    pub fn note_tables(&mut self, before: usize, after: usize) {
        self.tables = self.tables + after - before;
    }

    /// What leads to entries, of all bytes in use.
    pub fn tables(&self) -> usize {
        self.tables
    }

    /// Gives memory that is not used back to the system, a few megabytes at most. Returns whether
    /// there was any.
    pub fn trim(&mut self) -> bool {
        self.small.trim() || self.medium.trim()
    }

    /// Gives all memory that is not used back to the system; its cost grows with how much that is.
    /// Returns how many bytes it was.
    pub fn purge(&mut self) -> usize {
        self.small.purge() + self.medium.purge()
    }

    /// What it has of the system.
    pub fn usage(&self) -> HeapUse {
        HeapUse {
            held: self.small.held() + self.medium.held() + self.outside,
            resident: self.small.resident() + self.medium.resident() + self.outside,
        }
    }

    /// A block of `rounded(len)` bytes, aligned to 8, its content undefined.
    pub fn allocate(&mut self, len: usize) -> NonNull<u8> {
        let size = rounded(len);
        if size <= SMALL && !self.plain {
            return self.small.allocate(small_class(size), size);
        }
        if size <= MEDIUM && !self.plain {
            return self.medium.allocate(medium_class(size), size);
        }
        self.outside += size;
        let layout = plain_layout(size);
        // SAFETY: the size is not 0.
        let block = unsafe { alloc(layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// Whether the block should move: it is one of few in its chunk, which would go back to the
    /// system without them.
    ///
    /// # Safety
    /// `block` came from `allocate` of this heap with a length that rounds alike, and was not
    /// released.
    pub unsafe fn is_thin(&self, block: NonNull<u8>, len: usize) -> bool {
        let size = rounded(len);
        // SAFETY: the block came from that pool.
        unsafe {
            match size {
                _ if self.plain || size > MEDIUM => false,
                _ if size > SMALL => self.medium.is_thin(block),
                _ => self.small.is_thin(block),
            }
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from `allocate` of this heap with a length that rounds alike, and is not used
    /// any more.
    pub unsafe fn release(&mut self, block: NonNull<u8>, len: usize) {
        let size = rounded(len);
        // SAFETY: the block came from the same place.
        unsafe {
            if size <= SMALL && !self.plain {
                self.small.release(block, size);
            } else if size <= MEDIUM && !self.plain {
                self.medium.release(block, size);
            } else {
                self.outside -= size;
                dealloc(block.as_ptr(), plain_layout(size));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::data::rounds;

    #[test]
    #[cfg_attr(miri, ignore = "computes, and touches no block")]
    fn sizes_round_up_by_little_and_classes_cover_the_small_ones() {
        let mut sizes = BTreeMap::new();
        for len in 1..70_000 {
            let size = rounded(len);
            assert!(size >= len && size - len < (len / 8).max(16), "{len}");
            assert_eq!(rounded(size), size);
            if size > MEDIUM {
                continue;
            }
            let class = if size <= SMALL {
                small_class(size)
            } else {
                1000 + medium_class(size)
            };
            assert!(
                class < SMALL_SHAPE.classes || (1000..1000 + MEDIUM_SHAPE.classes).contains(&class)
            );
            // A class has one size, and sizes have classes in their order.
            assert!(*sizes.entry(class).or_insert(size) == size);
        }
        assert!(sizes.values().is_sorted());
    }

    /// Writes a number to a new block.
    fn numbered(heap: &mut Heap, len: usize, number: usize) -> NonNull<u8> {
        let block = heap.allocate(len);
        // SAFETY: the block is aligned, and long enough for a number.
        unsafe { block.cast::<usize>().write(number) };
        block
    }

    #[test]
    fn chunks_of_which_little_is_used_empty_when_their_blocks_move() {
        let (len, mut heap) = (400, Heap::new());
        let blocks = (0..rounds(40_000, 400) as usize).map(|n| numbered(&mut heap, len, n));
        let mut kept = Vec::new();
        // One of twenty stays, in chunks of forty.
        for (number, block) in blocks.collect::<Vec<_>>().into_iter().enumerate() {
            if number % 20 == 0 {
                kept.push((number, block));
            } else {
                // SAFETY: the block is live, and released once.
                unsafe { heap.release(block, len) };
            }
        }
        let scattered = heap.small.held();
        for (number, block) in &mut kept {
            // SAFETY: the block is live; what moves is released once.
            unsafe {
                if heap.is_thin(*block, len) {
                    let moved = numbered(&mut heap, len, *number);
                    heap.release(*block, len);
                    *block = moved;
                }
            }
        }
        assert!(heap.small.held() * 8 < scattered, "of {scattered}");
        while heap.trim() {}
        assert!(heap.small.resident() <= heap.small.held() + (1 << 20));
        for (number, block) in kept {
            // SAFETY: the block is live, has its number, and is released once.
            unsafe {
                assert_eq!(block.cast::<usize>().read(), number);
                heap.release(block, len);
            }
        }
        // What went back can be used again.
        let again = (0..1000).map(|n| numbered(&mut heap, len, n));
        for block in again.collect::<Vec<_>>() {
            // SAFETY: the block is live, and released once.
            unsafe { heap.release(block, len) };
        }
        assert_eq!(heap.used(), 0);
    }

    /// Blocks never overlap, keep what is written to them, and all memory comes back.
    #[test]
    fn blocks_keep_their_content_through_random_traffic() {
        let mut heap = Heap::new();
        let mut blocks: Vec<(NonNull<u8>, usize, u8)> = Vec::new();
        let mut state = 12345u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        let rounds = rounds(60_000, 100) as usize;
        for round in 0..rounds {
            // Grows in the first half, shrinks in the second.
            if random(3) < if round < rounds / 2 { 2 } else { 1 } {
                let longest = [100, 100, 100, 2000, 20_000][random(5)];
                let len = 1 + random(longest);
                let block = heap.allocate(len);
                // SAFETY: the block has at least `len` bytes.
                unsafe { block.write_bytes(round as u8, len) };
                blocks.push((block, len, round as u8));
            } else if !blocks.is_empty() {
                let (block, len, byte) = blocks.swap_remove(random(blocks.len()));
                // SAFETY: the block is live, and released once.
                unsafe {
                    let content = std::slice::from_raw_parts(block.as_ptr(), len);
                    assert!(content.iter().all(|&b| b == byte));
                    heap.release(block, len);
                }
            }
            if round % 1000 == 0 {
                let used: usize = blocks.iter().map(|block| rounded(block.1)).sum();
                assert_eq!(heap.used(), used);
            }
        }
        for (block, len, _) in blocks {
            // SAFETY: the block is live, and released once.
            unsafe { heap.release(block, len) };
        }
        assert_eq!(heap.used(), 0);
        while heap.trim() {}
        assert_eq!(heap.small.regions(), (1, true), "one is kept");
        assert_eq!(heap.medium.regions(), (1, true), "one is kept");
    }
}
