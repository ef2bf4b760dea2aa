//! Lists: equal to a deque through all that happens to them.

mod frozen;
mod limits;
mod model;

use std::collections::VecDeque;

use super::{Counting, Random, rounds, text};
use crate::element::backward;
use crate::{Garbage, ListTree, Part, Sequence};

/// What a list is compared with.
type Contents = VecDeque<Vec<u8>>;

/// A list with its heap and the deque that it has to equal.
struct Subject {
    heap: Counting,
    list: ListTree,
    model: Contents,
}

fn new_list() -> ListTree {
    #[expect(unsafe_code, reason = "the heap is the caller's")]
    // SAFETY: each test has one heap, and frees what it made.
    unsafe {
        ListTree::new()
    }
}

impl Subject {
    fn new() -> Subject {
        Subject {
            heap: Counting::default(),
            list: new_list(),
            model: Contents::new(),
        }
    }

    /// So many elements, some of them long.
    fn filled(count: usize, long_every: usize) -> Subject {
        let mut subject = Subject::new();
        for number in 0..count {
            if number % long_every == long_every - 1 {
                subject.push_back(&vec![b'l'; 300 + number % 900]);
            } else {
                subject.push_back(format!("element:{number}").as_bytes());
            }
        }
        subject
    }

    fn push_back(&mut self, bytes: &[u8]) {
        self.list.push_back(&mut self.heap, bytes);
        self.model.push_back(bytes.to_vec());
    }

    fn push_front(&mut self, bytes: &[u8]) {
        self.list.push_front(&mut self.heap, bytes);
        self.model.push_front(bytes.to_vec());
    }

    fn insert(&mut self, position: usize, bytes: &[u8]) {
        self.list.insert(&mut self.heap, position as u64, bytes);
        self.model.insert(position, bytes.to_vec());
    }

    fn set(&mut self, position: usize, bytes: &[u8]) {
        let listed = self.list.set(&mut self.heap, position as u64, bytes);
        let old = self.model.get_mut(position);
        assert_eq!(listed, old.as_deref().map(|old| backward::listed(old)));
        if let Some(old) = old {
            *old = bytes.to_vec();
        }
    }

    fn remove(&mut self, position: usize) {
        let taken = self.list.remove(&mut self.heap, position as u64, text);
        assert_eq!(taken, self.model.remove(position));
    }

    fn remove_range(&mut self, position: usize, count: usize) {
        let (start, len) = (position as u64, count as u64);
        let listed = self.list.remove_range(&mut self.heap, start, len);
        let end = position.saturating_add(count).min(self.model.len());
        let gone = self.model.drain(position.min(end)..end);
        assert_eq!(gone.map(|it| backward::listed(&it)).sum::<usize>(), listed);
    }

    fn look_at(&self, position: usize) {
        let found = self.list.at(position as u64).map(text);
        assert_eq!(found.as_ref(), self.model.get(position));
    }

    /// Compares everything, from some position on in both directions.
    fn check(&self, position: usize) {
        assert_eq!(self.list.len(), self.model.len() as u64);
        let forward = self.list.elements(position as u64, true).map(text);
        assert!(forward.eq(self.model.iter().skip(position).cloned()));
        let backward = self.list.elements(position as u64, false).map(text);
        let count = if position < self.model.len() {
            position + 1
        } else {
            0
        };
        assert!(backward.eq(self.model.iter().take(count).rev().cloned()));
        let long = self.model.iter().filter(|it| it.len() > 255).count();
        assert_eq!(self.list.blocks(), long as u64);
        if !self.list.is_frozen() {
            // What list and walk know of each other is not the list's.
            assert!(self.heap.used - self.list.memory() <= 2);
        }
    }

    /// Frees everything, and looks whether it came back.
    fn end(self) {
        let mut heap = self.heap;
        free(self.list.into_garbage(), &mut heap);
        assert!(heap.blocks == 0 && heap.used == 0);
    }
}

fn free(mut garbage: Garbage<Sequence>, heap: &mut Counting) {
    while !garbage.step(heap, 3) {}
    assert_eq!(garbage.memory(), 0);
}

/// Puts together again what a walk hands out.
#[derive(Default)]
struct Seen {
    elements: Contents,
    nodes: u64,
    /// How much of a long element is to come.
    open: usize,
}

impl Seen {
    fn take(&mut self, part: Part<'_>) {
        match part {
            Part::Packed { elements, count } => {
                assert_eq!(self.open, 0);
                let (mut rest, before) = (elements, self.elements.len());
                while let Some((element, len)) = backward::first(rest) {
                    self.elements.push_back(text(element));
                    rest = &rest[len..];
                }
                assert!(rest.is_empty() && self.elements.len() - before == count);
                self.nodes += 1;
            }
            Part::Plain(len) => {
                assert!(self.open == 0 && len > 255);
                self.elements.push_back(Vec::with_capacity(len));
                self.open = len;
                self.nodes += 1;
            }
            Part::Piece(bytes) => {
                self.open -= bytes.len();
                self.elements.back_mut().expect("begun").extend(bytes);
            }
            other => unreachable!("{other:?} is not of a list"),
        }
    }
}
