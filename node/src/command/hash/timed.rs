//! What the commands for fields with a time share: their arguments, and what replicas get of them.
//!
//! Replicas get times as such, and no command that is younger than field times: HPEXPIREAT, HPERSIST,
//! HSET and HDEL.

use std::ops::Range;

use crate::command::expiry::Scale;
use crate::command::parse::{integer, invalid_expire_time};
use crate::command::{Exec, Refused};
use crate::data::Key;
use crate::resp::number::{Decimal, parse_integer};
use crate::resp::{Args, is_word};
use crate::spec::Argument;

/// Times are at most this, in unix milliseconds, as in Redis.
const LATEST: i64 = (1 << 46) - 1;

/// The refusal of FIELDS without a count.
pub(super) const NO_COUNT: Refused =
    Refused::new("ERR Number of fields must be a positive integer");

/// How the last arguments are described.
pub(super) const FIELDS: Argument = Argument::block(
    "fields",
    &[
        Argument::integer("numfields"),
        Argument::string("field").multiple(),
    ],
)
.token("FIELDS");

/// Where the fields are: behind FIELDS and their count at that index, to the end.
pub(super) fn fields(
    args: &Args<'_>,
    at: usize,
    no_count: Refused,
) -> Result<Range<usize>, Refused> {
    if !args.opt(at).is_some_and(|word| is_word(word, "fields")) {
        return Err(Refused::new(
            "ERR Mandatory argument FIELDS is missing or not at the right position",
        ));
    }
    let count = args.opt(at + 1).and_then(parse_integer);
    let count = count.and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0).ok_or(no_count)?;
    if count != args.len() - at - 2 {
        return Err(Refused::new(
            "ERR The `numfields` parameter must match the number of arguments",
        ));
    }
    Ok(at + 2..args.len())
}

/// Refuses a key of another type, as Redis does before it looks at other arguments.
pub(super) fn check_type(exec: &mut Exec<'_>, key: &Key<'_>) -> Result<(), Refused> {
    let entry = exec.data.peek(exec.session.db, key);
    entry.map(|entry| entry.as_hash()).transpose()?;
    Ok(())
}

/// The time of a field as it was given to a command, in unix milliseconds.
pub(super) fn time(
    exec: &Exec<'_>,
    scale: Scale,
    count: &[u8],
    command: &str,
) -> Result<i64, Refused> {
    let count = integer(count)?;
    if count < 0 {
        return Err(Refused::new("ERR invalid expire time, must be >= 0"));
    }
    let at = scale.at(count, exec.now).filter(|at| *at <= LATEST);
    at.ok_or_else(|| invalid_expire_time(command))
}

/// Whether a field with that time goes at once: on a replica, only its master says so.
pub(super) fn is_past(exec: &Exec<'_>, at: i64) -> bool {
    at <= exec.now.unix_ms() && !exec.node.is_replica
}

/// The command of these words and fields.
pub(super) fn command(words: &[&[u8]], fields: &[&[u8]]) -> Vec<Vec<u8>> {
    let all = words.iter().chain(fields);
    all.map(|word| word.to_vec()).collect()
}

/// HDEL.
pub(super) fn hdel(key: &Key<'_>, fields: &[&[u8]]) -> Vec<Vec<u8>> {
    command(&[b"HDEL", key.bytes], fields)
}

/// HPEXPIREAT.
pub(super) fn hpexpireat(key: &Key<'_>, at: i64, fields: &[&[u8]]) -> Vec<Vec<u8>> {
    let (at, count) = (Decimal::new(at), Decimal::new(fields.len() as i64));
    let words: [&[u8]; 5] = [
        b"HPEXPIREAT",
        key.bytes,
        at.as_bytes(),
        b"FIELDS",
        count.as_bytes(),
    ];
    command(&words, fields)
}
