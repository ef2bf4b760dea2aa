//! Changing a hash.

use slotkeeper_tree::element::{Encoded, Text};
use slotkeeper_tree::{Aim, INLINE_MAX};

use super::{Hash, HashMut, find, pairs};
use crate::data::Encoding;
use crate::data::collection::{LIST_MAX, are_few};
use crate::data::entry::{BigHash, Group};

impl HashMut<'_> {
    /// To read.
    #[must_use]
    pub fn view(&self) -> Hash<'_> {
        self.to_ref()
    }

    /// Gives a field a value. Returns whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if field.len() > self.limits.value || value.len() > self.limits.value {
            self.encoding = Encoding::HashTable;
        }
        if self.is_small() && (field.len() > INLINE_MAX || value.len() > INLINE_MAX) {
            self.grow();
        }
        let new = match self.big_mut() {
            Some((big, heap)) => big.insert(heap, field, value),
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

    /// Gives fields values, in their order. Returns how many of the fields are new.
    pub fn set_each<'k>(&mut self, mut pairs: impl Iterator<Item = (&'k [u8], &'k [u8])>) -> usize {
        let (mut new, longest) = (0, self.limits.value);
        let mut group = Group::new();
        loop {
            let are_few = are_few(&pairs);
            let Some((big, heap)) = self.big_mut().filter(|_| !are_few) else {
                let Some((field, value)) = pairs.next() else {
                    return new;
                };
                new += usize::from(self.set(field, value));
                continue;
            };
            let (mut is_long, before) = (false, new);
            if !big.next_group(&mut group, &mut pairs, Aim::Insert) {
                return new;
            }
            for (field, value) in group.iter() {
                is_long |= field.bytes().len() > longest || value.len() > longest;
                new += usize::from(big.insert_key(heap, field, value));
            }
            if is_long || new > before && self.view().len() > self.limits.entries {
                self.encoding = Encoding::HashTable;
            }
        }
    }

    /// Removes fields. Returns how many of them were there.
    pub fn remove_each<'k>(&mut self, fields: impl Iterator<Item = &'k [u8]>) -> usize {
        self.remove_records(fields, HashMut::remove)
    }

    /// Removes a field. Returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        if let Some((big, heap)) = self.big_mut() {
            return big.remove(heap, field);
        }
        let found = find(&self.list, &Encoded::new(field));
        if let Some(found) = &found {
            self.list.drain(found.field..found.end);
        }
        found.is_some()
    }

    /// Makes a tree of the list.
    fn grow(&mut self) {
        let mut big = BigHash::new(self.hasher);
        let (mut field_text, mut value_text) = (Text::new(), Text::new());
        for (field, value) in pairs(&self.list) {
            let field = field.bytes(&mut field_text);
            big.insert(self.heap, field, value.bytes(&mut value_text));
        }
        self.become_big(big);
    }
}

fn set_in_list(list: &mut Vec<u8>, field: &[u8], value: &[u8]) -> bool {
    let (field, value) = (Encoded::new(field), Encoded::new(value));
    let found = find(list, &field);
    if let Some(found) = &found {
        if value.is_at(&list[found.value..]) {
            return false;
        }
        list.drain(found.value..found.end);
        value.write_to(list);
        list[found.value..].rotate_right(value.len());
    } else {
        field.write_to(list);
        value.write_to(list);
    }
    found.is_none()
}
