//! Big lists: a tree of elements by position.

use slotkeeper_tree::element::{Element, Text, backward};
use slotkeeper_tree::{Elements, Frozen, ListTree, Part, Sequence};

use super::{
    Big, BigValue, CopyingValue, FrozenValue, OneTree, dispose_tree, freeze_tree, new_tree,
};
use crate::data::End;
use crate::data::entry::Heap;

/// When so few of all elements stay, they are put in a new tree, and the old one is freed in steps.
const FEW: usize = 8;

/// A tree of elements.
#[derive(Debug)]
pub struct BigList {
    tree: ListTree,
    /// How many bytes the elements would take in a listpack.
    listed: usize,
}

impl BigList {
    /// An empty one.
    pub fn new() -> BigList {
        BigList {
            tree: new_tree(),
            listed: 0,
        }
    }

    /// How many bytes the elements would take in a listpack.
    pub fn listed(&self) -> usize {
        self.listed
    }

    /// The element of a position.
    pub fn get(&self, position: usize) -> Option<Element<'_>> {
        self.tree.at(position as u64)
    }

    /// The elements from a position on, in order or backward.
    pub fn elements(&self, position: usize, forward: bool) -> Elements<'_> {
        self.tree.elements(position as u64, forward)
    }

    /// Puts an element in, so that it has that position.
    pub fn insert(&mut self, heap: &mut Heap, position: usize, element: &[u8]) {
        self.tree.insert(heap, position as u64, element);
        self.listed += backward::listed(element);
    }

    /// Puts another element in the place of one.
    pub fn set(&mut self, heap: &mut Heap, position: usize, element: &[u8]) {
        if let Some(old) = self.tree.set(heap, position as u64, element) {
            self.listed = self.listed + backward::listed(element) - old;
        }
    }

    /// Takes so many elements out, from a position on.
    pub fn remove(&mut self, heap: &mut Heap, position: usize, count: usize) {
        let start = position as u64;
        self.listed -= self.tree.remove_range(heap, start, count as u64);
    }

    /// Takes all out but so many from a position on. That costs as much as what goes, or as what
    /// stays if that is far less.
    pub fn keep(&mut self, heap: &mut Heap, position: usize, count: usize) {
        let behind = position + count;
        if count > self.len() / FEW {
            self.remove(heap, behind, self.len() - behind);
            return self.remove(heap, 0, position);
        }
        let (mut kept, mut text) = (BigList::new(), Text::new());
        for element in self.elements(position, true).take(count) {
            let at = kept.len();
            kept.insert(heap, at, element.bytes(&mut text));
        }
        std::mem::replace(self, kept).dispose(heap);
    }

    /// Takes up to `most` elements out that equal one, from an end on. Returns how many.
    pub fn remove_equal(
        &mut self,
        heap: &mut Heap,
        wanted: Element<'_>,
        end: End,
        most: usize,
    ) -> usize {
        let forward = end == End::Left;
        let mut from = if forward {
            0
        } else {
            self.len().saturating_sub(1)
        };
        let mut removed = 0;
        while removed < most {
            let mut elements = self.elements(from, forward);
            let Some(passed) = elements.position(|element| element == wanted) else {
                break;
            };
            let at = if forward {
                from + passed
            } else {
                from - passed
            };
            self.remove(heap, at, 1);
            removed += 1;
            if !forward && at == 0 {
                break;
            }
            from = if forward { at } else { at - 1 };
        }
        removed
    }
}

impl From<BigList> for Big {
    fn from(list: BigList) -> Big {
        Big::List(list)
    }
}

impl BigValue for BigList {
    fn len(&self) -> usize {
        self.tree.len() as usize
    }

    fn pages(&self) -> usize {
        self.tree.memory()
    }

    fn begin_copy(&self) -> Box<dyn CopyingValue> {
        self.begin_tree_copy()
    }

    fn freeze(&mut self, heap: &mut Heap) -> Box<dyn FrozenValue> {
        Box::new(freeze_tree(&mut self.tree, heap))
    }

    fn is_frozen(&self) -> bool {
        self.tree.is_frozen()
    }

    fn take_copied(&mut self) -> usize {
        self.tree.take_copied()
    }

    fn relocate(&mut self, heap: &mut Heap, from: u64, leaves: usize) -> Option<u64> {
        self.tree.relocate(heap, from, leaves)
    }

    fn dispose(&mut self, heap: &mut Heap) {
        dispose_tree(&mut self.tree, heap);
    }
}

impl OneTree for BigList {
    type Codec = Sequence;

    fn tree(&self) -> &ListTree {
        &self.tree
    }

    fn with_copy(&self, tree: ListTree) -> Big {
        let listed = self.listed;
        BigList { tree, listed }.into()
    }
}

impl FrozenValue for Frozen<Sequence> {
    /// So many nodes of an RDB file.
    fn len(&self) -> u64 {
        self.nodes()
    }

    fn step(&mut self, heap: &mut Heap, budget: usize, sink: &mut dyn FnMut(Part<'_>)) -> bool {
        Frozen::<Sequence>::step(self, heap, budget, sink)
    }

    fn discard(&mut self, heap: &mut Heap, leaves: usize) -> bool {
        Frozen::<Sequence>::discard(self, heap, leaves)
    }
}
