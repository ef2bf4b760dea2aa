//! Arguments as numbers, and the refusals that many commands share.

use super::Refused;
use crate::resp::Args;
use crate::resp::number::parse_integer;

pub(super) const SYNTAX: Refused = Refused::new("ERR syntax error");
pub(super) const NOT_AN_INTEGER: Refused =
    Refused::new("ERR value is not an integer or out of range");
/// The least 64-bit number, where its opposite has to be one, too.
pub(super) const NO_OPPOSITE: Refused = Refused::new(
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);
pub(super) const NOT_A_FLOAT: Refused = Refused::new("ERR value is not a valid float");
pub(super) const NO_SUCH_KEY: Refused = Refused::new("ERR no such key");
pub(super) const OFFSET_OUT_OF_RANGE: Refused = Refused::new("ERR offset is out of range");
pub(super) const STRING_TOO_LONG: Refused =
    Refused::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

/// A whole number.
pub(super) fn integer(text: &[u8]) -> Result<i64, Refused> {
    parse_integer(text).ok_or(NOT_AN_INTEGER)
}

/// A timeout in milliseconds.
pub(super) fn timeout_millis(text: &[u8]) -> Result<u64, Refused> {
    let millis = parse_integer(text)
        .ok_or(const { Refused::new("ERR timeout is not an integer or out of range") })?;
    u64::try_from(millis).map_err(|_| Refused::new("ERR timeout is negative"))
}

/// The refusal of a time to live that no clock can hold.
#[cold]
pub(super) fn invalid_expire_time(command: &str) -> Refused {
    Refused::text(format!("ERR invalid expire time in '{command}' command"))
}

/// The refusal of a subcommand that has too many arguments, or a mode that it does not know.
#[cold]
pub(super) fn bad_subcommand(name: &[u8], container: &str) -> Refused {
    Refused::text(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try {container} HELP.",
        lossy(name)
    ))
}

/// A name for a text: bytes that are no UTF-8 are replaced.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Copies of the arguments from an index on.
pub(super) fn rest(args: &Args<'_>, from: usize) -> Vec<Vec<u8>> {
    args.from(from).map(<[u8]>::to_vec).collect()
}

/// Whether a word is this one, whatever its case.
pub(super) fn is(word: &[u8], wanted: &str) -> bool {
    word.eq_ignore_ascii_case(wanted.as_bytes())
}

/// How many keys follow an argument that says it.
pub(super) fn numkeys(args: &Args<'_>, index: usize) -> Result<usize, Refused> {
    let count = parse_integer(args.get(index)).and_then(|count| usize::try_from(count).ok());
    let count = count
        .filter(|count| *count > 0)
        .ok_or(const { Refused::new("ERR numkeys should be greater than 0") })?;
    if count >= args.len() - index {
        return Err(Refused::new(
            "ERR Number of keys can't be greater than number of args",
        ));
    }
    Ok(count)
}
