//! Replies of other servers, for links where we are the client.

use thiserror::Error;

use super::number::parse_integer;

/// The longest line of a reply, in bytes.
const LINE_MAX: usize = 64 * 1024;
/// How deep arrays may nest.
const DEPTH_MAX: usize = 16;

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyValue {
    /// `+`.
    Simple(Vec<u8>),
    /// `-`: code and text.
    Error(Vec<u8>),
    /// `:`.
    Integer(i64),
    /// `$`, `=`.
    Bulk(Vec<u8>),
    /// The missing value of either protocol.
    Null,
    /// `*`, `~`, `>`, and `%` as keys and values in turn.
    Array(Vec<ReplyValue>),
}

impl ReplyValue {
    /// The text of a simple or bulk string.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            ReplyValue::Simple(text) | ReplyValue::Bulk(text) => Some(text),
            _ => None,
        }
    }
}

/// The other side does not speak the protocol, or sends more than it was expected to.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ReplySyntax {
    /// No type of reply begins with this byte.
    #[error("a reply cannot begin with byte {0:#04x}")]
    Kind(u8),
    /// What a line has is not a number.
    #[error("a reply has an invalid number")]
    Number,
    /// Longer than the bound, or nested too deep.
    #[error("a reply is too long or nested too deep")]
    TooBig,
}

/// Reads replies as their bytes arrive.
#[derive(Debug)]
pub struct ReplyParser {
    buffer: Vec<u8>,
    /// So much of it was given out.
    done: usize,
    /// The next reply is not complete before so many bytes follow.
    needed: usize,
    max: usize,
}

impl ReplyParser {
    /// For a connection that sends replies of at most `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> ReplyParser {
        ReplyParser {
            buffer: Vec::new(),
            done: 0,
            needed: 0,
            max,
        }
    }

    /// Takes bytes that arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.done));
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes were fed and not given out.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.buffer.len() - self.done
    }

    /// The next reply, once it is complete. Empty lines between replies are skipped: masters send
    /// them to keep a link alive. Named like an iterator's, but it fails.
    #[expect(clippy::should_implement_trait, reason = "it may give None, then Some")]
    pub fn next(&mut self) -> Result<Option<ReplyValue>, ReplySyntax> {
        if self.needed == 0 {
            let blank = self.buffer[self.done..]
                .iter()
                .take_while(|byte| **byte == b'\n');
            self.done += blank.count();
        }
        let unread = &self.buffer[self.done..];
        if unread.is_empty() || unread.len() < self.needed {
            return Ok(None);
        }
        let mut reader = Reader {
            bytes: unread,
            at: 0,
            needed: 0,
        };
        match reader.value(0)? {
            Some(value) => {
                self.done += reader.at;
                self.needed = 0;
                Ok(Some(value))
            }
            None if unread.len().max(reader.needed) > self.max => Err(ReplySyntax::TooBig),
            None => {
                self.needed = reader.needed.max(unread.len() + 1);
                Ok(None)
            }
        }
    }

    /// The bytes behind the last reply: what follows is not a reply (a stream, a payload).
    #[must_use]
    pub fn take_rest(&mut self) -> Vec<u8> {
        self.needed = 0;
        self.buffer.drain(..std::mem::take(&mut self.done));
        std::mem::take(&mut self.buffer)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    needed: usize,
}

impl Reader<'_> {
    /// None: incomplete.
    fn value(&mut self, depth: usize) -> Result<Option<ReplyValue>, ReplySyntax> {
        if depth > DEPTH_MAX {
            return Err(ReplySyntax::TooBig);
        }
        let Some(line) = self.line()? else {
            return Ok(None);
        };
        let Some((&kind, rest)) = line.split_first() else {
            return Err(ReplySyntax::Kind(b'\r'));
        };
        let rest = rest.to_vec();
        Ok(match kind {
            b'+' | b',' | b'(' | b'#' => Some(ReplyValue::Simple(rest)),
            b'-' => Some(ReplyValue::Error(rest)),
            b':' => Some(ReplyValue::Integer(number(&rest)?)),
            b'_' => Some(ReplyValue::Null),
            b'$' | b'=' => self.bulk(number(&rest)?)?,
            b'*' | b'~' | b'>' => self.array(number(&rest)?, depth)?,
            b'%' => self.array(number(&rest)?.saturating_mul(2), depth)?,
            kind => return Err(ReplySyntax::Kind(kind)),
        })
    }

    fn line(&mut self) -> Result<Option<&[u8]>, ReplySyntax> {
        let rest = &self.bytes[self.at..];
        match rest.iter().take(LINE_MAX).position(|byte| *byte == b'\n') {
            Some(end) => {
                self.at += end + 1;
                let line = &rest[..end];
                Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
            }
            None if rest.len() >= LINE_MAX => Err(ReplySyntax::TooBig),
            None => Ok(None),
        }
    }

    fn bulk(&mut self, len: i64) -> Result<Option<ReplyValue>, ReplySyntax> {
        if len == -1 {
            return Ok(Some(ReplyValue::Null));
        }
        let len = usize::try_from(len).map_err(|_| ReplySyntax::Number)?;
        let end = self.at.checked_add(len).ok_or(ReplySyntax::Number)?;
        if self.bytes.len() < end.saturating_add(2) {
            self.needed = end.saturating_add(2);
            return Ok(None);
        }
        let bytes = self.bytes[self.at..end].to_vec();
        self.at = end + 2;
        Ok(Some(ReplyValue::Bulk(bytes)))
    }

    fn array(&mut self, len: i64, depth: usize) -> Result<Option<ReplyValue>, ReplySyntax> {
        if len == -1 {
            return Ok(Some(ReplyValue::Null));
        }
        let len = usize::try_from(len).map_err(|_| ReplySyntax::Number)?;
        let mut values = Vec::new();
        for _ in 0..len {
            match self.value(depth + 1)? {
                Some(value) => values.push(value),
                None => return Ok(None),
            }
        }
        Ok(Some(ReplyValue::Array(values)))
    }
}

fn number(text: &[u8]) -> Result<i64, ReplySyntax> {
    parse_integer(text).ok_or(ReplySyntax::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Result<Vec<ReplyValue>, ReplySyntax> {
        let mut parser = ReplyParser::new(1 << 20);
        let mut values = Vec::new();
        for piece in pieces {
            parser.feed(piece);
            while let Some(value) = parser.next()? {
                values.push(value);
            }
        }
        Ok(values)
    }

    const INPUT: &[u8] =
        b"\n+OK\r\n-ERR no\r\n:12\r\n$2\r\nab\r\n$-1\r\n\n*2\r\n*1\r\n:1\r\n$0\r\n\r\n%1\r\n+a\r\n_\r\n";

    #[test]
    fn reads_every_kind_at_any_split() {
        let whole = all(&[INPUT]).unwrap();
        assert_eq!(whole.len(), 7);
        assert_eq!(whole[3].text(), Some(&b"ab"[..]));
        assert_eq!(
            whole[5],
            ReplyValue::Array(vec![
                ReplyValue::Array(vec![ReplyValue::Integer(1)]),
                ReplyValue::Bulk(Vec::new()),
            ])
        );
        for cut in 0..INPUT.len() {
            assert_eq!(all(&[&INPUT[..cut], &INPUT[cut..]]).unwrap(), whole);
        }
        let bytes: Vec<&[u8]> = INPUT.chunks(1).collect();
        assert_eq!(all(&bytes).unwrap(), whole);
    }

    #[test]
    fn leaves_what_follows() {
        let mut parser = ReplyParser::new(1000);
        parser.feed(b"+FULLRESYNC x 1\r\n$5\r\nREDIS");
        assert!(matches!(parser.next(), Ok(Some(ReplyValue::Simple(_)))));
        assert_eq!(parser.take_rest(), b"$5\r\nREDIS");
    }

    #[test]
    fn refuses_what_is_no_reply_or_too_long() {
        assert_eq!(all(&[b"?x\r\n"]), Err(ReplySyntax::Kind(b'?')));
        assert_eq!(all(&[b":x\r\n"]), Err(ReplySyntax::Number));
        assert_eq!(all(&[b"$9999999\r\n"]), Err(ReplySyntax::TooBig));
        assert_eq!(all(&[&b"*1\r\n".repeat(20)]), Err(ReplySyntax::TooBig));
    }

    proptest! {
        #[test]
        fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = all(&[&bytes]);
            let _ = all(&[b"*5\r\n", &bytes]);
        }
    }
}
