//! Changing a hash, and its way from a list to a tree and back.

use slotkeeper_tree::INLINE_MAX;
use slotkeeper_tree::element::{Element, Encoded, Text};

use super::{Hash, HashLimits, find, pairs};
use crate::data::Encoding;
use crate::data::entry::{BigHash, Heap};
use crate::data::hash::HashKey;

/// The longest list, in bytes; what is longer becomes a tree.
const LIST_MAX: usize = 1008;
/// A tree whose pages have so many bytes becomes a list again.
const TREE_MIN: usize = LIST_MAX / 4;

/// A hash that is being changed.
pub struct HashMut<'a> {
    heap: &'a mut Heap,
    hasher: HashKey,
    /// A small hash.
    list: Vec<u8>,
    /// The entry's tree, if it has one.
    held: Option<&'a mut BigHash>,
    /// What the list has grown into.
    grown: Option<Box<BigHash>>,
    encoding: Encoding,
    limits: HashLimits,
}

/// What a changed hash is now.
pub(in crate::data) struct Changed {
    /// A small hash; or memory to be used again.
    pub list: Vec<u8>,
    /// It has become big.
    pub grown: Option<Box<BigHash>>,
    /// The entry's tree is worth no tree any more, and its content is in the list.
    pub shrunk: bool,
    /// What OBJECT ENCODING says of it.
    pub encoding: Encoding,
    /// Bytes that were copied since a walk still needs them as they were.
    pub copied: usize,
}

impl<'a> HashMut<'a> {
    /// What is in the tree, or in `list`, so far.
    pub(in crate::data) fn new(
        heap: &'a mut Heap,
        hasher: HashKey,
        list: Vec<u8>,
        held: Option<&'a mut BigHash>,
        (encoding, limits): (Encoding, HashLimits),
    ) -> Self {
        HashMut {
            heap,
            hasher,
            list,
            held,
            grown: None,
            encoding,
            limits,
        }
    }

    /// To read.
    #[must_use]
    pub fn view(&self) -> Hash<'_> {
        let big = self.held.as_deref().or(self.grown.as_deref());
        Hash::new(&self.list, big)
    }

    /// Gives a field a value. Returns whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if field.len() > self.limits.value || value.len() > self.limits.value {
            self.encoding = Encoding::HashTable;
        }
        if self.is_small() && (field.len() > INLINE_MAX || value.len() > INLINE_MAX) {
            self.grow();
        }
        let big = self.held.as_deref_mut().or(self.grown.as_deref_mut());
        let new = match big {
            Some(big) => big.insert(self.heap, field, value),
            None => set_in_list(&mut self.list, field, value),
        };
        if self.list.len() > LIST_MAX {
            self.grow();
        }
        if new && self.encoding == Encoding::Listpack && self.view().len() > self.limits.entries {
            self.encoding = Encoding::HashTable;
        }
        new
    }

    /// Removes a field. Returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        if let Some(big) = self.held.as_deref_mut().or(self.grown.as_deref_mut()) {
            return big.remove(self.heap, field);
        }
        let found = find(&self.list, field);
        if let Some(found) = &found {
            self.list.drain(found.field..found.end);
        }
        found.is_some()
    }

    fn is_small(&self) -> bool {
        self.held.is_none() && self.grown.is_none()
    }

    /// Makes a tree of the list.
    fn grow(&mut self) {
        let mut big = BigHash::new(self.hasher);
        let (mut field_text, mut value_text) = (Text::new(), Text::new());
        for (field, value) in pairs(&self.list) {
            let field = field.bytes(&mut field_text);
            big.insert(self.heap, field, value.bytes(&mut value_text));
        }
        self.list.clear();
        self.grown = Some(big);
    }

    /// What it is now.
    pub(in crate::data) fn finish(mut self) -> Changed {
        let mut changed = Changed {
            list: self.list,
            grown: self.grown,
            shrunk: false,
            encoding: self.encoding,
            copied: 0,
        };
        if let Some(held) = &mut self.held {
            changed.copied = held.take_copied();
            changed.shrunk = (1..=TREE_MIN).contains(&held.pages());
            if changed.shrunk {
                held.for_each(|field, value| {
                    Encoded::from(field).write_to(&mut changed.list);
                    Encoded::from(value).write_to(&mut changed.list);
                    true
                });
            }
        }
        changed
    }
}

fn set_in_list(list: &mut Vec<u8>, field: &[u8], value: &[u8]) -> bool {
    let value = Encoded::new(value);
    let found = find(list, field);
    if let Some(found) = &found {
        list.drain(found.value..found.end);
        value.write_to(list);
        list[found.value..].rotate_right(value.len());
    } else {
        Encoded::from(Element::new(field)).write_to(list);
        value.write_to(list);
    }
    found.is_none()
}
