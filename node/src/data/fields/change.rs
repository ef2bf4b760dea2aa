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
        self.whole().hiding(self.beside.due)
    }

    /// The same with what has expired.
    fn whole(&self) -> Hash<'_> {
        self.to_ref()
    }

    /// Gives a field a value; it does not expire then. Returns whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.drop_due(field);
        self.put(field, value, false)
    }

    /// The same, and a time that the field has stays.
    pub fn set_keeping(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.drop_due(field);
        self.put(field, value, true)
    }

    fn put(&mut self, field: &[u8], value: &[u8], keep: bool) -> bool {
        if field.len() > self.limits.value || value.len() > self.limits.value {
            self.encoding = Encoding::HashTable;
        }
        if self.is_small() && (field.len() > INLINE_MAX || value.len() > INLINE_MAX) {
            self.grow();
        }
        let new = match self.big_mut() {
            Some((big, heap)) if keep => {
                let key = big.key(field);
                big.insert_keeping(heap, &key, value)
            }
            Some((big, heap)) => big.insert(heap, field, value),
            None => set_in_list(&mut self.list, field, value),
        };
        if self.list.len() > LIST_MAX {
            self.grow();
        }
        if new && self.is_packed() && self.whole().len() > self.limits.entries {
            self.encoding = Encoding::HashTable;
        }
        new
    }

    /// Gives fields values, in their order. Returns how many of the fields are new.
    pub fn set_each<'k>(&mut self, mut pairs: impl Iterator<Item = (&'k [u8], &'k [u8])>) -> usize {
        let (mut new, longest) = (0, self.limits.value);
        let mut group = Group::new();
        loop {
            let are_few = are_few(&pairs) || self.has_times();
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
            if is_long || new > before && self.whole().len() > self.limits.entries {
                self.encoding = Encoding::HashTable;
            }
        }
    }

    /// Removes fields. Returns how many of them were there.
    pub fn remove_each<'k>(&mut self, fields: impl Iterator<Item = &'k [u8]>) -> usize {
        if self.has_times() {
            return fields.filter(|field| self.remove(field)).count();
        }
        self.remove_records(fields, HashMut::remove)
    }

    /// Removes a field. Returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.drop_due(field);
        if let Some((big, heap)) = self.big_mut() {
            return big.remove(heap, field);
        }
        let found = find(&self.list, &Encoded::new(field));
        if let Some(found) = &found {
            self.list.drain(found.field..found.end);
        }
        found.is_some()
    }

    /// Whether OBJECT ENCODING says that it is a listpack.
    fn is_packed(&self) -> bool {
        matches!(self.encoding, Encoding::Listpack | Encoding::ListpackEx)
    }

    /// Makes a tree of the list.
    pub(super) fn grow(&mut self) {
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
