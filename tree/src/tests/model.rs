//! Random operations on a tree and on a plain map, with freezes at random moments.

use super::*;
use crate::{Frozen, Part, Records};

/// A walk under way, with what it has to hand out.
struct Walking {
    frozen: Frozen<Records<true>>,
    expected: Contents,
    seen: Contents,
    strings: Vec<Vec<u8>>,
    /// Whether a string comes in pieces: how much is to come.
    open: usize,
}

impl Walking {
    /// Hands out some more. Returns whether it is over.
    fn step(&mut self, heap: &mut Counting, budget: usize) -> bool {
        let is_over = self.frozen.step(heap, budget, |part| match part {
            Part::Whole(element) => self.strings.push(text(element)),
            Part::Begin(len) => {
                assert_eq!(self.open, 0);
                self.strings.push(Vec::with_capacity(len));
                self.open = len;
            }
            Part::Piece(bytes) => {
                self.open -= bytes.len();
                self.strings.last_mut().expect("begun").extend(bytes);
            }
            other => unreachable!("{other:?} is not of a hash"),
        });
        let whole = if self.open > 0 {
            self.strings.len() - 1
        } else {
            self.strings.len()
        };
        let pairs: Vec<_> = self.strings.drain(..whole / 2 * 2).collect();
        for pair in pairs.chunks(2) {
            assert_eq!(self.seen.insert(pair[0].clone(), pair[1].clone()), None);
        }
        if is_over {
            assert!(self.seen == self.expected && self.strings.is_empty());
        }
        is_over
    }
}

fn some_bytes(random: &mut Random, keys: u64) -> Vec<u8> {
    let number = random.below(keys);
    match random.below(40) {
        0..=19 => number.to_string().into_bytes(),
        20..=33 => format!("name:{number}").into_bytes(),
        34 => (number as i64)
            .wrapping_mul(-0x1234_5678_9ABC)
            .to_string()
            .into_bytes(),
        35 => vec![b'x'; 255],
        36 => vec![b'y'; 256],
        37 => Vec::new(),
        38 => vec![b'z'; 60 + number as usize % 200],
        _ => vec![b'l'; 250 + number as usize % 300],
    }
}

fn some_value(random: &mut Random) -> Vec<u8> {
    if random.below(300) == 0 {
        return vec![b'h'; rounds(100_000, 20_000)];
    }
    some_bytes(random, 1000)
}

fn traffic(hash: fn(&[u8]) -> u64, seed: u64, rounds: usize, keys: u64) {
    let mut subject = Subject::new(hash);
    let mut random = Random(seed);
    let mut walking: Option<Walking> = None;
    for round in 0..rounds {
        // Grows, shrinks, and so on.
        let growth = if (round / (rounds / 5).max(1)).is_multiple_of(2) {
            7
        } else {
            3
        };
        let key = some_bytes(&mut random, keys);
        match random.below(12) {
            op if op < growth => subject.insert(&key, &some_value(&mut random)),
            11 => subject.look_up(&key),
            10 if !subject.tree.is_empty() => {
                let rank = random.below(subject.tree.len());
                let taken = subject.tree.remove_at(&mut subject.heap, rank, pair);
                let (key, value) = taken.expect("there are so many");
                assert_eq!(subject.model.remove(&key), Some(value));
            }
            _ => subject.remove(&key),
        }
        if let Some(walk) = &mut walking {
            let budget = random.below(600) as usize;
            if walk.step(&mut subject.heap, budget) {
                walking = None;
            }
        } else if random.below(super::rounds(150, 40) as u64) == 0 {
            let frozen = subject
                .tree
                .freeze(&mut subject.heap)
                .expect("no other is open");
            walking = Some(Walking {
                frozen,
                expected: subject.model.clone(),
                seen: Contents::new(),
                strings: Vec::new(),
                open: 0,
            });
        }
        assert_eq!(
            subject.tree.is_frozen(),
            walking
                .as_ref()
                .is_some_and(|it| !it.expected.is_empty() && !it.frozen.is_over())
        );
        if round.is_multiple_of(rounds.div_ceil(super::rounds(20, 4))) {
            subject.check();
        }
    }
    subject.check();
    if let Some(mut walk) = walking {
        while !walk.step(&mut subject.heap, 500) {}
    }
    subject.end();
}

#[test]
fn equals_a_map_through_random_traffic_and_hands_out_what_was_frozen() {
    for seed in 0..rounds(6, 1) as u64 {
        traffic(
            spread,
            seed,
            rounds(30_000, 200),
            super::rounds(1500, 150) as u64 + seed * 100,
        );
    }
}

#[test]
fn equals_a_map_where_hashes_collide() {
    // Seven hashes; one; and such as differ in what separators do not have.
    traffic(
        |bytes| (spread(bytes) % 7) << 61,
        100,
        rounds(12_000, 80),
        700,
    );
    traffic(|_| 77 << 40, 101, rounds(8_000, 60), 500);
    traffic(
        |bytes| (spread(bytes) % 3) << 63 | spread(bytes) >> 41,
        102,
        rounds(8_000, 60),
        500,
    );
    traffic(|_| u64::MAX, 103, rounds(4_000, 60), 500);
}

#[test]
fn a_set_keeps_its_members_without_values() {
    #[expect(unsafe_code, reason = "the heap is the caller's")]
    // SAFETY: there is one heap, and all is freed.
    let mut tree = unsafe { crate::SetTree::new() };
    let mut heap = Counting::default();
    let names: Vec<_> = (0..rounds(5000, 100))
        .map(|n| format!("{n}{}", n * 7919))
        .collect();
    for name in &names {
        let key = Key::new(name.as_bytes(), spread(name.as_bytes()));
        assert!(tree.insert(&mut heap, spread, &key, b""));
        assert!(!tree.insert(&mut heap, spread, &key, b"of no account"));
    }
    let mut seen = Vec::new();
    tree.for_each(|record| {
        assert_eq!(text(record.value), b"");
        seen.push(text(record.key));
        true
    });
    let mut expected: Vec<_> = names.iter().map(|name| name.clone().into_bytes()).collect();
    seen.sort();
    expected.sort();
    assert!(seen == expected);
    let mut frozen = tree.freeze(&mut heap).expect("no other is open");
    let mut parts = 0;
    while !frozen.step(&mut heap, 100, |_| parts += 1) {}
    assert_eq!(parts, names.len());
    for name in &names {
        assert!(tree.remove(
            &mut heap,
            &Key::new(name.as_bytes(), spread(name.as_bytes()))
        ));
    }
    assert!(tree.is_empty() && tree.memory() == 0);
    assert!(tree.into_garbage().step(&mut heap, 1) && heap.blocks == 0);
}
