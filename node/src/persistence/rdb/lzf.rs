//! LZF, in which Redis stores longer strings: literal bytes, and runs that stand up to 8 KB before.
//! A literal is its length less one (below 32) and its bytes. A run is its length less two in three
//! bits and its distance less one in 13 bits; where the length does not fit, the three bits are
//! set and a byte with the rest stands between.

use super::RdbError;
use super::partial::Partial;

/// The most that one byte of packed data unpacks to: three bytes give 264.
const BEST_RATIO: usize = 88;

/// Unpacks a string as its packed bytes arrive.
#[derive(Debug)]
pub struct Unpacker {
    out: Partial,
    awaits: Awaits,
}

/// What the next packed byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Control,
    /// So many bytes that stand for themselves.
    Literal(usize),
    /// The rest of a run's length, then the rest of its distance.
    Length {
        run: usize,
        high: usize,
    },
    /// The rest of a run's distance.
    Distance {
        run: usize,
        high: usize,
    },
}

impl Unpacker {
    /// Of a string of `len` bytes, packed in `packed` bytes.
    ///
    /// # Errors
    /// When so few bytes cannot unpack to so many.
    pub fn new(packed: usize, len: usize) -> Result<Unpacker, RdbError> {
        if len / BEST_RATIO > packed {
            return Err(RdbError::Compression);
        }
        Ok(Unpacker {
            out: Partial::new(len),
            awaits: Awaits::Control,
        })
    }

    /// The memory that it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.out.memory()
    }

    /// How many bytes were moved when the memory grew.
    pub fn moved(&self) -> u64 {
        self.out.moved()
    }

    /// Unpacks the next bytes.
    ///
    /// # Errors
    /// When they are broken, give more than was announced, or there is no memory.
    pub fn feed(&mut self, mut packed: &[u8]) -> Result<(), RdbError> {
        while let Some((&byte, rest)) = packed.split_first() {
            if let Awaits::Literal(left) = self.awaits {
                let (literal, rest) = packed.split_at(left.min(packed.len()));
                self.expect(literal.len())?;
                self.out.append(literal)?;
                packed = rest;
                self.awaits = match left - literal.len() {
                    0 => Awaits::Control,
                    left => Awaits::Literal(left),
                };
                continue;
            }
            packed = rest;
            let number = usize::from(byte);
            self.awaits = match self.awaits {
                Awaits::Length { run, high } => Awaits::Distance {
                    run: run + number,
                    high,
                },
                Awaits::Distance { run, high } => {
                    self.expect(run)?;
                    let repeated = self.out.repeat((high | number) + 1, run)?;
                    repeated.ok_or(RdbError::Compression)?;
                    Awaits::Control
                }
                Awaits::Control | Awaits::Literal(_) => control(number),
            };
        }
        Ok(())
    }

    /// The string, if it is whole.
    pub fn into_whole(self) -> Option<Vec<u8>> {
        let ended = self.awaits == Awaits::Control;
        self.out.into_whole().filter(|_| ended)
    }

    /// So many bytes are about to come out.
    fn expect(&self, len: usize) -> Result<(), RdbError> {
        if len > self.out.missing() {
            return Err(RdbError::Compression);
        }
        Ok(())
    }
}

/// What follows a control byte.
fn control(byte: usize) -> Awaits {
    if byte < 32 {
        return Awaits::Literal(byte + 1);
    }
    let (run, high) = ((byte >> 5) + 2, (byte & 31) << 8);
    if byte >> 5 == 7 {
        Awaits::Length { run, high }
    } else {
        Awaits::Distance { run, high }
    }
}

/// The shortest run that is worth it, and the longest that there is.
const RUN: std::ops::RangeInclusive<usize> = 3..=264;
/// How many places there are for groups that were seen.
const SEEN: usize = 1 << 13;
const DISTANCE_MAX: usize = 1 << 13;
const LITERAL_MAX: usize = 32;
/// As in Redis, data that would be shorter by less than this stay as they are.
const WORTHWHILE: usize = 4;

/// Packs strings, one after the other. Its memory is used again for the next.
#[derive(Debug)]
pub struct Packer {
    /// Where a group of three bytes was seen last, by its hash, counted over all strings.
    seen: Vec<u32>,
    /// The count at the start of the present string; what was seen below belongs to earlier ones.
    base: u32,
    packed: Vec<u8>,
}

impl Packer {
    /// One that has packed nothing yet.
    #[must_use]
    pub fn new() -> Packer {
        Packer {
            seen: Vec::new(),
            base: 1,
            packed: Vec::new(),
        }
    }

    /// The packed form; none if it saves too little.
    pub fn pack(&mut self, bytes: &[u8]) -> Option<&[u8]> {
        let most = bytes.len().checked_sub(WORTHWHILE)?;
        let count = u32::try_from(bytes.len()).ok()?;
        let base = match self.base.checked_add(count) {
            Some(next) => std::mem::replace(&mut self.base, next),
            None => {
                *self = Packer::new();
                self.base = 1u32.checked_add(count)?;
                1
            }
        };
        if self.seen.is_empty() {
            self.seen.resize(SEEN, 0);
        }
        self.packed.clear();
        let (mut at, mut literal) = (0, 0);
        while let Some(group) = bytes[at..].first_chunk::<3>() {
            let place = &mut self.seen[hash(*group)];
            let seen = std::mem::replace(place, base + at as u32).checked_sub(base);
            let Some(run) = seen.and_then(|from| Run::find(bytes, from as usize, at)) else {
                at += 1;
                continue;
            };
            append_literals(&mut self.packed, &bytes[literal..at]);
            run.append(&mut self.packed);
            at += run.len;
            literal = at;
            if self.packed.len() > most {
                return None;
            }
        }
        append_literals(&mut self.packed, &bytes[literal..]);
        (self.packed.len() <= most).then_some(&self.packed)
    }
}

/// Bytes that stand before, too.
struct Run {
    distance: usize,
    len: usize,
}

impl Run {
    /// What `bytes` have in common at two places; none if it is not worth it.
    fn find(bytes: &[u8], from: usize, at: usize) -> Option<Run> {
        let distance = at - from;
        let pairs = bytes[at..].iter().zip(&bytes[from..]).take(*RUN.end());
        let len = pairs.take_while(|(here, there)| here == there).count();
        (distance <= DISTANCE_MAX && RUN.contains(&len)).then_some(Run { distance, len })
    }

    fn append(&self, out: &mut Vec<u8>) {
        let (back, len) = (self.distance - 1, self.len - 2);
        let high = (back >> 8) as u8;
        if len < 7 {
            out.push((len as u8) << 5 | high);
        } else {
            out.extend_from_slice(&[7 << 5 | high, (len - 7) as u8]);
        }
        out.push(back as u8);
    }
}

fn append_literals(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.chunks(LITERAL_MAX) {
        out.push((part.len() - 1) as u8);
        out.extend_from_slice(part);
    }
}

/// 13 bits of three bytes, mixed by a multiplication.
fn hash([a, b, c]: [u8; 3]) -> usize {
    let group = u32::from_le_bytes([a, b, c, 0]);
    (group.wrapping_mul(0x9e37_79b1) >> 19) as usize
}

#[cfg(test)]
mod tests {
    use super::{DISTANCE_MAX, Packer, Unpacker};
    use crate::random::Random;

    /// Unpacks to exactly `len` bytes; none if the data do not say so, in whatever pieces they come.
    fn unpack(packed: &[u8], len: usize) -> Option<Vec<u8>> {
        let unpack = |size: usize| {
            let mut unpacker = Unpacker::new(packed.len(), len).ok()?;
            for piece in packed.chunks(size) {
                unpacker.feed(piece).ok()?;
            }
            unpacker.into_whole()
        };
        let whole = unpack(packed.len());
        for size in [1, 2, 7] {
            assert_eq!(unpack(size), whole, "pieces of {size}");
        }
        whole
    }

    #[test]
    fn packs_what_it_unpacks() {
        let mut random = Random::new(1);
        let mut packer = Packer::new();
        let mut packed_some = 0;
        for round in 0..3000 {
            let len = random.below(if round % 50 == 0 { 40_000 } else { 300 }) as usize;
            let letters = 1 + random.below(6) * random.below(50);
            let mut text: Vec<u8> = (0..len).map(|_| random.below(letters) as u8).collect();
            if round % 3 == 0 {
                text.extend_from_within(..len / 2);
            }
            if let Some(packed) = packer.pack(&text) {
                assert!(packed.len() + 4 <= text.len(), "round {round}");
                assert_eq!(
                    unpack(packed, text.len()).as_ref(),
                    Some(&text),
                    "round {round}"
                );
                packed_some += 1;
            }
        }
        assert!(packed_some > 1000, "{packed_some}");
    }

    #[test]
    fn reaches_back_as_far_as_there_is() {
        let mut random = Random::new(2);
        let word: Vec<u8> = (0..64).map(|_| random.below(256) as u8).collect();
        for (gap, packs) in [(DISTANCE_MAX - 64, true), (DISTANCE_MAX - 63, false)] {
            // Nothing in it is repeated but the word.
            let noise: Vec<u8> = (0..gap).map(|_| random.below(256) as u8).collect();
            let text = [&word[..], &noise, &word].concat();
            let found = super::Run::find(&text, 0, 64 + gap).is_some();
            assert_eq!(found, packs, "{gap}");
        }
        let long = vec![b'x'; 100_000];
        let mut packer = Packer::new();
        let packed = packer.pack(&long).expect("nothing packs better");
        assert!(packed.len() < 100_000 / 80, "{}", packed.len());
        assert_eq!(unpack(packed, long.len()), Some(long));
    }

    #[test]
    fn forgets_earlier_strings_even_when_its_count_runs_over() {
        let mut packer = Packer::new();
        packer.base = u32::MAX - 150;
        for _ in 0..3 {
            let packed = packer.pack(&[b'x'; 100]).map(<[u8]>::to_vec);
            assert_eq!(
                unpack(&packed.expect("it packs"), 100),
                Some(vec![b'x'; 100])
            );
            assert_eq!(packer.pack(b"xxx is in no earlier string"), None);
        }
    }

    #[test]
    fn unpacks_what_redis_packed() {
        // 200 times `a`, out of a dump of redis-server 7.0.
        let packed = [0x01, 0x61, 0x61, 0xe0, 0xbb, 0x00, 0x01, 0x61, 0x61];
        assert_eq!(unpack(&packed, 200), Some(vec![b'a'; 200]));
    }

    #[test]
    fn refuses_what_is_broken() {
        assert_eq!(unpack(&[0x05, b'a'], 6), None, "a literal cut short");
        assert_eq!(
            unpack(&[0x20, 0x00], 3),
            None,
            "a run from before the start"
        );
        assert_eq!(unpack(&[0x00, b'a'], 2), None, "too little");
        assert_eq!(unpack(&[0x01, b'a', b'b'], 1), None, "too much");
        assert_eq!(
            unpack(&[0x00, b'a'], usize::MAX),
            None,
            "no allocation for a mere promise"
        );
    }
}
