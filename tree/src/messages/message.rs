//! A message, and its id.

use crate::element::Element;

/// The id of a message: when it came in unix milliseconds, and a number among those of the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct StreamId {
    /// Unix milliseconds.
    pub ms: u64,
    /// The number within the millisecond.
    pub seq: u64,
}

impl StreamId {
    /// The lowest one.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The highest one.
    pub const MAX: StreamId = StreamId {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// The one right above it; none above the highest.
    #[must_use]
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId {
                ms: self.ms.checked_add(1)?,
                seq: 0,
            }),
        }
    }

    /// The one right below it; none below the lowest.
    #[must_use]
    pub fn previous(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId {
                ms: self.ms.checked_sub(1)?,
                seq: u64::MAX,
            }),
        }
    }

    /// Its 16 bytes in Redis's files: both numbers with the big end first.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.ms.to_be_bytes());
        bytes[8..].copy_from_slice(&self.seq.to_be_bytes());
        bytes
    }

    /// What [`StreamId::to_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> StreamId {
        let both = u128::from_be_bytes(bytes);
        StreamId {
            ms: (both >> 64) as u64,
            seq: both as u64,
        }
    }

    /// How far it is from another one, as a node stores that: both numbers as signed ones, which may
    /// wrap.
    #[must_use]
    pub fn minus(self, base: StreamId) -> (i64, i64) {
        (
            self.ms.wrapping_sub(base.ms).cast_signed(),
            self.seq.wrapping_sub(base.seq).cast_signed(),
        )
    }

    /// The id that is so far from this one.
    #[must_use]
    pub fn plus(self, (ms, seq): (i64, i64)) -> StreamId {
        StreamId {
            ms: self.ms.wrapping_add_signed(ms),
            seq: self.seq.wrapping_add_signed(seq),
        }
    }
}

/// A message, to read.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its id.
    pub id: StreamId,
    /// The fields of the leaf, if they are its own.
    pub(super) fields: Option<&'a [u8]>,
    /// Its values, or its fields and values by turns.
    pub(super) body: &'a [u8],
    pub(super) len: usize,
}

impl<'a> Message<'a> {
    /// How many fields it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Its fields with their values, in order.
    #[must_use]
    pub fn pairs(&self) -> Pairs<'a> {
        Pairs {
            fields: self.fields,
            body: self.body,
            left: self.len,
        }
    }
}

/// The fields of a message with their values.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    fields: Option<&'a [u8]>,
    body: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<(Element<'a>, Element<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let field = take(self.fields.as_mut().unwrap_or(&mut self.body));
        Some((field, take(&mut self.body)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Takes an element from the front of some; there is one.
#[inline]
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Element<'a> {
    let (element, len) = Element::decode(rest).expect("a leaf has whole elements");
    *rest = &rest[len..];
    element
}

/// The same, of a number.
#[inline]
pub(super) fn take_number(rest: &mut &[u8]) -> i64 {
    match take(rest) {
        Element::Int(number) => number,
        Element::Str(_) => unreachable!("a leaf has a number there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_have_neighbours() {
        let id = |ms, seq| StreamId { ms, seq };
        assert_eq!(id(1, 2).next(), Some(id(1, 3)));
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(id(1, 2).previous(), Some(id(1, 1)));
        assert_eq!(id(1, 0).previous(), Some(id(0, u64::MAX)));
        assert_eq!(StreamId::MIN.previous(), None);
        let all = [id(0, 0), id(0, 9), id(1, 0), id(256, 1), id(u64::MAX, 0)];
        for pair in all.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].to_bytes() < pair[1].to_bytes());
        }
        for one in all {
            assert_eq!(StreamId::from_bytes(one.to_bytes()), one);
            assert!(all.iter().all(|base| base.plus(one.minus(*base)) == one));
        }
    }
}
