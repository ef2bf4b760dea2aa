//! Freeing a table in steps.
#![expect(unsafe_code, reason = "takes the directory and its segments apart")]

use super::{Pointer, Table};
use crate::data::entry::{ADDRESS, EntryBox, Heap};

/// A table on its way out.
pub(in crate::data) struct Drain {
    table: Table,
    /// What lies before it is freed; none when only nodes are left.
    position: Option<u64>,
    /// How many entries are left.
    left: usize,
}

impl Drain {
    /// Begins to free a table.
    pub fn new(table: Table) -> Drain {
        Drain {
            left: table.len(),
            table,
            position: Some(0),
        }
    }

    /// How many entries are left.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Frees segments until the budget, in entries, is used up. Returns whether all is freed.
    pub fn step(&mut self, heap: &mut Heap, budget: &mut usize) -> bool {
        while let Some(position) = self.position {
            if *budget == 0 {
                return false;
            }
            self.position = self.free_segment(heap, position, budget);
        }
        free_nodes(heap, self.table.root);
        self.table = Table::default();
        true
    }

    fn free_segment(&mut self, heap: &mut Heap, position: u64, budget: &mut usize) -> Option<u64> {
        let segment = self.table.locate(position)?;
        // SAFETY: positions only grow, so each segment is met once and never looked at again; its
        // words own their entries.
        unsafe {
            let words: &[u64] = segment.words();
            for &word in words.iter().filter(|&&word| word != 0) {
                EntryBox::from_address(word & ADDRESS).release(heap);
            }
            let entries = segment.len();
            self.left = self.left.saturating_sub(entries);
            heap.note_freed_later(entries);
            *budget = budget.saturating_sub(1 + entries);
            segment.release(heap);
        }
        let size = 1u64.checked_shl(64 - u32::from(segment.depth))?;
        (position & !(size - 1)).checked_add(size)
    }
}

/// Frees the nodes of a directory whose segments are gone. There is one for about 1000 segments.
fn free_nodes(heap: &mut Heap, pointer: Pointer) {
    if pointer.is_node() {
        // SAFETY: a node has one pointer that refers to it, and the table is gone after this.
        for &pointer in &*unsafe { pointer.take_node(heap) } {
            free_nodes(heap, pointer);
        }
    }
}
