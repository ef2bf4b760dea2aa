//! Integers of any width at any bit of a string.

use crate::command::Refused;
use crate::command::parse::c_text;
use crate::resp::number::parse_integer;

/// A type of integers: `i1` to `i64`, `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldType {
    signed: bool,
    /// 1 to 64.
    pub bits: u32,
}

/// What happens to a number that has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// Its higher bits are lost.
    Wrap,
    /// It becomes the highest, or the lowest.
    Sat,
    /// Nothing is written.
    Fail,
}

impl FieldType {
    pub(super) fn parse(text: &[u8]) -> Result<FieldType, Refused> {
        let (signed, digits) = match c_text(text) {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => (false, &b""[..]),
        };
        let most = if signed { 64 } else { 63 };
        let bits = parse_integer(digits).filter(|bits| (1..=most).contains(bits));
        let bits = bits.ok_or(
            const {
                Refused::new(
                    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
                     supported but i64 is.",
                )
            },
        )? as u32;
        Ok(FieldType { signed, bits })
    }

    /// The number at a bit of a string; behind the end are zeros.
    pub(super) fn read(self, string: &[u8], offset: u64) -> i64 {
        let window = u128::from_be_bytes(window(string, offset));
        let bits = (window << (offset % 8) >> (128 - self.bits)) as u64;
        self.of_bits(bits)
    }

    /// The bytes of a string that hold the number at a bit, after it was written there, and the
    /// number of the first of them.
    pub(super) fn write(self, string: &[u8], offset: u64, value: i64) -> (usize, Vec<u8>) {
        let shift = 128 - self.bits - (offset % 8) as u32;
        let mask = u128::from(u64::MAX >> (64 - self.bits)) << shift;
        let old = u128::from_be_bytes(window(string, offset));
        let value = u128::from(value.cast_unsigned()) << shift;
        let new = (old & !mask | value & mask).to_be_bytes();
        let len = (offset % 8 + u64::from(self.bits)).div_ceil(8);
        ((offset / 8) as usize, new[..len as usize].to_vec())
    }

    /// The number that SET or INCRBY leads to from `exact`; none if it must not be written.
    pub(super) fn fit(self, exact: i128, overflow: Overflow) -> Option<i64> {
        let most = match self.signed {
            true => (1i128 << (self.bits - 1)) - 1,
            false => (1i128 << self.bits) - 1,
        };
        let least = if self.signed { -most - 1 } else { 0 };
        if (least..=most).contains(&exact) {
            return Some(exact as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.of_bits(exact as u64 & (u64::MAX >> (64 - self.bits)))),
            Overflow::Sat => Some(exact.clamp(least, most) as i64),
            Overflow::Fail => None,
        }
    }

    /// A number that SET is given, as one of this type before it is made to fit: as in Redis, a
    /// negative one is a very large one if there are none.
    pub(super) fn given(self, value: i64) -> i128 {
        match self.signed {
            true => i128::from(value),
            false => i128::from(value.cast_unsigned()),
        }
    }

    /// The number that so many bits mean.
    fn of_bits(self, bits: u64) -> i64 {
        let unused = 64 - self.bits;
        match self.signed {
            true => (bits << unused).cast_signed() >> unused,
            false => bits.cast_signed(),
        }
    }
}

/// Sixteen bytes from the one on that has a bit.
fn window(string: &[u8], offset: u64) -> [u8; 16] {
    let mut window = [0; 16];
    let start = string.len().min((offset / 8) as usize);
    let found = &string[start..string.len().min(start + 16)];
    window[..found.len()].copy_from_slice(found);
    window
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> FieldType {
        FieldType::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn knows_its_types() {
        for text in ["i1", "i64", "u1", "u63"] {
            kind(text);
        }
        for text in [
            "", "i", "u0", "i0", "u64", "i65", "I8", "x8", "u08", "u-1", "8",
        ] {
            assert!(FieldType::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_what_it_writes_and_touches_nothing_else() {
        for (text, value) in [
            ("u1", 1),
            ("i1", -1),
            ("u7", 100),
            ("i13", -4096),
            ("u63", i64::MAX),
            ("i64", i64::MIN),
            ("i64", 0x0123_4567_89AB_CDEF),
        ] {
            let kind = kind(text);
            for offset in 0..40 {
                for filler in [0, 0xFF] {
                    let mut string = vec![filler; 16];
                    let (at, bytes) = kind.write(&string, offset, value);
                    string[at..at + bytes.len()].copy_from_slice(&bytes);
                    assert_eq!(kind.read(&string, offset), value, "{text} at {offset}");
                    let (at, bytes) = kind.write(&string, offset, if filler == 0 { 0 } else { -1 });
                    string[at..at + bytes.len()].copy_from_slice(&bytes);
                    assert_eq!(string, [filler; 16], "{text} at {offset}");
                }
            }
        }
        assert_eq!(kind("i8").read(&[0xFF], 4), -16);
        assert_eq!(kind("u8").read(&[], u64::MAX), 0);
    }

    #[test]
    fn wraps_saturates_or_fails() {
        for (text, exact, wrapped, saturated) in [
            ("u8", 256, 0, 255),
            ("u8", -1, 255, 0),
            ("i8", 128, -128, 127),
            ("i8", -129, 127, -128),
            ("i64", i128::from(i64::MAX) + 1, i64::MIN, i64::MAX),
            ("i64", i128::from(i64::MIN) - 1, i64::MAX, i64::MIN),
            ("u63", i128::from(i64::MAX) + 2, 1, i64::MAX),
        ] {
            let kind = kind(text);
            assert_eq!(kind.fit(exact, Overflow::Wrap), Some(wrapped), "{text}");
            assert_eq!(kind.fit(exact, Overflow::Sat), Some(saturated), "{text}");
            assert_eq!(kind.fit(exact, Overflow::Fail), None, "{text}");
        }
        assert_eq!(
            kind("u8").fit(kind("u8").given(-1), Overflow::Sat),
            Some(255)
        );
        assert_eq!(
            kind("i8").fit(kind("i8").given(-1), Overflow::Fail),
            Some(-1)
        );
    }
}
