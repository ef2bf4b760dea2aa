//! Bits of a string, counted and looked for in words of eight bytes.

/// How many bits are 1.
pub(super) fn count_ones(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let rest: u64 = words.remainder().iter().map(ones).sum();
    let words = words.map(|word| {
        let word = word.first_chunk().expect("it has eight bytes");
        u64::from(u64::from_le_bytes(*word).count_ones())
    });
    words.sum::<u64>() + rest
}

fn ones(byte: &u8) -> u64 {
    u64::from(byte.count_ones())
}

/// How many bits from `first` to `last`, which are bits of the string, are 1.
pub(super) fn count_range(bytes: &[u8], first: u64, last: u64) -> u64 {
    let (from, to) = ((first / 8) as usize, (last / 8) as usize);
    let before = bytes[from] & !(0xFF >> (first % 8));
    let behind = bytes[to] & (0x7F >> (last % 8));
    count_ones(&bytes[from..=to]) - ones(&before) - ones(&behind)
}

/// The first bit from `first` to `last`, which are bits of the string, that is so.
pub(super) fn find(bytes: &[u8], bit: bool, first: u64, last: u64) -> Option<u64> {
    let (from, to) = ((first / 8) as usize, (last / 8) as usize);
    // A byte that has none of them.
    let without = if bit { 0 } else { 0xFF };
    let mut at = from;
    let mut wanted = (bytes[from] ^ without) & (0xFF >> (first % 8));
    if wanted == 0 {
        let rest = &bytes[from + 1..=to];
        at = from + 1 + first_other(rest, without)?;
        wanted = bytes[at] ^ without;
    }
    let found = at as u64 * 8 + u64::from(wanted.leading_zeros());
    (found <= last).then_some(found)
}

/// Where the first byte is that is not this one.
fn first_other(bytes: &[u8], byte: u8) -> Option<usize> {
    let words = bytes.chunks_exact(8);
    let skipped = words.take_while(|word| **word == [byte; 8]).count() * 8;
    let rest = bytes[skipped..].iter().position(|other| *other != byte)?;
    Some(skipped + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bit(bytes: &[u8], at: u64) -> bool {
        bytes[(at / 8) as usize] & (0x80 >> (at % 8)) != 0
    }

    #[test]
    fn counts_and_finds_as_one_bit_after_the_other_does() {
        let strings: [&[u8]; 5] = [
            &[0x00],
            &[0xFF, 0x0F],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            &[0xFF; 19],
            b"any string that is longer than two words of eight bytes",
        ];
        for bytes in strings {
            let end = bytes.len() as u64 * 8;
            for first in 0..end {
                for last in first..end {
                    let ones = (first..=last).filter(|at| bit(bytes, *at)).count();
                    assert_eq!(count_range(bytes, first, last), ones as u64);
                    for wanted in [false, true] {
                        let found = (first..=last).find(|at| bit(bytes, *at) == wanted);
                        assert_eq!(find(bytes, wanted, first, last), found);
                    }
                }
            }
        }
    }
}
