//! The consumers of a group: by number, as pending entries refer to them, and by name.
//!
//! They lie in chunks, and these in blocks, that a walk and a copy share; what of it is changed
//! meanwhile is copied.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::data::entry::Heap;
use crate::data::entry::Leftover;

/// How many consumers a chunk has.
pub(super) const CHUNK: usize = 32;
/// As much work as so many leaves of a tree is it to copy a chunk, whose names are put in order.
pub(super) const CHUNK_LEAVES: usize = 4;
/// How many chunks a block has.
const BLOCK: usize = 512;

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
/// So many chunks.
type Block = Arc<Vec<Chunk>>;

/// Those of a group.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    blocks: Vec<Block>,
    names: BTreeMap<Arc<[u8]>, u32>,
    free: Vec<u32>,
    /// Bytes that they take, about.
    memory: usize,
}

/// The block of a number, its chunk there and its place in that.
fn place(number: u32) -> (usize, usize, usize) {
    let (chunk, at) = (number as usize / CHUNK, number as usize % CHUNK);
    (chunk / BLOCK, chunk % BLOCK, at)
}

impl Consumers {
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Bytes that they take, about.
    pub fn memory(&self) -> usize {
        self.memory
    }

    pub fn number(&self, name: &[u8]) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub fn get(&self, number: u32) -> &Consumer {
        let (block, chunk, at) = place(number);
        let consumer = self.blocks[block][chunk][at].as_ref();
        consumer.expect("numbers are those of consumers that are there")
    }

    pub fn get_mut(&mut self, number: u32) -> &mut Consumer {
        let consumer = self.place_mut(number).as_mut();
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
        self.memory += Consumer::memory(&name);
        let consumer = Consumer {
            name: Arc::clone(&name),
            seen,
            active: None,
            pending: 0,
        };
        let number = self.free.pop().unwrap_or_else(|| self.new_place());
        *self.place_mut(number) = Some(consumer);
        self.names.insert(name, number);
        number
    }

    /// Removes one, with which nothing is pending.
    pub fn remove(&mut self, number: u32) {
        let consumer = self.place_mut(number).take();
        let consumer = consumer.expect("numbers are those of consumers that are there");
        self.memory -= Consumer::memory(&consumer.name);
        self.names.remove(&consumer.name);
        self.free.push(number);
    }

    /// As they are now.
    pub fn chunks(&self) -> Chunks {
        Chunks {
            blocks: self.blocks.iter().cloned().collect(),
            chunks: VecDeque::new(),
        }
    }

    /// Takes over the next chunk of `from`, whose consumers keep their numbers; of this one nothing else
    /// was changed. Returns whether it has all of them.
    pub fn copy_next(&mut self, from: &Consumers) -> bool {
        let copied: usize = self.blocks.iter().map(|block| block.len()).sum();
        let (block, at, _) = place((copied * CHUNK) as u32);
        let Some(chunk) = from.blocks.get(block).and_then(|block| block.get(at)) else {
            return true;
        };
        for (number, place) in (copied * CHUNK..).zip(chunk.iter()) {
            match place {
                None => self.free.push(number as u32),
                Some(consumer) => {
                    self.memory += Consumer::memory(&consumer.name);
                    let name = Arc::clone(&consumer.name);
                    self.names.insert(name, number as u32);
                }
            }
        }
        self.push_chunk(block, Arc::clone(chunk));
        self.names.len() == from.names.len()
    }

    fn place_mut(&mut self, number: u32) -> &mut Option<Consumer> {
        let (block, chunk, at) = place(number);
        let block = Arc::make_mut(&mut self.blocks[block]);
        &mut Arc::make_mut(&mut block[chunk])[at]
    }

    /// The number of a place behind all others.
    fn new_place(&mut self) -> u32 {
        let number = self.names.len() as u32;
        let (block, chunk, at) = place(number);
        if at == 0 {
            self.push_chunk(block, Arc::default());
        }
        let block = Arc::make_mut(&mut self.blocks[block]);
        Arc::make_mut(&mut block[chunk]).push(None);
        number
    }

    fn push_chunk(&mut self, block: usize, chunk: Chunk) {
        if block == self.blocks.len() {
            self.blocks.push(Arc::default());
        }
        Arc::make_mut(&mut self.blocks[block]).push(chunk);
    }
}

/// Consumers as they were, a chunk at a time.
#[derive(Default)]
pub(super) struct Chunks {
    blocks: VecDeque<Block>,
    /// What is left of the block before these.
    chunks: VecDeque<Chunk>,
}

impl Iterator for Chunks {
    type Item = Chunk;

    /// The block of a chunk is taken apart, so that no more than a chunk is freed at a time.
    fn next(&mut self) -> Option<Chunk> {
        if self.chunks.is_empty() {
            let block = self.blocks.pop_front()?;
            let chunks = Arc::try_unwrap(block).unwrap_or_else(|shared| shared.to_vec());
            self.chunks = chunks.into();
        }
        self.chunks.pop_front()
    }
}

/// Consumers that are gone.
pub(super) struct Gone {
    chunks: Chunks,
    names: BTreeMap<Arc<[u8]>, u32>,
}

impl From<Consumers> for Gone {
    fn from(all: Consumers) -> Gone {
        let chunks = Chunks {
            blocks: all.blocks.into(),
            chunks: VecDeque::new(),
        };
        Gone {
            chunks,
            names: all.names,
        }
    }
}

impl Leftover for Gone {
    fn step(&mut self, _: &mut Heap, leaves: usize) -> bool {
        for _ in 0..leaves.max(1) {
            for _ in 0..CHUNK {
                self.names.pop_first();
            }
            if self.chunks.next().is_none() && self.names.is_empty() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: u32) -> Consumers {
        let mut all = Consumers::default();
        for number in 0..count {
            let name = format!("consumer:{number:05}");
            assert_eq!(all.add(name.as_bytes(), 5), number);
        }
        all
    }

    fn names(all: &Consumers) -> Vec<(u32, &[u8])> {
        let each = all.iter();
        each.map(|(number, consumer)| (number, consumer.name()))
            .collect()
    }

    #[test]
    fn numbers_are_used_again_and_what_a_walk_shares_stays() {
        let mut all = many(100);
        let shared: Vec<Chunk> = all.chunks().collect();
        all.get_mut(40).pending = 7;
        all.remove(50);
        assert_eq!((all.len(), all.number(b"consumer:00050")), (99, None));
        assert_eq!(all.add(b"again", 6), 50);
        assert_eq!(all.get(50).name(), b"again");
        assert_eq!(all.add(b"more", 6), 100);
        let names: Vec<_> = all.iter().map(|(_, consumer)| consumer.name()).collect();
        assert!(names.is_sorted() && names.len() == 101);
        let before = |number: usize| {
            let consumer = shared[number / CHUNK][number % CHUNK].as_ref();
            consumer.expect("shared")
        };
        assert_eq!((before(40).pending(), all.get(40).pending()), (0, 7));
        assert_eq!(before(50).name(), b"consumer:00050");
    }

    #[test]
    fn a_copy_by_chunks_has_the_same_numbers_and_gives_the_free_ones_again() {
        // More than one block of them.
        let count = (CHUNK * BLOCK + 100) as u32;
        let mut all = many(count);
        all.remove(7);
        all.remove(count - 1);
        let (mut copy, mut steps) = (Consumers::default(), 1);
        while !copy.copy_next(&all) {
            steps += 1;
        }
        assert!(steps >= BLOCK, "{steps}");
        assert_eq!((names(&copy), copy.memory()), (names(&all), all.memory()));
        copy.get_mut(3).pending = 9;
        assert_eq!((copy.get(3).pending(), all.get(3).pending()), (9, 0));
        let mut again = [copy.add(b"a", 1), copy.add(b"b", 1), copy.add(b"c", 1)];
        again.sort_unstable();
        assert_eq!(again, [7, count - 1, count]);
        assert_eq!(names(&copy).len(), count as usize + 1);
    }

    #[test]
    fn many_are_freed_in_steps() {
        let mut gone = Gone::from(many(1000));
        let (mut heap, mut steps) = (Heap::plain(), 0);
        while !gone.step(&mut heap, 1) {
            steps += 1;
        }
        assert!(steps > 20 && gone.names.is_empty());
    }
}
