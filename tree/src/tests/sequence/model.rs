//! Random operations on a list and on a deque, with freezes at random moments.

use super::*;
use crate::Frozen;

/// A walk under way, with what it has to hand out.
struct Walking {
    frozen: Frozen<Sequence>,
    expected: Contents,
    seen: Seen,
}

impl Walking {
    /// Hands out some more. Returns whether it is over.
    fn step(&mut self, heap: &mut Counting, budget: usize) -> bool {
        let nodes = self.frozen.nodes();
        let is_over = self.frozen.step(heap, budget, |part| self.seen.take(part));
        if is_over {
            assert!(self.seen.elements == self.expected && self.seen.open == 0);
            assert_eq!(self.seen.nodes, nodes);
        }
        is_over
    }
}

fn some_bytes(random: &mut Random) -> Vec<u8> {
    let number = random.below(1 << 20) as usize;
    match random.below(40) {
        0..=17 => format!("element:{number}").into_bytes(),
        18..=30 => number.to_string().into_bytes(),
        31 => (number as i64)
            .wrapping_mul(-0x1234_5678_9ABC)
            .to_string()
            .into_bytes(),
        32 => vec![b'x'; 255],
        33 => vec![b'y'; 256],
        34 => Vec::new(),
        35..=37 => vec![b'z'; 60 + number % 200],
        38 => vec![b'l'; 250 + number % 300],
        _ => vec![
            b'h';
            if number.is_multiple_of(8) {
                rounds(100_000, 20_000)
            } else {
                124
            }
        ],
    }
}

fn one_operation(subject: &mut Subject, random: &mut Random, growth: u64) {
    let len = subject.model.len();
    let position = random.below(len as u64 + 1) as usize;
    let bytes = some_bytes(random);
    match random.below(20) {
        op if op < growth => match op % 4 {
            0 | 1 => subject.push_back(&bytes),
            2 => subject.push_front(&bytes),
            _ => subject.insert(position, &bytes),
        },
        18 => subject.set(position, &bytes),
        19 => subject.look_at(position),
        _ if len == 0 => subject.remove_range(position, 3),
        0..=13 => match random.below(4) {
            0 => subject.remove(0),
            1 => subject.remove(len - 1),
            2 => subject.remove(position.min(len - 1)),
            _ => subject.set(position, &bytes),
        },
        _ => {
            let most = if random.below(40) == 0 {
                len as u64 + 2
            } else {
                12
            };
            subject.remove_range(position, random.below(most) as usize);
        }
    }
}

fn traffic(seed: u64, rounds: usize) {
    let mut subject = Subject::new();
    let mut random = Random(seed);
    let mut walking: Option<Walking> = None;
    for round in 0..rounds {
        // Grows, shrinks, and so on.
        let grows = (round / (rounds / 5).max(1)).is_multiple_of(2);
        one_operation(&mut subject, &mut random, if grows { 13 } else { 6 });
        if let Some(walk) = &mut walking {
            let budget = random.below(600) as usize;
            if walk.step(&mut subject.heap, budget) {
                walking = None;
            }
        } else if random.below(super::rounds(150, 40) as u64) == 0 {
            let frozen = subject.list.freeze(&mut subject.heap);
            walking = Some(Walking {
                frozen: frozen.expect("no other is open"),
                expected: subject.model.clone(),
                seen: Seen::default(),
            });
        }
        if round.is_multiple_of(rounds.div_ceil(super::rounds(60, 4))) {
            subject.check(random.below(subject.model.len() as u64 + 2) as usize);
        }
    }
    subject.check(0);
    if let Some(mut walk) = walking {
        while !walk.step(&mut subject.heap, 500) {}
    }
    subject.end();
}

#[test]
fn equals_a_deque_through_random_traffic_and_hands_out_what_was_frozen() {
    for seed in 0..rounds(8, 1) as u64 {
        traffic(seed, rounds(30_000, 200));
    }
}

#[test]
fn elements_of_every_length_come_back() {
    let mut subject = Subject::new();
    let all = [
        0, 1, 63, 64, 123, 124, 125, 126, 127, 128, 222, 240, 254, 255, 256, 257, 4095, 4096,
        100_000,
    ];
    for &len in &all[..rounds(all.len(), 16)] {
        for byte in [b'1', b'x'] {
            let bytes = vec![byte; len];
            subject.push_back(&bytes);
            subject.push_front(&bytes);
            subject.insert(subject.model.len() / 2, &bytes);
            // Longer, shorter, an integer, and back.
            for other in [len + 1, len.saturating_sub(1), 20, len] {
                subject.set(subject.model.len() / 3, &vec![b'w'; other]);
                subject.look_at(subject.model.len() / 3);
            }
            subject.set(0, b"-123456789");
        }
    }
    subject.check(0);
    subject.check(subject.model.len() - 1);
    while !subject.model.is_empty() {
        subject.remove(subject.model.len() / 2);
    }
    assert!(subject.heap.blocks == 0 && subject.list.leaves() == 0);
    subject.end();
}
