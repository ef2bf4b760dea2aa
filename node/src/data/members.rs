//! A set: members, each once.
//!
//! A small one is a list of elements, and is looked through from the front; integers alone are in
//! their order, as in Redis. What does not fit is a tree, see `entry/big/records.rs`.

mod change;

use slotkeeper_tree::Record;
use slotkeeper_tree::element::{Element, Encoded};

use super::collection::{Collection, CollectionMut, CollectionRef, Form, elements, position};
use super::entry::{Big, BigSet};
use super::{Encoding, Type};

pub use crate::config::SetLimits;

/// Sets, as a type of collections.
pub struct Members;

/// A set that is being changed.
pub type SetMut<'a> = CollectionMut<'a, Members>;

/// A set, to read.
pub type Set<'a> = CollectionRef<'a, Members>;

impl<'a> Set<'a> {
    /// Whether this is a member.
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.form {
            Form::Small(list) => position(list, &Encoded::new(member), 1).is_some(),
            Form::Big(big) => big.get(member).is_some(),
        }
    }

    /// Shows of each, in their order, whether it is a member.
    pub fn contains_each<'k>(
        &self,
        members: impl Iterator<Item = &'k [u8]>,
        mut visit: impl FnMut(bool),
    ) {
        match self.form {
            Form::Small(_) => members.for_each(|member| visit(self.contains(member))),
            Form::Big(big) => big.get_each(members, |record| visit(record.is_some())),
        }
    }

    /// Shows the members of ranks, which there are, in the order given.
    pub fn nth_each(&self, ranks: impl Iterator<Item = usize>, mut visit: impl FnMut(Element<'a>)) {
        match self.form {
            Form::Small(_) => ranks.filter_map(|rank| self.nth(rank)).for_each(visit),
            Form::Big(big) => big.at_each(ranks, |record| visit(record.key)),
        }
    }

    /// Shows all members.
    pub fn for_each(&self, mut visit: impl FnMut(Element<'a>)) {
        self.for_each_while(|member| {
            visit(member);
            true
        });
    }

    /// Shows members, until `visit` returns false.
    pub fn for_each_while(&self, mut visit: impl FnMut(Element<'a>) -> bool) {
        match self.form {
            Form::Small(list) => {
                let _ = elements(list).all(visit);
            }
            Form::Big(big) => big.for_each(|record| visit(record.key)),
        }
    }

    /// The member of a rank, counted from 0.
    #[must_use]
    pub fn nth(&self, rank: usize) -> Option<Element<'a>> {
        match self.form {
            Form::Small(list) => elements(list).nth(rank),
            Form::Big(big) => big.at(rank).map(|record| record.key),
        }
    }

    /// Shows about `count` members from `cursor` on (0: from the start), a small set as a whole.
    /// Returns where to go on, 0 at the end. A member that is there during the whole of a scan is
    /// shown at least once; while the set is big, exactly once.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Element<'a>)) -> u64 {
        let Form::Big(big) = self.form else {
            self.for_each(visit);
            return 0;
        };
        big.scan(cursor, count, |record| visit(record.key))
    }
}

impl Collection for Members {
    const TYPE: Type = Type::Set;
    const FIELDS: usize = 1;
    const NEW: Encoding = Encoding::Intset;
    type Limits = SetLimits;
    type Big = BigSet;
    type Beside = ();

    fn big(big: &Big) -> Option<&BigSet> {
        match big {
            Big::Set(set) => Some(set),
            _ => None,
        }
    }

    fn big_mut(big: &mut Big) -> Option<&mut BigSet> {
        match big {
            Big::Set(set) => Some(set),
            _ => None,
        }
    }

    fn flatten(big: &BigSet, list: &mut Vec<u8>) {
        big.for_each(|Record { key, .. }| {
            Encoded::from(key).write_to(list);
            true
        });
    }
}
