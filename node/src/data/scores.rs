//! A sorted set: members, each once, in the order of their scores, and of their bytes where scores
//! are equal.
//!
//! A small one is a list of elements (member, score, member, score ...) in that order, and is looked
//! through from the front. A score that is a whole number is an integer; any other a string of the
//! eight bytes of the double, little end first. What does not fit is a tree, see
//! `entry/big/sorted.rs`.

mod change;
mod list;

use slotkeeper_tree::element::Text;
use slotkeeper_tree::{Cut, Scored};

use super::collection::{Collection, CollectionMut, CollectionRef, Form};
use super::entry::{Big, BigZset};
use super::{Encoding, Type};

pub use crate::config::ZsetLimits;

/// Sorted sets, as a type of collections.
pub struct Scores;

/// A sorted set that is being changed.
pub type ZsetMut<'a> = CollectionMut<'a, Scores>;

/// A sorted set, to read.
pub type Zset<'a> = CollectionRef<'a, Scores>;

/// In which direction records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From low scores to high ones.
    Up,
    /// From high scores to low ones.
    Down,
}

impl<'a> Zset<'a> {
    /// The score of a member.
    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.form {
            Form::Small(list) => list::score_of(list, member),
            Form::Big(big) => big.score(member),
        }
    }

    /// Shows the scores of members in their order.
    pub fn score_each<'k>(
        &self,
        members: impl Iterator<Item = &'k [u8]>,
        mut visit: impl FnMut(Option<f64>),
    ) {
        match self.form {
            Form::Small(_) => members.for_each(|member| visit(self.score(member))),
            Form::Big(big) => big.score_each(members, visit),
        }
    }

    /// Shows the records of ranks, which there are, in the order given.
    pub fn nth_each(&self, ranks: impl Iterator<Item = usize>, visit: impl FnMut(Scored<'a>)) {
        match self.form {
            Form::Small(_) => ranks.filter_map(|rank| self.nth(rank)).for_each(visit),
            Form::Big(big) => big.at_each(ranks, visit),
        }
    }

    /// How many records are before a cut.
    #[must_use]
    pub fn rank(&self, cut: Cut<'_>) -> usize {
        match self.form {
            Form::Small(list) => {
                let before = |record: &Scored<'_>| {
                    cut.is_behind(record.score, record.member.bytes(&mut Text::new()))
                };
                list::records(list).take_while(before).count()
            }
            Form::Big(big) => big.rank(cut),
        }
    }

    /// The record of a rank, counted from 0.
    #[must_use]
    pub fn nth(&self, rank: usize) -> Option<Scored<'a>> {
        match self.form {
            Form::Small(list) => list::records(&list[list::len_of(list, rank)..]).next(),
            Form::Big(big) => big.at(rank),
        }
    }

    /// Shows all records in order.
    pub fn for_each(&self, mut visit: impl FnMut(Scored<'a>)) {
        self.for_each_while(|record| {
            visit(record);
            true
        });
    }

    /// Shows records in order, until `visit` returns false.
    pub fn for_each_while(&self, visit: impl FnMut(Scored<'a>) -> bool) {
        match self.form {
            Form::Small(list) => {
                let _ = list::records(list).all(visit);
            }
            Form::Big(big) => big.for_each(visit),
        }
    }

    /// Shows records from a rank on, until `visit` returns false.
    pub fn show_while(&self, rank: usize, visit: impl FnMut(Scored<'a>) -> bool) {
        match self.form {
            Form::Small(list) => {
                let _ = list::records(list).skip(rank).all(visit);
            }
            Form::Big(big) => big.show_while(rank, visit),
        }
    }

    /// Shows up to `count` records from a rank on, in one direction.
    pub fn show(
        &self,
        rank: usize,
        count: usize,
        direction: Direction,
        visit: impl FnMut(Scored<'a>),
    ) {
        match (self.form, direction) {
            (Form::Small(list), Direction::Up) => {
                let rest = &list[list::len_of(list, rank)..];
                list::records(rest).take(count).for_each(visit);
            }
            (Form::Small(list), Direction::Down) => {
                let all: Vec<_> = list::records(list).take(rank.saturating_add(1)).collect();
                all.into_iter().rev().take(count).for_each(visit);
            }
            (Form::Big(big), Direction::Up) => big.show(rank, count, visit),
            (Form::Big(big), Direction::Down) => big.show_back(rank, count, visit),
        }
    }

    /// Shows about `count` records from `cursor` on (0: from the start), a small set as a whole.
    /// Returns where to go on, 0 at the end. A member that is there during the whole of a scan is
    /// shown at least once; while the set is big, exactly once.
    pub fn scan(&self, cursor: u64, count: usize, visit: impl FnMut(Scored<'a>)) -> u64 {
        match self.form {
            Form::Small(_) => {
                self.for_each(visit);
                0
            }
            Form::Big(big) => big.scan(cursor, count, visit),
        }
    }
}

impl Collection for Scores {
    const TYPE: Type = Type::Zset;
    const FIELDS: usize = 2;
    const NEW: Encoding = Encoding::Listpack;
    type Limits = ZsetLimits;
    type Big = BigZset;
    type Beside = ();

    fn big(big: &Big) -> Option<&BigZset> {
        match big {
            Big::Zset(zset) => Some(zset),
            _ => None,
        }
    }

    fn big_mut(big: &mut Big) -> Option<&mut BigZset> {
        match big {
            Big::Zset(zset) => Some(zset),
            _ => None,
        }
    }

    fn flatten(big: &BigZset, list: &mut Vec<u8>) {
        big.for_each(|record| {
            list::push(list, record.member, record.score);
            true
        });
    }
}
