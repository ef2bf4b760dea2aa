//! The hash of keys: fast, and keyed so that nobody outside can choose keys that collide.
//!
//! Two 64-bit words are multiplied to 128 bits and folded; a key of up to 16 bytes takes two such
//! rounds. All 64 bits of the result are good: tables are split by the top ones.

use std::hash::Hasher;

/// The seed of the hash: from entropy in production, fixed in tests and in the simulator.
#[derive(Clone, Copy, Debug)]
pub struct HashKey([u64; 2]);

/// Odd constants with about half of their bits set (the fraction of the golden ratio, and of the
/// square roots of 2 and 3), so that a seed of zeros still mixes.
const MIX: [u64; 3] = [
    0x9E37_79B9_7F4A_7C15,
    0x6A09_E667_F3BC_C909,
    0xBB67_AE85_84CA_A73B,
];

impl HashKey {
    /// The hash function of that seed.
    #[must_use]
    pub fn new(seed: [u64; 2]) -> HashKey {
        HashKey([
            fold(seed[0] ^ MIX[0], MIX[1]) ^ seed[1],
            fold(seed[1] ^ MIX[1], MIX[2]) ^ seed[0],
        ])
    }

    /// The hash of `bytes`.
    #[must_use]
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let [mut a, b] = self.0;
        let mut rest = bytes;
        while let Some((block, tail)) = rest.split_first_chunk::<16>() {
            if tail.is_empty() {
                break;
            }
            let (low, high) = halves(block);
            a = fold(low ^ a, high ^ b);
            rest = tail;
        }
        let (low, high) = last_words(rest);
        let mixed = fold(low ^ a, high ^ b ^ MIX[0]);
        fold(mixed ^ MIX[1], a ^ MIX[2] ^ (bytes.len() as u64))
    }
}

/// The 128-bit product, its halves combined.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline]
fn halves(block: &[u8; 16]) -> (u64, u64) {
    let value = u128::from_le_bytes(*block);
    (value as u64, (value >> 64) as u64)
}

/// Up to 16 bytes as two words. They may overlap; the length, hashed too, tells them apart.
#[inline]
fn last_words(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let low = u64::from(u32::from_le_bytes(*first));
        return (low, u64::from(u32::from_le_bytes(*last)));
    }
    match bytes {
        [] => (0, 0),
        [first, .., last] => {
            let middle = u64::from(bytes[bytes.len() / 2]);
            (u64::from(*first) | middle << 8, u64::from(*last))
        }
        [only] => (u64::from(*only), u64::from(*only)),
    }
}

/// Builds hashers for std's maps and sets, in place of its random state.
#[derive(Clone, Copy, Debug)]
pub struct BuildHasher(HashKey);

impl BuildHasher {
    /// Hashers of that seed.
    #[must_use]
    pub fn new(seed: [u64; 2]) -> BuildHasher {
        BuildHasher(HashKey::new(seed))
    }
}

impl std::hash::BuildHasher for BuildHasher {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher {
            key: self.0,
            state: 0,
        }
    }
}

/// A hasher for std's maps; see [`BuildHasher`].
#[derive(Clone, Debug)]
pub struct KeyedHasher {
    key: HashKey,
    state: u64,
}

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.state = fold(self.state ^ MIX[2], MIX[0]) ^ self.key.hash(bytes);
    }

    fn write_u64(&mut self, word: u64) {
        let [a, b] = self.key.0;
        self.state = fold(self.state ^ word ^ a, b | 1) ^ word.rotate_left(32);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        fold(self.state ^ MIX[1], MIX[2])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;

    fn hash(seed: u64, bytes: &[u8]) -> u64 {
        HashKey::new([seed, !seed]).hash(bytes)
    }

    #[test]
    fn differs_by_seed_length_and_every_byte() {
        let text: Vec<u8> = (1..65).collect();
        let mut seen = BTreeSet::new();
        for length in 0..=text.len() {
            assert!(seen.insert(hash(7, &text[..length])), "length {length}");
            assert_ne!(hash(7, &text[..length]), hash(8, &text[..length]));
            for at in 0..length {
                let mut changed = text[..length].to_vec();
                changed[at] ^= 0x80;
                assert!(seen.insert(hash(7, &changed)), "length {length} byte {at}");
            }
        }
        assert!(seen.insert(hash(7, &[0])) && seen.insert(hash(7, &[0, 0])));
    }

    #[test]
    fn spreads_numbered_keys_evenly_by_the_top_bits() {
        let mut counts = [0u32; 256];
        for number in 0..256_000 {
            let name = format!("key:{number}");
            counts[(hash(1, name.as_bytes()) >> 56) as usize] += 1;
        }
        // The expected deviation from 1000 is 32; six times that is not luck.
        assert!(
            counts.iter().all(|&c| (800..1200).contains(&c)),
            "{counts:?}"
        );
    }

    #[test]
    fn maps_of_the_same_seed_iterate_alike() {
        let order = |seed| {
            let mut map = HashMap::with_hasher(BuildHasher::new([seed, 2]));
            map.extend((0..100u64).map(|n| (n, ())));
            map.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
