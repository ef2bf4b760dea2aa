//! Tables: growth, shrinking and lookup.

use std::collections::{BTreeMap, BTreeSet};

use super::super::entry::Meta;
use super::super::value::Kind;
use super::*;
use crate::data::rounds;

const META: Meta = Meta {
    expire_at: None,
    kind: Kind::STRING,
    raw: false,
    clock: 0,
    generation: 0,
};

struct Bench {
    heap: Heap,
    hasher: HashKey,
    table: Table,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            heap: Heap::plain(),
            hasher: HashKey::new([1, 2]),
            table: Table::default(),
        }
    }

    fn insert(&mut self, key: &[u8]) {
        let entry = EntryBox::new(&mut self.heap, key, [key, b"!"], META);
        let hash = self.hasher.hash(key);
        self.table.insert(&mut self.heap, &self.hasher, hash, entry);
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        let hash = self.hasher.hash(key);
        let entry = self.table.remove(&mut self.heap, hash, key);
        entry.map(|entry| entry.release(&mut self.heap)).is_some()
    }

    fn has(&self, key: &[u8]) -> bool {
        let found = self.table.get(self.hasher.hash(key), key);
        if let Some(entry) = found {
            assert_eq!(entry.view().bytes(), [key, b"!"].concat());
        }
        found.is_some()
    }

    fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        let mut position = Some(0);
        while let Some(at) = position {
            position = self.table.visit(&self.hasher, at, |entry| {
                keys.push(entry.key().to_vec());
                true
            });
        }
        keys
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let mut drain = Drain::new(std::mem::take(&mut self.table));
        while !drain.step(&mut self.heap, &mut 100) {}
        assert_eq!(self.heap.used(), 0);
    }
}

fn name(number: u64) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

#[test]
fn finds_what_it_holds_and_nothing_else_through_growth_and_shrinking() {
    let mut bench = Bench::new();
    let mut model = BTreeSet::new();
    let mut random = 5;
    let (rounds, names) = (rounds(60_000, 1000), rounds(12_000, 300));
    for round in 0..rounds {
        random = visit::next_random(random);
        let key = name(random % names);
        let grow = round < rounds / 2;
        if random >> 60 < if grow { 12 } else { 4 } {
            if model.insert(key.clone()) {
                bench.insert(&key);
            }
        } else {
            assert_eq!(bench.remove(&key), model.remove(&key));
        }
        assert_eq!(bench.has(&key), model.contains(&key));
        assert_eq!(bench.table.len(), model.len());
    }
    for number in 0..names {
        let key = name(number);
        assert_eq!(bench.has(&key), model.contains(&key));
    }
    let mut keys = bench.keys();
    keys.sort();
    assert!(keys.iter().eq(model.iter()));
}

#[test]
fn tells_the_memory_of_its_directory_and_segments() {
    let mut bench = Bench::new();
    assert_eq!(bench.table.memory(), 0);
    for number in 0..rounds(60_000, 1000) {
        bench.insert(&name(number));
        if number.is_power_of_two() {
            let (mut entries, mut next) = (0, Some(0));
            while let Some(position) = next {
                next = bench.table.visit(&bench.hasher, position, |entry| {
                    entries += entry.block_memory();
                    true
                });
            }
            assert_eq!(bench.table.memory() + entries, bench.heap.used());
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "counts what others have touched")]
fn visits_in_the_order_of_hashes() {
    let mut bench = Bench::new();
    (0..20_000).for_each(|number| bench.insert(&name(number)));
    let hashes: Vec<u64> = bench
        .keys()
        .iter()
        .map(|key| bench.hasher.hash(key) >> 32)
        .collect();
    assert_eq!(hashes.len(), 20_000);
    // Entries of one segment with the same tag stand in any order: 16 bits behind a depth of 5.
    assert!(hashes.windows(2).all(|pair| pair[0] >> 12 <= pair[1] >> 12));
}

/// No insertion moves more than a segment and a few directory pointers, to 300,000 keys.
#[test]
#[cfg_attr(miri, ignore = "counts what others have touched")]
fn no_insertion_moves_more_than_a_segment_and_a_node() {
    let mut bench = Bench::new();
    let mut most = 0;
    for number in 0..300_000 {
        bench.heap.moves = 0;
        bench.insert(&name(number));
        most = most.max(bench.heap.moves);
    }
    let node = 1 << NODE_BITS;
    assert!((800..=1024 + 2 * node).contains(&most), "{most}");
}

/// Hashes that agree in their first 25 bits force a directory of several levels.
#[test]
fn hangs_nodes_below_full_ones() {
    let mut bench = Bench::new();
    let prefix = 0xABCD_EF12_3456_7890u64;
    let mut model = BTreeMap::new();
    // The hash is given, not made, so no split by the hasher may happen on the way: only
    // positions are tested here.
    let mut pointer = Pointer::default();
    for depth in 0..25u8 {
        let segments = [0, 1].map(|_| Segment::new(&mut bench.heap, 0, depth + 1));
        let old = bench.table.locate(prefix);
        bench.table.put_pair(
            &mut bench.heap,
            prefix,
            depth,
            segments.map(Pointer::segment),
        );
        if let Some(old) = old {
            // SAFETY: the pair has replaced it.
            unsafe { old.release(&mut bench.heap) };
        }
        for (segment, bit) in segments.iter().zip([0u64, 1]) {
            let start = prefix & !(u64::MAX >> depth) | bit << (63 - depth);
            model.retain(|&other, _| other != start);
            model.insert(start, (segment.address(), depth + 1));
        }
        pointer = bench.table.root;
    }
    assert!(pointer.is_node());
    for (start, (address, depth)) in model {
        let end = start | u64::MAX >> depth;
        for hash in [start, end] {
            let found = bench.table.locate(hash).map(Segment::address);
            assert_eq!(found, Some(address), "{hash:x} at depth {depth}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "counts what others have touched")]
fn samples_every_key_about_as_often() {
    let mut bench = Bench::new();
    (0..2000).for_each(|number| bench.insert(&name(number)));
    let mut counts: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for random in 0..100_000 {
        let entry = bench.table.sample(random).expect("not empty");
        *counts.entry(entry.key().to_vec()).or_default() += 1;
    }
    assert_eq!(counts.len(), 2000);
    // 50 on average; seven deviations of the expected size either way.
    assert!(counts.values().all(|count| (5..=100).contains(count)));
}

/// Keys come and go, and their number stays the same: segments that were full once must not stay as
/// large as that took.
#[test]
#[cfg_attr(miri, ignore = "counts what others have touched")]
fn a_table_takes_little_more_after_a_churn_than_after_a_fill() {
    let (keys, mut bench) = (20_000, Bench::new());
    (0..keys).for_each(|number| bench.insert(&name(number)));
    let filled = bench.table.memory();
    for number in keys..20 * keys {
        // The one that goes is as random as its hash.
        assert!(bench.remove(&name(number - keys)));
        bench.insert(&name(number));
    }
    let churned = bench.table.memory();
    assert!(churned * 100 < filled * 109, "{filled} grew to {churned}");
}
