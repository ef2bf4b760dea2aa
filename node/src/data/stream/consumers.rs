//! The consumers of a group: by number, as pending entries refer to them, and by name.
//!
//! They lie in chunks that a walk shares; a chunk that is changed meanwhile is copied.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::entry::Heap;
use crate::data::entry::Leftover;

/// How many consumers a chunk has.
const CHUNK: usize = 32;

/// A consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Arc<[u8]>,
    /// When it tried to get messages last, in unix milliseconds.
    pub seen: i64,
    /// When it got some last, if ever.
    pub active: Option<i64>,
    /// How many entries are pending with it.
    pub(super) pending: u64,
}

impl Consumer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// How many entries are pending with it.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Bytes that one takes, about: its place, its names in the order, their text.
    pub(super) fn memory(name: &[u8]) -> usize {
        const NAME_HEAD: usize = 16;
        size_of::<Option<Consumer>>() + 2 * size_of::<(Arc<[u8]>, u32)>() + NAME_HEAD + name.len()
    }
}

/// So many of them, by number; some are free.
pub(super) type Chunk = Arc<Vec<Option<Consumer>>>;

/// Those of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumers {
    chunks: Vec<Chunk>,
    names: BTreeMap<Arc<[u8]>, u32>,
    free: Vec<u32>,
}

fn place(number: u32) -> (usize, usize) {
    (number as usize / CHUNK, number as usize % CHUNK)
}

impl Consumers {
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn number(&self, name: &[u8]) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub fn get(&self, number: u32) -> &Consumer {
        let (chunk, at) = place(number);
        let consumer = self.chunks[chunk][at].as_ref();
        consumer.expect("numbers are those of consumers that are there")
    }

    pub fn get_mut(&mut self, number: u32) -> &mut Consumer {
        let (chunk, at) = place(number);
        let consumer = Arc::make_mut(&mut self.chunks[chunk])[at].as_mut();
        consumer.expect("numbers are those of consumers that are there")
    }

    /// By their names, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &Consumer)> {
        let numbers = self.names.values();
        numbers.map(|number| (*number, self.get(*number)))
    }

    /// Adds one whose name is new.
    pub fn add(&mut self, name: &[u8], seen: i64) -> u32 {
        let name: Arc<[u8]> = name.into();
        let consumer = Consumer {
            name: Arc::clone(&name),
            seen,
            active: None,
            pending: 0,
        };
        let number = self.free.pop().unwrap_or_else(|| {
            let number = self.names.len() as u32;
            if place(number).0 == self.chunks.len() {
                self.chunks.push(Arc::default());
            }
            number
        });
        let (chunk, at) = place(number);
        let chunk = Arc::make_mut(&mut self.chunks[chunk]);
        if at == chunk.len() {
            chunk.push(None);
        }
        chunk[at] = Some(consumer);
        self.names.insert(name, number);
        number
    }

    /// Removes one, with which nothing is pending.
    pub fn remove(&mut self, number: u32) {
        let (chunk, at) = place(number);
        let consumer = Arc::make_mut(&mut self.chunks[chunk])[at].take();
        let consumer = consumer.expect("numbers are those of consumers that are there");
        self.names.remove(&consumer.name);
        self.free.push(number);
    }

    /// As they are now.
    pub fn chunks(&self) -> Vec<Chunk> {
        self.chunks.clone()
    }
}

impl Leftover for Consumers {
    fn step(&mut self, _: &mut Heap, leaves: usize) -> bool {
        for _ in 0..leaves.max(1) {
            for _ in 0..CHUNK {
                self.names.pop_first();
            }
            if self.chunks.pop().is_none() && self.names.is_empty() {
                self.free = Vec::new();
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again_and_what_a_walk_shares_stays() {
        let mut all = Consumers::default();
        for number in 0..100u32 {
            let name = format!("consumer:{number:03}");
            assert_eq!(all.add(name.as_bytes(), 5), number);
        }
        let shared = all.chunks();
        all.get_mut(40).pending = 7;
        all.remove(50);
        assert_eq!((all.len(), all.number(b"consumer:050")), (99, None));
        assert_eq!(all.add(b"again", 6), 50);
        assert_eq!(all.get(50).name(), b"again");
        assert_eq!(all.add(b"more", 6), 100);
        let names: Vec<_> = all.iter().map(|(_, consumer)| consumer.name()).collect();
        assert!(names.is_sorted() && names.len() == 101);
        let (chunk, at) = place(40);
        let before = shared[chunk][at].as_ref().expect("shared");
        assert_eq!((before.pending(), all.get(40).pending()), (0, 7));
        let (chunk, at) = place(50);
        let before = shared[chunk][at].as_ref().expect("shared");
        assert_eq!(before.name(), b"consumer:050");
    }

    #[test]
    fn many_are_freed_in_steps() {
        let mut all = Consumers::default();
        for number in 0..1000 {
            all.add(format!("{number}").as_bytes(), 0);
        }
        let (mut heap, mut steps) = (Heap::plain(), 0);
        while !all.step(&mut heap, 1) {
            steps += 1;
        }
        assert!(steps > 20 && all.len() == 0);
    }
}
