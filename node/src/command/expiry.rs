//! How commands say when keys and fields expire: scales of time, the options EX, PX, EXAT and PXAT, and
//! the conditions NX, XX, GT and LT.

use super::parse::{integer, invalid_expire_time};
use super::{Exec, Refused};
use crate::resp::{Args, is_word};
use crate::spec::Argument;
use crate::time::Now;

/// How a time is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// In seconds from now: EX.
    Seconds,
    /// In milliseconds from now: PX.
    Millis,
    /// As a unix time in seconds: EXAT.
    AtSeconds,
    /// As a unix time in milliseconds: PXAT.
    AtMillis,
}

impl Scale {
    /// That of an option; none if it is not one of these.
    pub(super) fn of(option: &[u8]) -> Option<Scale> {
        let known = [
            ("ex", Scale::Seconds),
            ("px", Scale::Millis),
            ("exat", Scale::AtSeconds),
            ("pxat", Scale::AtMillis),
        ];
        let found = known.iter().find(|(name, _)| is_word(option, name));
        found.map(|(_, scale)| *scale)
    }

    /// One unit in milliseconds.
    pub(super) fn unit(self) -> i64 {
        match self {
            Scale::Seconds | Scale::AtSeconds => 1000,
            Scale::Millis | Scale::AtMillis => 1,
        }
    }

    /// Whether it names a moment, which may have passed already.
    pub(super) fn is_moment(self) -> bool {
        matches!(self, Scale::AtSeconds | Scale::AtMillis)
    }

    /// Where counting begins, in unix milliseconds.
    pub(super) fn from(self, now: Now) -> i64 {
        if self.is_moment() { 0 } else { now.unix_ms() }
    }

    /// The unix time in milliseconds that so many units say; none if it is beyond 64 bits.
    pub(super) fn at(self, count: i64, now: Now) -> Option<i64> {
        count.checked_mul(self.unit())?.checked_add(self.from(now))
    }
}

/// The option of a string command that says when its key expires, as it was given.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub scale: Scale,
    pub count: &'a [u8],
}

impl<'a> Given<'a> {
    /// The option at an index, if it is one of these and its value follows.
    pub(super) fn parse(args: &Args<'a>, at: usize) -> Option<Given<'a>> {
        let (scale, count) = (Scale::of(args.get(at))?, args.opt(at + 1)?);
        Some(Given { scale, count })
    }

    /// The unix time in milliseconds at which the key expires.
    pub(super) fn at(self, exec: &Exec<'_>, command: &str) -> Result<i64, Refused> {
        let count = Some(integer(self.count)?).filter(|count| *count > 0);
        let at = count.and_then(|count| self.scale.at(count, exec.now));
        at.ok_or_else(|| invalid_expire_time(command))
    }

    /// Whether it may follow another one: as in Redis, only as the same option again, which then
    /// counts.
    pub(super) fn may_follow(self, other: Option<Given<'_>>) -> bool {
        other.is_none_or(|other| other.scale == self.scale)
    }
}

/// When a time may be replaced; all that is asked for has to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    /// NX: only where there is none.
    pub none: bool,
    /// XX: only where there is one.
    pub some: bool,
    /// GT: only by a later one.
    pub later: bool,
    /// LT: only by an earlier one.
    pub earlier: bool,
}

impl Condition {
    /// Asks for what the option says, too. Returns whether it is one of these.
    pub(super) fn ask(&mut self, option: &[u8]) -> bool {
        let Condition {
            none,
            some,
            later,
            earlier,
        } = self;
        let known = [("nx", none), ("xx", some), ("gt", later), ("lt", earlier)];
        let found = known.into_iter().find(|(name, _)| is_word(option, name));
        found.map(|(_, asked)| *asked = true).is_some()
    }

    /// Whether a time may be replaced by this one; none counts as endless.
    pub(super) fn holds(self, old: Option<i64>, new: i64) -> bool {
        !(self.none && old.is_some()
            || self.some && old.is_none()
            || self.later && old.is_none_or(|old| new <= old)
            || self.earlier && old.is_some_and(|old| new >= old))
    }
}

/// How the conditions are described.
pub(super) const CONDITION: Argument = Argument::one_of(
    "condition",
    &[
        Argument::word("nx", "NX"),
        Argument::word("xx", "XX"),
        Argument::word("gt", "GT"),
        Argument::word("lt", "LT"),
    ],
)
.optional();

/// How the options are described, where a time may stay as it is.
pub(super) const EXPIRATION_OR_KEEPTTL: Argument =
    expiration(const { &options(Argument::word("keepttl", "KEEPTTL")) });

/// How the options are described, where a time may be removed.
pub(super) const EXPIRATION_OR_PERSIST: Argument =
    expiration(const { &options(Argument::word("persist", "PERSIST")) });

const fn expiration(options: &'static [Argument]) -> Argument {
    Argument::one_of("expiration", options).optional()
}

const fn options(last: Argument) -> [Argument; 5] {
    [
        Argument::integer("seconds").token("EX"),
        Argument::integer("milliseconds").token("PX"),
        Argument::unix_time("unix-time-seconds").token("EXAT"),
        Argument::unix_time("unix-time-milliseconds").token("PXAT"),
        last,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scale_counts_from_its_beginning_and_no_further_than_64_bits() {
        let now = Now {
            unix_us: 7_000_000,
            ..Now::default()
        };
        for (option, at) in [("Ex", 9_000), ("px", 7_002), ("EXAT", 2_000), ("pxat", 2)] {
            let scale = Scale::of(option.as_bytes()).expect("an option");
            assert_eq!(scale.at(2, now), Some(at), "{option}");
        }
        assert_eq!(Scale::of(b"keepttl"), None);
        assert_eq!(Scale::AtSeconds.at(i64::MAX / 999, now), None);
        assert_eq!(Scale::Millis.at(i64::MAX, now), None);
        assert_eq!(Scale::AtMillis.at(i64::MAX, now), Some(i64::MAX));
    }

    #[test]
    fn conditions_hold_together() {
        for (options, old, new, holds) in [
            ("", Some(5), 5, true),
            ("nx", None, 5, true),
            ("nx", Some(4), 5, false),
            ("XX", None, 5, false),
            ("xx", Some(4), 5, true),
            ("gt", None, 5, false),
            ("gt", Some(5), 5, false),
            ("gt", Some(4), 5, true),
            ("lt", None, 5, true),
            ("lt", Some(5), 5, false),
            ("lt", Some(6), 5, true),
            ("xx lt", None, 5, false),
            ("lt xx", Some(6), 5, true),
        ] {
            let mut condition = Condition::default();
            let asked = |word: &str| condition.ask(word.as_bytes());
            assert!(options.split_whitespace().all(asked));
            assert_eq!(condition.holds(old, new), holds, "{options} {old:?} {new}");
        }
        assert!(!Condition::default().ask(b"fields"));
    }
}
