//! Random operations, with freezes at random moments.

use super::*;

fn some_member(random: &mut Random, members: u64) -> Vec<u8> {
    let number = random.below(members);
    match random.below(40) {
        0..=14 => number.to_string().into_bytes(),
        15..=24 => format!("member:{number}").into_bytes(),
        25..=33 => format!("the first fifteen bytes are alike {number}").into_bytes(),
        34 => vec![b'x'; 255],
        35 => vec![b'y'; 256],
        36 => vec![0; number as usize % 20],
        37 => Vec::new(),
        38 => vec![b'z'; 60 + number as usize % 200],
        _ => vec![b'l'; 250 + number as usize % 300],
    }
}

fn some_score(random: &mut Random, kinds: u64) -> f64 {
    match random.below(kinds) {
        0 => 0.0,
        1 => -0.0,
        2 => f64::INFINITY,
        3 => f64::NEG_INFINITY,
        4 => f64::MIN_POSITIVE,
        5 => -1e300,
        number if number % 2 == 0 => number as f64 / 7.0,
        number => random.below(number) as f64 - 50.0,
    }
}

struct Walking {
    frozen: Frozen<Sorted>,
    expected: Vec<Pair>,
    parts: Parts,
}

impl Walking {
    /// Hands out some more. Returns whether it is over.
    fn step(&mut self, heap: &mut Counting, budget: usize) -> bool {
        let parts = &mut self.parts;
        let over = self.frozen.step(heap, budget, |part| parts.take(part));
        if over {
            assert!(self.parts.pairs == self.expected, "in order, and each once");
        }
        over
    }
}

fn traffic(hash: fn(&[u8]) -> u64, seed: u64, count: usize, (members, scores): (u64, u64)) {
    let mut subject = Subject::new(hash);
    let mut random = Random(seed);
    let mut walking: Option<Walking> = None;
    for round in 0..count {
        // Grows, shrinks, and so on.
        let grows = (round / (count / 5).max(1)).is_multiple_of(2);
        let member = some_member(&mut random, members);
        match random.below(12) {
            op if op < if grows { 7 } else { 3 } => {
                let score = some_score(&mut random, scores);
                subject.insert(&member, score);
            }
            11 => {
                let rank = random.below(subject.tree.len() + 1);
                let most = if grows { 4 } else { 30 };
                subject.remove_ranks(rank, random.below(most));
            }
            _ => subject.remove(&member),
        }
        if let Some(walk) = &mut walking {
            if walk.step(&mut subject.heap, random.below(600) as usize) {
                walking = None;
            }
        } else if random.below(rounds(150, 40) as u64) == 0 {
            walking = Some(Walking {
                frozen: subject.freeze(),
                expected: subject.pairs().collect(),
                parts: Parts::default(),
            });
        }
        if round.is_multiple_of(count.div_ceil(rounds(12, 3))) {
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
    for seed in 0..rounds(4, 1) as u64 {
        let sizes = (rounds(1500, 100) as u64 + seed * 300, 300);
        traffic(spread, seed, rounds(12_000, 200), sizes);
    }
}

#[test]
fn equals_a_map_where_scores_are_few() {
    for (seed, scores) in [(10, 1), (11, 3), (12, 8)] {
        let sizes = (rounds(1500, 80) as u64, scores);
        traffic(spread, seed, rounds(10_000, 120), sizes);
    }
}

#[test]
fn equals_a_map_where_hashes_collide() {
    // Seven hashes; one; and such as differ in what the index does not have.
    traffic(
        |bytes| (spread(bytes) % 7) << 61,
        100,
        rounds(8000, 45),
        (600, 40),
    );
    traffic(|_| 77 << 40, 101, rounds(6000, 40), (500, 20));
    traffic(
        |bytes| spread(bytes) >> 32,
        102,
        rounds(6000, 30),
        (500, 200),
    );
    traffic(|_| u64::MAX, 103, rounds(4000, 30), (500, 1));
}
