//! A table of entries, ordered by hash: segments that split, found through a directory.
//!
//! The directory is a tree of nodes with up to [`NODE_BITS`] bits of the hash each. A node doubles
//! until it has that many; then a segment that splits hangs a node of its own below. So neither
//! the split of a segment nor that of a directory ever moves more than about a thousand words,
//! whatever the number of keys. Most tables of a cluster are a single segment without a node.
#![expect(
    unsafe_code,
    reason = "pointers of the directory share segments, and hold their shape"
)]

mod drain;
mod segment;
mod visit;

use self::segment::{MAX_CODE, NoRoom, Segment, code_for, is_roomy, limit_of};
use super::entry::{ADDRESS, EntryBox, EntryMut, EntryRef, Heap};
use super::hash::HashKey;

pub(super) use drain::Drain;
pub(super) use visit::next_random;

/// How many bits of the hash one node of the directory takes at most.
const NODE_BITS: u8 = 10;
/// Segments of this depth grow instead of splitting. Positions in a table therefore have at most
/// 48 bits that count, which SCAN's cursors rely on.
const MAX_DEPTH: u8 = 32;

/// A tagged pointer of the directory: 0 for nothing, a segment or a node. 48 bits are the address;
/// bit 0 tells a node. Of a segment bits 48-53 are the code and 54-59 the depth; of a node bits
/// 48-51 are how many bits of the hash it takes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Pointer(u64);

const IS_NODE: u64 = 1;
const POINTER_ADDRESS: u64 = ADDRESS - IS_NODE;

impl Pointer {
    fn segment(segment: Segment) -> Pointer {
        let shape = u64::from(segment.code) | u64::from(segment.depth) << 6;
        Pointer(segment.address() | shape << 48)
    }

    /// A new node with these pointers, a power of two of them.
    fn node(heap: &mut Heap, pointers: Vec<Pointer>) -> Pointer {
        heap.account_tables(0, size_of_val(&*pointers));
        let bits = u64::from(pointers.len().trailing_zeros());
        let pointers: *mut [Pointer] = Box::into_raw(pointers.into_boxed_slice());
        let address = pointers.cast::<Pointer>().expose_provenance() as u64;
        Pointer(address | IS_NODE | bits << 48)
    }

    #[inline]
    fn is_node(self) -> bool {
        self.0 & IS_NODE != 0
    }

    #[inline]
    fn bits(self) -> u8 {
        (self.0 >> 48) as u8 & 15
    }

    /// # Safety
    /// It is that of a live segment.
    #[inline]
    unsafe fn as_segment(self) -> Segment {
        let shape = (self.0 >> 48) as u16;
        let (code, depth) = ((shape & 63) as u8, (shape >> 6) as u8 & 63);
        // SAFETY: `segment` took it apart.
        unsafe { Segment::from_parts(self.0 & POINTER_ADDRESS, code, depth) }
    }

    #[inline]
    fn node_start(self) -> *mut Pointer {
        std::ptr::with_exposed_provenance_mut((self.0 & POINTER_ADDRESS) as usize)
    }

    /// # Safety
    /// It is that of a live node, not changed for `'a`.
    #[inline]
    unsafe fn pointers<'a>(self) -> &'a [Pointer] {
        // SAFETY: `node` made it, of so many pointers.
        unsafe { std::slice::from_raw_parts(self.node_start(), 1 << self.bits()) }
    }

    /// The memory of what it leads to, in bytes, and how many bits of the hash that needs; `used`
    /// bits lead to it.
    ///
    /// # Safety
    /// What it leads to is live, and does not change meanwhile.
    unsafe fn memory(self, used: u8) -> (usize, u8) {
        if !self.is_node() {
            // SAFETY: what is no node is a segment.
            let segment = unsafe { self.as_segment() };
            return (segment.memory(), segment.depth);
        }
        // SAFETY: promised by the caller.
        let pointers = unsafe { self.pointers() };
        let bits = used + self.bits();
        let (mut memory, mut at) = (size_of_val(pointers), 0);
        while let Some(pointer) = pointers.get(at) {
            // SAFETY: promised by the caller.
            let (below, needed) = unsafe { pointer.memory(bits) };
            memory += below;
            // Several neighbours lead to a segment that needs fewer bits.
            at += 1 << bits.saturating_sub(needed);
        }
        (memory, bits)
    }

    /// # Safety
    /// It is that of a live node, not accessed otherwise for `'a`.
    unsafe fn pointers_mut<'a>(self) -> &'a mut [Pointer] {
        // SAFETY: as in `pointers`.
        unsafe { std::slice::from_raw_parts_mut(self.node_start(), 1 << self.bits()) }
    }

    /// # Safety
    /// It is that of a live node, which nothing refers to any more.
    unsafe fn take_node(self, heap: &mut Heap) -> Box<[Pointer]> {
        let pointers = std::ptr::slice_from_raw_parts_mut(self.node_start(), 1 << self.bits());
        // SAFETY: `node` made it by `Box::into_raw`.
        let pointers = unsafe { Box::from_raw(pointers) };
        heap.account_tables(size_of_val(&*pointers), 0);
        pointers
    }

    /// Lets a node take one bit more of the hash.
    fn double(&mut self, heap: &mut Heap) {
        // SAFETY: the pointer is the only one that refers to the node, and gets the new one.
        let pointers = unsafe { self.take_node(heap) };
        heap.moves += 2 * pointers.len();
        let doubled = pointers
            .iter()
            .flat_map(|&pointer| [pointer, pointer])
            .collect();
        *self = Pointer::node(heap, doubled);
    }
}

/// The index in a node that takes `bits` bits of the hash, after those that are used above.
#[inline]
fn index(hash: u64, used: u8, bits: u8) -> usize {
    ((hash << used) >> (64 - bits)) as usize
}

/// After one of so many insertions a segment is made smaller if it can be.
const TIGHTEN_EVERY: u64 = 8;

/// The table. It owns its entries, but has no `Drop`: a [`Drain`] frees them, in steps.
#[derive(Default)]
pub(super) struct Table {
    root: Pointer,
    len: u32,
}

// SAFETY: a table owns all that its pointers refer to.
unsafe impl Send for Table {}

impl Table {
    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// The memory of its directory and its segments, without its entries, in bytes. It looks at the
    /// directory alone.
    pub fn memory(&self) -> usize {
        match self.root {
            Pointer(0) => 0,
            // SAFETY: what a table refers to is live, and the table is borrowed.
            root => unsafe { root.memory(0) }.0,
        }
    }

    /// Whether emptying it left a directory behind, worth dropping as a whole.
    pub fn is_hollow(&self) -> bool {
        self.len == 0 && self.root.is_node()
    }

    #[inline]
    fn locate(&self, hash: u64) -> Option<Segment> {
        let mut pointer = self.root;
        let mut used = 0;
        while pointer.is_node() {
            let bits = pointer.bits();
            // SAFETY: nodes that the table refers to are live; the index has as many bits.
            pointer = unsafe { *pointer.pointers().get_unchecked(index(hash, used, bits)) };
            used += bits;
        }
        // SAFETY: the pointers of a node are never 0, and what is no node is a live segment.
        (pointer.0 != 0).then(|| unsafe { pointer.as_segment() })
    }

    /// The entry with this hash that `is_it` knows.
    pub fn find(&self, hash: u64, is_it: impl Fn(EntryRef<'_>) -> bool) -> Option<EntryRef<'_>> {
        let segment = self.locate(hash)?;
        // SAFETY: the table is borrowed, so its segments and entries live and do not change.
        unsafe {
            let at = segment.find(hash, is_it)?;
            Some(EntryRef::from_address(segment.words()[at] & ADDRESS))
        }
    }

    /// The entry of a key.
    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        self.find(hash, |entry| entry.is(key))
    }

    /// The entry of a key, to change.
    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<EntryMut<'_>> {
        let segment = self.locate(hash)?;
        // SAFETY: the table is borrowed mutably, and so is what it gives out.
        unsafe {
            let at = segment.find(hash, |entry| entry.is(key))?;
            Some(segment.entry_mut(at))
        }
    }

    /// Adds an entry whose key is not there yet.
    pub fn insert(&mut self, heap: &mut Heap, hasher: &HashKey, hash: u64, entry: EntryBox) {
        let mut entry = entry;
        loop {
            let segment = match self.locate(hash) {
                Some(segment) => segment,
                None => self.first_segment(heap),
            };
            // SAFETY: the segment is live, and found by this hash.
            unsafe {
                if segment.len() < limit_of(segment.code) {
                    match segment.insert(hash, entry) {
                        Ok(()) => {
                            self.tighten(heap, hash, segment);
                            break;
                        }
                        Err(NoRoom(back)) => entry = back,
                    }
                }
            }
            self.make_room(heap, hasher, hash, segment);
        }
        self.len += 1;
    }

    /// Makes a segment smaller that has more room than it needs: where as many keys come as go, each
    /// would keep the size of its fullest moment. Only after some insertions, so that it costs little;
    /// and not after removals, of which more may follow.
    #[inline]
    fn tighten(&mut self, heap: &mut Heap, hash: u64, segment: Segment) {
        // SAFETY: the segment is live; the smaller one takes its place.
        unsafe {
            let len = segment.len();
            if hash.is_multiple_of(TIGHTEN_EVERY) && is_roomy(segment.code, len) {
                let smaller = segment.resized(heap, code_for(len));
                self.put_segment(heap, hash, smaller);
            }
        }
    }

    /// Takes a key's entry out.
    pub fn remove(&mut self, heap: &mut Heap, hash: u64, key: &[u8]) -> Option<EntryBox> {
        let segment = self.locate(hash)?;
        // SAFETY: the segment is live, and the table borrowed mutably.
        let (entry, left) = unsafe {
            let at = segment.find(hash, |entry| entry.is(key))?;
            (segment.remove(at), segment.len())
        };
        self.len -= 1;
        if segment.code > 0 && left * 3 < limit_of(segment.code) {
            // SAFETY: the smaller segment takes the place of this one.
            let smaller = unsafe { segment.resized(heap, code_for(left)) };
            self.put_segment(heap, hash, smaller);
        }
        if self.len == 0 && !self.root.is_node() {
            // SAFETY: the only segment, empty; the root lets go of it.
            unsafe { self.root.as_segment().release(heap) };
            self.root = Pointer(0);
        }
        Some(entry)
    }

    /// Brings the table itself into the cache.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(std::ptr::from_ref(self).cast());
    }

    /// Brings the place where a search for the hash begins into the cache.
    #[inline]
    pub fn prefetch_home(&self, hash: u64) {
        if let Some(segment) = self.locate(hash) {
            // SAFETY: the segment is live.
            prefetch(unsafe { segment.home(hash) }.cast());
        }
    }

    /// Brings the entry that the hash's tag leads to into the cache.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let Some(segment) = self.locate(hash) else {
            return;
        };
        // SAFETY: the segment is live.
        if let Some(address) = unsafe { segment.likely(hash) } {
            let entry: *const u8 = std::ptr::with_exposed_provenance(address as usize);
            prefetch(entry);
            prefetch(entry.wrapping_add(64));
        }
    }

    fn first_segment(&mut self, heap: &mut Heap) -> Segment {
        let segment = Segment::new(heap, 0, 0);
        self.root = Pointer::segment(segment);
        segment
    }

    fn make_room(&mut self, heap: &mut Heap, hasher: &HashKey, hash: u64, segment: Segment) {
        if segment.code < MAX_CODE || segment.depth == MAX_DEPTH {
            // SAFETY: the larger segment takes the place of this one.
            let larger = unsafe { segment.resized(heap, segment.code + 1) };
            if larger.code <= MAX_CODE || larger.depth == MAX_DEPTH {
                self.put_segment(heap, hash, larger);
                return;
            }
            self.split(heap, hasher, hash, larger);
        } else {
            self.split(heap, hasher, hash, segment);
        }
    }

    /// Replaces a segment by two, for the next bit of the hash.
    fn split(&mut self, heap: &mut Heap, hasher: &HashKey, hash: u64, segment: Segment) {
        let depth = segment.depth + 1;
        let mut halves = [Vec::new(), Vec::new()];
        // SAFETY: the segment is live; its entries move to the halves, and it is not used again.
        let [low, high] = unsafe {
            let words: &[u64] = segment.words();
            for (at, word) in words.iter().enumerate() {
                prefetch_ahead(words, at);
                if *word != 0 {
                    let address = word & ADDRESS;
                    let hash = hasher.hash(EntryRef::from_address(address).view().key());
                    halves[(word >> 63) as usize].push((hash, address));
                }
            }
            let made = halves.map(|half| {
                Segment::filled(heap, code_for(half.len()), depth, &half.iter().copied())
            });
            segment.release(heap);
            made
        };
        self.put_pair(heap, hash, segment.depth, [low, high].map(Pointer::segment));
    }

    /// Lets the pointers to a segment of depth `depth` point to two new ones.
    fn put_pair(&mut self, heap: &mut Heap, hash: u64, depth: u8, [low, high]: [Pointer; 2]) {
        let mut pointer = &mut self.root;
        let mut used = 0;
        while pointer.is_node() {
            let mut bits = pointer.bits();
            if depth == used + bits && bits < NODE_BITS {
                pointer.double(heap);
                bits += 1;
            }
            let at = index(hash, used, bits);
            // SAFETY: the node is live, and the table borrowed mutably.
            let pointers = unsafe { pointer.pointers_mut() };
            if depth < used + bits {
                let range = shared(at, used + bits - depth);
                heap.moves += range.len();
                let (lower, upper) = pointers[range.clone()].split_at_mut(range.len() / 2);
                lower.fill(low);
                upper.fill(high);
                return;
            }
            used += bits;
            pointer = &mut pointers[at];
        }
        *pointer = Pointer::node(heap, vec![low, high]);
    }

    /// Lets the pointers to a segment point to the one that replaces it.
    fn put_segment(&mut self, heap: &mut Heap, hash: u64, segment: Segment) {
        let mut pointer = &mut self.root;
        let mut used = 0;
        while pointer.is_node() {
            let bits = pointer.bits();
            let at = index(hash, used, bits);
            // SAFETY: the node is live, and the table borrowed mutably.
            let pointers = unsafe { pointer.pointers_mut() };
            if segment.depth <= used + bits {
                let range = shared(at, used + bits - segment.depth);
                heap.moves += range.len();
                pointers[range].fill(Pointer::segment(segment));
                return;
            }
            used += bits;
            pointer = &mut pointers[at];
        }
        *pointer = Pointer::segment(segment);
    }
}

/// The pointers of a node that lead to the same segment as the one at `at`, if the node takes
/// `spare` bits more of the hash than the segment needs.
fn shared(at: usize, spare: u8) -> std::ops::Range<usize> {
    let start = at >> spare << spare;
    start..start + (1 << spare)
}

/// A split touches every entry of a segment, and each is a cache miss unless asked for in time.
#[inline]
fn prefetch_ahead(words: &[u64], at: usize) {
    if let Some(&word) = words.get(at + 8).filter(|&&word| word != 0) {
        prefetch(std::ptr::with_exposed_provenance((word & ADDRESS) as usize));
    }
}

/// Brings the line of that address into the cache.
#[inline]
pub(super) fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect but on the cache, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) at, options(nostack, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

#[cfg(test)]
mod tests;
