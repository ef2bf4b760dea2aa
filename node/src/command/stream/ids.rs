//! Ids of messages: as text, and as others write them.

use slotkeeper_tree::StreamId;

use crate::command::Refused;
use crate::command::parse::c_text;

/// The refusal of what is no id.
pub(super) const INVALID: Refused =
    Refused::new("ERR Invalid stream ID specified as stream command argument");

/// A longer text is no id.
const TEXT_MAX: usize = 127;

/// What counts of a text that may be an id.
fn counting(text: &[u8]) -> Result<&[u8], Refused> {
    if text.len() > TEXT_MAX {
        return Err(INVALID);
    }
    Ok(c_text(text))
}

/// An id, or a time alone: its messages from the first one on.
pub(super) fn id(text: &[u8]) -> Result<StreamId, Refused> {
    let (ms, seq) = parts(text)?;
    Ok(StreamId {
        ms,
        seq: seq.unwrap_or(0),
    })
}

/// The time of an id, and its number if there is one.
pub(super) fn parts(text: &[u8]) -> Result<(u64, Option<u64>), Refused> {
    let text = counting(text)?;
    let mut parts = text.splitn(2, |byte| *byte == b'-');
    let ms = parts.next().and_then(number).ok_or(INVALID)?;
    let seq = parts.next().map(|seq| number(seq).ok_or(INVALID));
    Ok((ms, seq.transpose()?))
}

/// The first or the last id of a range: `-`, `+`, an id, or `(` and an id, which is not in it then. A
/// time alone stands for its first message where the range begins, and its last one where it ends.
pub(super) fn bound(text: &[u8], is_end: bool) -> Result<StreamId, Refused> {
    let (text, excluded) = match text.strip_prefix(b"(") {
        Some(rest) if text.len() > 1 => (rest, true),
        _ => (text, false),
    };
    let missing = if is_end { u64::MAX } else { 0 };
    let id = match counting(text)? {
        // What is not in the range must be an id.
        b"-" | b"+" if excluded => return Err(INVALID),
        b"-" => StreamId::MIN,
        b"+" => StreamId::MAX,
        text => {
            let (ms, seq) = parts(text)?;
            let seq = seq.unwrap_or(missing);
            StreamId { ms, seq }
        }
    };
    if !excluded {
        return Ok(id);
    }
    if is_end {
        let refused = Refused::new("ERR invalid end ID for the interval");
        id.previous().ok_or(refused)
    } else {
        let refused = Refused::new("ERR invalid start ID for the interval");
        id.next().ok_or(refused)
    }
}

/// A number as C's strtoull reads it as a whole, but no negative one.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// The text of an id.
pub(super) struct IdText {
    bytes: [u8; 41],
    start: usize,
}

impl IdText {
    pub(super) fn new(id: StreamId) -> IdText {
        let mut text = IdText {
            bytes: [b'-'; 41],
            start: 41,
        };
        text.prepend(id.seq);
        text.start -= 1;
        text.prepend(id.ms);
        text
    }

    fn prepend(&mut self, mut number: u64) {
        loop {
            self.start -= 1;
            self.bytes[self.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return;
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        self.bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn of(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        for (text, parsed) in [
            ("1-2", Some(of(1, 2))),
            ("7", Some(of(7, 0))),
            ("0-0", Some(of(0, 0))),
            ("007-08", Some(of(7, 8))),
            (
                "18446744073709551615-18446744073709551615",
                Some(StreamId::MAX),
            ),
            ("18446744073709551616-0", None),
            ("", None),
            ("-", None),
            ("+", None),
            ("1-", None),
            ("-1", None),
            ("1-2-3", None),
            ("1-x", None),
            ("1-*", None),
            ("$", None),
            // What follows a zero byte does not count.
            ("1-2\0x", Some(of(1, 2))),
            ("7\0-9", Some(of(7, 0))),
            ("\x007", None),
        ] {
            assert_eq!(id(text.as_bytes()).ok(), parsed, "{text}");
        }
        assert!(id(&[b'0'; 127]).is_ok() && id(&[b'0'; 128]).is_err());
    }

    #[test]
    fn bounds_may_be_open() {
        for (text, start, end) in [
            ("-", Some(of(0, 0)), Some(of(0, 0))),
            ("+", Some(StreamId::MAX), Some(StreamId::MAX)),
            ("5", Some(of(5, 0)), Some(of(5, u64::MAX))),
            ("5-1", Some(of(5, 1)), Some(of(5, 1))),
            ("(5-1", Some(of(5, 2)), Some(of(5, 0))),
            ("(5", Some(of(5, 1)), Some(of(5, u64::MAX - 1))),
            ("(0-0", Some(of(0, 1)), None),
            (
                "(18446744073709551615-18446744073709551615",
                None,
                Some(of(u64::MAX, u64::MAX - 1)),
            ),
            ("(", None, None),
            ("(-", None, None),
            ("(+", None, None),
            ("x", None, None),
        ] {
            assert_eq!(bound(text.as_bytes(), false).ok(), start, "{text}");
            assert_eq!(bound(text.as_bytes(), true).ok(), end, "{text}");
        }
    }

    #[test]
    fn texts_are_read_back() {
        for one in [
            of(0, 0),
            of(1, 10),
            of(1_700_000_000_000, 99),
            StreamId::MAX,
        ] {
            assert_eq!(id(IdText::new(one).bytes()), Ok(one));
            assert_eq!(
                IdText::new(one).to_vec(),
                format!("{}-{}", one.ms, one.seq).into_bytes()
            );
        }
    }
}
