//! Replies.

mod parts;

pub use self::parts::Piece;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;

use self::parts::Part;
use super::number::{DoubleText, push_integer};

/// The bytes of replies, appended one after the other; reused between calls. Long ones lie in parts,
/// so that they grow without being copied and leave as they are.
#[derive(Debug, Default)]
pub struct Reply {
    /// All of them, or the part that grows.
    bytes: Vec<u8>,
    /// What is before that, in order; empty but for long replies.
    full: Vec<Part>,
    /// How many bytes that is.
    before: usize,
    resp3: bool,
}

impl Reply {
    /// An empty one, for RESP2.
    #[must_use]
    pub fn new() -> Reply {
        Reply::default()
    }

    /// From now on RESP3, or RESP2.
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    /// Whether what follows is RESP3.
    #[must_use]
    pub fn resp3(&self) -> bool {
        self.resp3
    }

    /// All bytes so far; copied together if they are many.
    #[must_use]
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        if self.full.is_empty() {
            Cow::Borrowed(&self.bytes)
        } else {
            Cow::Owned(self.joined(0))
        }
    }

    /// The text of the error that begins there, if an error begins there.
    #[must_use]
    #[inline]
    pub fn error_at(&self, start: usize) -> Option<&[u8]> {
        // No error is in parts.
        match self.bytes.get(start.wrapping_sub(self.before)..)? {
            [b'-', text @ ..] => Some(text),
            _ => None,
        }
    }

    /// How many bytes so far.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.before + self.bytes.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all bytes and keeps the memory, if that is not much.
    pub fn clear(&mut self) {
        if !self.full.is_empty() {
            self.forget_parts();
        }
        self.bytes.clear();
        self.bytes.shrink_to(parts::KEPT_MAX);
    }

    /// Forgets the bytes from `len` on.
    pub fn truncate(&mut self, len: usize) {
        while len < self.before
            && let Some(part) = self.full.pop()
        {
            (self.before, self.bytes) = part.into_parts();
        }
        self.bytes.truncate(len - self.before);
    }

    /// Takes the bytes out; copied together if they are many.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        if self.full.is_empty() {
            return std::mem::take(&mut self.bytes);
        }
        let bytes = self.joined(0);
        self.clear();
        bytes
    }

    /// Bytes that are a reply already, or a part of one.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A simple string; it must not hold a line break.
    pub fn simple(&mut self, text: &str) {
        debug_assert!(!text.contains(['\r', '\n']), "a line break in {text:?}");
        self.bytes.push(b'+');
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// An error: its code, then its text, without the `-`. Line breaks become spaces.
    pub fn error(&mut self, text: &str) {
        self.bytes.push(b'-');
        let one_line = text.bytes().map(|byte| match byte {
            b'\r' | b'\n' => b' ',
            byte => byte,
        });
        self.bytes.extend(one_line);
        self.raw(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match value {
            0..10 => self.raw(&[b':', b'0' + value as u8, b'\r', b'\n']),
            _ => self.header(b':', value),
        }
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len() + 24);
        // Most are short: their headers have a fixed size.
        let digit = |number: usize| b'0' + (number % 10) as u8;
        match bytes.len() {
            len @ 0..10 => self.raw(&[b'$', digit(len), b'\r', b'\n']),
            len @ 10..100 => self.raw(&[b'$', digit(len / 10), digit(len), b'\r', b'\n']),
            len => self.header(b'$', len as i64),
        }
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// A bulk string that is not copied if it is long.
    pub fn long_bulk(&mut self, bytes: Vec<u8>) {
        if !parts::is_long(bytes.len()) {
            return self.bulk(&bytes);
        }
        self.header(b'$', bytes.len() as i64);
        self.adopt(bytes);
        self.raw(b"\r\n");
    }

    /// All of another reply; not copied if it is long.
    pub fn append(&mut self, other: Reply) {
        if other.full.is_empty() && !parts::is_long(other.bytes.len()) {
            return self.raw(&other.bytes);
        }
        for part in other.full {
            self.adopt(part.into_parts().1);
        }
        self.adopt(other.bytes);
    }

    /// A bulk string of what the value displays.
    pub fn bulk_display(&mut self, value: impl Display) {
        let start = self.bytes.len();
        write!(self.bytes, "{value}").expect("a vector takes all bytes");
        let length = self.bytes.len() - start;
        self.header(b'$', length as i64);
        self.bytes[start..].rotate_left(length);
        self.raw(b"\r\n");
    }

    /// Puts what `head` writes before all that was written from `start` on: the count of what could
    /// not be counted before it was written.
    pub fn put_before(&mut self, start: usize, head: impl FnOnce(&mut Reply)) {
        let end = self.len();
        head(self);
        let len = self.len() - end;
        match start.checked_sub(self.before) {
            Some(from) => self.bytes[from..].rotate_right(len),
            None => self.move_into_part(start, end),
        }
    }

    /// The missing value.
    pub fn null(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// The missing value where an array was expected (RESP2 tells the two apart).
    pub fn null_array(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// An array; that many elements follow.
    pub fn array(&mut self, elements: usize) {
        self.header(b'*', elements as i64);
    }

    /// A map; that many pairs follow. RESP2: an array of twice as many elements.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3 {
            self.header(b'%', pairs as i64);
        } else {
            self.array(pairs * 2);
        }
    }

    /// A set; that many elements follow. RESP2: an array.
    pub fn set(&mut self, elements: usize) {
        self.header(if self.resp3 { b'~' } else { b'*' }, elements as i64);
    }

    /// A push; that many elements follow. RESP2: an array.
    pub fn push(&mut self, elements: usize) {
        self.header(if self.resp3 { b'>' } else { b'*' }, elements as i64);
    }

    /// A double. RESP2: a bulk string.
    pub fn double(&mut self, value: f64) {
        let text = DoubleText::new(value);
        if self.resp3 {
            self.bytes.push(b',');
            self.raw(text.as_bytes());
            self.raw(b"\r\n");
        } else {
            self.bulk(text.as_bytes());
        }
    }

    /// A truth value. RESP2: 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        if self.resp3 {
            self.raw(if value { b"#t\r\n" } else { b"#f\r\n" });
        } else {
            self.integer(i64::from(value));
        }
    }

    /// A text to be shown as it is. RESP2: a bulk string.
    pub fn verbatim(&mut self, text: &str) {
        if self.resp3 {
            self.header(b'=', text.len() as i64 + 4);
            self.raw(b"txt:");
            self.raw(text.as_bytes());
            self.raw(b"\r\n");
        } else {
            self.bulk(text.as_bytes());
        }
    }

    fn header(&mut self, kind: u8, number: i64) {
        self.bytes.push(kind);
        push_integer(&mut self.bytes, number);
        self.raw(b"\r\n");
    }
}

impl From<Vec<u8>> for Reply {
    /// These bytes, for RESP2.
    fn from(bytes: Vec<u8>) -> Reply {
        Reply {
            bytes,
            ..Reply::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(resp3: bool, write: impl FnOnce(&mut Reply)) -> String {
        let mut reply = Reply::new();
        reply.set_resp3(resp3);
        write(&mut reply);
        String::from_utf8(reply.take()).unwrap()
    }

    #[test]
    fn writes_both_protocols() {
        type Case = (fn(&mut Reply), &'static str, &'static str);
        let cases: [Case; 12] = [
            (Reply::ok, "+OK\r\n", "+OK\r\n"),
            (|r| r.integer(-12), ":-12\r\n", ":-12\r\n"),
            (|r| r.bulk(b"ab"), "$2\r\nab\r\n", "$2\r\nab\r\n"),
            (Reply::null, "$-1\r\n", "_\r\n"),
            (Reply::null_array, "*-1\r\n", "_\r\n"),
            (|r| r.map(2), "*4\r\n", "%2\r\n"),
            (|r| r.set(2), "*2\r\n", "~2\r\n"),
            (|r| r.push(2), "*2\r\n", ">2\r\n"),
            (|r| r.double(2.5), "$3\r\n2.5\r\n", ",2.5\r\n"),
            (|r| r.boolean(true), ":1\r\n", "#t\r\n"),
            (|r| r.verbatim("ab"), "$2\r\nab\r\n", "=6\r\ntxt:ab\r\n"),
            (|r| r.bulk_display(1234), "$4\r\n1234\r\n", "$4\r\n1234\r\n"),
        ];
        for (write, resp2, resp3) in cases {
            assert_eq!(written(false, write), resp2);
            assert_eq!(written(true, write), resp3);
        }
    }

    #[test]
    fn an_error_stays_on_one_line() {
        assert_eq!(written(false, |r| r.error("ERR a\r\nb")), "-ERR a  b\r\n");
    }
}
