//! Changing a list.

use slotkeeper_tree::INLINE_MAX;
use slotkeeper_tree::element::{Element, Text};

use super::packed::{self, Packed};
use super::{End, List, ListMut};
use crate::data::Encoding;
use crate::data::collection::LIST_MAX;
use crate::data::entry::{BigList, BigValue};

/// What a listpack has beside its elements.
const AROUND: usize = 7;

impl ListMut<'_> {
    /// To read.
    #[must_use]
    pub fn view(&self) -> List<'_> {
        List::new(&self.list, self.big())
    }

    /// Says which encoding it has with so many bytes of elements more, as Redis does before it adds
    /// them.
    pub fn will_add(&mut self, bytes: usize, count: usize) {
        let (bytes, count) = (self.bytes() + bytes, self.view().len() + count);
        if self.encoding == Encoding::Listpack && self.limits.is_exceeded(bytes, count) {
            self.encoding = Encoding::Quicklist;
        }
    }

    /// After its elements were loaded from a file: a listpack if it fits, unless Redis had it in
    /// several nodes.
    pub fn settle_loaded(&mut self, several_nodes: bool) {
        let fits = !self.limits.is_exceeded(self.bytes(), self.view().len());
        self.encoding = if fits && !several_nodes {
            Encoding::Listpack
        } else {
            Encoding::Quicklist
        };
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, element: &[u8]) {
        let position = match end {
            End::Left => 0,
            End::Right => self.view().len(),
        };
        self.insert(position, element);
    }

    /// Puts an element in, so that it has that position.
    pub fn insert(&mut self, position: usize, element: &[u8]) {
        if self.is_small() && element.len() > INLINE_MAX {
            self.grow();
        }
        if let Some((big, heap)) = self.big_mut() {
            return big.insert(heap, position, element);
        }
        let at = Packed::new(&self.list).place(position);
        packed::insert(&mut self.list, at, element);
        if self.list.len() > LIST_MAX {
            self.grow();
        }
    }

    /// Puts another element in the place of the one of that position, which is there.
    pub fn set(&mut self, position: usize, element: &[u8]) {
        if self.is_small() && element.len() > INLINE_MAX {
            self.grow();
        }
        if let Some((big, heap)) = self.big_mut() {
            big.set(heap, position, element);
        } else {
            let packed = Packed::new(&self.list);
            let (start, end) = (packed.place(position), packed.place(position + 1));
            packed::insert(&mut self.list, end, element);
            packed::remove(&mut self.list, start..end, 1);
            if self.list.len() > LIST_MAX {
                self.grow();
            }
        }
        self.settle_removed();
    }

    /// Takes so many elements out, from a position on; there are so many.
    pub fn remove(&mut self, position: usize, count: usize) {
        self.cut(position, count);
        self.settle_removed();
    }

    /// Takes all elements out but so many from a position on.
    pub fn keep(&mut self, position: usize, count: usize) {
        if let Some((big, heap)) = self.big_mut() {
            big.keep(heap, position, count);
        } else {
            let behind = position + count;
            self.cut(behind, self.view().len() - behind);
            self.cut(0, position);
        }
        self.settle_removed();
    }

    /// Takes up to `most` elements out that equal this one, from an end on. Returns how many.
    pub fn remove_equal(&mut self, element: &[u8], end: End, most: usize) -> usize {
        let wanted = Element::new(element);
        let removed = match self.big_mut() {
            Some((big, heap)) => big.remove_equal(heap, wanted, end, most),
            None => remove_equal(&mut self.list, wanted, end, most),
        };
        if removed > 0 {
            self.settle_removed();
        }
        removed
    }

    fn cut(&mut self, position: usize, count: usize) {
        if let Some((big, heap)) = self.big_mut() {
            return big.remove(heap, position, count);
        }
        if count > 0 {
            let packed = Packed::new(&self.list);
            let bytes = packed.place(position)..packed.place(position + count);
            packed::remove(&mut self.list, bytes, count);
        }
    }

    /// Redis makes a listpack of a list again when it has become half as large as one may be, and is
    /// in one node. We do not know its nodes, and go by the size alone.
    fn settle_removed(&mut self) {
        if self.encoding == Encoding::Quicklist
            && self.limits.is_half(self.bytes(), self.view().len())
        {
            self.encoding = Encoding::Listpack;
        }
    }

    /// How many bytes it would have as a listpack.
    fn bytes(&self) -> usize {
        AROUND + self.view().listed()
    }

    /// Makes a tree of a small list.
    fn grow(&mut self) {
        let (mut big, mut text) = (BigList::new(), Text::new());
        let mut rest = Packed::new(&self.list).elements();
        while let Some(element) = packed::next(&mut rest, true) {
            let at = big.len();
            big.insert(self.heap, at, element.bytes(&mut text));
        }
        self.become_big(big);
    }
}

fn remove_equal(block: &mut Vec<u8>, wanted: Element<'_>, end: End, most: usize) -> usize {
    let forward = end == End::Left;
    let (mut removed, mut passed) = (0, 0);
    while removed < most {
        let elements = Packed::new(block).elements();
        let mut rest = if forward {
            &elements[passed..]
        } else {
            &elements[..elements.len() - passed]
        };
        let before = rest.len();
        let Some(element) = packed::next(&mut rest, forward) else {
            break;
        };
        let len = before - rest.len();
        if element != wanted {
            passed += len;
            continue;
        }
        let start = if forward { passed } else { rest.len() };
        packed::remove(block, start..start + len, 1);
        removed += 1;
    }
    removed
}
