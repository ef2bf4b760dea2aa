//! The range of a string that BITCOUNT and BITPOS look at.

use crate::command::Refused;
use crate::command::parse::{SYNTAX, integer};
use crate::resp::Args;
use crate::spec::Argument;

/// The last argument of both.
pub(super) const UNIT: Argument = Argument::one_of(
    "unit",
    &[Argument::word("byte", "BYTE"), Argument::word("bit", "BIT")],
)
.optional()
.since("7.0.0");

/// A range as it was given; negative numbers count from the end.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub start: i64,
    /// None: the end of the string.
    pub end: Option<i64>,
    /// Whether the numbers are of bits, not of bytes.
    bits: bool,
}

impl Range {
    /// The whole string.
    pub(super) const ALL: Range = Range {
        start: 0,
        end: None,
        bits: false,
    };

    /// That of the arguments from an index on, of which there is at least one. BITPOS looks at the
    /// unit before the end, BITCOUNT after it.
    pub(super) fn parse(args: &Args<'_>, at: usize, unit_first: bool) -> Result<Range, Refused> {
        let start = integer(args.get(at))?;
        let end = args.opt(at + 1).map(integer).transpose();
        if !unit_first {
            end.clone()?;
        }
        let bits = match args.opt(at + 2) {
            Some(_) if args.is(at + 2, "bit") => true,
            Some(_) if !args.is(at + 2, "byte") => return Err(SYNTAX),
            _ => false,
        };
        let end = end?;
        Ok(Range { start, end, bits })
    }

    /// Its first and its last bit in a string of so many bytes; none if nothing is in it.
    pub(super) fn within(self, len: usize) -> Option<(u64, u64)> {
        let unit = if self.bits { 1 } else { 8 };
        let total = (len as u64 * 8 / unit).cast_signed();
        let from_start = |number: i64| match number {
            0.. => number,
            _ => total.saturating_add(number).max(0),
        };
        let first = from_start(self.start);
        let last = self.end.map_or(total - 1, from_start).min(total - 1);
        let (first, last) = (first.cast_unsigned(), u64::try_from(last).ok()?);
        (first <= last).then(|| (first * unit, last * unit + unit - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lies_within_the_string() {
        let range = |start, end, bits| Range { start, end, bits };
        for (range, len, bits) in [
            (Range::ALL, 3, Some((0, 23))),
            (Range::ALL, 0, None),
            (range(1, Some(1), false), 3, Some((8, 15))),
            (range(-2, Some(-1), false), 3, Some((8, 23))),
            (range(-100, Some(100), false), 3, Some((0, 23))),
            (range(3, Some(9), false), 3, None),
            (range(2, Some(1), false), 3, None),
            (range(5, Some(-5), true), 3, Some((5, 19))),
            (range(-1, None, true), 3, Some((23, 23))),
            (range(i64::MIN, Some(i64::MAX), true), 3, Some((0, 23))),
            (range(i64::MIN, Some(i64::MIN), true), 3, Some((0, 0))),
            (range(i64::MAX, Some(i64::MAX), false), 3, None),
        ] {
            assert_eq!(range.within(len), bits);
        }
    }
}
