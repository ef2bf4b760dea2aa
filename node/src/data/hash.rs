//! The hash of keys: SipHash-1-3 under a secret seed that each process draws anew.
//!
//! What is promised: it is a pseudo-random function, as far as is known. Who does not know the seed
//! cannot choose keys that collide, nor learn the seed, or the hash of another key, from any number
//! of keys whose hashes are seen. They are seen: SCAN's cursors and the order in which it gives keys
//! show the top bits. (Two rounds of 64-bit multiplications save some 7 ns a key, and keep no such
//! promise.) All 64 bits are good: tables are split by the top ones.
//!
//! J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012; with one round a word
//! and three at the end it is what Rust's own maps use.

/// The seed of the hash: from entropy in production, fixed in tests and in the simulator.
#[derive(Clone, Copy, Debug)]
pub struct HashKey(State);

impl HashKey {
    /// The hash function of that seed.
    #[must_use]
    pub fn new([k0, k1]: [u64; 2]) -> HashKey {
        HashKey(State {
            v0: k0 ^ 0x736F_6D65_7073_6575,
            v1: k1 ^ 0x646F_7261_6E64_6F6D,
            v2: k0 ^ 0x6C79_6765_6E65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
        })
    }

    /// The hash of `bytes`.
    #[must_use]
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut state = self.0;
        let mut rest = bytes;
        while let Some((word, tail)) = rest.split_first_chunk::<8>() {
            state.take(u64::from_le_bytes(*word));
            rest = tail;
        }
        state.take(last_word(bytes, rest) | (bytes.len() as u64) << 56);
        state.finish()
    }
}

/// The four words of SipHash.
#[derive(Clone, Copy, Debug)]
struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    #[inline]
    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }

    #[inline]
    fn take(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.v0 ^= word;
    }

    #[inline]
    fn finish(mut self) -> u64 {
        self.v2 ^= 0xFF;
        (0..3).for_each(|_| self.round());
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }
}

/// The up to seven bytes behind the last whole word, as a word of which the rest is zero. Nothing
/// is copied byte by byte: what stands before them is read, too, and shifted out.
#[inline]
fn last_word(bytes: &[u8], rest: &[u8]) -> u64 {
    let missing = 8 - rest.len();
    if let Some(word) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*word)
            .checked_shr(8 * missing as u32)
            .unwrap_or(0);
    }
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        let high = u64::from(u32::from_le_bytes(*last));
        return u64::from(u32::from_le_bytes(*first)) | high << (8 * (rest.len() - 4));
    }
    let byte = |at: usize| u64::from(rest.get(at).copied().unwrap_or_default()) << (8 * at);
    byte(0) | byte(1) | byte(2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::Hasher;

    use super::*;

    fn hash(seed: u64, bytes: &[u8]) -> u64 {
        HashKey::new([seed, !seed]).hash(bytes)
    }

    #[test]
    fn is_siphash_1_3() {
        let bytes: Vec<u8> = (0..64).collect();
        for length in 0..bytes.len() {
            // Rust's own, with a key of zeros.
            let mut known = std::hash::DefaultHasher::new();
            known.write(&bytes[..length]);
            let ours = HashKey::new([0, 0]).hash(&bytes[..length]);
            assert_eq!(ours, known.finish(), "length {length}");
        }
        // The first vector of the reference implementation.
        let key = HashKey::new([0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908]);
        assert_eq!(key.hash(b""), 0xABAC_0158_050F_C4DC);
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
}
