//! Tests of the whole: a model under random traffic, and one test for each promise.

mod access;
mod dropping;
mod eviction;
mod field_times;
mod lists;
mod model;
mod scan;
mod sets;
mod types;
mod walk;
mod zsets;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};

use slotkeeper_topology::SlotSet;
use slotkeeper_tree::Part;
use slotkeeper_tree::element::{Element, Text, backward};

use super::entry::Heap;
use super::*;
use crate::time::Now;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Str(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    List(Vec<Vec<u8>>),
    /// Members with the bytes of their scores, in order.
    Zset(Vec<(Vec<u8>, [u8; 8])>),
}

impl Content {
    fn of(value: Value<'_>) -> Content {
        let text = |element: Element<'_>| element.bytes(&mut Text::new()).to_vec();
        match value {
            Value::Str(bytes) => Content::Str(bytes.to_vec()),
            Value::Hash(hash) => {
                let mut fields = BTreeMap::new();
                hash.for_each(|field, value| {
                    assert_eq!(fields.insert(text(field), text(value)), None);
                });
                assert_eq!(fields.len(), hash.len());
                Content::Hash(fields)
            }
            Value::List(list) => Content::List(list.elements(0, true).map(text).collect()),
            Value::Set(set) => {
                let mut members = BTreeSet::new();
                set.for_each(|member| assert!(members.insert(text(member))));
                assert_eq!(members.len(), set.len());
                Content::Set(members)
            }
            Value::Zset(zset) => {
                let mut records = Vec::new();
                zset.for_each(|record| {
                    records.push((text(record.member), record.score.to_le_bytes()));
                });
                assert_eq!(records.len(), zset.len());
                Content::Zset(records)
            }
            Value::Stream(_) => unreachable!("streams have tests of their own"),
        }
    }

    /// From `len` fields and values in turn, or members, each once.
    fn of_elements(kind: Type, len: usize, elements: Vec<Vec<u8>>) -> Content {
        if kind == Type::List {
            return Content::List(elements);
        }
        if kind == Type::Set {
            assert_eq!(elements.len(), len);
            let members: BTreeSet<_> = elements.into_iter().collect();
            assert_eq!(members.len(), len);
            return Content::Set(members);
        }
        if kind == Type::Zset {
            assert_eq!(elements.len(), 2 * len);
            let records = elements.chunks_exact(2).map(|record| {
                let score = record[1][..].try_into().expect("a double");
                (record[0].clone(), score)
            });
            return Content::Zset(records.collect());
        }
        assert_eq!((kind, elements.len()), (Type::Hash, 2 * len));
        let count = elements.len() / 2;
        let mut elements = elements.into_iter();
        let fields = std::iter::from_fn(|| Some((elements.next()?, elements.next()?)));
        let fields: BTreeMap<_, _> = fields.collect();
        assert_eq!(fields.len(), count);
        Content::Hash(fields)
    }
}

impl Default for Content {
    fn default() -> Content {
        Content::Str(Vec::new())
    }
}

/// A value and when it expires.
type Held = (Content, Option<i64>);

/// By database and key.
type Contents = BTreeMap<(usize, Vec<u8>), Held>;

/// A large value of which a part has come.
struct Sending {
    db: usize,
    key: Vec<u8>,
    expire_at: Option<i64>,
    len: usize,
    value: Vec<u8>,
    /// What is no string, and its elements.
    elements: Option<(Type, Vec<Vec<u8>>)>,
    /// Of a list: how many nodes have come.
    nodes: usize,
    /// Of a hash in which fields expire: when each of them does, if it does.
    times: Option<Vec<Option<i64>>>,
}

/// A saver that remembers, and refuses what a writer of RDB files could not bear.
#[derive(Default)]
struct Recorder {
    tables: BTreeMap<usize, (usize, usize)>,
    contents: Contents,
    /// Of hashes in which fields expire: when those do.
    field_times: BTreeMap<(usize, Vec<u8>), BTreeMap<Vec<u8>, i64>>,
    large: Option<Sending>,
    pieces: usize,
    unsent: usize,
    /// 0 for none.
    bound: usize,
}

impl Recorder {
    fn keep(&mut self, db: usize, key: &[u8], value: Content, expire_at: Option<i64>) {
        let old = self.contents.insert((db, key.to_vec()), (value, expire_at));
        assert_eq!(old, None, "{:?} comes twice", String::from_utf8_lossy(key));
    }
}

impl Saver for Recorder {
    fn table(&mut self, db: usize, keys: usize, expires: usize) {
        assert!(self.contents.is_empty() && self.large.is_none());
        assert_eq!(self.tables.insert(db, (keys, expires)), None);
    }

    fn entry(&mut self, db: usize, entry: &Entry<'_>) {
        self.unsent += entry.key().len() + entry.bytes().len();
        assert!(
            entry.big().is_none() || entry.is_listpack_list(),
            "sent in parts"
        );
        self.keep(
            db,
            entry.key(),
            Content::of(entry.value()),
            entry.expire_at(),
        );
    }

    fn begin_large(&mut self, db: usize, key: &[u8], expire_at: Option<i64>, len: usize) {
        let old = self.large.replace(Sending {
            db,
            key: key.to_vec(),
            expire_at,
            len,
            value: Vec::new(),
            elements: None,
            nodes: 0,
            times: None,
        });
        assert!(old.is_none(), "one at a time");
    }

    fn piece(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= 64 * 1024);
        self.unsent += bytes.len();
        self.pieces += 1;
        let sending = self.large.as_mut().expect("begun");
        sending.value.extend_from_slice(bytes);
    }

    fn begin(&mut self, db: usize, key: &[u8], expire_at: Option<i64>, head: Head) {
        let Head {
            kind,
            len,
            first_time,
        } = head;
        let old = self.large.replace(Sending {
            db,
            key: key.to_vec(),
            expire_at,
            len: len as usize,
            value: Vec::new(),
            elements: Some((kind, Vec::new())),
            nodes: 0,
            times: first_time.map(|_| Vec::new()),
        });
        assert!(old.is_none(), "one at a time");
    }

    fn part(&mut self, part: Part<'_>) {
        let sending = self.large.as_mut().expect("begun");
        let (_, elements) = sending.elements.as_mut().expect("no string");
        sending.nodes += usize::from(matches!(part, Part::Packed { .. } | Part::Plain(_)));
        match part {
            Part::FieldTime(at) => sending.times.as_mut().expect("some expire").push(at),
            Part::Whole(element) => elements.push(element.bytes(&mut Text::new()).to_vec()),
            Part::Score(score) => elements.push(score.to_le_bytes().to_vec()),
            Part::Packed {
                elements: mut packed,
                ..
            } => {
                while let Some((element, len)) = backward::first(packed) {
                    elements.push(element.bytes(&mut Text::new()).to_vec());
                    packed = &packed[len..];
                }
            }
            Part::Length(_) | Part::Fixed(_) => unreachable!("streams have tests of their own"),
            Part::Begin(len) | Part::Plain(len) => elements.push(Vec::with_capacity(len)),
            Part::Piece(bytes) => {
                assert!(bytes.len() <= 64 * 1024);
                elements.last_mut().expect("begun").extend_from_slice(bytes);
            }
        }
        self.unsent += 16;
    }

    fn end_large(&mut self) {
        let sent = self.large.take().expect("begun");
        let value = match sent.elements {
            Some((kind, elements)) => {
                if let Some(times) = sent.times {
                    assert_eq!(times.len(), sent.len);
                    let names = elements.iter().step_by(2).cloned();
                    let timed = names.zip(times).filter_map(|(name, at)| Some((name, at?)));
                    let at = (sent.db, sent.key.clone());
                    self.field_times.insert(at, timed.collect());
                }
                assert!(kind != Type::List || sent.nodes == sent.len);
                Content::of_elements(kind, sent.len, elements)
            }
            None => {
                assert_eq!(sent.value.len(), sent.len);
                Content::Str(sent.value)
            }
        };
        self.keep(sent.db, &sent.key, value, sent.expire_at);
    }

    fn pauses_walk(&self) -> bool {
        self.bound > 0 && self.unsent >= self.bound
    }

    fn holds_writers(&self) -> bool {
        self.pauses_walk()
    }
}

fn recorder(data: &mut Partition) -> &mut Recorder {
    let saver: &mut dyn Any = data.saver_mut().expect("walking");
    saver.downcast_mut().expect("a recorder")
}

fn recorder_of(data: &mut Partition, id: WalkId) -> &mut Recorder {
    let saver: &mut dyn Any = data.saver_of(id).expect("walking");
    saver.downcast_mut().expect("a recorder")
}

fn stop(data: &mut Partition) -> Recorder {
    let saver: Box<dyn Any> = data.stop_walk().expect("walking");
    *saver.downcast().expect("a recorder")
}

fn end(data: &mut Partition, id: WalkId) -> Recorder {
    let saver: Box<dyn Any> = data.end_walk(id).expect("walking");
    *saver.downcast().expect("a recorder")
}

/// Everything a partition holds, expired keys included.
fn contents(data: &mut Partition) -> Contents {
    let mut all = Contents::new();
    data.set_expiry_policy(ExpiryPolicy::Keep);
    for db in 0..data.databases() {
        data.for_each_key(db, &mut |entry| {
            let held = (Content::of(entry.value()), entry.expire_at());
            assert_eq!(all.insert((db, entry.key().to_vec()), held), None);
        });
    }
    data.set_expiry_policy(ExpiryPolicy::Delete);
    all
}

fn partition(layout: Layout) -> Partition {
    Partition::with_heap(layout, [11, 12], Heap::plain())
}

fn at(ms: i64) -> Now {
    Now {
        unix_us: ms * 1000,
        mono_us: 1_000_000 + ms.unsigned_abs() * 1000,
    }
}

fn name(number: usize) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

fn fill(data: &mut Partition, db: usize, count: usize) {
    for number in 0..count {
        let name = name(number);
        let key = data.key(&name);
        data.set(db, &key, &name, Expire::Never);
    }
}

/// Removes all keys of a slot, without naming them.
fn flush_slot(data: &mut Partition, slot: Slot) -> usize {
    let mut slots = SlotSet::new();
    slots.insert(slot);
    let count = data.drop_slots(&slots);
    data.forget_dropped();
    count
}
