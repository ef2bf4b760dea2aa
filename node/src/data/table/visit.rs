//! Going through a table in the order of hashes, from any position on.
//!
//! A position is a hash, of which at most the first 48 bits are not 0. It means the same before
//! and after any split, so what is visited later is what lies behind it.
#![expect(
    unsafe_code,
    reason = "segments are reached through the pointers of the directory"
)]

use super::segment::{Segment, tag_of};
use super::{Table, prefetch};
use crate::data::entry::{ADDRESS, Entry, EntryMut, EntryRef};
use crate::data::hash::HashKey;

/// How many entries a sample has at most.
pub(in crate::data) const SOME_MAX: usize = 64;

/// The range of hashes that a segment holds.
struct Range {
    start: u64,
    /// None at the end of the table.
    end: Option<u64>,
    /// How far apart two neighbouring tags are.
    step: u64,
}

impl Range {
    fn of(segment: Segment, position: u64) -> Range {
        let size = 1u64.checked_shl(64 - u32::from(segment.depth));
        let start = size.map_or(0, |size| position & !(size - 1));
        Range {
            start,
            end: size.and_then(|size| start.checked_add(size)),
            step: 1 << (48 - segment.depth),
        }
    }

    fn position(&self, word: u64) -> u64 {
        self.start | ((word >> 48) * self.step)
    }
}

impl Table {
    /// Shows the entries from `position` on, up to the end of their segment, until `show` returns
    /// false; but entries of one position are shown together. Returns where to go on, none at the
    /// end of the table.
    pub fn visit(
        &self,
        hasher: &HashKey,
        position: u64,
        mut show: impl FnMut(Entry<'_>) -> bool,
    ) -> Option<u64> {
        let segment = self.locate(position)?;
        let range = Range::of(segment, position);
        let from = position & !(range.step - 1);
        let mut last = None;
        // SAFETY: the table is borrowed, so the segment is live and does not change.
        for &word in unsafe { segment.words() } {
            let at = range.position(word);
            if word == 0 || at < from {
                continue;
            }
            if last.is_some_and(|last| last != at) {
                return Some(at);
            }
            // SAFETY: words that are not 0 are those of live entries.
            let entry = unsafe { EntryRef::from_address(word & ADDRESS) }.view();
            // A position finer than tags are here: the table was deeper when it was made.
            if at == from && from != position && hasher.hash(entry.key()) < position {
                continue;
            }
            if !show(entry) {
                last = Some(at);
            }
        }
        range.end
    }

    /// Gives out the entries from `position` on, up to the end of their segment, until `take`
    /// returns false for one that it leaves alone. Returns where to go on, with that one again;
    /// none at the end of the table.
    pub fn visit_mut(
        &mut self,
        position: u64,
        mut take: impl FnMut(EntryMut<'_>) -> bool,
    ) -> Option<u64> {
        let segment = self.locate(position)?;
        let range = Range::of(segment, position);
        let from = position & !(range.step - 1);
        // SAFETY: the table is borrowed mutably, and so is what it gives out.
        for word in unsafe { segment.words_mut() } {
            let at = range.position(*word);
            // SAFETY: words that are not 0 are those of live entries.
            if *word != 0 && at >= from && !take(unsafe { EntryMut::from_word(word) }) {
                return Some(at);
            }
        }
        range.end
    }

    /// An entry picked by `random`, all of them about equally likely.
    pub fn sample(&self, random: u64) -> Option<Entry<'_>> {
        let mut random = random;
        // A deeper segment is hit less often, so its entries must be refused less often.
        let usual_depth = (self.len() / 400 + 1).ilog2() as i32 + 1;
        for _ in 0..100 {
            random = next_random(random);
            let segment = self.locate(random)?;
            // SAFETY: the table is borrowed, so the segment is live and does not change.
            let (len, words) = unsafe { (segment.len() as u64, segment.words()) };
            let depth = i32::from(segment.depth);
            let share = (len << 32) >> (usual_depth + 2 - depth).clamp(0, 63);
            if depth == 0 || next_random(random) % (1024 << 32) < share {
                let nth = next_random(!random) % len.max(1);
                let word = words.iter().filter(|&&word| word != 0).nth(nth as usize)?;
                // SAFETY: the word of a live entry.
                return Some(unsafe { EntryRef::from_address(word & ADDRESS) }.view());
            }
        }
        self.first_from(random).or_else(|| self.first_from(0))
    }

    /// Shows up to `count` entries that stand beside each other, from a place on that `random` picks.
    /// Returns how many there are; all of them, if the table has fewer.
    pub fn sample_some<'a>(
        &'a self,
        random: u64,
        count: usize,
        mut show: impl FnMut(Entry<'a>),
    ) -> usize {
        let mut addresses = [0; SOME_MAX];
        let count = count.min(SOME_MAX).min(self.len());
        let (mut found, mut is_first) = (0, true);
        let mut position = random;
        while found < count {
            let Some(segment) = self.locate(position) else {
                break;
            };
            // SAFETY: the table is borrowed, so the segment is live and does not change.
            let words: &[u64] = unsafe { segment.words() };
            let from = match std::mem::take(&mut is_first) {
                true => next_random(random) as usize % words.len(),
                false => 0,
            };
            for word in words[from..].iter().filter(|&&word| word != 0) {
                if found == count {
                    break;
                }
                addresses[found] = word & ADDRESS;
                prefetch(std::ptr::with_exposed_provenance(addresses[found] as usize));
                found += 1;
            }
            // The end is followed by the beginning. That of the first segment may come twice.
            position = Range::of(segment, position).end.unwrap_or(0);
        }
        for address in &addresses[..found] {
            // SAFETY: the words that were seen are those of live entries.
            show(unsafe { EntryRef::from_address(*address) }.view());
        }
        found
    }

    /// The first entry at or behind a position.
    fn first_from(&self, position: u64) -> Option<Entry<'_>> {
        let mut next = Some(position);
        while let Some(position) = next {
            let segment = self.locate(position)?;
            // SAFETY: the table is borrowed, so the segment is live and does not change.
            let words: &[u64] = unsafe { segment.words() };
            let tag = tag_of(position, segment.depth);
            if let Some(word) = words.iter().find(|&&word| word != 0 && word >> 48 >= tag) {
                // SAFETY: the word of a live entry.
                return Some(unsafe { EntryRef::from_address(word & ADDRESS) }.view());
            }
            next = Range::of(segment, position).end;
        }
        None
    }
}

/// The next of a sequence of random numbers (SplitMix64).
pub(in crate::data) fn next_random(state: u64) -> u64 {
    let mut word = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
