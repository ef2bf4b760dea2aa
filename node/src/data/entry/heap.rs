//! Memory for entries and segments: blocks of one size side by side in chunks.
//!
//! A block costs no header, and sizes go in steps of 8 bytes, so a short string takes what it is
//! long. A chunk finds itself by masking a block's address; a chunk without live blocks serves any
//! size again, and a region without used chunks goes back to the system. Blocks above [`SMALL`]
//! come from the global allocator.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::BTreeSet;
use std::ptr::NonNull;

/// The largest block that chunks hold, in bytes.
const SMALL: usize = 1024;
const CHUNK: usize = 16 * 1024;
/// As many as a word has bits.
const CHUNKS_PER_REGION: usize = 64;
const REGION: usize = CHUNK * CHUNKS_PER_REGION;
/// Where blocks begin, after the header, in units of 8 bytes.
const FIRST_BLOCK: u16 = (size_of::<Chunk>() / 8) as u16;
const CLASSES: usize = 97;

/// At the start of each chunk. Positions are counted in units of 8 bytes from the chunk's start;
/// 0 is none. A free block holds the position of the next free one.
#[repr(C)]
struct Chunk {
    next: Option<NonNull<Chunk>>,
    previous: Option<NonNull<Chunk>>,
    region: u32,
    class: u16,
    live: u16,
    free: u16,
    /// The first block that was never used.
    fresh: u16,
}

/// A piece of memory from the global allocator, `REGION` bytes aligned to `CHUNK`.
struct Region {
    start: NonNull<u8>,
    /// One bit for each chunk that is not used.
    unused: u64,
}

/// Where blocks come from, and the account of all bytes in use.
pub(in crate::data) struct Heap {
    /// By class: a list of chunks that have a free block.
    partial: [Option<NonNull<Chunk>>; CLASSES],
    regions: Vec<Option<Region>>,
    /// Regions that have an unused chunk, and places in `regions` that are empty.
    with_room: BTreeSet<u32>,
    vacant: Vec<u32>,
    /// Every block from the global allocator, so that AddressSanitizer sees each of them.
    plain: bool,
    used: usize,
    /// Entries and directory places written by moves; tests bound what one insertion costs.
    pub moves: usize,
}

// SAFETY: a heap owns its regions; nothing else points to them but blocks that it handed out.
unsafe impl Send for Heap {}

/// How many bytes a block of at least `len` bytes has: two lengths that round alike fit the same
/// block.
pub(in crate::data) fn rounded(len: usize) -> usize {
    match len {
        0..=512 => len.max(8).next_multiple_of(8),
        513..=SMALL => len.next_multiple_of(16),
        _ => len.next_multiple_of(1 << (len.ilog2() - 3)),
    }
}

fn class_of(size: usize) -> usize {
    if size <= 512 {
        size / 8
    } else {
        64 + (size - 512) / 16
    }
}

#[cfg(test)]
fn class_size(class: usize) -> usize {
    if class <= 64 {
        class * 8
    } else {
        512 + (class - 64) * 16
    }
}

fn plain_layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("no block is near the size of the address space")
}

fn region_layout() -> Layout {
    Layout::from_size_align(REGION, CHUNK).expect("constants")
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout of this module has size 0.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Heap {
    pub fn new() -> Heap {
        Heap {
            partial: [None; CLASSES],
            regions: Vec::new(),
            with_room: BTreeSet::new(),
            vacant: Vec::new(),
            plain: false,
            used: 0,
            moves: 0,
        }
    }

    /// A heap whose every block is the global allocator's.
    #[cfg(test)]
    pub fn plain() -> Heap {
        let mut heap = Heap::new();
        heap.plain = true;
        heap
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Accounts for memory that entries own outside of this heap.
    pub fn account(&mut self, before: usize, after: usize) {
        self.used = self.used + after - before;
    }

    /// A block of `rounded(len)` bytes, aligned to 8, its content undefined.
    pub fn allocate(&mut self, len: usize) -> NonNull<u8> {
        let size = rounded(len);
        self.used += size;
        if self.plain || size > SMALL {
            return allocate(plain_layout(size));
        }
        let class = class_of(size);
        let chunk = match self.partial[class] {
            Some(chunk) => chunk,
            None => self.new_chunk(class),
        };
        // SAFETY: chunks in the list are live and have a free or fresh block, see `take_block`.
        unsafe { self.take_block(chunk, size) }
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from `allocate` of this heap with a length that rounds alike, and is not used
    /// any more.
    pub unsafe fn release(&mut self, block: NonNull<u8>, len: usize) {
        let size = rounded(len);
        self.used -= size;
        if self.plain || size > SMALL {
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(block.as_ptr(), plain_layout(size)) };
        } else {
            // SAFETY: a small block lies in a chunk.
            unsafe { self.return_block(block, size) };
        }
    }

    /// # Safety
    /// `chunk` is the head of its class's list, so it has a block to give.
    unsafe fn take_block(&mut self, chunk: NonNull<Chunk>, size: usize) -> NonNull<u8> {
        // SAFETY: the chunk is live and only this heap has access to its header; every position
        // in it lies within the chunk.
        unsafe {
            let head = &mut *chunk.as_ptr();
            let start = chunk.cast::<u8>();
            let block;
            if head.free == 0 {
                block = start.add(usize::from(head.fresh) * 8);
                head.fresh += (size / 8) as u16;
            } else {
                block = start.add(usize::from(head.free) * 8);
                head.free = block.cast::<u16>().read();
            }
            head.live += 1;
            if !head.has_room(size) {
                self.unlink(chunk);
            }
            block
        }
    }

    /// # Safety
    /// As `release`, for a small block.
    unsafe fn return_block(&mut self, block: NonNull<u8>, size: usize) {
        let offset = block.as_ptr().addr() & (CHUNK - 1);
        // SAFETY: chunks are aligned to their size, so the block's chunk starts `offset` before
        // it; the block is unused, so its first bytes are free for the list.
        unsafe {
            let chunk = block.sub(offset).cast::<Chunk>();
            let head = &mut *chunk.as_ptr();
            let was_full = !head.has_room(size);
            block.cast::<u16>().write(head.free);
            head.free = (offset / 8) as u16;
            head.live -= 1;
            if was_full {
                self.link(chunk);
            }
            if head.live == 0 {
                self.unlink(chunk);
                self.free_chunk(chunk);
            }
        }
    }

    fn new_chunk(&mut self, class: usize) -> NonNull<Chunk> {
        let region = match self.with_room.first() {
            Some(region) => *region,
            None => self.new_region(),
        };
        let entry = self.regions[region as usize].as_mut();
        let entry = entry.expect("regions with room exist");
        let index = entry.unused.trailing_zeros() as usize;
        entry.unused &= entry.unused - 1;
        if entry.unused == 0 {
            self.with_room.remove(&region);
        }
        // SAFETY: `index` is below 64 since the region has an unused chunk; the chunk is ours to
        // write, aligned, and nothing refers to it.
        unsafe {
            let chunk = entry.start.add(index * CHUNK).cast::<Chunk>();
            chunk.write(Chunk {
                next: None,
                previous: None,
                region,
                class: class as u16,
                live: 0,
                free: 0,
                fresh: FIRST_BLOCK,
            });
            self.link(chunk);
            chunk
        }
    }

    fn new_region(&mut self) -> u32 {
        let region = Region {
            start: allocate(region_layout()),
            unused: u64::MAX,
        };
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.regions.push(None);
            (self.regions.len() - 1) as u32
        });
        self.regions[index as usize] = Some(region);
        self.with_room.insert(index);
        index
    }

    /// # Safety
    /// The chunk is in no list and has no live block.
    unsafe fn free_chunk(&mut self, chunk: NonNull<Chunk>) {
        // SAFETY: the header of a chunk that was not freed yet.
        let index = unsafe { chunk.as_ref().region };
        let place = &mut self.regions[index as usize];
        let region = place.as_mut().expect("the region of a live chunk exists");
        let offset = chunk.as_ptr().addr() - region.start.as_ptr().addr();
        region.unused |= 1 << (offset / CHUNK);
        // The last region stays: a few keys that come and go must not map and unmap it.
        if region.unused == u64::MAX && self.with_room.len() > 1 {
            // SAFETY: no chunk of the region is used, and it was allocated with this layout.
            unsafe { dealloc(region.start.as_ptr(), region_layout()) };
            *place = None;
            self.with_room.remove(&index);
            self.vacant.push(index);
        } else {
            self.with_room.insert(index);
        }
    }

    /// # Safety
    /// The chunk is live and not in its list.
    unsafe fn link(&mut self, chunk: NonNull<Chunk>) {
        // SAFETY: headers of live chunks, of which only this heap knows.
        unsafe {
            let class = usize::from((*chunk.as_ptr()).class);
            let next = self.partial[class].replace(chunk);
            (*chunk.as_ptr()).next = next;
            (*chunk.as_ptr()).previous = None;
            if let Some(next) = next {
                (*next.as_ptr()).previous = Some(chunk);
            }
        }
    }

    /// # Safety
    /// The chunk is live and in its list.
    unsafe fn unlink(&mut self, chunk: NonNull<Chunk>) {
        // SAFETY: headers of live chunks, of which only this heap knows.
        unsafe {
            let Chunk {
                next,
                previous,
                class,
                ..
            } = *chunk.as_ptr();
            match previous {
                Some(previous) => (*previous.as_ptr()).next = next,
                None => self.partial[usize::from(class)] = next,
            }
            if let Some(next) = next {
                (*next.as_ptr()).previous = previous;
            }
        }
    }
}

impl Chunk {
    /// Whether there is a block to give.
    fn has_room(&self, size: usize) -> bool {
        self.free != 0 || usize::from(self.fresh) * 8 + size <= CHUNK
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        for region in self.regions.drain(..).flatten() {
            // SAFETY: allocated with this layout; whoever holds blocks drops the heap last.
            unsafe { dealloc(region.start.as_ptr(), region_layout()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_up_by_little_and_classes_cover_the_small_ones() {
        for len in 1..200_000 {
            let size = rounded(len);
            assert!(size >= len && size - len < (len / 8).max(16), "{len}");
            assert_eq!(rounded(size), size);
            if size <= SMALL {
                assert!(class_of(size) < CLASSES);
                assert_eq!(class_size(class_of(size)), size);
            }
        }
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
        for round in 0..60_000usize {
            // Grows in the first half, shrinks in the second.
            if random(3) < if round < 30_000 { 2 } else { 1 } {
                let longest = if random(4) == 0 { 2000 } else { 100 };
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
            let used: usize = blocks.iter().map(|b| rounded(b.1)).sum();
            if round % 1000 == 0 {
                assert_eq!(heap.used(), used);
            }
        }
        for (block, len, _) in blocks {
            // SAFETY: the block is live, and released once.
            unsafe { heap.release(block, len) };
        }
        assert_eq!(heap.used(), 0);
        assert_eq!(heap.regions.iter().flatten().count(), 1, "one is kept");
        assert!(heap.partial.iter().all(Option::is_none));
    }
}
