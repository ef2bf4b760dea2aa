//! The parts of long replies.
//!
//! A reply that outgrows the buffer goes on in another one, so what is written is never moved, and each
//! part is freed once it has left. Whoever sends them takes them over instead of copying them.

use std::ops::Range;

use super::Reply;

/// How long the first part may get: the one that is used again for the next replies.
const FIRST_MAX: usize = 2 << 20;
/// Its memory is kept up to this size: it grows to twice of what it needs.
pub(super) const KEPT_MAX: usize = 2 * FIRST_MAX;
/// The memory of each part behind it, of which the system gives only the pages that are written. glibc
/// takes so much (above 32 MB) from the system directly, so all of it goes back when it is freed, no
/// matter what was allocated meanwhile.
const PART: usize = 33 << 20;

/// Whether so many bytes are not to be copied.
pub(super) fn is_long(len: usize) -> bool {
    len > FIRST_MAX
}

/// A part that is full.
#[derive(Debug)]
pub(super) struct Part {
    /// How many bytes of replies are before it.
    start: usize,
    bytes: Vec<u8>,
}

impl Part {
    /// How many bytes are before it, and its own.
    pub(super) fn into_parts(self) -> (usize, Vec<u8>) {
        (self.start, self.bytes)
    }

    /// Where its bytes are among all.
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.bytes.len()
    }

    /// Its bytes from there on.
    fn from(&self, position: usize) -> &[u8] {
        let from = position.saturating_sub(self.start);
        self.bytes.get(from..).unwrap_or_default()
    }
}

/// A piece of a reply that is to be sent.
#[derive(Debug)]
pub enum Piece<'a> {
    /// In a buffer that others use, too.
    Short(&'a [u8]),
    /// Alone in its buffer.
    Long(Vec<u8>),
}

impl Reply {
    /// Gives away the bytes in a range, piece by piece. What was given away as a long piece is gone;
    /// the positions of everything else stay the same.
    pub fn hand_over(&mut self, range: Range<usize>, mut take: impl FnMut(Piece<'_>)) {
        if self.full.is_empty() {
            take(Piece::Short(&self.bytes[range]));
        } else {
            self.hand_over_parts(&range, take);
        }
    }

    #[cold]
    fn hand_over_parts(&mut self, range: &Range<usize>, mut take: impl FnMut(Piece<'_>)) {
        self.begin_part(0);
        for (index, part) in self.full.iter_mut().enumerate() {
            let all = part.range();
            let wanted = all.start.max(range.start)..all.end.min(range.end);
            if wanted.is_empty() {
                continue;
            }
            take(if index > 0 && wanted == all {
                Piece::Long(std::mem::take(&mut part.bytes))
            } else {
                let from = wanted.start - all.start;
                Piece::Short(&part.bytes[from..from + wanted.len()])
            });
        }
    }

    /// Makes room for so many bytes that stay together.
    #[inline]
    pub(super) fn make_room(&mut self, len: usize) {
        if self.bytes.capacity() - self.bytes.len() < len {
            self.grow(len);
        }
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        if self.full.is_empty() && self.bytes.len() + len <= FIRST_MAX {
            self.bytes.reserve(len);
        } else {
            self.begin_part(len.max(PART));
        }
    }

    /// The part that grows is full; the next one has so much memory.
    fn begin_part(&mut self, capacity: usize) {
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(capacity));
        let start = self.before;
        self.before += bytes.len();
        self.full.push(Part { start, bytes });
    }

    /// Takes a part over that is written already.
    pub(super) fn adopt(&mut self, bytes: Vec<u8>) {
        self.begin_part(0);
        self.bytes = bytes;
        self.begin_part(0);
    }

    /// Goes back to the first part.
    #[cold]
    pub(super) fn forget_parts(&mut self) {
        let parts = std::mem::take(&mut self.full);
        self.before = 0;
        self.bytes = parts
            .into_iter()
            .next()
            .map_or_else(Vec::new, |it| it.bytes);
    }

    /// A copy of the bytes from a position on.
    #[cold]
    pub(super) fn joined(&self, position: usize) -> Vec<u8> {
        let mut joined = Vec::with_capacity(self.len() - position);
        let parts = self.full.iter().map(|part| part.from(position));
        parts.for_each(|bytes| joined.extend_from_slice(bytes));
        let from = position.saturating_sub(self.before);
        joined.extend_from_slice(&self.bytes[from..]);
        joined
    }

    /// Moves the few bytes from `end` on to `start`, which is in a part that is full.
    #[cold]
    pub(super) fn move_into_part(&mut self, start: usize, end: usize) {
        let bytes = self.joined(end);
        self.truncate(end);
        self.before += bytes.len();
        for part in self.full.iter_mut().rev() {
            if part.start <= start {
                let at = start - part.start;
                part.bytes.splice(at..at, bytes);
                return;
            }
            part.start += bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replies of so many bytes each, one after the other.
    fn written(lens: &[usize]) -> Reply {
        let mut reply = Reply::new();
        for (index, len) in lens.iter().enumerate() {
            reply.bulk(&vec![b'a' + index as u8; *len]);
        }
        reply
    }

    fn expected(lens: &[usize]) -> Vec<u8> {
        let bulks = lens.iter().enumerate().map(|(index, len)| {
            let mut bulk = format!("${len}\r\n").into_bytes();
            bulk.extend(vec![b'a' + index as u8; *len]);
            bulk.extend_from_slice(b"\r\n");
            bulk
        });
        bulks.collect::<Vec<_>>().concat()
    }

    const LENS: [usize; 5] = [10, FIRST_MAX, 5, FIRST_MAX / 2, 0];

    #[test]
    fn a_long_reply_is_the_same_in_parts() {
        let mut reply = written(&LENS);
        assert!(!reply.full.is_empty());
        assert_eq!(reply.len(), expected(&LENS).len());
        assert!(*reply.bytes() == *expected(&LENS));
        assert!(reply.take() == expected(&LENS));
        assert!(reply.is_empty() && reply.full.is_empty());
        assert_eq!(*written(&[3]).bytes(), *expected(&[3]));
    }

    #[test]
    fn long_pieces_are_given_away_and_short_ones_lent() {
        let mut reply = written(&LENS);
        let all = expected(&LENS);
        let first = 0..6;
        let (mut given, mut long) = (Vec::new(), 0);
        let mut take = |piece: Piece<'_>| match piece {
            Piece::Short(bytes) => given.extend_from_slice(bytes),
            Piece::Long(bytes) => {
                long += bytes.len();
                given.extend_from_slice(&bytes);
            }
        };
        // The second one first: the places of the others stay.
        reply.hand_over(6..all.len(), &mut take);
        reply.hand_over(first, &mut take);
        given.rotate_right(6);
        assert!(given == all);
        assert_eq!(long, all.len() - expected(&LENS[..1]).len());
        reply.clear();
        assert!(reply.is_empty() && reply.bytes.capacity() > 0);
        reply.ok();
        assert_eq!(*reply.bytes(), *b"+OK\r\n");
    }

    #[test]
    fn a_long_reply_can_be_taken_back() {
        let mut reply = written(&LENS);
        for len in [reply.len(), FIRST_MAX + 50, 20, 6, 0] {
            reply.truncate(len);
            assert!(*reply.bytes() == expected(&LENS)[..len]);
        }
        reply.error("ERR");
        assert_eq!(reply.error_at(0), Some(&b"ERR\r\n"[..]));
        let mut reply = written(&LENS);
        let start = reply.len();
        assert_eq!(reply.error_at(start), None);
        reply.error("ERR");
        assert_eq!(reply.error_at(start), Some(&b"ERR\r\n"[..]));
        assert_eq!((reply.error_at(0), reply.error_at(6)), (None, None));
    }

    #[test]
    fn a_count_goes_before_a_long_reply() {
        let all = expected(&LENS);
        let bulks = [0, 1, 2, 3, 5].map(|count| expected(&LENS[..count]).len());
        for start in bulks {
            let mut reply = written(&LENS);
            reply.put_before(start, |reply| reply.array(7));
            let wanted = [&all[..start], b"*7\r\n", &all[start..]].concat();
            assert!(*reply.bytes() == *wanted, "at {start}");
            let mut sent = Vec::new();
            let end = reply.len();
            reply.hand_over(0..end, |piece| match piece {
                Piece::Short(bytes) => sent.extend_from_slice(bytes),
                Piece::Long(bytes) => sent.extend(bytes),
            });
            assert!(sent == wanted, "at {start}");
        }
    }

    #[test]
    fn what_is_long_already_is_not_copied() {
        let texts = [
            vec![b'a'; FIRST_MAX + 1],
            b"b".to_vec(),
            vec![b'c'; FIRST_MAX + 1],
        ];
        let places = [texts[0].as_ptr(), texts[2].as_ptr()];
        let all = expected(&texts.each_ref().map(Vec::len));
        let mut parked = Reply::new();
        texts.into_iter().for_each(|text| parked.long_bulk(text));
        assert!(*parked.bytes() == *all);
        let mut reply = written(&[1]);
        reply.append(written(&[1]));
        let (begin, end) = (reply.len(), reply.len() + all.len());
        reply.append(parked);
        let (mut sent, mut long) = (Vec::new(), Vec::new());
        reply.hand_over(begin..end, |piece| match piece {
            Piece::Short(bytes) => sent.extend_from_slice(bytes),
            Piece::Long(bytes) => {
                long.push(bytes.as_ptr());
                sent.extend(bytes);
            }
        });
        assert!(sent == all);
        assert!(places.iter().all(|place| long.contains(place)));
    }

    #[test]
    fn a_part_never_grows() {
        let mut reply = Reply::new();
        let element = [b'x'; 1000];
        let (mut memory, mut parts) = (0, 0);
        while parts < 3 {
            reply.bulk(&element);
            if reply.full.len() > parts {
                parts = reply.full.len();
                memory = reply.bytes.capacity();
            }
            assert!(parts == 0 || reply.bytes.capacity() == memory);
        }
        assert!(reply.full.iter().all(|part| part.bytes.len() <= PART));
    }
}
