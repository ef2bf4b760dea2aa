//! A hash: fields with values.
//!
//! A small one is a list of elements (field, value, field, value ...), and is looked through from
//! the front. What does not fit is a tree, see `entry/big/records.rs`; so is every hash in which a field
//! expires.

mod change;
mod times;

use slotkeeper_tree::Record;
use slotkeeper_tree::element::{Element, Encoded};

use super::collection::{Collection, CollectionMut, CollectionRef, Form, decode, position, skip};
use super::entry::{Big, BigHash};
use super::{Encoding, Type};
use times::Clock;

pub use crate::config::HashLimits;

/// While some fields are hidden, finding one by its rank costs about as much as passing over so many.
const SEARCH: usize = 64;

/// Hashes, as a type of collections.
pub struct Fields;

/// A hash that is being changed.
pub type HashMut<'a> = CollectionMut<'a, Fields>;

/// A hash, to read.
pub type Hash<'a> = CollectionRef<'a, Fields>;

impl<'a> Hash<'a> {
    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<Element<'a>> {
        if let Some(hiding) = self.hidden() {
            return hiding.get(field);
        }
        match self.form {
            Form::Small(list) => {
                let found = find(list, &Encoded::new(field))?;
                Some(decode(&list[found.value..]).0)
            }
            Form::Big(big) => big.get(field).map(|record| record.value),
        }
    }

    /// Shows the values of fields in their order.
    pub fn get_each<'k>(
        &self,
        fields: impl Iterator<Item = &'k [u8]>,
        mut visit: impl FnMut(Option<Element<'a>>),
    ) {
        if self.hidden().is_some() {
            return fields.for_each(|field| visit(self.get(field)));
        }
        match self.form {
            Form::Small(_) => fields.for_each(|field| visit(self.get(field))),
            Form::Big(big) => big.get_each(fields, |record| visit(record.map(|it| it.value))),
        }
    }

    /// Shows the fields of ranks, which there are, in the order given.
    pub fn nth_each(
        &self,
        ranks: impl Iterator<Item = usize>,
        mut visit: impl FnMut((Element<'a>, Element<'a>)),
    ) {
        if let Some(hiding) = self.hidden() {
            if ranks.size_hint().0 > self.len() / SEARCH {
                let shown = hiding.all();
                return ranks.for_each(|rank| visit(shown[rank]));
            }
            return ranks.filter_map(|rank| hiding.nth(rank)).for_each(visit);
        }
        match self.form {
            Form::Small(_) => ranks.filter_map(|rank| self.nth(rank)).for_each(visit),
            Form::Big(big) => big.at_each(ranks, |Record { key, value }| visit((key, value))),
        }
    }

    /// Shows all fields with their values.
    pub fn for_each(&self, mut visit: impl FnMut(Element<'a>, Element<'a>)) {
        self.for_each_while(|field, value| {
            visit(field, value);
            true
        });
    }

    /// Shows fields with their values, until `visit` returns false.
    pub fn for_each_while(&self, mut visit: impl FnMut(Element<'a>, Element<'a>) -> bool) {
        if let Some(hiding) = self.hidden() {
            return hiding.for_each_while(visit);
        }
        match self.form {
            Form::Small(list) => {
                let _ = pairs(list).all(|(field, value)| visit(field, value));
            }
            Form::Big(big) => big.for_each(|Record { key, value }| visit(key, value)),
        }
    }

    /// The field of a rank, counted from 0 among those that are shown, with its value.
    #[must_use]
    pub fn nth(&self, rank: usize) -> Option<(Element<'a>, Element<'a>)> {
        if let Some(hiding) = self.hidden() {
            return hiding.nth(rank);
        }
        match self.form {
            Form::Small(list) => pairs(list).nth(rank),
            Form::Big(big) => big.at(rank).map(|Record { key, value }| (key, value)),
        }
    }

    /// Shows about `count` fields from `cursor` on (0: from the start), a small hash as a whole.
    /// Returns where to go on, 0 at the end. A field that is there during the whole of a scan is
    /// shown at least once; while the hash is big, exactly once.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Element<'a>, Element<'a>),
    ) -> u64 {
        let Form::Big(big) = self.form else {
            self.for_each(visit);
            return 0;
        };
        let hiding = self.hidden();
        big.scan(cursor, count, |Record { key, value }| {
            if hiding.is_none_or(|hiding| !hiding.has(key)) {
                visit(key, value);
            }
        })
    }
}

impl Collection for Fields {
    const TYPE: Type = Type::Hash;
    const FIELDS: usize = 2;
    const NEW: Encoding = Encoding::Listpack;
    type Limits = HashLimits;
    type Big = BigHash;
    type Beside = Clock;

    fn big(big: &Big) -> Option<&BigHash> {
        match big {
            Big::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    fn big_mut(big: &mut Big) -> Option<&mut BigHash> {
        match big {
            Big::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    fn first_time(big: &BigHash) -> Option<i64> {
        big.times()?.first()
    }

    fn flatten(big: &BigHash, list: &mut Vec<u8>) {
        big.for_each(|Record { key, value }| {
            Encoded::from(key).write_to(list);
            Encoded::from(value).write_to(list);
            true
        });
    }
}

/// The fields of a list with their values.
fn pairs(list: &[u8]) -> impl Iterator<Item = (Element<'_>, Element<'_>)> {
    let mut rest = list;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (field, len) = decode(rest);
        let (value, more) = decode(&rest[len..]);
        rest = &rest[len + more..];
        Some((field, value))
    })
}

/// The position of a field: its start, its value's start, and its value's end.
struct Position {
    field: usize,
    value: usize,
    end: usize,
}

fn find(list: &[u8], field: &Encoded<'_>) -> Option<Position> {
    let at = position(list, field, 2)?;
    let value = at + field.len();
    Some(Position {
        field: at,
        value,
        end: value + skip(&list[value..]),
    })
}
