//! Requests out of the bytes that have arrived.
//!
//! A [`Batch`] is decoded as spans of the input, without allocating once its memory has grown. An
//! incomplete request stays in the input, which the caller offers again with more bytes behind it.

use thiserror::Error;

use super::args::Args;
use super::inline::{SplitError, split_line};
use super::number::parse_integer;

/// How many requests one batch holds at most.
pub const BATCH_MAX: usize = 16;

/// The longest inline request and the longest line that announces a length, in bytes.
const LINE_MAX: usize = 64 * 1024;
/// The longest argument of a client that has not authenticated, in bytes.
const UNAUTHENTICATED_BULK_MAX: i64 = 16 * 1024;
/// How many arguments a client that has not authenticated may send.
const UNAUTHENTICATED_ARGUMENTS_MAX: i64 = 10;
/// From this many arguments on, what is known of an incomplete request is kept between calls:
/// reading a shorter one again costs less than keeping it.
const KEEP_FROM: usize = 32;
/// A batch that needed more spans than this gives their memory back.
const SPANS_KEPT: usize = 16 * 1024;
/// Spans have 31 bits.
const INPUT_MAX: usize = (1 << 31) - 1;

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest argument, in bytes (`proto-max-bulk-len`).
    pub bulk_max: usize,
    /// The longest request, in bytes (`client-query-buffer-limit`).
    pub request_max: usize,
    /// Whether the client has authenticated, or need not.
    pub authenticated: bool,
}

/// The client does not speak the protocol, or exceeds its limits: it gets the text (after an
/// `ERR `), and is disconnected.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline request without an end.
    #[error("Protocol error: too big inline request")]
    InlineTooBig,
    /// An inline request with a quote that does not end, or ends within a word.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// A `*` without an end of line.
    #[error("Protocol error: too big mbulk count string")]
    CountTooBig,
    /// What follows `*` is not a number, or is too high.
    #[error("Protocol error: invalid multibulk length")]
    InvalidCount,
    /// More arguments than a client may send before it has authenticated.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedCount,
    /// A `$` without an end of line.
    #[error("Protocol error: too big bulk count string")]
    LengthTooBig,
    /// Something else where an argument was expected.
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedBulk(u8),
    /// What follows `$` is not a number, or is negative or too high.
    #[error("Protocol error: invalid bulk length")]
    InvalidLength,
    /// A longer argument than a client may send before it has authenticated.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedLength,
    /// A request longer than the query buffer may grow. Redis closes without a word.
    #[error("Protocol error: the request exceeds client-query-buffer-limit")]
    RequestTooBig,
}

/// Where an argument lies: in the input, or among the unquoted words of inline requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Offset; the highest bit says that it counts within the unquoted words.
    start: u32,
    len: u32,
}

const UNQUOTED: u32 = 1 << 31;

impl Span {
    /// Whether spans reach so far.
    pub(super) fn fits(end: usize) -> bool {
        end <= INPUT_MAX
    }

    pub(super) fn of_input(start: usize, len: usize) -> Span {
        debug_assert!(start + len <= INPUT_MAX, "spans have 31 bits");
        Span {
            start: start as u32,
            len: len as u32,
        }
    }

    fn of_unquoted(start: usize, len: usize) -> Span {
        let span = Span::of_input(start, len);
        Span {
            start: span.start | UNQUOTED,
            ..span
        }
    }

    #[inline]
    pub(super) fn slice<'a>(self, input: &'a [u8], unquoted: &'a [u8]) -> &'a [u8] {
        let source = if self.start & UNQUOTED == 0 {
            input
        } else {
            unquoted
        };
        let start = (self.start & !UNQUOTED) as usize;
        &source[start..start + self.len as usize]
    }
}

/// The complete requests at the start of an input. Reused from call to call.
#[derive(Debug, Default)]
pub struct Batch {
    spans: Vec<Span>,
    unquoted: Vec<u8>,
    requests: Vec<Request>,
    tail: usize,
    error: Option<ProtocolError>,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    /// Its first span, and the one after its last.
    spans: (usize, usize),
    /// Where it ends in the input.
    end: usize,
}

impl Batch {
    /// An empty one.
    #[must_use]
    pub fn new() -> Batch {
        Batch::default()
    }

    /// How many requests it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is no complete request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The arguments of a request, out of the same input that was decoded.
    ///
    /// # Panics
    /// If the batch has no such request, or the input is another one.
    #[must_use]
    #[inline]
    pub fn args<'a>(&'a self, input: &'a [u8], request: usize) -> Args<'a> {
        let (first, end) = self.requests[request].spans;
        Args::of_input(input, &self.unquoted, &self.spans[first..end])
    }

    /// Where a request ends: how many bytes are consumed once it is executed.
    ///
    /// # Panics
    /// If the batch has no such request.
    #[must_use]
    pub fn end(&self, request: usize) -> usize {
        self.requests[request].end
    }

    /// Where the unread rest begins: how many bytes are consumed once all requests are executed.
    /// It may be more than 0 without any request, since empty ones are skipped.
    #[must_use]
    pub fn tail(&self) -> usize {
        self.tail
    }

    /// What is wrong behind the last request: to be answered after the requests.
    #[must_use]
    pub fn error(&self) -> Option<ProtocolError> {
        self.error
    }

    /// The memory that it keeps for the next requests, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.spans.capacity() * size_of::<Span>() + self.unquoted.capacity()
    }

    fn clear(&mut self) {
        self.spans.clear();
        if self.spans.capacity() > SPANS_KEPT {
            self.spans = Vec::new();
        }
        self.unquoted.clear();
        self.requests.clear();
        self.tail = 0;
        self.error = None;
    }
}

/// What a connection remembers of an incomplete request, so that a long one is not read again
/// whenever a piece of it arrives.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
}

/// The arguments known so far, relative to the start of the request.
#[derive(Debug)]
struct Partial {
    spans: Vec<Span>,
    at: usize,
    missing: i64,
}

/// Why reading stopped.
enum Stop {
    /// The input ends within the request.
    Incomplete,
    Wrong(ProtocolError),
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Stop {
        Stop::Wrong(error)
    }
}

impl Decoder {
    /// For a new connection.
    #[must_use]
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// The memory that it takes, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let spans = |partial: &Partial| partial.spans.capacity() * size_of::<Span>();
        self.partial.as_deref().map_or(0, spans)
    }

    /// Reads up to [`BATCH_MAX`] complete requests. The caller offers what it has not consumed
    /// again, at the same place, with more bytes behind it. It consumes [`Batch::tail`] bytes
    /// when the batch holds no request.
    pub fn decode(&mut self, input: &[u8], limits: &Limits, batch: &mut Batch) {
        batch.clear();
        let input = &input[..input.len().min(INPUT_MAX)];
        while batch.requests.len() < BATCH_MAX && batch.tail < input.len() {
            match self.request(input, limits, batch) {
                Ok(()) => {}
                Err(Stop::Incomplete) => {
                    if input.len() - batch.tail > limits.request_max.min(INPUT_MAX - 1) {
                        batch.error = Some(ProtocolError::RequestTooBig);
                    }
                    break;
                }
                Err(Stop::Wrong(error)) => {
                    batch.error = Some(error);
                    break;
                }
            }
        }
    }

    /// Reads the request at the batch's tail.
    fn request(&mut self, input: &[u8], limits: &Limits, batch: &mut Batch) -> Result<(), Stop> {
        let start = batch.tail;
        let first = batch.spans.len();
        let mut array = if let Some(partial) = self.partial.take() {
            debug_assert!(start == 0 && first == 0, "the incomplete request is first");
            batch.spans = partial.spans;
            Array {
                at: partial.at,
                missing: partial.missing,
            }
        } else if input[start] == b'*' {
            Array::open(input, start, limits)?
        } else {
            batch.tail = inline(input, start, batch)?;
            batch.push(first);
            return Ok(());
        };
        match array.read(input, limits, &mut batch.spans) {
            Ok(()) => {
                batch.tail = array.at;
                batch.push(first);
                Ok(())
            }
            Err(stop) => {
                let alone = batch.requests.is_empty();
                if matches!(stop, Stop::Incomplete) && alone && batch.spans.len() >= KEEP_FROM {
                    self.keep(&array, start, batch);
                }
                batch.spans.truncate(first);
                Err(stop)
            }
        }
    }

    fn keep(&mut self, array: &Array, start: usize, batch: &mut Batch) {
        let mut spans = std::mem::take(&mut batch.spans);
        for span in &mut spans {
            span.start -= start as u32;
        }
        self.partial = Some(Box::new(Partial {
            spans,
            at: array.at - start,
            missing: array.missing,
        }));
    }
}

impl Batch {
    /// Adds the request whose spans begin at `first`, unless it is empty.
    fn push(&mut self, first: usize) {
        if self.spans.len() > first {
            self.requests.push(Request {
                spans: (first, self.spans.len()),
                end: self.tail,
            });
        }
    }
}

/// An array of bulk strings that is being read.
struct Array {
    at: usize,
    missing: i64,
}

impl Array {
    /// Reads `*count`.
    fn open(input: &[u8], start: usize, limits: &Limits) -> Result<Array, Stop> {
        let line = line(input, start).ok_or_else(|| unfinished(input, start, true))?;
        let missing = parse_integer(&input[start + 1..line])
            .filter(|&count| count <= i64::from(i32::MAX))
            .ok_or(ProtocolError::InvalidCount)?;
        if missing > UNAUTHENTICATED_ARGUMENTS_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedCount.into());
        }
        Ok(Array {
            at: line + 2,
            missing,
        })
    }

    /// Reads the arguments that are missing.
    fn read(&mut self, input: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> Result<(), Stop> {
        while self.missing > 0 {
            let line = line(input, self.at).ok_or_else(|| unfinished(input, self.at, false))?;
            if input[self.at] != b'$' {
                return Err(ProtocolError::ExpectedBulk(input[self.at]).into());
            }
            let len = length(&input[self.at + 1..line], limits)?;
            let start = line + 2;
            // The two bytes behind an argument are not looked at, as in Redis.
            if input.len() - start < len + 2 {
                return Err(Stop::Incomplete);
            }
            spans.push(Span::of_input(start, len));
            self.at = start + len + 2;
            self.missing -= 1;
        }
        Ok(())
    }
}

/// The length of an argument.
#[inline]
fn length(digits: &[u8], limits: &Limits) -> Result<usize, ProtocolError> {
    let len = match digits {
        [digit @ b'0'..=b'9'] => i64::from(digit - b'0'),
        [ten @ b'1'..=b'9', one @ b'0'..=b'9'] => {
            i64::from(ten - b'0') * 10 + i64::from(one - b'0')
        }
        digits => parse_integer(digits).ok_or(ProtocolError::InvalidLength)?,
    };
    if len < 0 || len as u64 > limits.bulk_max as u64 {
        return Err(ProtocolError::InvalidLength);
    }
    if len > UNAUTHENTICATED_BULK_MAX && !limits.authenticated {
        return Err(ProtocolError::UnauthenticatedLength);
    }
    Ok(len as usize)
}

/// Where the `\r` of the line from `start` stands, if the `\n` has arrived, too.
#[inline]
fn line(input: &[u8], start: usize) -> Option<usize> {
    let end = input.len().min(start.saturating_add(LINE_MAX + 1));
    let rest = input.get(start..end)?;
    let at = start + rest.iter().position(|&byte| byte == b'\r')?;
    (at + 1 < input.len()).then_some(at)
}

/// Why there is no line: it may still come, unless it is too long already.
fn unfinished(input: &[u8], start: usize, count: bool) -> Stop {
    if input.len() - start <= LINE_MAX {
        Stop::Incomplete
    } else if count {
        ProtocolError::CountTooBig.into()
    } else {
        ProtocolError::LengthTooBig.into()
    }
}

/// Reads an inline request: words of one line. Gives its end.
fn inline(input: &[u8], start: usize, batch: &mut Batch) -> Result<usize, Stop> {
    let end = input.len().min(start + LINE_MAX + 1);
    let Some(len) = input[start..end].iter().position(|&byte| byte == b'\n') else {
        return Err(if input.len() - start > LINE_MAX {
            ProtocolError::InlineTooBig.into()
        } else {
            Stop::Incomplete
        });
    };
    let line = &input[start..start + len];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let first = batch.spans.len();
    let (spans, unquoted) = (&mut batch.spans, &mut batch.unquoted);
    let split = split_line(line, unquoted, |word| {
        spans.push(match word {
            super::inline::Word::Plain { start: at, len } => Span::of_input(start + at, len),
            super::inline::Word::Unquoted { start, len } => Span::of_unquoted(start, len),
        });
    });
    match split {
        Ok(()) => Ok(start + len + 1),
        Err(SplitError) => {
            batch.spans.truncate(first);
            Err(ProtocolError::UnbalancedQuotes.into())
        }
    }
}

#[cfg(test)]
mod tests;
