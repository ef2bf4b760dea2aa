//! What SCAN and its like share: cursor, options and reply.

use super::parse::{SYNTAX, c_text, integer};
use super::{Effect, Refused};
use crate::glob;
use crate::resp::{Args, Reply};

/// The cursor of SCAN and its like, as C's strtoul reads it: nothing is 0, and a sign is taken, but
/// no white space.
pub(super) fn cursor(text: &[u8]) -> Result<u64, Refused> {
    let text = c_text(text);
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let is_signed = digits.len() < text.len();
    let mut value = (!is_signed || !digits.is_empty()).then_some(0u64);
    for byte in digits {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
        value = value.and_then(|value| value.checked_mul(10)?.checked_add(digit?));
    }
    let value = value.map(|value| {
        if negative {
            value.wrapping_neg()
        } else {
            value
        }
    });
    value.ok_or(const { Refused::new("ERR invalid cursor") })
}

/// How many keys or elements one call of SCAN or its like looks at if not told.
const DEFAULT_COUNT: usize = 10;

/// The options of SCAN and its like.
pub(super) struct ScanOptions<'a> {
    /// What a name must match; none: all do.
    pub pattern: Option<&'a [u8]>,
    /// About how many to look at.
    pub count: usize,
    /// The name of a type.
    pub kind: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Those that begin at an argument. `typed`: with TYPE.
    pub fn parse(args: &Args<'a>, first: usize, typed: bool) -> Result<ScanOptions<'a>, Refused> {
        let mut options = ScanOptions {
            pattern: None,
            count: DEFAULT_COUNT,
            kind: None,
        };
        for at in (first..args.len()).step_by(2) {
            let value = args.opt(at + 1).ok_or(SYNTAX)?;
            if args.is(at, "count") {
                let count = usize::try_from(integer(value)?).map_err(|_| SYNTAX)?;
                options.count = if count == 0 {
                    return Err(SYNTAX);
                } else {
                    count
                };
            } else if args.is(at, "match") {
                options.pattern = (value != b"*").then_some(value);
            } else if typed && args.is(at, "type") {
                options.kind = Some(value);
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(options)
    }

    /// Whether a name matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, name, false))
    }
}

/// Answers a scan of a key that is not there.
pub(super) fn nothing(reply: &mut Reply) -> Effect {
    answer(reply, |_| (0, 0));
    Effect::None
}

/// Answers with what `show` writes: so many elements, after the cursor to go on with.
pub(super) fn answer(reply: &mut Reply, show: impl FnOnce(&mut Reply) -> (u64, usize)) {
    let start = reply.len();
    let (next, count) = show(reply);
    reply.put_before(start, |reply| {
        reply.array(2);
        reply.bulk_display(next);
        reply.array(count);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("", Some(0)),
            ("0", Some(0)),
            ("+7", Some(7)),
            ("007", Some(7)),
            ("7\0x", Some(7)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-", None),
            (" 1", None),
            ("1 ", None),
            ("0x1", None),
            ("1.5", None),
        ] {
            assert_eq!(cursor(text.as_bytes()).ok(), expected, "{text:?}");
        }
    }
}
