//! What the times of fields are made of: records by their hash, parts in front of records, and entries
//! looked up in a frozen tree.

use super::*;
use crate::{Entries, Entry, Part, Tree};

/// A number by another one.
#[derive(Clone, Copy, Debug)]
struct Numbered {
    key: u64,
    value: u64,
}

impl Entry for Numbered {
    type Key = u64;

    const LOWEST: u64 = 0;

    fn key(&self) -> u64 {
        self.key
    }
}

fn numbered() -> Tree<Entries<Numbered>> {
    #[expect(unsafe_code, reason = "the heap is the caller's")]
    // SAFETY: each test has one heap, and frees what it made.
    unsafe {
        Tree::new()
    }
}

#[test]
fn entries_below_a_key_are_counted() {
    let (mut heap, mut tree) = (Counting::default(), numbered());
    let count = rounds(5000, 200) as u64;
    for number in 0..count {
        let key = number * 7919 % count * 2;
        tree.insert(&mut heap, Numbered { key, value: 0 });
    }
    assert_eq!(tree.below(0), 0);
    for number in 0..count {
        assert_eq!(tree.below(number * 2), number);
        assert_eq!(tree.below(number * 2 + 1), number + 1);
    }
    assert_eq!(tree.below(u64::MAX), count);
    assert_eq!(numbered().below(7), 0);
    let mut garbage = tree.into_garbage();
    while !garbage.step(&mut heap, 100) {}
    assert_eq!(heap.blocks, 0);
}

/// Every key of a subject is found by its hash.
fn all_are_found(hash: fn(&[u8]) -> u64, count: usize) {
    let mut subject = Subject::new(hash);
    subject.fill(0..count);
    subject.insert(&[b'k'; 400], b"of a long key");
    for key in subject.model.keys() {
        let found = subject.tree.by_hash(hash, hash(key));
        assert_eq!(found.map(|record| text(record.key)).as_ref(), Some(key));
    }
    for number in 0..count {
        let absent = hash(format!("absent:{number}").as_bytes());
        let found = subject.tree.by_hash(hash, absent);
        assert!(found.is_none_or(|record| hash(&text(record.key)) == absent));
    }
    let hashes: Vec<u64> = (0..subject.tree.len())
        .filter_map(|rank| subject.tree.at(rank))
        .map(|record| hash(&text(record.key)))
        .collect();
    for rank in 0..hashes.len() {
        let leaf = subject.tree.leaf_of(rank as u64);
        let (first, lowest) = leaf.expect("it is below the length");
        let (before, from) = hashes.split_at(first as usize);
        assert!(first as usize <= rank);
        assert!(before.iter().all(|hash| *hash < lowest));
        assert!(from.iter().all(|hash| *hash >= lowest));
    }
    assert!(subject.tree.leaf_of(subject.tree.len()).is_none());
    subject.end();
}

#[test]
fn records_are_found_by_their_hash() {
    all_are_found(spread, rounds(3000, 60));
}

#[test]
fn records_are_found_among_more_than_a_page_of_one_position() {
    all_are_found(|bytes| spread(bytes) & 0xFF_FFFF, rounds(300, 80));
}

#[test]
fn a_part_comes_in_front_of_each_record_once_whatever_the_steps() {
    for budget in [1, 700, 100_000] {
        let mut subject = Subject::new(spread);
        subject.fill(0..rounds(200, 20));
        for number in 0..4 {
            subject.insert(format!("long:{number}").as_bytes(), &[b'v'; 20_000]);
            subject.insert(&vec![b'a' + number; 17_000], b"short");
        }
        let frozen = subject.tree.freeze(&mut subject.heap);
        let mut frozen = frozen.expect("no other is open");
        let (mut announced, mut led) = (Vec::new(), 0);
        let mut strings = 0;
        let mut is_over = false;
        while !is_over {
            let lead = |record: Record<'_>| {
                announced.push(text(record.key));
                Some(Part::FieldTime(Some(7)))
            };
            is_over = frozen.step_led(&mut subject.heap, budget, lead, |part| match part {
                Part::FieldTime(time) => {
                    assert_eq!((time, strings % 2), (Some(7), 0));
                    led += 1;
                }
                Part::Whole(_) | Part::Begin(_) => strings += 1,
                _ => {}
            });
        }
        announced.sort();
        assert!(announced.iter().eq(subject.model.keys()));
        assert_eq!((led, strings), (announced.len(), 2 * announced.len()));
        subject.end();
    }
}

#[test]
fn a_frozen_tree_answers_as_it_was_while_entries_come_and_go() {
    let (mut heap, mut tree) = (Counting::default(), numbered());
    let count = rounds(3000, 200) as u64;
    let number = |key: u64| key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for key in 0..count {
        let (key, value) = (number(key), key);
        tree.insert(&mut heap, Numbered { key, value });
    }
    let mut frozen = tree.freeze(&mut heap).expect("no other is open");
    for key in 0..count {
        tree.remove(&mut heap, number(key), |_| true);
        let (key, value) = (number(key + count), key);
        tree.insert(&mut heap, Numbered { key, value });
        let asked = key.wrapping_add(1);
        assert!(frozen.find(asked).is_none());
    }
    for key in 0..count {
        let found = frozen.find(number(key)).map(|entry| entry.value);
        assert_eq!(found, Some(key));
        assert!(frozen.find(number(key + count)).is_none());
    }
    while !frozen.discard(&mut heap, 2) {}
    let mut garbage = tree.into_garbage();
    while !garbage.step(&mut heap, 100) {}
    assert!(heap.blocks == 0 && heap.used == 0);
}

#[test]
fn an_empty_frozen_tree_has_no_entries() {
    let (mut heap, mut tree) = (Counting::default(), numbered());
    let mut frozen = tree.freeze(&mut heap).expect("no other is open");
    assert!(frozen.find(3).is_none());
    assert!(frozen.discard(&mut heap, 1));
    assert_eq!(heap.blocks, 0);
}
