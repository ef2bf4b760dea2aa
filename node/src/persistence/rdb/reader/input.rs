//! The bytes that have arrived, and the beginning of what is not whole yet.
//!
//! Each method takes one thing, or none when a part of it is missing; what was there of it is kept
//! then, and the same method is called again with the next bytes. So no byte is looked at again
//! with each piece that arrives, and no more is kept than has arrived.

use std::borrow::Cow;

use slotkeeper_tree::element::{Element, Text};

use super::super::RdbError;
use super::super::lzf::Unpacker;
use super::super::partial::Partial;
use super::cursor::{Cursor, Head, Step, take};

/// The longest small thing: the head of a packed string, which has two lengths.
const SMALL_MAX: usize = 19;

/// The longest string. Keys and elements are held with lengths of 32 bits, and no client could send
/// or get a longer one.
const STRING_MAX: u64 = u32::MAX as u64 - 1024;

/// The beginning of what is not whole yet.
#[derive(Debug)]
pub struct Held {
    small: [u8; SMALL_MAX],
    small_len: usize,
    string: Option<Arriving>,
    /// The decimal form of a number.
    number: Text,
    /// Bytes that were looked at or moved so far. Tests bound that.
    pub looked: u64,
}

impl Default for Held {
    fn default() -> Held {
        Held {
            small: [0; SMALL_MAX],
            small_len: 0,
            string: None,
            number: Text::new(),
            looked: 0,
        }
    }
}

/// A string whose bytes are arriving.
#[derive(Debug)]
enum Arriving {
    Plain(Partial),
    /// So many packed bytes are still to come.
    Packed(Unpacker, usize),
}

impl Held {
    /// The memory that it takes, in bytes.
    pub fn memory(&self) -> usize {
        match &self.string {
            None => 0,
            Some(Arriving::Plain(partial)) => partial.memory(),
            Some(Arriving::Packed(unpacker, _)) => unpacker.memory(),
        }
    }
}

/// What has arrived, with what is held of the bytes before.
pub struct Input<'a> {
    rest: &'a [u8],
    total: usize,
    held: &'a mut Held,
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method is of one lifetime, and the closures are called with two"
)]
impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8], held: &'a mut Held) -> Input<'a> {
        Input {
            rest: bytes,
            total: bytes.len(),
            held,
        }
    }

    /// How many of the bytes were taken.
    pub fn consumed(&self) -> usize {
        self.total - self.rest.len()
    }

    fn advance(&mut self, len: usize) {
        self.rest = &self.rest[len..];
        self.held.looked += len as u64;
    }

    /// Takes a byte.
    pub fn byte(&mut self) -> Step<u8> {
        self.small(|cursor| cursor.byte())
    }

    /// Takes so many bytes, a few.
    pub fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        const { assert!(N <= SMALL_MAX) };
        self.small(|cursor| cursor.array())
    }

    /// Takes a length.
    pub fn length(&mut self) -> Step<u64> {
        self.small(|cursor| cursor.length())
    }

    /// Takes a string: borrowed if it is there as it is, else in a vector as long as it is.
    pub fn string(&mut self) -> Step<Cow<'_, [u8]>> {
        let arriving = match self.held.string.take() {
            Some(arriving) => arriving,
            None => match take!(self.small(|cursor| cursor.head())) {
                Head::Number(number) => {
                    let number = Element::Int(i64::from(number));
                    return Ok(Some(Cow::Borrowed(number.bytes(&mut self.held.number))));
                }
                Head::Plain(len) => {
                    let len = bounded(len)?;
                    if let Some(bytes) = self.rest.get(..len) {
                        self.advance(len);
                        return Ok(Some(Cow::Borrowed(bytes)));
                    }
                    Arriving::Plain(Partial::new(len))
                }
                Head::Packed { packed, len } => {
                    let (packed, len) = (bounded(packed)?, bounded(len)?);
                    Arriving::Packed(Unpacker::new(packed, len)?, packed)
                }
            },
        };
        Ok(self.more(arriving)?.map(Cow::Owned))
    }

    /// Adds what has arrived to a string.
    fn more(&mut self, mut arriving: Arriving) -> Step<Vec<u8>> {
        let (taken, whole) = match &mut arriving {
            Arriving::Plain(partial) => {
                let part = &self.rest[..self.rest.len().min(partial.missing())];
                partial.append(part)?;
                (part.len(), partial.missing() == 0)
            }
            Arriving::Packed(unpacker, left) => {
                let part = &self.rest[..self.rest.len().min(*left)];
                unpacker.feed(part)?;
                *left -= part.len();
                (part.len(), *left == 0)
            }
        };
        self.advance(taken);
        if !whole {
            self.held.string = Some(arriving);
            return Ok(None);
        }
        let (moved, string) = match arriving {
            Arriving::Plain(partial) => (partial.moved(), partial.into_whole()),
            Arriving::Packed(unpacker, _) => (unpacker.moved(), unpacker.into_whole()),
        };
        self.held.looked += moved;
        string.ok_or(RdbError::Compression).map(Some)
    }

    /// Takes something small.
    fn small<T>(&mut self, parse: impl Fn(&mut Cursor<'_>) -> Step<T>) -> Step<T> {
        let before = self.held.small_len;
        if before == 0 {
            let mut cursor = Cursor::new(self.rest);
            if let Some(found) = parse(&mut cursor)? {
                self.advance(cursor.consumed());
                return Ok(Some(found));
            }
        }
        let more = self.rest.len().min(SMALL_MAX - before);
        let (small, held) = (&mut self.held.small, before + more);
        small[before..held].copy_from_slice(&self.rest[..more]);
        self.held.looked += held as u64;
        let mut cursor = Cursor::new(&self.held.small[..held]);
        let found = parse(&mut cursor)?;
        let taken = match found {
            Some(_) => cursor.consumed() - before,
            None => more,
        };
        self.held.small_len = if found.is_some() { 0 } else { held };
        self.advance(taken);
        Ok(found)
    }
}

fn bounded(len: u64) -> Result<usize, RdbError> {
    if len > STRING_MAX {
        return Err(RdbError::TooLarge(len));
    }
    usize::try_from(len).map_err(|_| RdbError::TooLarge(len))
}
