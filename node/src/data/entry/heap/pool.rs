//! Blocks of one size side by side in chunks, chunks in regions of the system's memory.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{Layout, handle_alloc_error};
use std::collections::BTreeSet;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Where blocks begin, after the header, in units of 8 bytes.
const FIRST_BLOCK: u16 = (size_of::<Chunk>() / 8) as u16;

/// At the start of each chunk. Positions are counted in units of 8 bytes from the chunk's start;
/// 0 is none. A free block holds the position of the next free one.
#[repr(C)]
struct Chunk {
    next: Option<NonNull<Chunk>>,
    previous: Option<NonNull<Chunk>>,
    region: u32,
    class: u8,
    /// How full it is: which of the class's lists it is in while it has a block to give.
    level: u8,
    live: u16,
    free: u16,
    /// The first block that was never used.
    fresh: u16,
    /// With fewer live blocks it falls to the level below.
    low: u16,
    /// With so many it rises to the next level.
    high: u16,
}

impl Chunk {
    /// The level of a chunk that has `live` of at most `capacity` blocks. A level ends below where
    /// the one above has begun, so that a few blocks that come and go move no chunk.
    fn set_level(&mut self, capacity: usize) {
        let step = (capacity / LEVELS).max(1);
        let level = (usize::from(self.live) / step).min(LEVELS - 1);
        self.level = level as u8;
        self.low = (level * step).saturating_sub(step / 2) as u16;
        self.high = match level + 1 {
            LEVELS => u16::MAX,
            next => (next * step) as u16,
        };
    }
}

/// Into how many lists the chunks of a class are sorted by how full they are. The fullest give
/// first, so that thin ones become empty, and go back to the system.
const LEVELS: usize = 4;
/// So much of the chunks that are not used, in bytes, stays with a pool whatever it has in use ...
const SPARE_LEAST: usize = 1 << 20;
/// ... or this part of what it has in use, if that is more.
const SPARE_PART: usize = 32;

/// Memory for some chunks, aligned to their size.
struct Region {
    start: NonNull<u8>,
    /// What the system gave: the aligned part lies within.
    mapping: NonNull<u8>,
    /// One bit for each chunk that is not used.
    unused: u64,
    /// One bit for each chunk that has been used since the system gave its memory.
    touched: u64,
}

impl Region {
    /// Chunks that are not used and take memory all the same.
    fn spare(&self) -> u64 {
        self.unused & self.touched
    }
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
    /// By class and level: a list of chunks that have a free block.
    partial: Vec<[Option<NonNull<Chunk>>; LEVELS]>,
    regions: Vec<Option<Region>>,
    /// Regions that have an unused chunk, and places in `regions` that are empty.
    with_room: BTreeSet<u32>,
    vacant: Vec<u32>,
    /// Regions without a chunk in use.
    idle: BTreeSet<u32>,
    /// Regions that have spare chunks, and how many chunks are used and spare in all.
    with_spare: BTreeSet<u32>,
    used: usize,
    spare: usize,
    /// Bytes of blocks that are out.
    live: usize,
}

// SAFETY: a pool owns its regions; nothing else points to them but blocks that it handed out.
unsafe impl Send for Pool {}

impl Pool {
    pub fn new(shape: Shape) -> Pool {
        Pool {
            shape,
            partial: vec![[None; LEVELS]; shape.classes],
            regions: Vec::new(),
            with_room: BTreeSet::new(),
            vacant: Vec::new(),
            idle: BTreeSet::new(),
            with_spare: BTreeSet::new(),
            used: 0,
            spare: 0,
            live: 0,
        }
    }

    /// A block of `size` bytes, which must be the size of `class`, a multiple of 8.
    pub fn allocate(&mut self, class: usize, size: usize) -> NonNull<u8> {
        self.live += size;
        let chunk = match self.fullest(class) {
            Some(chunk) => chunk,
            None => self.new_chunk(class, size),
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
            let rises = head.live >= head.high;
            if !self.has_room(chunk, size) {
                self.unlink(chunk);
            } else if rises {
                self.unlink(chunk);
                self.sort_in(chunk, size);
            }
            block
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from `allocate` of this pool with this size, and is not used any more.
    pub unsafe fn release(&mut self, block: NonNull<u8>, size: usize) {
        self.live -= size;
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
            let (is_empty, falls) = (head.live == 0, head.live < head.low);
            if (is_empty || falls) && !was_full {
                self.unlink(chunk);
            }
            if is_empty {
                self.free_chunk(chunk);
            } else if was_full || falls {
                self.sort_in(chunk, size);
            }
        }
    }

    /// The chunk that gives the next block of a class.
    #[inline]
    fn fullest(&self, class: usize) -> Option<NonNull<Chunk>> {
        self.partial[class].iter().rev().find_map(|chunk| *chunk)
    }

    /// Whether the block lies in a chunk that is less than half full, while another one would give
    /// the next block of its size.
    ///
    /// # Safety
    /// `block` came from `allocate` of this pool, and was not released.
    pub unsafe fn is_thin(&self, block: NonNull<u8>) -> bool {
        let offset = block.as_ptr().addr() & (self.shape.chunk - 1);
        // SAFETY: chunks are aligned to their size, and the chunk of a live block is live.
        let (chunk, level, class) = unsafe {
            let chunk = block.sub(offset).cast::<Chunk>();
            (chunk, (*chunk.as_ptr()).level, (*chunk.as_ptr()).class)
        };
        let next = || self.fullest(usize::from(class));
        usize::from(level) < LEVELS / 2 && next().is_some_and(|next| next != chunk)
    }

    /// Bytes of blocks that are out.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Bytes of chunks in use.
    pub fn held(&self) -> usize {
        self.used * self.shape.chunk
    }

    /// So many bytes may be held and not live though nothing is scattered: half a chunk of each
    /// class, of which half are used.
    pub fn slack(&self) -> usize {
        self.shape.classes * self.shape.chunk / 4
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

    /// Puts a chunk into the list where it belongs.
    ///
    /// # Safety
    /// The chunk is live, in no list, and has a block of this size to give.
    unsafe fn sort_in(&mut self, chunk: NonNull<Chunk>, size: usize) {
        let capacity = (self.shape.chunk - size_of::<Chunk>()) / size;
        // SAFETY: the header of a live chunk, of which only this pool knows.
        unsafe {
            (*chunk.as_ptr()).set_level(capacity);
            self.link(chunk);
        }
    }

    fn new_chunk(&mut self, class: usize, size: usize) -> NonNull<Chunk> {
        let region = match self.with_room.first() {
            Some(region) => *region,
            None => self.new_region(),
        };
        let entry = self.regions[region as usize].as_mut();
        let entry = entry.expect("regions with room exist");
        if entry.unused == self.shape.all_unused() {
            self.idle.remove(&region);
        }
        let spare = entry.spare();
        let choice = if spare == 0 { entry.unused } else { spare };
        let index = choice.trailing_zeros() as usize;
        entry.unused &= !(1 << index);
        entry.touched |= 1 << index;
        self.used += 1;
        if spare != 0 {
            self.spare -= 1;
            if entry.spare() == 0 {
                self.with_spare.remove(&region);
            }
        }
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
                class: class as u8,
                level: 0,
                live: 0,
                free: 0,
                fresh: FIRST_BLOCK,
                low: 0,
                high: 0,
            });
            self.sort_in(chunk, size);
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
            touched: 0,
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
        self.used -= 1;
        self.spare += 1;
        self.with_spare.insert(index);
        self.with_room.insert(index);
        if region.unused == self.shape.all_unused() {
            self.idle.insert(index);
        }
    }

    /// Gives memory of one region that is not used back to the system, which takes a while; a flush
    /// leaves many, and values that shrink leave some chunks in each. The last idle region stays,
    /// and some spare chunks: a few keys that come and go must not map and unmap them. Returns
    /// whether there was something to give.
    pub fn trim(&mut self) -> bool {
        if self.idle.len() >= 2 {
            self.unmap_idle();
            return true;
        }
        let least = SPARE_LEAST / self.shape.chunk;
        if self.spare <= least.max(self.used / SPARE_PART) {
            return false;
        }
        self.drop_spare();
        true
    }

    /// Gives all memory back that is not used, but for the addresses of one region. Returns how many
    /// bytes that were.
    pub fn purge(&mut self) -> usize {
        let before = self.resident();
        while self.idle.len() >= 2 {
            self.unmap_idle();
        }
        while !self.with_spare.is_empty() {
            self.drop_spare();
        }
        before - self.resident()
    }

    fn unmap_idle(&mut self) {
        let index = self.idle.pop_last().expect("there are two");
        self.with_room.remove(&index);
        self.with_spare.remove(&index);
        self.vacant.push(index);
        let region = self.regions[index as usize].take();
        let region = region.expect("idle regions exist");
        self.spare -= region.spare().count_ones() as usize;
        // SAFETY: no chunk of the region is used.
        unsafe { unmap(region.mapping, self.shape.region() + self.shape.chunk) };
    }

    /// Gives the spare chunks of a region back; their addresses stay.
    fn drop_spare(&mut self) {
        let last = self.with_spare.pop_last();
        let index = last.expect("a spare chunk is in a region");
        let region = self.regions[index as usize].as_mut();
        let region = region.expect("regions with spare chunks exist");
        let mut spare = region.spare();
        self.spare -= spare.count_ones() as usize;
        region.touched &= !spare;
        while spare != 0 {
            let first = spare.trailing_zeros();
            let count = (spare >> first).trailing_ones();
            spare &= !(u64::MAX >> (64 - count) << first);
            // SAFETY: none of these chunks is used, and all lie in the region.
            unsafe {
                let start = region.start.add(first as usize * self.shape.chunk);
                forget(start, count as usize * self.shape.chunk);
            }
        }
    }

    /// # Safety
    /// The chunk is live and not in its list.
    unsafe fn link(&mut self, chunk: NonNull<Chunk>) {
        // SAFETY: headers of live chunks, of which only this pool knows.
        unsafe {
            let Chunk { class, level, .. } = *chunk.as_ptr();
            let list = &mut self.partial[usize::from(class)][usize::from(level)];
            let next = list.replace(chunk);
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
                level,
                ..
            } = *chunk.as_ptr();
            match previous {
                Some(previous) => (*previous.as_ptr()).next = next,
                None => self.partial[usize::from(class)][usize::from(level)] = next,
            }
            if let Some(next) = next {
                (*next.as_ptr()).previous = previous;
            }
        }
    }

    /// Bytes of chunks that take memory, used or not.
    pub fn resident(&self) -> usize {
        (self.used + self.spare) * self.shape.chunk
    }

    /// How many regions it has, and whether no chunk is in use.
    #[cfg(test)]
    pub fn regions(&self) -> (usize, bool) {
        let regions = self.regions.iter().flatten();
        let idle = self.partial.iter().flatten().all(Option::is_none);
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

/// Gives memory back of which the addresses stay mapped; it will be zero when it is used again.
///
/// # Safety
/// Whole pages of a mapping, in which nothing is used any more.
pub(super) unsafe fn forget(start: NonNull<u8>, len: usize) {
    // Miri knows no such call.
    if !cfg!(miri) {
        // SAFETY: promised by the caller. If the system declines, the memory stays, which is no
        // error.
        let _ = unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxDontNeed) };
    }
}
