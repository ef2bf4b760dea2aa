//! What others see of an entry.

use super::{Big, CLOCK_MODULUS, CLOCKS_PER_SECOND, LARGE, Meta, length_width, rounded};
use crate::data::usage::count_of;
use crate::data::value::Kind;
use crate::data::{Encoding, Hash, List, Set, Stream, Type, Value, WrongType, Zset};
use crate::time::Now;

/// What an entry takes of its table, in bytes.
const TABLE_PLACE: usize = 8;

/// A key and its value, to read.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub(super) key: &'a [u8],
    /// A string, or what a block holds of a value of another type.
    pub(super) bytes: &'a [u8],
    /// A value that does not fit into the block.
    pub(super) big: Option<&'a Big>,
    pub(super) meta: Meta,
}

impl<'a> Entry<'a> {
    /// The key's name.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        match self.meta.kind.type_of() {
            Type::String => Value::Str(self.bytes),
            Type::Hash => Value::Hash(Hash::of(self)),
            Type::Set => Value::Set(Set::of(self)),
            Type::List => Value::List(List::of(self)),
            Type::Zset => Value::Zset(Zset::of(self)),
            Type::Stream => Value::Stream(self.stream()),
        }
    }

    /// The type of its value.
    #[must_use]
    pub fn kind(&self) -> Type {
        self.meta.kind.type_of()
    }

    /// The string.
    ///
    /// # Errors
    /// When the value is of another type.
    #[inline]
    pub fn as_str(&self) -> Result<&'a [u8], WrongType> {
        match self.meta.kind {
            Kind::STRING => Ok(self.bytes),
            _ => Err(WrongType),
        }
    }

    /// The hash.
    ///
    /// # Errors
    /// When the value is of another type.
    #[inline]
    pub fn as_hash(&self) -> Result<Hash<'a>, WrongType> {
        match self.kind() {
            Type::Hash => Ok(Hash::of(self)),
            _ => Err(WrongType),
        }
    }

    /// The list.
    ///
    /// # Errors
    /// When the value is of another type.
    #[inline]
    pub fn as_list(&self) -> Result<List<'a>, WrongType> {
        match self.kind() {
            Type::List => Ok(List::of(self)),
            _ => Err(WrongType),
        }
    }

    /// The set.
    ///
    /// # Errors
    /// When the value is of another type.
    #[inline]
    pub fn as_set(&self) -> Result<Set<'a>, WrongType> {
        match self.kind() {
            Type::Set => Ok(Set::of(self)),
            _ => Err(WrongType),
        }
    }

    /// The sorted set.
    ///
    /// # Errors
    /// When the value is of another type.
    #[inline]
    pub fn as_zset(&self) -> Result<Zset<'a>, WrongType> {
        match self.kind() {
            Type::Zset => Ok(Zset::of(self)),
            _ => Err(WrongType),
        }
    }

    /// The stream.
    ///
    /// # Errors
    /// When the value is of another type.
    #[inline]
    pub fn as_stream(&self) -> Result<&'a Stream, WrongType> {
        match self.kind() {
            Type::Stream => Ok(self.stream()),
            _ => Err(WrongType),
        }
    }

    fn stream(&self) -> &'a Stream {
        let Some(Big::Stream(stream)) = self.big else {
            unreachable!("a stream is in a box");
        };
        stream
    }

    /// When it expires: unix time in milliseconds.
    #[must_use]
    pub fn expire_at(&self) -> Option<i64> {
        self.meta.expire_at
    }

    /// Of a hash in which fields expire: when the first of them does, in unix milliseconds.
    #[must_use]
    #[inline]
    pub fn field_expire_at(&self) -> Option<i64> {
        match self.big? {
            Big::Hash(hash) => hash.times()?.first(),
            _ => None,
        }
    }

    /// What OBJECT ENCODING answers: `int`, `embstr` or `raw` for a string.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        match self.bytes {
            _ if self.meta.kind != Kind::STRING => self.meta.kind.encoding().name(),
            _ if self.meta.raw => "raw",
            number if is_canonical_integer(number) => "int",
            short if short.len() <= 44 => "embstr",
            _ => "raw",
        }
    }

    /// Whole seconds since it was last accessed.
    #[must_use]
    pub fn idle_secs(&self, now: Now) -> u64 {
        let elapsed = clock_of(now).wrapping_sub(self.meta.clock);
        u64::from(elapsed) % CLOCK_MODULUS / CLOCKS_PER_SECOND
    }

    /// How often it is used, by a counter that goes down by one in so many minutes without a use; if
    /// that is counted.
    #[must_use]
    pub fn frequency(&self, now: Now, decay_minutes: u32) -> u8 {
        count_of(self.meta.clock, now, decay_minutes)
    }

    /// When it was used last: half seconds of a clock that starts over at 2^24. In place of that, how
    /// often it is used.
    #[must_use]
    pub fn remembered_use(&self) -> u32 {
        self.meta.clock
    }

    /// Whether its value is written at once: it is no big one, or goes into one listpack.
    #[must_use]
    pub fn is_written_whole(&self) -> bool {
        self.big.is_none() || self.is_listpack_list()
    }

    /// Whether its value is held in a tree.
    #[must_use]
    pub fn is_big(&self) -> bool {
        self.big.is_some()
    }

    /// Bytes that it takes, its place in the table included.
    #[must_use]
    pub fn memory(&self) -> usize {
        let (lengths, outside) = match self.big {
            Some(big) => (8, big.memory()),
            None if self.is_large() => (8, self.bytes.len()),
            None => (length_width(self.bytes.len()) + self.bytes.len(), 0),
        };
        let key = length_width(self.key.len()) + self.key.len();
        TABLE_PLACE + rounded(self.meta.head_len() + key + lengths) + outside
    }

    /// Bytes that it takes of the heap.
    pub(in crate::data) fn block_memory(&self) -> usize {
        self.memory() - TABLE_PLACE
    }

    /// How many bytes the value takes, as it is held.
    #[must_use]
    pub fn value_len(&self) -> usize {
        self.big.map_or(self.bytes.len(), |big| big.value().pages())
    }

    /// Whether it is a list that Redis would have in one listpack: one of few bytes, which is saved
    /// as such.
    pub(in crate::data) fn is_listpack_list(&self) -> bool {
        self.kind() == Type::List && self.meta.kind.encoding() == Encoding::Listpack
    }

    /// What does not fit into the block.
    pub(in crate::data) fn big(&self) -> Option<&'a Big> {
        self.big
    }

    /// What the block, or the vector of a large string, holds.
    pub(in crate::data) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(in crate::data) fn meta(&self) -> Meta {
        self.meta
    }

    /// Whether it is a string that has a vector of its own.
    pub(in crate::data) fn is_large(&self) -> bool {
        self.bytes.len() > LARGE
    }
}

/// The access clock at a moment.
pub(in crate::data) fn clock_of(now: Now) -> u32 {
    (now.mono_us / (1_000_000 / CLOCKS_PER_SECOND) % CLOCK_MODULUS) as u32
}

/// Whether this is how a 64-bit integer is written: no sign but `-`, no leading zeros.
fn is_canonical_integer(text: &[u8]) -> bool {
    let (digits, limit) = match text {
        [b'-', digits @ ..] => (digits, i64::MIN.unsigned_abs()),
        digits => (digits, i64::MAX.unsigned_abs()),
    };
    match digits {
        [] => false,
        [b'0', rest @ ..] => rest.is_empty() && text.len() == 1,
        _ if digits.len() > 19 => false,
        _ => {
            let value = digits.iter().try_fold(0u64, |sum, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| sum * 10 + u64::from(digit - b'0'))
            });
            value.is_some_and(|value| value <= limit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_int() {
        for text in [
            "0",
            "7",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
        ] {
            assert!(is_canonical_integer(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            "1 ",
            "1.0",
            "9223372036854775808",
        ] {
            assert!(!is_canonical_integer(text.as_bytes()), "{text}");
        }
        assert!(!is_canonical_integer(b"-9223372036854775809"));
        assert!(!is_canonical_integer(b"18446744073709551616"));
    }
}
