//! What is too big to be freed at once.
#![expect(
    unsafe_code,
    reason = "pages go back to the system before their string"
)]

use std::ptr::NonNull;

use slotkeeper_tree::{Codec, Garbage};

use super::Heap;
use super::pool::forget;
use crate::data::entry::FrozenValue;

/// How many entries the freeing of a leaf of a tree counts as.
const LEAF_COST: usize = 4;
/// A step frees no more leaves.
const LEAVES_MAX: usize = 1024;
/// What the system gives and takes back, in bytes.
const PAGE: usize = 4096;
/// A string with more bytes is freed in steps. Each page of it counts as a leaf.
const AT_ONCE: usize = 64 * PAGE;

/// Something of which only the memory is left.
pub enum Waste {
    /// A tree that is gone.
    Tree(Box<dyn Leftover>),
    /// A frozen tree whose walk was stopped.
    Frozen(Box<dyn FrozenValue>),
    /// A string of which only its first bytes are still in use.
    Bytes(Vec<u8>, usize),
}

/// What is left of a tree, whatever its leaves.
pub trait Leftover: Send {
    /// Frees up to so many leaves. Returns whether nothing is left.
    fn step(&mut self, heap: &mut Heap, leaves: usize) -> bool;
}

impl<C: Codec> Leftover for Garbage<C> {
    fn step(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        Garbage::step(self, heap, leaves)
    }
}

impl Waste {
    fn step(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        match self {
            Waste::Tree(garbage) => garbage.step(heap, leaves),
            Waste::Frozen(frozen) => frozen.discard(heap, leaves),
            Waste::Bytes(bytes, used) => {
                let left = used.saturating_sub(leaves * PAGE);
                let end = bytes.len().min(*used);
                forget_within(&mut bytes[left.min(end)..end]);
                heap.account(*used - left, 0);
                *used = left;
                left == 0
            }
        }
    }
}

impl Heap {
    /// Frees it in steps. What is frozen comes first: walks wait for that.
    pub fn free_later(&mut self, waste: Waste) {
        match waste {
            Waste::Tree(_) | Waste::Bytes(..) => self.waste.push_back(waste),
            Waste::Frozen(_) => {
                self.stopped += 1;
                self.waste.push_front(waste);
            }
        }
    }

    /// Frees a string that was accounted for, a long one in steps: what the system takes back at once
    /// costs a millisecond for some megabytes.
    pub fn free_bytes(&mut self, bytes: Vec<u8>) {
        let used = bytes.capacity();
        if used > AT_ONCE {
            self.free_later(Waste::Bytes(bytes, used));
        } else {
            self.account(used, 0);
        }
    }

    /// Whether anything is to be freed in steps.
    pub fn has_waste(&self) -> bool {
        !self.waste.is_empty()
    }

    /// How many big values wait to be freed, and how many keys and big values were freed in steps.
    pub fn freed_later(&self) -> (usize, u64) {
        (self.waste.len(), self.freed_later)
    }

    /// Begins to count anew.
    pub fn reset_freed_later(&mut self) {
        self.freed_later = 0;
    }

    /// So many keys were freed in steps.
    pub fn note_freed_later(&mut self, keys: usize) {
        self.freed_later += keys as u64;
    }

    /// Whether a frozen tree is left, which cannot be frozen again yet.
    pub fn has_frozen(&self) -> bool {
        self.stopped > 0
    }

    /// Frees until the budget, in entries, is used up.
    pub fn free_waste(&mut self, budget: &mut usize) {
        while *budget > 0
            && let Some(mut waste) = self.waste.pop_front()
        {
            let leaves = (*budget / LEAF_COST + 1).min(LEAVES_MAX);
            *budget = budget.saturating_sub(leaves * LEAF_COST);
            if !waste.step(self, leaves) {
                self.waste.push_front(waste);
                continue;
            }
            match waste {
                Waste::Tree(_) | Waste::Bytes(..) => self.freed_later += 1,
                // The value itself is still there.
                Waste::Frozen(_) => self.stopped -= 1,
            }
        }
    }
}

/// Gives the whole pages among some bytes back to the system. They may be zero afterwards.
fn forget_within(bytes: &mut [u8]) {
    let start = bytes.as_mut_ptr();
    let skipped = start.align_offset(PAGE);
    let len = bytes.len().saturating_sub(skipped) / PAGE * PAGE;
    if len > 0
        && let Some(start) = NonNull::new(start.wrapping_add(skipped))
    {
        // SAFETY: they lie among the bytes, which are borrowed; any value is one of a byte.
        unsafe { forget(start, len) };
    }
}
