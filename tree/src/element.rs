//! Elements as bytes: the encoding of Redis's listpack. The lengths backward, which only lists have,
//! are in [`backward`].
//!
//! ```text
//! 0xxxxxxx                      integer, 0 to 127
//! 110xxxxx + 1 byte             integer, 13 bits, big end first
//! F1, F2, F3, F4                integer of 16, 24, 32, 64 bits, little end first
//! 10xxxxxx                      string of up to 63 bytes
//! 1110xxxx + 1 byte             string of up to 4095 bytes, length with the big end first
//! F0 + 4 bytes                  string, length with the little end first
//! ```
//!
//! A string that is the decimal text of an integer is always stored as that integer, in the
//! shortest form; so two elements are equal when their bytes are.

pub mod backward;
mod integer;

pub use integer::{Text, parse_integer};

/// The longest header of an element, in bytes: of a 64-bit integer, which has nothing else.
pub const MAX_HEADER: usize = 9;

/// A string that is the decimal text of an integer, or any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// The text of this integer.
    Int(i64),
    /// Bytes that are not the text of an integer, when the element was encoded here; a list from
    /// outside may have stored such a text as a string.
    Str(&'a [u8]),
}

impl<'a> Element<'a> {
    /// The element of these bytes.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Element<'a> {
        parse_integer(bytes).map_or(Element::Str(bytes), Element::Int)
    }

    /// Its bytes. `text` holds them if they have to be written first.
    #[must_use]
    #[inline]
    pub fn bytes<'b>(self, text: &'b mut Text) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Element::Int(value) => text.write(value),
            Element::Str(bytes) => bytes,
        }
    }

    /// How many bytes it has as a string.
    #[must_use]
    pub fn text_len(self) -> usize {
        self.bytes(&mut Text::new()).len()
    }

    /// Reads the element at the start of `encoded`. Returns it and how many bytes it takes; none
    /// if there is no whole element. Never reads beyond `encoded`.
    #[must_use]
    #[inline]
    pub fn decode(encoded: &'a [u8]) -> Option<(Element<'a>, usize)> {
        let (&first, rest) = encoded.split_first()?;
        let string = |header: usize, len: usize| {
            let bytes = encoded.get(header..header.checked_add(len)?)?;
            Some((Element::Str(bytes), header + len))
        };
        let integer = |value: i64, len: usize| Some((Element::Int(value), len));
        match first {
            0..=0x7F => integer(i64::from(first), 1),
            0x80..=0xBF => string(1, usize::from(first & 0x3F)),
            0xC0..=0xDF => {
                let bits = i64::from(first & 0x1F) << 8 | i64::from(*rest.first()?);
                integer(bits << 51 >> 51, 2)
            }
            0xE0..=0xEF => {
                let len = usize::from(first & 0x0F) << 8 | usize::from(*rest.first()?);
                string(2, len)
            }
            0xF0 => {
                let len = u32::from_le_bytes(*rest.first_chunk()?);
                string(5, usize::try_from(len).ok()?)
            }
            0xF1 => integer(i64::from(i16::from_le_bytes(*rest.first_chunk()?)), 3),
            0xF2 => {
                let [low, middle, high] = *rest.first_chunk()?;
                let value = i32::from_le_bytes([0, low, middle, high]) >> 8;
                integer(i64::from(value), 4)
            }
            0xF3 => integer(i64::from(i32::from_le_bytes(*rest.first_chunk()?)), 5),
            0xF4 => integer(i64::from_le_bytes(*rest.first_chunk()?), 9),
            0xF5.. => None,
        }
    }

    /// How many bytes the element at the start of `encoded` takes, as far as its first bytes tell:
    /// the rest of it may be missing.
    #[must_use]
    #[inline]
    pub fn skip(encoded: &[u8]) -> Option<usize> {
        let (&first, rest) = encoded.split_first()?;
        match first {
            0..=0x7F => Some(1),
            0x80..=0xBF => Some(1 + usize::from(first & 0x3F)),
            0xC0..=0xDF => Some(2),
            0xE0..=0xEF => Some(2 + (usize::from(first & 0x0F) << 8 | usize::from(*rest.first()?))),
            0xF0 => usize::try_from(u32::from_le_bytes(*rest.first_chunk()?))
                .ok()?
                .checked_add(5),
            0xF1 => Some(3),
            0xF2 => Some(4),
            0xF3 => Some(5),
            0xF4 => Some(9),
            0xF5.. => None,
        }
    }
}

/// An element in its encoding: a header, and the bytes of a string behind it.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    header: [u8; MAX_HEADER],
    header_len: u8,
    body: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// The encoding of the element of these bytes.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Encoded<'a> {
        Element::new(bytes).into()
    }

    /// How many bytes it takes.
    #[must_use]
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "no encoding is empty")]
    pub fn len(&self) -> usize {
        usize::from(self.header_len) + self.body.len()
    }

    /// The header.
    #[must_use]
    #[inline]
    pub fn header(&self) -> &[u8] {
        &self.header[..usize::from(self.header_len)]
    }

    /// The bytes of a string; empty for an integer.
    #[must_use]
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether `encoded` starts with this element. The header has the length, and is compared
    /// first.
    #[must_use]
    #[inline]
    pub fn is_at(&self, encoded: &[u8]) -> bool {
        // Most differ in the first byte.
        encoded.first() == Some(&self.header[0])
            && (encoded.strip_prefix(self.header())).is_some_and(|rest| begins(rest, self.body))
    }

    /// Appends it.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.header());
        out.extend_from_slice(self.body);
    }

    #[inline]
    fn of_header<const LEN: usize>(bytes: &[u8; LEN], body: &'a [u8]) -> Encoded<'a> {
        let mut header = [0; MAX_HEADER];
        header[..LEN].copy_from_slice(bytes);
        Encoded {
            header,
            header_len: LEN as u8,
            body,
        }
    }
}

/// The bytes that are compared at a time.
const WORD: usize = size_of::<u64>();
/// Longer strings are worth a call.
const WORDS_MAX: usize = 4 * WORD;

/// Whether `bytes` starts with `start`. Most of what is compared is short, and equal.
#[inline]
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    let Some(bytes) = bytes.get(..start.len()) else {
        return false;
    };
    match (start.last_chunk::<WORD>(), bytes.last_chunk::<WORD>()) {
        (Some(last), Some(other)) if start.len() <= WORDS_MAX => {
            let differ =
                |a: &[u8; WORD], b: &[u8; WORD]| u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b);
            let (words, others) = (start.as_chunks::<WORD>().0, bytes.as_chunks::<WORD>().0);
            let pairs = words.iter().zip(others);
            pairs.fold(differ(last, other), |all, (a, b)| all | differ(a, b)) == 0
        }
        _ => bytes == start,
    }
}

impl<'a> From<Element<'a>> for Encoded<'a> {
    #[inline]
    fn from(element: Element<'a>) -> Encoded<'a> {
        match element {
            Element::Int(value) => integer::encode(value),
            Element::Str(body) => match body.len() {
                len @ 0..=0x3F => Encoded::of_header(&[0x80 | len as u8], body),
                len @ 0x40..=0xFFF => {
                    Encoded::of_header(&[0xE0 | (len >> 8) as u8, len as u8], body)
                }
                len => {
                    let [a, b, c, d] = (len as u32).to_le_bytes();
                    Encoded::of_header(&[0xF0, a, b, c, d], body)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
