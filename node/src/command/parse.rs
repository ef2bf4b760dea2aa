//! Arguments as numbers, and the refusals that many commands share.

use super::Refused;
use super::long_double::LongDouble;
use crate::data::Partition;
use crate::resp::Args;
use crate::resp::number::parse_integer;
use crate::time::Now;

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

/// The number of a database that a client names: Redis reads it into 32 bits.
pub(super) fn database_number(text: &[u8]) -> Result<i32, Refused> {
    i32::try_from(integer(text)?).map_err(|_| {
        Refused::new("ERR value is out of range, value must between -2147483648 and 2147483647")
    })
}

/// The database of that number, if it exists.
pub(super) fn database(data: &Partition, number: i32) -> Result<usize, Refused> {
    usize::try_from(number)
        .ok()
        .filter(|database| *database < data.databases())
        .ok_or(const { Refused::new("ERR DB index is out of range") })
}

/// What C takes for the text: up to a zero byte. Redis reads a few kinds of numbers so.
pub(super) fn c_text(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A word that says what is wanted, in lower case. As in Redis, what follows a zero byte does not count.
pub(super) fn lower(word: &[u8]) -> Vec<u8> {
    c_text(word).to_ascii_lowercase()
}

/// A number as C's strtod reads it as a whole, white space in front of it and nothing at all (0)
/// included, but no NaN. What is too large is infinite.
pub(super) fn c_double(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii_start();
    if text.is_empty() {
        return Some(0.0);
    }
    let digits = text
        .strip_prefix(b"-")
        .or(text.strip_prefix(b"+"))
        .unwrap_or(text);
    if let [b'0', b'x' | b'X', rest @ ..] = digits {
        let value = hexadecimal(rest)?;
        return Some(if text[0] == b'-' { -value } else { value });
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// A hexadecimal number with or without a fraction and an exponent of two.
fn hexadecimal(text: &[u8]) -> Option<f64> {
    let (digits, exponent) = match text.iter().position(|byte| matches!(byte, b'p' | b'P')) {
        Some(at) => {
            let exponent = &text[at + 1..];
            let exponent = exponent.strip_prefix(b"+").unwrap_or(exponent);
            (
                &text[..at],
                std::str::from_utf8(exponent).ok()?.parse::<i32>().ok()?,
            )
        }
        None => (text, 0),
    };
    let (mut value, mut places, mut point, mut any) = (0.0f64, 0i32, false, false);
    for byte in digits {
        if *byte == b'.' && !point {
            point = true;
            continue;
        }
        let digit = char::from(*byte).to_digit(16)?;
        value = value * 16.0 + f64::from(digit);
        places += i32::from(point);
        any = true;
    }
    any.then(|| value * f64::from(exponent.saturating_sub(places.saturating_mul(4))).exp2())
}

/// A number with a fraction, or an infinity; no white space, and nothing that is out of the range
/// of doubles.
pub(super) fn double(text: &[u8]) -> Result<f64, Refused> {
    let begins = text.first().is_some_and(|byte| !byte.is_ascii_whitespace());
    let value = c_double_in_range(text).filter(|_| begins);
    value.ok_or(NOT_A_FLOAT)
}

/// As [`c_double`], but nothing that is out of the range of doubles.
pub(super) fn c_double_in_range(text: &[u8]) -> Option<f64> {
    let value = c_double(text)?;
    let has = |text: &[u8], digit: fn(u8) -> bool| text.iter().any(|byte| digit(*byte));
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next();
    let too_large = value.is_infinite() && !has(text, |byte| matches!(byte, b'n' | b'N'));
    let too_small =
        value == 0.0 && mantissa.is_some_and(|it| has(it, |byte| matches!(byte, b'1'..=b'9')));
    (!too_large && !too_small).then_some(value)
}

/// A timeout in milliseconds.
pub(super) fn timeout_millis(text: &[u8]) -> Result<u64, Refused> {
    let millis = parse_integer(text)
        .ok_or(const { Refused::new("ERR timeout is not an integer or out of range") })?;
    u64::try_from(millis).map_err(|_| Refused::new("ERR timeout is negative"))
}

/// Until when a command may wait, in monotonic milliseconds, by a timeout in seconds; none: without
/// an end.
pub(super) fn deadline_after_seconds(text: &[u8], now: Now) -> Result<Option<u64>, Refused> {
    let seconds = LongDouble::parse(text)
        .ok_or(const { Refused::new("ERR timeout is not a float or out of range") })?;
    let millis = seconds.thousandfold_up().ok_or(TIMEOUT_TOO_LONG)?;
    let millis = u64::try_from(millis).map_err(|_| Refused::new("ERR timeout is negative"))?;
    deadline(millis, now)
}

/// Until when a command may wait, in monotonic milliseconds, by a timeout in milliseconds; none
/// (of 0): without an end.
pub(super) fn deadline(millis: u64, now: Now) -> Result<Option<u64>, Refused> {
    let left = i64::MAX - now.unix_ms().clamp(0, i64::MAX);
    if millis > left.cast_unsigned() {
        return Err(TIMEOUT_TOO_LONG);
    }
    Ok((millis > 0).then(|| now.mono_ms().saturating_add(millis)))
}

const TIMEOUT_TOO_LONG: Refused = Refused::new("ERR timeout is out of range");

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
        shown(name)
    ))
}

/// A name for a text: bytes that are no UTF-8 are replaced.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What an error's text shows of an argument: as in Redis, what is before a zero byte.
pub(super) fn shown(argument: &[u8]) -> String {
    lossy(c_text(argument))
}

/// Copies of the arguments from an index on.
pub(super) fn rest(args: &Args<'_>, from: usize) -> Vec<Vec<u8>> {
    args.from(from).map(<[u8]>::to_vec).collect()
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
