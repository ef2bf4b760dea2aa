//! What goes down side by side finds what single searches find.

use super::*;
use crate::{AHEAD, Aim};

/// Hashes of few values, so that more than a leaf of records share a place.
fn tied(bytes: &[u8]) -> u64 {
    (spread(bytes) % 7) << 60
}

fn names(numbers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    let name = |number| format!("field:{number}").into_bytes();
    numbers.map(name).collect()
}

#[test]
fn many_keys_are_found_in_their_order_whether_they_are_there_or_not() {
    for (hash, count) in [
        (spread as fn(&[u8]) -> u64, rounds(20_000, 100)),
        (tied, rounds(1500, 60)),
    ] {
        let mut subject = Subject::new(hash);
        for filled in [0, 1, count] {
            subject.fill(0..filled);
            for wanted in [0, 1, AHEAD, filled + AHEAD + 3] {
                let names = names(filled.saturating_sub(wanted)..filled + 3);
                let mut found = Vec::new();
                let keys = names.iter().map(|name| subject.key(name));
                (subject.tree).get_each(keys, |record| found.push(record.map(pair)));
                let single = names
                    .iter()
                    .map(|name| subject.tree.get(&subject.key(name)));
                assert!(found.into_iter().eq(single.map(|record| record.map(pair))));
            }
        }
        subject.end();
    }
}

#[test]
fn changes_after_a_look_ahead_are_the_same() {
    for hash in [spread as fn(&[u8]) -> u64, tied] {
        let mut subject = Subject::new(hash);
        let names = names(0..rounds(3000, 90));
        for (round, group) in names.chunks(AHEAD).enumerate() {
            // Splits on the way make what was seen ahead old.
            let key = |at: usize| group.get(at).map(|name| Key::new(name, hash(name)));
            let mut ahead = std::array::from_fn(key);
            subject.tree.look_ahead(&mut ahead, Aim::Insert);
            for key in ahead.iter().flatten() {
                let is_new = subject.tree.insert(&mut subject.heap, hash, key, b"12");
                assert!(is_new);
                subject.model.insert(key.bytes().to_vec(), b"12".to_vec());
            }
            if round % 3 == 2 {
                let mut ahead = std::array::from_fn(key);
                subject.tree.look_ahead(&mut ahead, Aim::Remove);
                for key in ahead.iter().flatten() {
                    assert!(subject.tree.remove(&mut subject.heap, key));
                    subject.model.remove(key.bytes());
                }
            }
        }
        subject.check();
        subject.end();
    }
}

#[test]
fn many_ranks_are_found_in_the_order_given() {
    let mut subject = Subject::new(spread);
    subject.fill(0..rounds(30_000, 200));
    let mut random = Random(3);
    let len = subject.tree.len();
    let mut ranks: Vec<_> = (0..rounds(3000, 90)).map(|_| random.below(len)).collect();
    ranks.extend([0, len - 1, len / 2, len / 2]);
    let mut found = Vec::new();
    subject
        .tree
        .at_each(ranks.iter().copied(), |record| found.push(pair(record)));
    let single = ranks.iter().filter_map(|rank| subject.tree.at(*rank));
    assert!(found.into_iter().eq(single.map(pair)));
    subject.end();
}
