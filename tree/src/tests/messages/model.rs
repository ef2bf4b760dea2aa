//! Random operations on a stream and on a map, with freezes at random moments.

use super::*;
use crate::{Copying, Frozen};

/// A walk under way, with what it has to hand out.
struct Walking {
    frozen: Frozen<Messages>,
    expected: Contents,
    seen: Seen,
}

impl Walking {
    /// Hands out some more. Returns whether it is over.
    fn step(&mut self, heap: &mut Counting, budget: usize) -> bool {
        let nodes = self.frozen.nodes();
        let is_over = self.frozen.step(heap, budget, |part| self.seen.take(part));
        if is_over {
            let (messages, seen) = self.seen.messages();
            assert!(messages == self.expected);
            assert_eq!(seen, nodes);
        }
        is_over
    }
}

fn some_value(random: &mut Random) -> Vec<u8> {
    let number = random.below(1 << 20) as usize;
    match random.below(60) {
        0..=30 => format!("value:{number}").into_bytes(),
        31..=50 => number.to_string().into_bytes(),
        51 => Vec::new(),
        52 => vec![b'x'; 255 + number % 300],
        53..=55 => vec![b'z'; 60 + number % 200],
        56 => vec![b'y'; 1000 + number % 6000],
        57 if number.is_multiple_of(4) => vec![b'h'; rounds(100_000, 18_000)],
        _ => vec![b'w'; 10],
    }
}

fn some_pairs(random: &mut Random) -> Pairs {
    let fields: &[&str] = match random.below(20) {
        0..=14 => &["user", "action", "17"],
        15..=17 => &["user", "action"],
        18 => &["another", "", "action", "user"],
        _ => {
            return (0..random.below(90))
                .map(|n| (n.to_string().into_bytes(), some_value(random)))
                .chain([(vec![b'f'; 70], vec![])])
                .collect();
        }
    };
    let pairs = fields
        .iter()
        .map(|field| (field.as_bytes().to_vec(), some_value(random)));
    pairs.collect()
}

fn some_id(subject: &Subject, random: &mut Random) -> StreamId {
    let len = subject.model.len() as u64;
    let rank = random.below(len.max(1));
    let near = subject.tree.at(rank).map_or(StreamId::MIN, |it| it.id);
    match random.below(5) {
        0 => near.next().unwrap_or(near),
        1 => near.previous().unwrap_or(near),
        _ => near,
    }
}

fn traffic(seed: u64, rounds: usize) {
    let mut subject = Subject::new();
    let mut random = Random(seed);
    let mut walking: Option<Walking> = None;
    let mut last = StreamId::MIN;
    for round in 0..rounds {
        // Grows, shrinks, and so on.
        let grows = (round / (rounds / 5).max(1)).is_multiple_of(2);
        match random.below(20) {
            op if op < if grows { 14 } else { 6 } => {
                last = match random.below(10) {
                    0..=4 => last.next().expect("far from the end"),
                    5..=8 => id(last.ms + 1 + random.below(200), random.below(3)),
                    _ => id(last.ms + random.below(1 << 40), u64::MAX - random.below(9))
                        .max(last.next().expect("far")),
                };
                let pairs = some_pairs(&mut random);
                subject.append(last, pairs);
            }
            14..=17 => {
                let id = some_id(&subject, &mut random);
                subject.remove(id);
            }
            18 => {
                let most = if random.below(20) == 0 { 300 } else { 8 };
                subject.remove_first(random.below(most) as usize);
            }
            _ => subject.check_from(some_id(&subject, &mut random)),
        }
        if let Some(walk) = &mut walking {
            let budget = random.below(3000) as usize;
            if walk.step(&mut subject.heap, budget) {
                walking = None;
            }
        } else if random.below(super::rounds(150, 40) as u64) == 0 {
            let frozen = subject.tree.freeze(&mut subject.heap);
            walking = Some(Walking {
                frozen: frozen.expect("no other is open"),
                expected: subject.model.clone(),
                seen: Seen::default(),
            });
        }
        if round.is_multiple_of(rounds.div_ceil(super::rounds(60, 4))) {
            subject.check();
        }
    }
    subject.check();
    if let Some(mut walk) = walking {
        while !walk.step(&mut subject.heap, 5000) {}
    }
    subject.end();
}

#[test]
fn equals_a_map_through_random_traffic_and_hands_out_what_was_frozen() {
    for seed in 0..rounds(4, 1) as u64 {
        traffic(seed, rounds(3000, 60));
    }
}

#[test]
fn a_copy_is_equal_and_independent() {
    let mut subject = Subject::new();
    let mut random = Random(5);
    for ms in 1..rounds(600, 60) as u64 {
        subject.append(id(ms, 0), some_pairs(&mut random));
    }
    #[expect(unsafe_code, reason = "the heap is the caller's")]
    // SAFETY: each test has one heap, and frees what it made.
    let mut copying = unsafe { Copying::<Messages>::new() };
    while !copying.step(&mut subject.heap, &subject.tree, 2) {}
    let tree = copying.into_tree();
    let all = tree.range(StreamId::MIN, true).map(shown);
    let expected = subject.model.iter().map(|(id, it)| (*id, it.clone()));
    assert!(all.eq(expected));
    subject.remove_first(50);
    assert_eq!(tree.at(0).map(|it| it.id), Some(id(1, 0)));
    let mut garbage = tree.into_garbage();
    while !garbage.step(&mut subject.heap, 3) {}
    subject.check();
    subject.end();
}
