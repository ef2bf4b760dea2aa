//! Pages: one block of memory each, with a head of 16 bytes.
//!
//! A handle to a page is copied freely. It stays good until the page is released; the code that does
//! so keeps no handle to it, and puts another page, or none, where one was kept.
#![expect(
    unsafe_code,
    reason = "the content of a page follows its head in one block"
)]

use std::ptr::NonNull;

/// The largest leaf, in bytes. Sizes of leaves are steps of [`LEAF_STEP`] below that.
pub const LEAF_MAX: usize = 1008;
/// The steps in which leaves grow, in bytes.
pub const LEAF_STEP: usize = 64;
/// The size of a page's head, in bytes.
pub const HEAD: usize = size_of::<Head>();

/// What the cache takes in at once, in bytes.
pub const LINE: usize = 64;

/// The page was replaced, or removed, while a walk may still come to it: the walk frees it.
const RETIRED: u8 = 1;
/// The leaf may refer to blocks.
const HAS_BLOCKS: u8 = 2;

/// At the start of each page.
#[derive(Clone, Copy)]
#[repr(C)]
struct Head {
    /// The page is shared with a walk unless this is the tree's.
    epoch: u32,
    flags: u8,
    /// 0 for a leaf.
    level: u8,
    /// How many records or children it has.
    n: u16,
    /// How many bytes of a leaf are in use, its head included.
    used: u16,
    /// The size of a leaf in bytes; how many children an inner page has room for.
    capacity: u16,
    /// What a kind of leaf wants to note of it.
    note: u32,
}

/// A handle to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(NonNull<Head>);

/// The size that a leaf of so many used bytes gets.
pub fn leaf_capacity(used: usize) -> usize {
    debug_assert!((HEAD..=LEAF_MAX).contains(&used));
    used.next_multiple_of(LEAF_STEP).min(LEAF_MAX)
}

/// Field by field, so that nobody's bytes are covered by more than what is meant.
macro_rules! field {
    ($page:expr, $name:ident) => {
        // SAFETY: the handle is to a live page, which begins with its head.
        unsafe { (*$page.0.as_ptr()).$name }
    };
    ($page:expr, $name:ident = $value:expr) => {{
        let value = $value;
        // SAFETY: the handle is to a live page, and heads are written only by the code that
        // holds the heap at that moment.
        unsafe { (*$page.0.as_ptr()).$name = value }
    }};
}

impl Page {
    /// Makes a page of a block.
    ///
    /// # Safety
    /// The block is new, aligned to 8, and has room for the head and for what `capacity` says.
    pub unsafe fn in_block(block: NonNull<u8>, epoch: u32, level: u8, capacity: usize) -> Page {
        let head = block.cast::<Head>();
        // SAFETY: promised by the caller.
        unsafe {
            head.write(Head {
                epoch,
                flags: 0,
                level,
                n: 0,
                used: HEAD as u16,
                capacity: capacity as u16,
                note: 0,
            });
        }
        Page(head)
    }

    /// The page that [`Page::block`] is the block of.
    ///
    /// # Safety
    /// It is live.
    pub unsafe fn of_block(block: NonNull<u8>) -> Page {
        Page(block.cast())
    }

    pub fn block(self) -> NonNull<u8> {
        self.0.cast()
    }

    pub fn start(self) -> *mut u8 {
        self.0.as_ptr().cast()
    }

    pub fn epoch(self) -> u32 {
        field!(self, epoch)
    }

    pub fn set_epoch(self, epoch: u32) {
        field!(self, epoch = epoch);
    }

    pub fn level(self) -> u8 {
        field!(self, level)
    }

    pub fn is_leaf(self) -> bool {
        self.level() == 0
    }

    pub fn is_retired(self) -> bool {
        field!(self, flags) & RETIRED != 0
    }

    pub fn retire(self) {
        field!(self, flags = field!(self, flags) | RETIRED);
    }

    pub fn has_blocks(self) -> bool {
        field!(self, flags) & HAS_BLOCKS != 0
    }

    /// Notes that the leaf may refer to blocks.
    pub fn set_has_blocks(self, has: bool) {
        let others = field!(self, flags) & !HAS_BLOCKS;
        field!(self, flags = others | if has { HAS_BLOCKS } else { 0 });
    }

    /// What the kind of leaf has noted of it.
    pub fn note(self) -> u32 {
        field!(self, note)
    }

    pub fn set_note(self, note: u32) {
        field!(self, note = note);
    }

    pub fn n(self) -> usize {
        usize::from(field!(self, n))
    }

    pub fn set_n(self, n: usize) {
        field!(self, n = n as u16);
    }

    pub fn used(self) -> usize {
        usize::from(field!(self, used))
    }

    pub fn set_used(self, used: usize) {
        field!(self, used = used as u16);
    }

    pub fn capacity(self) -> usize {
        usize::from(field!(self, capacity))
    }

    /// Brings the first `bytes` of it into the cache.
    #[inline]
    pub fn prefetch(self, bytes: usize) {
        for offset in (0..bytes).step_by(LINE) {
            prefetch_line(self.start().wrapping_add(offset));
        }
    }

    /// The same of so many bytes from an offset on.
    #[inline]
    pub fn prefetch_part(self, offset: usize, bytes: usize) {
        let start = self.start().wrapping_add(offset);
        for ahead in (0..bytes).step_by(LINE) {
            prefetch_line(start.wrapping_add(ahead));
        }
        prefetch_line(start.wrapping_add(bytes - 1));
    }
}

/// Brings the line of that address into the cache.
#[inline]
pub fn prefetch_line(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch changes nothing and faults on no address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
