//! Streams: equal to a map through all that happens to them.

mod model;
mod nodes;

use std::collections::BTreeMap;

use super::{Counting, Random, rounds, text};
use crate::element::{Element, backward};
use crate::{Garbage, Message, Messages, NodeLimits, Part, StreamId, StreamTree};

/// Fields with values.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
/// What a stream is compared with.
type Contents = BTreeMap<StreamId, Pairs>;

const LIMITS: NodeLimits = NodeLimits {
    entries: 100,
    bytes: 4096,
};

struct Subject {
    heap: Counting,
    tree: StreamTree,
    model: Contents,
    limits: NodeLimits,
}

fn new_tree() -> StreamTree {
    #[expect(unsafe_code, reason = "the heap is the caller's")]
    // SAFETY: each test has one heap, and frees what it made.
    unsafe {
        StreamTree::new()
    }
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn shown(message: Message<'_>) -> (StreamId, Pairs) {
    let pairs = message.pairs();
    assert_eq!(pairs.size_hint().0, message.len());
    let pairs = pairs.map(|(field, value)| (text(field), text(value)));
    (message.id, pairs.collect())
}

impl Subject {
    fn new() -> Subject {
        Subject {
            heap: Counting::default(),
            tree: new_tree(),
            model: Contents::new(),
            limits: LIMITS,
        }
    }

    fn append(&mut self, id: StreamId, pairs: Pairs) {
        let elements = pairs
            .iter()
            .map(|(field, value)| (Element::new(field), Element::new(value)));
        self.tree.append(&mut self.heap, id, elements, self.limits);
        self.model.insert(id, pairs);
    }

    fn remove(&mut self, id: StreamId) {
        let had = self.tree.remove(&mut self.heap, id);
        assert_eq!(had, self.model.remove(&id).is_some());
    }

    fn remove_first(&mut self, count: usize) {
        self.tree.remove_first(&mut self.heap, count as u64);
        for _ in 0..count {
            self.model.pop_first();
        }
    }

    fn check_from(&self, id: StreamId) {
        let forward = self.tree.range(id, true).map(shown);
        let expected = self.model.range(id..).map(|(id, it)| (*id, it.clone()));
        assert!(forward.eq(expected));
        let backward = self.tree.range(id, false).map(shown);
        let expected = self.model.range(..=id).rev();
        assert!(backward.eq(expected.map(|(id, it)| (*id, it.clone()))));
        let found = self.tree.get(id).map(shown);
        assert_eq!(found.map(|it| it.1).as_ref(), self.model.get(&id));
    }

    fn check(&self) {
        assert_eq!(self.tree.len(), self.model.len() as u64);
        self.check_from(StreamId::MIN);
        self.check_from(StreamId::MAX);
        let first = self.tree.at(0).map(|message| message.id);
        assert_eq!(first, self.model.keys().next().copied());
        let last = self.tree.len().checked_sub(1);
        let last = last.and_then(|at| self.tree.at(at)).map(|it| it.id);
        assert_eq!(last, self.model.keys().next_back().copied());
        if !self.tree.is_frozen() {
            // What tree and walk know of each other is not the tree's.
            assert!(self.heap.used - self.tree.memory() <= 2);
        }
    }

    /// Frees everything, and looks whether it came back.
    fn end(self) {
        let mut heap = self.heap;
        let mut garbage: Garbage<Messages> = self.tree.into_garbage();
        while !garbage.step(&mut heap, 3) {}
        assert!(heap.blocks == 0 && heap.used == 0);
    }
}

/// Puts together again what a walk hands out: the strings of an RDB file.
#[derive(Default)]
struct Seen {
    strings: Vec<Vec<u8>>,
    open: usize,
}

impl Seen {
    fn take(&mut self, part: Part<'_>) {
        match part {
            Part::Whole(element) => {
                assert_eq!(self.open, 0);
                self.strings.push(text(element));
            }
            Part::Begin(len) => {
                assert_eq!(self.open, 0);
                self.strings.push(Vec::with_capacity(len));
                self.open = len;
            }
            Part::Piece(bytes) => {
                self.open -= bytes.len();
                self.strings.last_mut().expect("begun").extend(bytes);
            }
            other => unreachable!("{other:?} is not of a stream"),
        }
    }

    /// The messages, and how many nodes they came in.
    fn messages(&self) -> (Contents, u64) {
        assert_eq!(self.open, 0);
        let mut all = Contents::new();
        for node in self.strings.chunks(2) {
            let base = StreamId::from_bytes(*node[0].first_chunk().expect("an id"));
            read_node(base, &node[1], &mut all);
        }
        (all, self.strings.len() as u64 / 2)
    }
}

/// Reads a node as Redis does.
fn read_node(base: StreamId, list: &[u8], all: &mut Contents) {
    let total = u32::from_le_bytes(*list.first_chunk().expect("a head"));
    assert_eq!(total as usize, list.len());
    let said = usize::from(u16::from_le_bytes([list[4], list[5]]));
    let mut elements = Vec::new();
    let mut rest = &list[6..];
    while rest != [0xFF] {
        let (element, len) = backward::first(rest).expect("whole elements");
        assert_eq!(backward::last(&rest[..len]).map(|it| it.1), Some(len));
        elements.push(element);
        rest = &rest[len..];
    }
    assert_eq!(said, elements.len().min(65_535));
    let mut elements = elements.into_iter();
    let mut next = || elements.next().expect("more elements");
    let number = |element: Element<'_>| match element {
        Element::Int(number) => number,
        Element::Str(_) => panic!("not a number"),
    };
    let (count, deleted) = (number(next()), number(next()));
    assert_eq!(deleted, 0);
    let fields: Vec<_> = (0..number(next())).map(|_| text(next())).collect();
    assert_eq!(number(next()), 0);
    for _ in 0..count {
        let flags = number(next());
        let id = base.plus((number(next()), number(next())));
        let (pairs, len): (Pairs, _) = if flags == 2 {
            let pairs: Pairs = fields.iter().map(|it| (it.clone(), text(next()))).collect();
            let len = pairs.len() + 3;
            (pairs, len)
        } else {
            assert_eq!(flags, 0);
            let count = number(next());
            let pairs: Pairs = (0..count).map(|_| (text(next()), text(next()))).collect();
            let len = 2 * pairs.len() + 4;
            (pairs, len)
        };
        assert_eq!(number(next()), len as i64);
        assert_eq!(all.insert(id, pairs), None);
    }
    assert!(elements.next().is_none());
}
