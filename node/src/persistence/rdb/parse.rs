//! The pieces of the format, read from the front of a slice: none means that more bytes must
//! arrive first.

use std::borrow::Cow;

use super::{RdbError, lzf};

/// Walks over a slice; every method leaves it unmoved only as a whole, so a caller that gets none
/// throws the cursor away and starts again once more has arrived.
pub struct Cursor<'a> {
    rest: &'a [u8],
    total: usize,
}

/// The outcome of a step: a value, or none when bytes are missing.
pub type Step<T> = Result<Option<T>, RdbError>;

/// Returns none from the calling function when bytes are missing.
macro_rules! take {
    ($step:expr) => {
        match $step? {
            Some(value) => value,
            None => return Ok(None),
        }
    };
}
pub(super) use take;

enum Length {
    Plain(u64),
    Encoded(u8),
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor {
            rest: bytes,
            total: bytes.len(),
        }
    }

    pub fn consumed(&self) -> usize {
        self.total - self.rest.len()
    }

    pub fn byte(&mut self) -> Step<u8> {
        Ok(self.array::<1>()?.map(|[byte]| byte))
    }

    pub fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let Some((array, rest)) = self.rest.split_first_chunk::<N>() else {
            return Ok(None);
        };
        self.rest = rest;
        Ok(Some(*array))
    }

    fn bytes(&mut self, len: u64) -> Step<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| RdbError::TooLarge(len))?;
        let Some((bytes, rest)) = self.rest.split_at_checked(len) else {
            return Ok(None);
        };
        self.rest = rest;
        Ok(Some(bytes))
    }

    fn any_length(&mut self) -> Step<Length> {
        let first = take!(self.byte());
        let low = first & 0x3f;
        let len = match (first >> 6, first) {
            (0, _) => u64::from(low),
            (1, _) => u64::from(u16::from_be_bytes([low, take!(self.byte())])),
            (2, 0x80) => u64::from(u32::from_be_bytes(take!(self.array()))),
            (2, 0x81) => u64::from_be_bytes(take!(self.array())),
            (2, _) => return Err(RdbError::Encoding(first)),
            _ => return Ok(Some(Length::Encoded(low))),
        };
        Ok(Some(Length::Plain(len)))
    }

    pub fn length(&mut self) -> Step<u64> {
        match take!(self.any_length()) {
            Length::Plain(len) => Ok(Some(len)),
            Length::Encoded(code) => Err(RdbError::Encoding(0xc0 | code)),
        }
    }

    pub fn string(&mut self) -> Step<Cow<'a, [u8]>> {
        let number = match take!(self.any_length()) {
            Length::Plain(len) => return Ok(self.bytes(len)?.map(Cow::Borrowed)),
            Length::Encoded(0) => i32::from(i8::from_le_bytes(take!(self.array()))),
            Length::Encoded(1) => i32::from(i16::from_le_bytes(take!(self.array()))),
            Length::Encoded(2) => i32::from_le_bytes(take!(self.array())),
            Length::Encoded(3) => return self.packed(),
            Length::Encoded(code) => return Err(RdbError::Encoding(0xc0 | code)),
        };
        Ok(Some(Cow::Owned(number.to_string().into_bytes())))
    }

    fn packed(&mut self) -> Step<Cow<'a, [u8]>> {
        let packed_len = take!(self.length());
        let len = take!(self.length());
        let packed = take!(self.bytes(packed_len));
        let len = usize::try_from(len).map_err(|_| RdbError::TooLarge(len))?;
        let bytes = lzf::unpack(packed, len).ok_or(RdbError::Compression)?;
        Ok(Some(Cow::Owned(bytes)))
    }
}
