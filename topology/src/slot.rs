//! A hash slot, and the slot of a key.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How many hash slots a cluster has.
pub const SLOT_COUNT: u16 = 16384;

/// A hash slot, 0 to 16383 (Redis Cluster specification, "Key distribution model").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

/// The number is not a slot.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a slot is a number from 0 to 16383, not {0:?}")]
pub struct InvalidSlot(pub String);

impl Slot {
    /// The slot of that number, if there is one.
    #[must_use]
    pub fn new(number: u16) -> Option<Slot> {
        (number < SLOT_COUNT).then_some(Slot(number))
    }

    /// Its number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    /// Its number, to index a table of all slots.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All slots, in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator {
        (0..SLOT_COUNT).map(Slot)
    }
}

impl FromStr for Slot {
    type Err = InvalidSlot;

    fn from_str(text: &str) -> Result<Slot, InvalidSlot> {
        let number = text.parse().ok().and_then(Slot::new);
        number.ok_or_else(|| InvalidSlot(text.to_owned()))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The slot of a key: CRC16 of its hash tag, modulo 16384.
#[must_use]
pub fn key_slot(key: &[u8]) -> Slot {
    Slot(crc16(key_tag(key)) % SLOT_COUNT)
}

/// The part of a key that is hashed: what stands between the first `{` and the next `}`, unless
/// that is empty or missing, in which case it is the whole key.
#[must_use]
pub fn key_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&b| b == b'{') else {
        return key;
    };
    let rest = &key[open + 1..];
    match rest.iter().position(|&b| b == b'}') {
        Some(length @ 1..) => &rest[..length],
        _ => key,
    }
}

/// CRC-16/XMODEM: polynomial 0x1021, start 0, nothing reflected (Redis Cluster specification,
/// appendix A).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (crc << 8) ^ CRC16_TABLE[usize::from((crc >> 8) as u8 ^ byte)]
    })
}

static CRC16_TABLE: [u16; 256] = crc16_table();

const fn crc16_table() -> [u16; 256] {
    let mut table = [0u16; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_check_value_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(key_slot(b"hello").get(), 866);
        assert_eq!(key_slot(b"").get(), 0);
    }

    #[test]
    fn hashes_the_first_non_empty_tag_only() {
        assert_eq!(key_slot(b"{user1000}.following"), key_slot(b"user1000"));
        assert_eq!(key_tag(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(key_tag(b"foo{{bar}}zap"), b"{bar");
        assert_eq!(key_tag(b"foo{bar}{zap}"), b"bar");
        assert_eq!(key_tag(b"foo{bar"), b"foo{bar");
    }

    #[test]
    fn parses_numbers_below_the_count_only() {
        assert_eq!("16383".parse::<Slot>().unwrap().get(), 16383);
        for text in ["16384", "-1", "", "1x"] {
            assert!(text.parse::<Slot>().is_err(), "{text:?}");
        }
    }
}
