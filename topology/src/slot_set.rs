//! A set of slots, and an even split of all of them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use crate::{SLOT_COUNT, Slot};

const BYTES: usize = SLOT_COUNT as usize / 8;

/// A set of slots: a bitmap of 16384 bits, slot `s` at bit `s % 8` of byte `s / 8`, which is the
/// order of the cluster bus header.
///
/// Its text is that of CLUSTER NODES: ranges in ascending order, `0-5460 7000`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SlotSet(Box<[u8; BYTES]>);

/// The text is not a list of slots and ranges.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("slots are numbers and ranges from 0 to 16383 such as `0-5460 7000`, not {0:?}")]
pub struct InvalidSlotSet(pub String);

impl SlotSet {
    /// The set without a slot.
    #[must_use]
    pub fn new() -> SlotSet {
        SlotSet(Box::new([0; BYTES]))
    }

    /// All 16384 slots.
    #[must_use]
    pub fn full() -> SlotSet {
        SlotSet(Box::new([0xff; BYTES]))
    }

    /// The set with the given bitmap.
    #[must_use]
    pub fn from_bitmap(bitmap: &[u8; BYTES]) -> SlotSet {
        SlotSet(Box::new(*bitmap))
    }

    /// The bitmap.
    #[must_use]
    pub fn as_bitmap(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// Whether the slot is in the set.
    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        self.0[slot.index() / 8] & (1 << (slot.index() % 8)) != 0
    }

    /// Adds a slot; false when it was there already.
    pub fn insert(&mut self, slot: Slot) -> bool {
        let added = !self.contains(slot);
        self.0[slot.index() / 8] |= 1 << (slot.index() % 8);
        added
    }

    /// Takes a slot out; false when it was not there.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let removed = self.contains(slot);
        self.0[slot.index() / 8] &= !(1 << (slot.index() % 8));
        removed
    }

    /// How many slots it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&byte| byte == 0)
    }

    /// Its slots in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        // Most sets are mostly empty: whole bytes are skipped.
        let bytes = self.0.iter().enumerate().filter(|(_, byte)| **byte != 0);
        bytes.flat_map(|(i, &byte)| {
            let bits = (0..8).filter(move |bit| byte & (1 << bit) != 0);
            bits.filter_map(move |bit| Slot::new((i * 8 + bit) as u16))
        })
    }

    /// Its maximal runs of neighbouring slots, in ascending order.
    #[must_use]
    pub fn ranges(&self) -> Vec<RangeInclusive<Slot>> {
        let mut ranges: Vec<RangeInclusive<Slot>> = Vec::new();
        for slot in self.iter() {
            match ranges.last_mut() {
                Some(run) if run.end().get() + 1 == slot.get() => *run = *run.start()..=slot,
                _ => ranges.push(slot..=slot),
            }
        }
        ranges
    }

    /// What is in this set, in the other, or in both.
    #[must_use]
    pub fn union(&self, other: &SlotSet) -> SlotSet {
        self.zip(other, |a, b| a | b)
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(&self, other: &SlotSet) -> SlotSet {
        self.zip(other, |a, b| a & b)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &SlotSet) -> SlotSet {
        self.zip(other, |a, b| a & !b)
    }

    /// What is not in this set.
    #[must_use]
    pub fn complement(&self) -> SlotSet {
        SlotSet::full().difference(self)
    }

    fn zip(&self, other: &SlotSet, combine: impl Fn(u8, u8) -> u8) -> SlotSet {
        let mut result = SlotSet::new();
        for (byte, (a, b)) in result.0.iter_mut().zip(self.0.iter().zip(other.0.iter())) {
            *byte = combine(*a, *b);
        }
        result
    }
}

impl Default for SlotSet {
    fn default() -> SlotSet {
        SlotSet::new()
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::new();
        set.extend(slots);
        set
    }
}

impl Extend<Slot> for SlotSet {
    fn extend<I: IntoIterator<Item = Slot>>(&mut self, slots: I) {
        for slot in slots {
            self.insert(slot);
        }
    }
}

impl From<RangeInclusive<Slot>> for SlotSet {
    fn from(range: RangeInclusive<Slot>) -> SlotSet {
        Slot::all().filter(|slot| range.contains(slot)).collect()
    }
}

impl FromStr for SlotSet {
    type Err = InvalidSlotSet;

    /// Reads slots and ranges that stand apart by blanks.
    fn from_str(text: &str) -> Result<SlotSet, InvalidSlotSet> {
        let invalid = || InvalidSlotSet(text.to_owned());
        let mut set = SlotSet::new();
        for word in text.split_ascii_whitespace() {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let first: Slot = first.parse().map_err(|_| invalid())?;
            let last: Slot = last.parse().map_err(|_| invalid())?;
            if last < first {
                return Err(invalid());
            }
            set.extend(
                Slot::all()
                    .skip(first.index())
                    .take(last.index() - first.index() + 1),
            );
        }
        Ok(set)
    }
}

impl fmt::Display for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.ranges().iter().enumerate() {
            let blank = if i == 0 { "" } else { " " };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{blank}{first}")?,
                (first, last) => write!(f, "{blank}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// The even split of all slots over `shards` shards, in their order; the remainder goes to the
/// first ones, one slot each. Three shards get 0-5461, 5462-10922 and 10923-16383.
///
/// Empty for no shards; a shard beyond the 16384th gets none.
#[must_use]
pub fn even_split(shards: usize) -> Vec<SlotSet> {
    let total = usize::from(SLOT_COUNT);
    let mut slots = Slot::all();
    (0..shards)
        .map(|shard| total / shards + usize::from(shard < total % shards))
        .map(|size| slots.by_ref().take(size).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in ["", "0", "16383", "0-5460 7000 7002-7003", "0-16383"] {
            assert_eq!(text.parse::<SlotSet>().unwrap().to_string(), text);
        }
        for text in ["5-2", "16384", "a", "1-", "-1"] {
            assert!(text.parse::<SlotSet>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn bit_order_is_that_of_the_bus_header() {
        let set: SlotSet = "9".parse().unwrap();
        assert_eq!(set.as_bitmap()[1], 0b10);
    }

    #[test]
    fn set_algebra_agrees_with_membership() {
        let a: SlotSet = "0-10".parse().unwrap();
        let b: SlotSet = "5-20".parse().unwrap();
        assert_eq!(a.union(&b).to_string(), "0-20");
        assert_eq!(a.intersection(&b).to_string(), "5-10");
        assert_eq!(a.difference(&b).to_string(), "0-4");
        assert_eq!(a.complement().len(), 16384 - 11);
    }

    #[test]
    fn even_split_leaves_no_slot_unassigned() {
        let three: Vec<String> = even_split(3).iter().map(ToString::to_string).collect();
        assert_eq!(three, ["0-5461", "5462-10922", "10923-16383"]);
        for shards in [1, 2, 5, 7, 1000, 16384] {
            let parts = even_split(shards);
            let all = parts
                .iter()
                .fold(SlotSet::new(), |all, part| all.union(part));
            assert_eq!(all, SlotSet::full(), "{shards} shards");
            let sizes: Vec<usize> = parts.iter().map(SlotSet::len).collect();
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
    }
}
