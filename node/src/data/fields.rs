//! A hash: fields with values.
//!
//! A small one is a list of elements (field, value, field, value ...) alone in its key's block, and is
//! looked through from the front. Elements are encoded as in Redis's listpack, numbers compact,
//! without the backward lengths.

use slotkeeper_tree::element::{Element, Encoded};

use super::Encoding;

/// When OBJECT ENCODING stops to say `listpack`; hash-max-listpack-entries and -value.
#[derive(Clone, Copy, Debug)]
pub struct HashLimits {
    /// So many fields are still few.
    pub entries: usize,
    /// A field or value of so many bytes is still short.
    pub value: usize,
}

/// A hash, to read.
#[derive(Clone, Copy, Debug)]
pub struct Hash<'a> {
    list: &'a [u8],
}

impl<'a> Hash<'a> {
    pub(super) fn new(list: &'a [u8]) -> Hash<'a> {
        Hash { list }
    }

    /// How many fields it has; never none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether it has none: only while it is being changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<Element<'a>> {
        find(self.list, field).map(|place| decode(&self.list[place.value..]).0)
    }

    /// All fields with their values.
    #[must_use]
    pub fn iter(&self) -> Pairs<'a> {
        Pairs { rest: self.list }
    }

    /// The field of a rank, counted from 0, with its value.
    #[must_use]
    pub fn nth(&self, rank: usize) -> Option<(Element<'a>, Element<'a>)> {
        self.iter().nth(rank)
    }
}

/// The fields of a hash with their values.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, Element<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (field, len) = decode(self.rest);
        let (value, more) = decode(&self.rest[len..]);
        self.rest = &self.rest[len + more..];
        Some((field, value))
    }
}

/// The element at the start of a list, and how many bytes it takes.
#[inline]
fn decode(list: &[u8]) -> (Element<'_>, usize) {
    Element::decode(list).expect("lists are made of whole elements")
}

/// Where a field stands: its start, its value's start, and its value's end.
struct Place {
    field: usize,
    value: usize,
    end: usize,
}

fn find(list: &[u8], field: &[u8]) -> Option<Place> {
    let wanted = Element::new(field);
    let mut at = 0;
    while at < list.len() {
        let (found, len) = decode(&list[at..]);
        let value = at + len;
        let end = value + decode(&list[value..]).1;
        if found == wanted {
            return Some(Place {
                field: at,
                value,
                end,
            });
        }
        at = end;
    }
    None
}

/// A hash that is being changed.
#[derive(Debug)]
pub struct HashMut<'a> {
    list: &'a mut Vec<u8>,
    encoding: Encoding,
    limits: HashLimits,
}

impl<'a> HashMut<'a> {
    /// What is in `list` so far.
    pub(super) fn new(list: &'a mut Vec<u8>, encoding: Encoding, limits: HashLimits) -> Self {
        HashMut {
            list,
            encoding,
            limits,
        }
    }

    /// To read.
    #[must_use]
    pub fn view(&self) -> Hash<'_> {
        Hash::new(self.list)
    }

    /// Gives a field a value. Returns whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if field.len() > self.limits.value || value.len() > self.limits.value {
            self.encoding = Encoding::HashTable;
        }
        if let Some(place) = find(self.list, field) {
            self.list.drain(place.value..place.end);
            let end = self.list.len();
            Encoded::new(value).write_to(self.list);
            let added = self.list.len() - end;
            self.list[place.value..].rotate_right(added);
            return false;
        }
        Encoded::new(field).write_to(self.list);
        Encoded::new(value).write_to(self.list);
        if self.encoding == Encoding::Listpack && self.view().len() > self.limits.entries {
            self.encoding = Encoding::HashTable;
        }
        true
    }

    /// Removes a field. Returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let Some(place) = find(self.list, field) else {
            return false;
        };
        self.list.drain(place.field..place.end);
        true
    }

    /// What OBJECT ENCODING says of it now.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }
}
