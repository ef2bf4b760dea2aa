//! The order of sorted sets: by score, then by the bytes of the member. And what stands between
//! two leaves.

use std::cmp::Ordering;

use crate::codec::Child;
use crate::element::{Element, Text};
use crate::inner::Inner;
use crate::page::Page;

use super::leaf;

/// A place between records. No score is a NaN.
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a> {
    pub(super) score: f64,
    pub(super) side: Side<'a>,
}

/// Where a cut is among the records of its score.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side<'a> {
    /// Before all of them.
    Lowest,
    /// Before the one of this member, and all that come after it.
    Before(&'a [u8]),
    /// Behind it, and all that come before it.
    After(&'a [u8]),
    /// Behind all of them.
    Highest,
}

impl<'a> Cut<'a> {
    /// Before all records of a score.
    #[must_use]
    pub fn before_score(score: f64) -> Cut<'a> {
        let side = Side::Lowest;
        Cut { score, side }
    }

    /// Behind all records of a score.
    #[must_use]
    pub fn after_score(score: f64) -> Cut<'a> {
        let side = Side::Highest;
        Cut { score, side }
    }

    /// Before the place of a member among those of a score.
    #[must_use]
    pub fn before(score: f64, member: &'a [u8]) -> Cut<'a> {
        let side = Side::Before(member);
        Cut { score, side }
    }

    /// Behind the place of a member among those of a score.
    #[must_use]
    pub fn after(score: f64, member: &'a [u8]) -> Cut<'a> {
        let side = Side::After(member);
        Cut { score, side }
    }
}

impl Cut<'_> {
    /// Whether a record is before it.
    #[must_use]
    pub fn is_behind(&self, score: f64, member: &[u8]) -> bool {
        if score != self.score {
            return score < self.score;
        }
        match self.side {
            Side::Lowest => false,
            Side::Highest => true,
            Side::Before(other) => member < other,
            Side::After(other) => member <= other,
        }
    }
}

/// A cut, prepared for comparisons with separators.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub(super) cut: Cut<'a>,
    prefix: Prefix,
}

impl<'a> Target<'a> {
    pub(super) fn new(cut: Cut<'a>) -> Target<'a> {
        let member = match cut.side {
            Side::Before(member) | Side::After(member) => member,
            Side::Lowest | Side::Highest => b"",
        };
        Target {
            cut,
            prefix: Prefix::of(member),
        }
    }
}

/// The first 15 bytes of a member, filled up with zeros: in the order of members, as far as they
/// tell. The lowest byte is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Prefix(u64, u64);

const PREFIX_LEN: usize = 15;

impl Prefix {
    const LOWEST: Prefix = Prefix(0, 0);

    fn of(member: &[u8]) -> Prefix {
        let mut bytes = [0; 16];
        let len = member.len().min(PREFIX_LEN);
        bytes[..len].copy_from_slice(&member[..len]);
        let number = u128::from_be_bytes(bytes);
        Prefix((number >> 64) as u64, number as u64)
    }
}

/// What stands between two leaves: a score, and what distinguishes members of that score, if 15
/// bytes do. If not (the lowest bit is set), the first record of the right side has to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Separator {
    score: f64,
    prefix: Prefix,
}

impl Separator {
    pub(super) const LOWEST: Separator = Separator {
        score: f64::NEG_INFINITY,
        prefix: Prefix::LOWEST,
    };

    /// Between the last record of the left side and the first one of the right side.
    pub(super) fn between(left: (f64, Element<'_>), right: (f64, Element<'_>)) -> Separator {
        let score = right.0;
        if left.0 < score {
            let prefix = Prefix::LOWEST;
            return Separator { score, prefix };
        }
        let [left, mut prefix] =
            [left.1, right.1].map(|member| Prefix::of(member.bytes(&mut Text::new())));
        if left == prefix {
            prefix.1 |= 1;
        }
        Separator { score, prefix }
    }

    fn is_tied(&self) -> bool {
        self.prefix.1 & 1 != 0
    }
}

/// Whether the target is behind what stands before a child.
fn is_behind(target: &Target<'_>, child: &Child<Separator>) -> bool {
    let Separator { score, prefix } = child.separator;
    let Cut {
        score: wanted,
        side,
    } = target.cut;
    if score != wanted {
        return score < wanted;
    }
    match side {
        Side::Lowest => false,
        Side::Highest => true,
        Side::Before(member) | Side::After(member) => {
            let without_bit = Prefix(prefix.0, prefix.1 & !1);
            match without_bit.cmp(&target.prefix) {
                Ordering::Less => true,
                Ordering::Greater => false,
                Ordering::Equal => {
                    !child.separator.is_tied() || is_first_below(child.page, wanted, member)
                }
            }
        }
    }
}

/// Whether the first record below a page is not above a member of that score.
fn is_first_below(mut page: Page, score: f64, member: &[u8]) -> bool {
    while !page.is_leaf() {
        page = Inner::<Separator>::new(page).child(0);
    }
    leaf::is_before(page, 0, &Cut::after(score, member))
}

/// The child that the target is in.
#[inline]
pub(super) fn child(children: &[Child<Separator>], target: &Target<'_>) -> usize {
    let others = children.get(1..).unwrap_or_default();
    others.partition_point(|child| is_behind(target, child))
}
