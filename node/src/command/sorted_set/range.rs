//! Ranges: by rank, by score, by member.

use slotkeeper_tree::Cut;

use crate::command::Refused;
use crate::command::parse::{c_double, c_text, integer};
use crate::data::{Direction, Zset};
use crate::resp::Args;

const NOT_A_SCORE: Refused = Refused::new("ERR min or max is not a float");
const NOT_A_MEMBER: Refused = Refused::new("ERR min or max not valid string range item");

/// By what a range tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

/// A range of records.
#[derive(Clone, Copy, Debug)]
pub(super) enum Range<'a> {
    /// First and last; negative ones count from the end.
    Rank(i64, i64),
    /// Lowest and highest score.
    Score(Bound<f64>, Bound<f64>),
    /// Lowest and highest member, where all have the same score.
    Lex(Bound<&'a [u8]>, Bound<&'a [u8]>),
}

/// An end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound<T> {
    /// Before everything.
    Lowest,
    /// With what equals it.
    Including(T),
    /// Without.
    Excluding(T),
    /// Behind everything.
    Highest,
}

/// A part of the records that are to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// That of the first one to be shown.
    pub rank: usize,
    pub count: usize,
    pub direction: Direction,
}

impl<'a> Range<'a> {
    /// The range whose lower end is at one argument, and its upper end at another one.
    pub(super) fn parse(
        by: By,
        args: &Args<'a>,
        low: usize,
        high: usize,
    ) -> Result<Range<'a>, Refused> {
        let (low, high) = (args.get(low), args.get(high));
        Ok(match by {
            By::Rank => Range::Rank(integer(low)?, integer(high)?),
            By::Score => Range::Score(score(low)?, score(high)?),
            By::Lex => Range::Lex(member(low)?, member(high)?),
        })
    }

    /// The ranks that it has, counted in the direction: the first one, and the one behind the last.
    fn ranks(&self, zset: &Zset<'_>, direction: Direction) -> (usize, usize) {
        let len = zset.len();
        let (low, high) = match *self {
            Range::Rank(first, last) => return ranks(first, last, len),
            Range::Score(low, high) => (
                end(zset, low, Cut::before_score, Cut::after_score),
                end(zset, high, Cut::after_score, Cut::before_score),
            ),
            Range::Lex(low, high) => {
                let score = zset.nth(0).map_or(0.0, |record| record.score);
                let before = |member| Cut::before(score, member);
                let after = |member| Cut::after(score, member);
                (
                    end(zset, low, before, after),
                    end(zset, high, after, before),
                )
            }
        };
        match direction {
            Direction::Up => (low, high),
            Direction::Down => (len - high, len - low),
        }
    }

    /// How many records are in it.
    pub(super) fn count(&self, zset: &Zset<'_>) -> usize {
        let (first, end) = self.ranks(zset, Direction::Up);
        end.saturating_sub(first)
    }

    /// What of a set is in it, from `offset` on, `count` at most if that is not negative.
    pub(super) fn select(
        &self,
        zset: &Zset<'_>,
        direction: Direction,
        (offset, count): (i64, i64),
    ) -> Selection {
        let (first, end) = self.ranks(zset, direction);
        // With a negative offset, Redis goes on to the end before it shows anything.
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let first = first.saturating_add(offset);
        let found = end.saturating_sub(first);
        let count = usize::try_from(count).map_or(found, |count| count.min(found));
        let rank = match direction {
            _ if count == 0 => 0,
            Direction::Up => first,
            Direction::Down => zset.len() - 1 - first,
        };
        Selection {
            rank,
            count,
            direction,
        }
    }
}

/// The rank of the cut at an end of a range.
fn end<'a, T>(
    zset: &Zset<'_>,
    bound: Bound<T>,
    including: impl FnOnce(T) -> Cut<'a>,
    excluding: impl FnOnce(T) -> Cut<'a>,
) -> usize {
    match bound {
        Bound::Lowest => 0,
        Bound::Including(at) => zset.rank(including(at)),
        Bound::Excluding(at) => zset.rank(excluding(at)),
        Bound::Highest => zset.len(),
    }
}

/// From first and last as they were asked for to the first one and the one behind the last.
fn ranks(first: i64, last: i64, len: usize) -> (usize, usize) {
    let from_start = |rank: i64| {
        if rank < 0 {
            rank.saturating_add(len as i64)
        } else {
            rank
        }
    };
    let first = usize::try_from(from_start(first)).unwrap_or(0);
    let end = usize::try_from(from_start(last).saturating_add(1)).unwrap_or(0);
    (first, end.min(len))
}

fn score(text: &[u8]) -> Result<Bound<f64>, Refused> {
    let (text, excluding) = match text {
        [b'(', rest @ ..] => (rest, true),
        text => (text, false),
    };
    let score = c_double(c_text(text)).ok_or(NOT_A_SCORE)?;
    Ok(if excluding {
        Bound::Excluding(score)
    } else {
        Bound::Including(score)
    })
}

fn member(text: &[u8]) -> Result<Bound<&[u8]>, Refused> {
    match text {
        // As in Redis, what follows a zero byte does not count here.
        [b'-'] | [b'-', 0, ..] => Ok(Bound::Lowest),
        [b'+'] | [b'+', 0, ..] => Ok(Bound::Highest),
        [b'[', member @ ..] => Ok(Bound::Including(member)),
        [b'(', member @ ..] => Ok(Bound::Excluding(member)),
        _ => Err(NOT_A_MEMBER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ends_of_ranges_as_redis_does() {
        for (text, bound) in [
            ("1.5", Some(Bound::Including(1.5))),
            ("(1.5", Some(Bound::Excluding(1.5))),
            ("-inf", Some(Bound::Including(f64::NEG_INFINITY))),
            ("(+inf", Some(Bound::Excluding(f64::INFINITY))),
            ("1e999", Some(Bound::Including(f64::INFINITY))),
            (" 1", Some(Bound::Including(1.0))),
            ("", Some(Bound::Including(0.0))),
            ("(", Some(Bound::Excluding(0.0))),
            ("nan", None),
            ("1x", None),
            ("((1", None),
            ("[1", None),
        ] {
            assert_eq!(score(text.as_bytes()).ok(), bound, "{text}");
        }
        for (text, bound) in [
            ("-", Some(Bound::Lowest)),
            ("+", Some(Bound::Highest)),
            ("[a", Some(Bound::Including(&b"a"[..]))),
            ("(", Some(Bound::Excluding(b""))),
            ("a", None),
            ("", None),
            ("--", None),
            ("+a", None),
        ] {
            assert_eq!(member(text.as_bytes()).ok(), bound, "{text}");
        }
    }

    #[test]
    fn ranks_count_from_both_ends() {
        for (first, last, found) in [
            (0, -1, (0, 5)),
            (1, 2, (1, 3)),
            (-2, -1, (3, 5)),
            (-100, 100, (0, 5)),
            (3, 1, (3, 2)),
            (9, 9, (9, 5)),
            (0, -9, (0, 0)),
            (i64::MIN, i64::MAX, (0, 5)),
        ] {
            assert_eq!(ranks(first, last, 5), found, "{first} {last}");
        }
    }
}
