//! Bytes that are nearly valid: valid ones, changed, cut and spliced. A seed gives the same ones
//! each time.

use slotkeeper_node::random::Random;

/// Bytes that mean something to one decoder or another.
const BYTES: &[u8] = b"\0\x01\x7f\x80\xff\r\n*$+-:0179 \"'\\{}[]<>@,=#%&";
/// Numbers where limits tend to be.
const NUMBERS: &[i64] = &[
    -1,
    0,
    1,
    63,
    64,
    255,
    256,
    16_383,
    16_384,
    65_535,
    65_536,
    1 << 29,
    (1 << 29) + 1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    i64::MAX,
    i64::MIN,
];
/// Nothing is made longer than this.
const LEN_MAX: usize = 64 * 1024;

/// Makes one case after the other out of valid examples.
pub struct Mutator {
    pub random: Random,
    examples: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(seed: u64, examples: Vec<Vec<u8>>) -> Mutator {
        assert!(!examples.is_empty());
        Mutator {
            random: Random::new(seed),
            examples,
        }
    }

    pub fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.example();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes);
        }
        bytes.truncate(LEN_MAX);
        bytes
    }

    /// Cuts it into pieces, as a network does.
    pub fn pieces<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while self.below(3) > 0 && bytes.len() > 1 {
            let (piece, rest) = bytes.split_at(self.below(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces.push(bytes);
        pieces
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn example(&mut self) -> Vec<u8> {
        let at = self.below(self.examples.len());
        self.examples[at].clone()
    }

    /// A place within, and how much from there on: mostly little.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        let most = match self.below(4) {
            0 => len - start,
            _ => (len - start).min(8),
        };
        start..start + self.below(most + 1)
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes.len());
        match self.below(9) {
            0 => {
                if let Some(byte) = bytes.get_mut(range.start) {
                    *byte ^= 1 << self.random.below(8);
                }
            }
            1 => {
                let value = self.pick(BYTES);
                if let Some(byte) = bytes.get_mut(range.start) {
                    *byte = value;
                }
            }
            2 => drop(bytes.drain(range)),
            3 => bytes.truncate(range.start),
            4 => {
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, again);
            }
            5 => {
                let noise: Vec<u8> = (0..self.below(9))
                    .map(|_| self.random.bits() as u8)
                    .collect();
                bytes.splice(range, noise);
            }
            6 => {
                let other = self.example();
                let part = self.range(other.len());
                bytes.splice(range, other[part].iter().copied());
            }
            7 => self.text_number(bytes, range.start),
            _ => self.binary_number(bytes, range.start),
        }
    }

    /// Puts another number in the place of the digits from there on.
    fn text_number(&mut self, bytes: &mut Vec<u8>, from: usize) {
        let digits = |byte: &u8| byte.is_ascii_digit();
        let Some(start) = bytes[from..].iter().position(digits) else {
            return;
        };
        let start = from + start;
        let len = bytes[start..]
            .iter()
            .take_while(|byte| digits(byte))
            .count();
        let number = self.pick(NUMBERS).to_string();
        bytes.splice(start..start + len, number.into_bytes());
    }

    fn binary_number(&mut self, bytes: &mut [u8], from: usize) {
        let number = self.pick(NUMBERS);
        let width = self.pick(&[1, 2, 4, 8]);
        let number = if self.below(2) == 0 {
            number.to_be_bytes()[8 - width..].to_vec()
        } else {
            number.to_le_bytes()[..width].to_vec()
        };
        if let Some(place) = bytes.get_mut(from..from + width) {
            place.copy_from_slice(&number);
        }
    }
}
