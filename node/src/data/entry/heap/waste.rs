//! What is too big to be freed at once.

use slotkeeper_tree::{Codec, Garbage};

use super::Heap;
use crate::data::entry::FrozenValue;

/// How many entries the freeing of a leaf of a tree counts as.
const LEAF_COST: usize = 4;
/// A step frees no more leaves.
const LEAVES_MAX: usize = 1024;

/// Something of which only the memory is left.
pub enum Waste {
    /// A tree that is gone.
    Tree(Box<dyn Leftover>),
    /// A frozen tree whose walk was stopped.
    Frozen(Box<dyn FrozenValue>),
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
        }
    }
}

impl Heap {
    /// Frees it in steps. What is frozen comes first: walks wait for that.
    pub fn free_later(&mut self, waste: Waste) {
        match waste {
            Waste::Tree(_) => self.waste.push_back(waste),
            Waste::Frozen(_) => {
                self.stopped += 1;
                self.waste.push_front(waste);
            }
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
                Waste::Tree(_) => self.freed_later += 1,
                // The value itself is still there.
                Waste::Frozen(_) => self.stopped -= 1,
            }
        }
    }
}
