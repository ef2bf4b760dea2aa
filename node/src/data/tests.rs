//! Tests of the whole: a model under random traffic, and one test for each promise.

mod access;
mod dropping;
mod model;
mod scan;
mod types;
mod walk;

use std::any::Any;
use std::collections::BTreeMap;

use slotkeeper_topology::SlotSet;

use super::entry::Heap;
use super::*;
use crate::time::Now;

/// A value and when it expires.
type Held = (Vec<u8>, Option<i64>);

/// By database and key.
type Contents = BTreeMap<(usize, Vec<u8>), Held>;

/// A large value of which a part has come.
struct Sending {
    db: usize,
    key: Vec<u8>,
    expire_at: Option<i64>,
    len: usize,
    value: Vec<u8>,
}

/// A saver that remembers, and refuses what a writer of RDB files could not bear.
#[derive(Default)]
struct Recorder {
    tables: BTreeMap<usize, (usize, usize)>,
    contents: Contents,
    large: Option<Sending>,
    pieces: usize,
    unsent: usize,
    /// 0 for none.
    bound: usize,
}

impl Recorder {
    fn keep(&mut self, db: usize, key: &[u8], value: Vec<u8>, expire_at: Option<i64>) {
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
        self.keep(db, entry.key(), entry.bytes().to_vec(), entry.expire_at());
    }

    fn begin_large(&mut self, db: usize, key: &[u8], expire_at: Option<i64>, len: usize) {
        let old = self.large.replace(Sending {
            db,
            key: key.to_vec(),
            expire_at,
            len,
            value: Vec::new(),
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

    fn end_large(&mut self) {
        let sent = self.large.take().expect("begun");
        assert_eq!(sent.value.len(), sent.len);
        self.keep(sent.db, &sent.key, sent.value, sent.expire_at);
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

fn stop(data: &mut Partition) -> Recorder {
    let saver: Box<dyn Any> = data.stop_walk().expect("walking");
    *saver.downcast().expect("a recorder")
}

/// Everything a partition holds, expired keys included.
fn contents(data: &mut Partition) -> Contents {
    let mut all = Contents::new();
    data.set_expiry(Expiry::Keep);
    for db in 0..data.databases() {
        data.for_each_key(db, &mut |entry| {
            let held = (entry.bytes().to_vec(), entry.expire_at());
            assert_eq!(all.insert((db, entry.key().to_vec()), held), None);
        });
    }
    data.set_expiry(Expiry::Delete);
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

/// Removes all keys of a slot, with nobody to hear of it.
fn flush_slot(data: &mut Partition, slot: Slot) -> usize {
    let mut slots = SlotSet::new();
    slots.insert(slot);
    let count = data.drop_slots(&slots);
    data.forget_dropped();
    count
}
