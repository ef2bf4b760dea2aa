//! Sorted sets against a plain map, with freezes in between, and one test for each promise.

mod model;
mod promises;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::{Counting, Random, rounds, spread, text};
use crate::{Cut, Frozen, Key, Part, Scored, Sorted, SortedCopying, SortedGarbage, SortedTree};

/// A score in the order of scores: both zeros are one.
#[derive(Clone, Copy, Debug)]
struct Score(f64);

impl PartialEq for Score {
    fn eq(&self, other: &Score) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        self.0.partial_cmp(&other.0).expect("no score is a NaN")
    }
}

/// Member and score; the score by its bits, as both zeros must be told apart.
type Pair = (Vec<u8>, u64);

fn pair(record: Scored<'_>) -> Pair {
    (text(record.member), record.score.to_bits())
}

/// A sorted set with its heap, its hash function and the model that it has to equal.
struct Subject {
    heap: Counting,
    hash: fn(&[u8]) -> u64,
    tree: SortedTree,
    scores: HashMap<Vec<u8>, f64>,
    order: BTreeMap<(Score, Vec<u8>), u64>,
}

impl Subject {
    fn new(hash: fn(&[u8]) -> u64) -> Subject {
        #[expect(unsafe_code, reason = "the heap is the caller's")]
        // SAFETY: each test has one heap, and frees what it made.
        let tree = unsafe { SortedTree::new() };
        Subject {
            heap: Counting::default(),
            hash,
            tree,
            scores: HashMap::new(),
            order: BTreeMap::new(),
        }
    }

    fn key<'a>(&self, member: &'a [u8]) -> Key<'a> {
        Key::new(member, (self.hash)(member))
    }

    fn insert(&mut self, member: &[u8], score: f64) {
        let key = self.key(member);
        let old = self.tree.insert(&mut self.heap, self.hash, &key, score);
        let known = self.scores.get(member).copied();
        assert_eq!(old.map(f64::to_bits), known.map(f64::to_bits));
        if known == Some(score) {
            // A zero of either sign is the same score.
            return;
        }
        self.scores.insert(member.to_vec(), score);
        if let Some(known) = known {
            self.order.remove(&(Score(known), member.to_vec()));
        }
        let place = (Score(score), member.to_vec());
        assert_eq!(self.order.insert(place, score.to_bits()), None);
    }

    fn remove(&mut self, member: &[u8]) {
        let key = self.key(member);
        let gone = self.tree.remove(&mut self.heap, self.hash, &key);
        assert_eq!(
            gone.map(f64::to_bits),
            self.forget(member).map(f64::to_bits)
        );
    }

    fn remove_ranks(&mut self, rank: u64, count: u64) {
        let mut gone = Vec::new();
        let removed = (self.tree).remove_ranks(&mut self.heap, self.hash, rank, count, |record| {
            gone.push(pair(record));
        });
        assert_eq!(removed, gone.len() as u64);
        let wanted = self.pairs().skip(rank as usize).take(count as usize);
        assert!(wanted.eq(gone.iter().cloned()));
        for (member, _) in gone {
            self.forget(&member);
        }
    }

    fn forget(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.scores.remove(member)?;
        self.order.remove(&(Score(score), member.to_vec()));
        Some(score)
    }

    /// What it has to hold, in order.
    fn pairs(&self) -> impl DoubleEndedIterator<Item = Pair> + '_ {
        self.order
            .iter()
            .map(|((_, member), bits)| (member.clone(), *bits))
    }

    fn fill(&mut self, numbers: std::ops::Range<usize>, score: fn(usize) -> f64) {
        for number in numbers {
            self.insert(format!("member:{number}").as_bytes(), score(number));
        }
    }

    /// Compares everything.
    fn check(&self) {
        assert_eq!(self.tree.len(), self.order.len() as u64);
        let mut seen = Vec::new();
        self.tree.for_each(|record| {
            seen.push(pair(record));
            true
        });
        assert!(seen.iter().cloned().eq(self.pairs()));
        for (rank, (member, bits)) in seen.iter().enumerate() {
            let score = f64::from_bits(*bits);
            let found = self.tree.score(&self.key(member));
            assert_eq!(found.map(f64::to_bits), Some(*bits));
            assert_eq!(self.tree.rank(Cut::before(score, member)), rank as u64);
            assert_eq!(self.tree.rank(Cut::after(score, member)), rank as u64 + 1);
        }
        if !self.tree.is_frozen() {
            // What tree and walk know of each other is not the tree's.
            assert!(self.heap.used - self.tree.memory() <= 2);
        }
    }

    fn freeze(&mut self) -> Frozen<Sorted> {
        (self.tree.freeze(&mut self.heap)).expect("no other is open")
    }

    /// Frees everything, and looks whether it came back.
    fn end(self) {
        let mut heap = self.heap;
        free(self.tree.into_garbage(), &mut heap);
        assert!(heap.blocks == 0 && heap.used == 0);
    }
}

fn free(mut garbage: SortedGarbage, heap: &mut Counting) {
    while !garbage.step(heap, 3) {}
    assert_eq!(garbage.memory(), 0);
}

/// Members and scores out of the parts of a walk.
#[derive(Default)]
struct Parts {
    open: Vec<u8>,
    pairs: Vec<Pair>,
}

impl Parts {
    fn take(&mut self, part: Part<'_>) {
        match part {
            Part::Whole(element) => self.open = text(element),
            Part::Begin(_) => self.open.clear(),
            Part::Piece(bytes) => self.open.extend_from_slice(bytes),
            Part::Score(score) => {
                let member = std::mem::take(&mut self.open);
                self.pairs.push((member, score.to_bits()));
            }
            other => unreachable!("{other:?} is not of a sorted set"),
        }
    }
}
