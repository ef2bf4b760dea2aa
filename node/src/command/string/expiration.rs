//! The options of SET and GETEX that say when the key expires.

use crate::command::parse::{integer, invalid_expire_time};
use crate::command::{Exec, Refused};
use crate::resp::Args;

/// A time to live as it was given.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// EX
    Seconds(&'a [u8]),
    /// PX
    Millis(&'a [u8]),
    /// EXAT
    AtSeconds(&'a [u8]),
    /// PXAT
    AtMillis(&'a [u8]),
}

impl<'a> Given<'a> {
    /// The option at an index, if it is one of these and its value follows.
    pub(super) fn parse(args: &Args<'a>, at: usize) -> Option<Given<'a>> {
        let value = args.opt(at + 1)?;
        match args.get(at).to_ascii_lowercase().as_slice() {
            b"ex" => Some(Given::Seconds(value)),
            b"px" => Some(Given::Millis(value)),
            b"exat" => Some(Given::AtSeconds(value)),
            b"pxat" => Some(Given::AtMillis(value)),
            _ => None,
        }
    }

    /// The unix time in milliseconds at which the key expires.
    pub(super) fn at(self, exec: &Exec<'_>, command: &str) -> Result<i64, Refused> {
        let (text, unit, from) = match self {
            Given::Seconds(text) => (text, 1000, exec.now.unix_ms()),
            Given::Millis(text) => (text, 1, exec.now.unix_ms()),
            Given::AtSeconds(text) => (text, 1000, 0),
            Given::AtMillis(text) => (text, 1, 0),
        };
        let count = integer(text)?;
        (count > 0)
            .then(|| count.checked_mul(unit)?.checked_add(from))
            .flatten()
            .ok_or_else(|| invalid_expire_time(command))
    }

    /// Whether it may follow another one: as in Redis, only as the same option again, which then
    /// counts.
    pub(super) fn may_follow(self, other: Option<Given<'_>>) -> bool {
        let option = std::mem::discriminant::<Given<'_>>;
        other.is_none_or(|other| option(&other) == option(&self))
    }

    /// Whether it names a moment, which may have passed already.
    pub(super) fn is_moment(self) -> bool {
        matches!(self, Given::AtSeconds(_) | Given::AtMillis(_))
    }
}
