//! Small things at the front of a slice: bytes, lengths, the heads of strings.

use super::super::RdbError;

/// Walks over a slice. When bytes are missing, the cursor is thrown away: its caller starts again
/// from the first byte once more has arrived, so nothing long is read here.
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

/// What stands before the bytes of a string.
#[derive(Clone, Copy)]
pub enum Head {
    /// So many bytes follow.
    Plain(u64),
    /// Nothing follows: the string is the decimal form of this number.
    Number(i32),
    /// So many bytes follow, which unpack to `len` bytes.
    Packed {
        /// How many follow.
        packed: u64,
        /// The length of the string.
        len: u64,
    },
}

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

    pub fn head(&mut self) -> Step<Head> {
        let number = match take!(self.any_length()) {
            Length::Plain(len) => return Ok(Some(Head::Plain(len))),
            Length::Encoded(0) => i32::from(i8::from_le_bytes(take!(self.array()))),
            Length::Encoded(1) => i32::from(i16::from_le_bytes(take!(self.array()))),
            Length::Encoded(2) => i32::from_le_bytes(take!(self.array())),
            Length::Encoded(3) => {
                let (packed, len) = (take!(self.length()), take!(self.length()));
                return Ok(Some(Head::Packed { packed, len }));
            }
            Length::Encoded(code) => return Err(RdbError::Encoding(0xc0 | code)),
        };
        Ok(Some(Head::Number(number)))
    }
}
