//! Blocks of one size side by side in chunks, chunks in regions of the system's memory.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{Layout, handle_alloc_error};
use std::collections::BTreeSet;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Where blocks begin, after the header, in units of 8 bytes.
const FIRST_BLOCK: u16 = (size_of::<Chunk>() / 8) as u16;

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

/// Memory for some chunks, aligned to their size.
struct Region {
    start: NonNull<u8>,
    /// What the system gave: the aligned part lies within.
    mapping: NonNull<u8>,
    /// One bit for each chunk that is not used.
    unused: u64,
}

/// The shape of a pool's memory.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// The size of a chunk, a power of two of at most 512 KiB.
    pub chunk: usize,
    /// How many chunks a region has, at most 64.
    pub chunks: u32,
    /// How many sizes of blocks there are.
    pub classes: usize,
}

impl Shape {
    fn region(self) -> usize {
        self.chunk * self.chunks as usize
    }

    fn all_unused(self) -> u64 {
        u64::MAX >> (64 - self.chunks)
    }
}

/// Gives out blocks of some sizes.
pub(super) struct Pool {
    shape: Shape,
    /// By class: a list of chunks that have a free block.
    partial: Vec<Option<NonNull<Chunk>>>,
    regions: Vec<Option<Region>>,
    /// Regions that have an unused chunk, and places in `regions` that are empty.
    with_room: BTreeSet<u32>,
    vacant: Vec<u32>,
    /// Regions without a chunk in use.
    idle: BTreeSet<u32>,
}

// SAFETY: a pool owns its regions; nothing else points to them but blocks that it handed out.
unsafe impl Send for Pool {}

impl Pool {
    pub fn new(shape: Shape) -> Pool {
        Pool {
            shape,
            partial: vec![None; shape.classes],
            regions: Vec::new(),
            with_room: BTreeSet::new(),
            vacant: Vec::new(),
            idle: BTreeSet::new(),
        }
    }

    /// A block of `size` bytes, which must be the size of `class`, a multiple of 8.
    pub fn allocate(&mut self, class: usize, size: usize) -> NonNull<u8> {
        let chunk = match self.partial[class] {
            Some(chunk) => chunk,
            None => self.new_chunk(class),
        };
        // SAFETY: chunks in the list are live and have a free or fresh block; only this pool has
        // access to their headers, and every position in a chunk lies within it.
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
            if !self.has_room(chunk, size) {
                self.unlink(chunk);
            }
            block
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from `allocate` of this pool with this size, and is not used any more.
    pub unsafe fn release(&mut self, block: NonNull<u8>, size: usize) {
        let offset = block.as_ptr().addr() & (self.shape.chunk - 1);
        // SAFETY: chunks are aligned to their size, so the block's chunk starts `offset` before
        // it; the block is unused, so its first bytes are free for the list.
        unsafe {
            let chunk = block.sub(offset).cast::<Chunk>();
            let was_full = !self.has_room(chunk, size);
            let head = &mut *chunk.as_ptr();
            block.cast::<u16>().write(head.free);
            head.free = (offset / 8) as u16;
            head.live -= 1;
            let is_empty = head.live == 0;
            if was_full {
                self.link(chunk);
            }
            if is_empty {
                self.unlink(chunk);
                self.free_chunk(chunk);
            }
        }
    }

    /// Whether the chunk has a block to give.
    ///
    /// # Safety
    /// The chunk is live.
    unsafe fn has_room(&self, chunk: NonNull<Chunk>, size: usize) -> bool {
        // SAFETY: promised by the caller.
        let head = unsafe { chunk.as_ref() };
        head.free != 0 || usize::from(head.fresh) * 8 + size <= self.shape.chunk
    }

    fn new_chunk(&mut self, class: usize) -> NonNull<Chunk> {
        let region = match self.with_room.first() {
            Some(region) => *region,
            None => self.new_region(),
        };
        let entry = self.regions[region as usize].as_mut();
        let entry = entry.expect("regions with room exist");
        if entry.unused == self.shape.all_unused() {
            self.idle.remove(&region);
        }
        let index = entry.unused.trailing_zeros() as usize;
        entry.unused &= entry.unused - 1;
        if entry.unused == 0 {
            self.with_room.remove(&region);
        }
        // SAFETY: the region has an unused chunk of that index, which is ours to write, aligned,
        // and nothing refers to it.
        unsafe {
            let chunk = entry.start.add(index * self.shape.chunk).cast::<Chunk>();
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
        let mapping = map(self.shape.region() + self.shape.chunk);
        let skip = mapping.as_ptr().align_offset(self.shape.chunk);
        let region = Region {
            // SAFETY: the mapping is longer than the region by one chunk.
            start: unsafe { mapping.add(skip) },
            mapping,
            unused: self.shape.all_unused(),
        };
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.regions.push(None);
            (self.regions.len() - 1) as u32
        });
        self.regions[index as usize] = Some(region);
        self.with_room.insert(index);
        self.idle.insert(index);
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
        region.unused |= 1 << (offset / self.shape.chunk);
        self.with_room.insert(index);
        if region.unused == self.shape.all_unused() {
            self.idle.insert(index);
        }
    }

    /// Gives one region that is not used back to the system, which takes a while; a flush leaves
    /// many. The last one stays: a few keys that come and go must not map and unmap it. Returns
    /// whether there was one to give.
    pub fn trim(&mut self) -> bool {
        if self.idle.len() < 2 {
            return false;
        }
        let index = self.idle.pop_last().expect("there are two");
        self.with_room.remove(&index);
        self.vacant.push(index);
        let region = self.regions[index as usize].take();
        let region = region.expect("idle regions exist");
        // SAFETY: no chunk of the region is used.
        unsafe { unmap(region.mapping, self.shape.region() + self.shape.chunk) };
        true
    }

    /// # Safety
    /// The chunk is live and not in its list.
    unsafe fn link(&mut self, chunk: NonNull<Chunk>) {
        // SAFETY: headers of live chunks, of which only this pool knows.
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
        // SAFETY: headers of live chunks, of which only this pool knows.
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

    /// How many regions it has, and whether no chunk is in use.
    #[cfg(test)]
    pub fn regions(&self) -> (usize, bool) {
        let regions = self.regions.iter().flatten();
        let idle = self.partial.iter().all(Option::is_none);
        (regions.count(), idle)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let len = self.shape.region() + self.shape.chunk;
        for region in self.regions.drain(..).flatten() {
            // SAFETY: the owner of blocks drops the pool last.
            unsafe { unmap(region.mapping, len) };
        }
    }
}

/// Fresh memory. It comes from the system rather than from the global allocator, which would give
/// many megabytes back in one go, and pause for that.
fn map(len: usize) -> NonNull<u8> {
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: the system picks the address, so nothing that exists is mapped over.
    let mapping = unsafe { mmap_anonymous(std::ptr::null_mut(), len, protection, flags) };
    let mapping = mapping
        .ok()
        .and_then(|address| NonNull::new(address.cast()));
    mapping.unwrap_or_else(|| {
        let layout = Layout::from_size_align(len, 8).expect("a few megabytes");
        handle_alloc_error(layout)
    })
}

/// # Safety
/// `map` gave it with this length, and nothing in it is used any more.
unsafe fn unmap(mapping: NonNull<u8>, len: usize) {
    // SAFETY: promised by the caller.
    let result = unsafe { munmap(mapping.as_ptr().cast(), len) };
    debug_assert_eq!(result, Ok(()), "a whole mapping can be unmapped");
}
