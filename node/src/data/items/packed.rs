//! A small list, as it lies in its key's block: how many elements it has in two bytes, and the
//! elements of a listpack with their lengths backward, so that both ends are near. An empty one has no
//! bytes at all; there is one only while a list is changed.

use std::ops::Range;

use slotkeeper_tree::element::backward;
use slotkeeper_tree::element::{Element, Encoded};

/// The bytes of the count.
const HEAD: usize = 2;

/// A small list, to read.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    len: usize,
    elements: &'a [u8],
}

impl<'a> Packed<'a> {
    /// What is in a block.
    pub fn new(block: &'a [u8]) -> Packed<'a> {
        let (len, elements) = block
            .split_first_chunk::<HEAD>()
            .unwrap_or((&[0; HEAD], &[]));
        Packed {
            len: usize::from(u16::from_le_bytes(*len)),
            elements,
        }
    }

    pub fn len(self) -> usize {
        self.len
    }

    pub fn elements(self) -> &'a [u8] {
        self.elements
    }

    /// Where the element of a position begins; or the end, if it is the length.
    pub fn place(self, position: usize) -> usize {
        debug_assert!(position <= self.len);
        let mut rest = self.elements;
        if position <= self.len / 2 {
            for _ in 0..position {
                next(&mut rest, true);
            }
            return self.elements.len() - rest.len();
        }
        for _ in position..self.len {
            next(&mut rest, false);
        }
        rest.len()
    }

    pub fn get(self, position: usize) -> Option<Element<'a>> {
        let mut rest = self.from(position, true);
        next(&mut rest, true)
    }

    /// The bytes of all elements from a position on, or of those up to it.
    pub fn from(self, position: usize, forward: bool) -> &'a [u8] {
        if position >= self.len {
            return &[];
        }
        if forward {
            &self.elements[self.place(position)..]
        } else {
            &self.elements[..self.place(position + 1)]
        }
    }
}

/// Takes an element from the front of some, or from their end.
#[inline]
pub fn next<'a>(rest: &mut &'a [u8], forward: bool) -> Option<Element<'a>> {
    if forward {
        let (element, len) = backward::first(rest)?;
        *rest = &rest[len..];
        Some(element)
    } else {
        let (element, len) = backward::last(rest)?;
        *rest = &rest[..rest.len() - len];
        Some(element)
    }
}

/// Begins a list of so many elements, which are to be written behind.
pub fn begin(block: &mut Vec<u8>, len: usize) {
    block.clear();
    block.extend_from_slice(&(len as u16).to_le_bytes());
}

/// Appends elements.
pub fn write_all<'a>(elements: impl Iterator<Item = Element<'a>>, out: &mut Vec<u8>) {
    for element in elements {
        backward::write(&Encoded::from(element), out);
    }
}

/// Puts an element in, where another one begins or the last one ends.
pub fn insert(block: &mut Vec<u8>, at: usize, element: &[u8]) {
    let len = Packed::new(block).len() + 1;
    if block.is_empty() {
        begin(block, 0);
    }
    let end = block.len();
    backward::write(&Encoded::new(element), block);
    let added = block.len() - end;
    block[HEAD + at..].rotate_right(added);
    set_len(block, len);
}

/// Takes so many whole elements out.
pub fn remove(block: &mut Vec<u8>, bytes: Range<usize>, count: usize) {
    let len = Packed::new(block).len() - count;
    block.drain(HEAD + bytes.start..HEAD + bytes.end);
    if len == 0 {
        block.clear();
    } else {
        set_len(block, len);
    }
}

fn set_len(block: &mut [u8], len: usize) {
    block[..HEAD].copy_from_slice(&(len as u16).to_le_bytes());
}
