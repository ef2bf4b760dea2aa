//! Reads and writes the values of directives. The error texts are Redis's, since clients match on
//! them.

use std::fmt::Display;
use std::str;

use thiserror::Error;

use crate::resp::number::parse_integer;

/// Why a value was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Invalid(pub(super) String);

/// More or fewer words than the directive takes.
pub(super) fn wrong_count() -> Invalid {
    Invalid("wrong number of arguments".to_owned())
}

pub(super) fn yes_no(word: &[u8]) -> Result<bool, Invalid> {
    match word.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(true),
        b"no" => Ok(false),
        _ => Err(Invalid("argument must be 'yes' or 'no'".to_owned())),
    }
}

pub(super) fn number(word: &[u8], min: i64, max: i64) -> Result<i64, Invalid> {
    let number = parse_integer(word)
        .ok_or_else(|| Invalid("argument couldn't be parsed into an integer".to_owned()))?;
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(not_between(min, max))
}

/// The refusal of a number.
pub(super) fn not_between(min: impl Display, max: impl Display) -> Invalid {
    Invalid(format!(
        "argument must be between {min} and {max} inclusive"
    ))
}

/// The units of memory sizes: those with a `b` count by 1024.
const UNITS: [(&str, u64); 8] = [
    ("b", 1),
    ("k", 1000),
    ("kb", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
    ("", 1),
];

/// Bytes, with or without a unit.
pub(super) fn memory(word: &[u8]) -> Result<u64, Invalid> {
    let digits = word.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, unit) = word.split_at(digits);
    let factor = UNITS
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(unit))
        .map(|(_, factor)| *factor);
    let number = str::from_utf8(digits)
        .ok()
        .and_then(|d| d.parse::<u64>().ok());
    factor
        .zip(number)
        .and_then(|(factor, number)| number.checked_mul(factor))
        .ok_or_else(|| Invalid("argument must be a memory value".to_owned()))
}

/// Bytes in the largest unit that divides them.
pub(super) fn with_unit(bytes: u64) -> String {
    for (name, factor) in [("gb", 1u64 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes.is_multiple_of(factor) {
            return format!("{}{name}", bytes / factor);
        }
    }
    bytes.to_string()
}

pub(super) fn text(word: &[u8]) -> Result<String, Invalid> {
    match str::from_utf8(word) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(Invalid("argument must be text in UTF-8".to_owned())),
    }
}

pub(super) fn texts(words: &[Vec<u8>]) -> Result<Vec<String>, Invalid> {
    let given = words.iter().filter(|word| !word.is_empty());
    given.map(|word| text(word)).collect()
}

/// The words of a value that holds several.
pub(super) fn spaced(value: &[u8]) -> Vec<Vec<u8>> {
    let words = value.split(u8::is_ascii_whitespace);
    words
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// The place of a word among those known.
pub(super) fn word(word: &[u8], known: &[&str]) -> Result<usize, Invalid> {
    known
        .iter()
        .position(|name| name.as_bytes().eq_ignore_ascii_case(word))
        .ok_or_else(|| {
            Invalid(format!(
                "argument(s) must be one of the following: {}",
                known.join(", ")
            ))
        })
}

/// The value in double quotes, everything that is not printable ASCII escaped.
pub(super) fn quote(value: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in value {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::split_words;

    #[test]
    fn memory_has_units() {
        let cases = [
            ("0", 0),
            ("17", 17),
            ("1k", 1000),
            ("1KB", 1024),
            ("2mb", 2 << 20),
            ("3M", 3_000_000),
            ("1gb", 1 << 30),
            ("5b", 5),
        ];
        for (word, bytes) in cases {
            assert_eq!(memory(word.as_bytes()), Ok(bytes), "{word}");
        }
        for word in [
            "",
            "-1",
            "1xb",
            "kb",
            "1 kb",
            "99999999999999999999",
            "99999999999gb",
        ] {
            assert!(memory(word.as_bytes()).is_err(), "{word}");
        }
        assert_eq!(with_unit(16 << 10), "16kb");
        assert_eq!(with_unit(0), "0");
        assert_eq!(with_unit(1500), "1500");
    }

    #[test]
    fn quoted_values_are_read_back() {
        let value: Vec<u8> = (0..=255).collect();
        let line = format!("requirepass {}", quote(&value));
        assert_eq!(split_words(line.as_bytes()).unwrap()[1], value);
    }

    #[test]
    fn numbers_are_whole_and_within_limits() {
        assert_eq!(number(b"5", 0, 10), Ok(5));
        for word in ["", "10k", "1.5", " 1", "11", "-1", "99999999999999999999"] {
            assert!(number(word.as_bytes(), 0, 10).is_err(), "{word}");
        }
    }
}
