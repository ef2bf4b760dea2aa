//! Integers: their decimal text, and their shortest encoding.

use super::Encoded;

/// The longest text of a 64-bit integer: a sign and 19 digits.
const MAX_TEXT: usize = 20;

/// The value of a decimal text as an integer would be written: no plus, no zeros in front, within
/// 64 bits.
#[must_use]
#[inline]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => (),
        _ => return None,
    }
    let mut value: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Counts below zero, where there is one number more.
        let below = value.checked_mul(10)?;
        value = below.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// Room for the text of an integer.
#[derive(Clone, Copy, Debug)]
pub struct Text([u8; MAX_TEXT]);

impl Text {
    /// Empty room.
    #[must_use]
    #[inline]
    #[expect(clippy::new_without_default, reason = "it has no value of its own")]
    pub fn new() -> Text {
        Text([0; MAX_TEXT])
    }

    /// The text of that integer.
    #[inline]
    pub fn write(&mut self, value: i64) -> &[u8] {
        let mut rest = value.unsigned_abs();
        let mut start = MAX_TEXT;
        loop {
            start -= 1;
            self.0[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            start -= 1;
            self.0[start] = b'-';
        }
        &self.0[start..]
    }
}

/// The shortest encoding.
#[inline]
pub(super) fn encode(value: i64) -> Encoded<'static> {
    let bytes = value.to_le_bytes();
    let [a, b, c, d, ..] = bytes;
    match value {
        0..=127 => Encoded::of_header(&[a], &[]),
        -4096..=4095 => Encoded::of_header(&[0xC0 | (b & 0x1F), a], &[]),
        -0x8000..=0x7FFF => Encoded::of_header(&[0xF1, a, b], &[]),
        -0x80_0000..=0x7F_FFFF => Encoded::of_header(&[0xF2, a, b, c], &[]),
        -0x8000_0000..=0x7FFF_FFFF => Encoded::of_header(&[0xF3, a, b, c, d], &[]),
        _ => {
            let mut header = [0xF4; 9];
            header[1..].copy_from_slice(&bytes);
            Encoded::of_header(&header, &[])
        }
    }
}
