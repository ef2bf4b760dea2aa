//! Random elements of a collection: every one as likely as any other, since they are drawn by rank.

use std::collections::BTreeSet;

use slotkeeper_tree::Scored;
use slotkeeper_tree::element::Element;

use super::Refused;
use super::parse::{NO_OPPOSITE, integer};
use crate::data::{Hash, Set, Zset};
use crate::random::Random;
use crate::resp::Reply;

/// The refusal of a count that nothing can satisfy.
pub(super) const OUT_OF_RANGE: Refused = Refused::new("ERR value is out of range");

/// A collection whose elements have ranks.
pub(super) trait Ranked {
    /// An element as it is shown.
    type Item;

    /// How many there are.
    fn len(&self) -> usize;

    /// That of a rank, counted from 0.
    fn nth(&self, rank: usize) -> Option<Self::Item>;

    /// Shows those of ranks, which there are, in the order given.
    fn nth_each(&self, ranks: impl Iterator<Item = usize>, visit: impl FnMut(Self::Item));

    /// Shows them in the order of ranks, until `visit` returns false.
    fn for_each_while(&self, visit: impl FnMut(Self::Item) -> bool);
}

impl<'a> Ranked for Hash<'a> {
    type Item = (Element<'a>, Element<'a>);

    fn len(&self) -> usize {
        self.shown()
    }

    fn nth(&self, rank: usize) -> Option<Self::Item> {
        Hash::nth(self, rank)
    }

    fn nth_each(&self, ranks: impl Iterator<Item = usize>, visit: impl FnMut(Self::Item)) {
        Hash::nth_each(self, ranks, visit);
    }

    fn for_each_while(&self, mut visit: impl FnMut(Self::Item) -> bool) {
        Hash::for_each_while(self, |field, value| visit((field, value)));
    }
}

impl<'a> Ranked for Set<'a> {
    type Item = Element<'a>;

    fn len(&self) -> usize {
        Set::len(self)
    }

    fn nth(&self, rank: usize) -> Option<Element<'a>> {
        Set::nth(self, rank)
    }

    fn nth_each(&self, ranks: impl Iterator<Item = usize>, visit: impl FnMut(Self::Item)) {
        Set::nth_each(self, ranks, visit);
    }

    fn for_each_while(&self, visit: impl FnMut(Element<'a>) -> bool) {
        Set::for_each_while(self, visit);
    }
}

impl<'a> Ranked for Zset<'a> {
    type Item = Scored<'a>;

    fn len(&self) -> usize {
        Zset::len(self)
    }

    fn nth(&self, rank: usize) -> Option<Scored<'a>> {
        Zset::nth(self, rank)
    }

    fn nth_each(&self, ranks: impl Iterator<Item = usize>, visit: impl FnMut(Self::Item)) {
        Zset::nth_each(self, ranks, visit);
    }

    fn for_each_while(&self, visit: impl FnMut(Scored<'a>) -> bool) {
        Zset::for_each_while(self, visit);
    }
}

/// How many elements are asked for; negative: with repeats.
pub(super) fn count(text: &[u8]) -> Result<i64, Refused> {
    let count = integer(text)?;
    if count == i64::MIN {
        return Err(NO_OPPOSITE);
    }
    Ok(count)
}

/// One of a collection that has some.
pub(super) fn one<C: Ranked>(collection: &C, random: &mut Random) -> C::Item {
    let rank = random.below(collection.len() as u64) as usize;
    (collection.nth(rank)).expect("the rank is below the length")
}

/// Writes so many, each drawn from all. A reply of more than `most` bytes is refused, since a short
/// request would let the node hold any amount of memory.
pub(super) fn repeatedly<C: Ranked>(
    collection: &C,
    count: u64,
    random: &mut Random,
    (reply, most): (&mut Reply, usize),
    begin: impl FnOnce(&mut Reply, usize),
    mut show: impl FnMut(&mut Reply, C::Item),
) -> Result<(), Refused> {
    // The shortest bulk string takes six bytes.
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= most / 6);
    let count = count.ok_or(OUT_OF_RANGE)?;
    let start = reply.len();
    begin(reply, count);
    for _ in 0..count {
        show(reply, one(collection, random));
        if reply.len() - start > most {
            reply.truncate(start);
            return Err(OUT_OF_RANGE);
        }
    }
    Ok(())
}

/// Shows so many different ones, at most all.
pub(super) fn different<C: Ranked>(
    collection: &C,
    count: usize,
    random: &mut Random,
    mut show: impl FnMut(C::Item),
) {
    let len = collection.len();
    if count.saturating_mul(3) >= len {
        // Each is taken with the chance that fits what is still to be found.
        let (mut wanted, mut left) = (count.min(len) as u64, len as u64);
        collection.for_each_while(|item| {
            if random.below(left) < wanted {
                show(item);
                wanted -= 1;
            }
            left -= 1;
            wanted > 0
        });
        return;
    }
    collection.nth_each(ranks(len, count, random).into_iter(), show);
}

/// So many different ranks below `len` (R. W. Floyd's algorithm).
fn ranks(len: usize, count: usize, random: &mut Random) -> BTreeSet<usize> {
    let mut ranks = BTreeSet::new();
    for bound in len - count..len {
        let rank = random.below(bound as u64 + 1) as usize;
        if !ranks.insert(rank) {
            ranks.insert(bound);
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::command::testing::Bench;

    /// How often each was drawn, so many at a time.
    fn drawn<C: Ranked>(
        collection: &C,
        count: usize,
        name: impl Fn(C::Item) -> String,
    ) -> BTreeMap<String, usize> {
        let mut seen = BTreeMap::new();
        for seed in 0..2000 {
            let mut names = BTreeSet::new();
            different(collection, count, &mut Random::new(seed), |item| {
                names.insert(name(item));
            });
            assert_eq!(names.len(), count, "each once");
            for name in names {
                *seen.entry(name).or_default() += 1;
            }
        }
        seen
    }

    #[test]
    fn every_element_is_as_likely_as_any_other() {
        for elements in [10, 300] {
            let mut bench = Bench::new();
            for element in 0..elements {
                bench.reply(&format!("hset h f{element} x"));
                bench.reply(&format!("sadd s f{element}"));
            }
            let [h, s] = [b"h", b"s"].map(|name| bench.data.key(name));
            for count in [elements / 5, elements / 2] {
                let hash = bench.data.get_hash(0, &h).unwrap().unwrap();
                let fields = drawn(&hash, count, |(field, _)| format!("{field:?}"));
                let set = bench.data.get_set(0, &s).unwrap().unwrap();
                let members = drawn(&set, count, |member| format!("{member:?}"));
                let expected = 2000 * count / elements;
                for seen in [fields, members] {
                    assert_eq!(seen.len(), elements);
                    for (name, times) in seen {
                        let near = expected * 7 / 10..expected * 13 / 10;
                        assert!(near.contains(&times), "{name}: {times} of {expected}");
                    }
                }
            }
        }
    }
}
