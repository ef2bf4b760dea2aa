//! The walk: the state at one moment, handed out in small steps while the keys go on changing.
//!
//! Each entry bears the number of the walk that has saved it, or during which it was born. A walk
//! begins by taking a new number, so at that moment nothing is saved, and no pass over the keys is
//! needed to say so. Then it goes through the tables in the order of hashes, and saves what does
//! not bear its number; the store (`store.rs`) saves an entry first that is about to change.

mod frozen;

use std::any::Any;
use std::collections::VecDeque;

use slotkeeper_topology::Slot;
use slotkeeper_tree::Part;

use self::frozen::FrozenEntry;
use super::database::{Database, SlotTable};
use super::entry::{Entry, EntryBox, Heap, LARGE, Waste};
use super::hash::HashKey;
use super::table::Table;
use super::{Key, Type, only_slot};

/// Takes what a walk hands out. A writer of RDB files is one.
///
/// Each key comes exactly once, in no order, keys of different databases mixed. An entry may come
/// between [`begin_large`](Saver::begin_large) and [`end_large`](Saver::end_large), when a command
/// changes another key meanwhile: the saver puts it aside until the large value is complete.
pub trait Saver: Send + Any {
    /// A database and how many keys it holds, so many of them with a time to live. All databases
    /// that are not empty come before the first entry.
    fn table(&mut self, db: usize, keys: usize, expires: usize);

    /// A whole entry.
    fn entry(&mut self, db: usize, entry: &Entry<'_>);

    /// A large string comes, in pieces. `expire_at` is unix time in milliseconds, `len` the length
    /// of the value in bytes.
    fn begin_large(&mut self, db: usize, key: &[u8], expire_at: Option<i64>, len: usize);

    /// The next bytes of the large string.
    fn piece(&mut self, bytes: &[u8]);

    /// The large string, or the big value, is complete.
    fn end_large(&mut self);

    /// A big value of another type comes, in parts, as a large string does: of a hash so many
    /// fields, of a set so many members.
    fn begin(&mut self, kind: Type, db: usize, key: &[u8], expire_at: Option<i64>, len: u64);

    /// The next part of the big value: an element, of a hash field, value, field, value ...
    fn part(&mut self, part: Part<'_>);

    /// Whether the walk pauses: too much of what it handed out has not left yet. That must end
    /// when enough has left, whatever the store adds meanwhile.
    fn pauses_walk(&self) -> bool;

    /// Whether writers of entries that are not saved yet wait: too much has not left yet.
    fn holds_writers(&self) -> bool;
}

/// What a writer of a key waits for while a walk is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkWait {
    /// The end of the large value that is being sent in pieces: this key's. They are numbered.
    Value(u64),
    /// Room at the saver, since the key is not saved yet.
    Room,
    /// That the walk goes on with big values: too much of them was copied for its sake.
    Debt,
    /// That the keys which its slot had before are all named, see
    /// [`Partition::drop_slots`](super::Partition::drop_slots).
    Slot(Slot),
    /// The end of the walk, since databases are to change places.
    End,
}

/// What a step of a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkState {
    /// There is more to hand out.
    More,
    /// The saver holds as much as it may: go on when some of it has left. Or the keys of dropped
    /// slots are still to come.
    PausedAtBound,
    /// Everything was handed out; or there is no walk.
    Done,
}

/// How much of a step's budget, in bytes, an entry takes that is saved already.
const VISIT_COST: usize = 16;
/// How much an entry takes beside its key and value.
const OVERHEAD: usize = 16;
/// The smallest piece of a large value, but for the last.
const LEAST_PIECE: usize = 4096;

/// A position in all databases.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    pub db: usize,
    pub table: usize,
    pub position: u64,
}

impl Cursor {
    /// Goes to a position of the same table, or on to the next one.
    pub fn advance(&mut self, dbs: &[Database], position: Option<u64>) {
        self.position = position.unwrap_or(0);
        if position.is_none() {
            self.table += 1;
            if self.table >= dbs[self.db].tables() {
                self.table = 0;
                self.db += 1;
            }
        }
    }
}

/// Tables that a flush took out before they were saved.
struct Detached {
    db: usize,
    tables: Box<[SlotTable]>,
    next: usize,
    position: u64,
}

/// The large value that is being sent in pieces.
struct LargeValue {
    db: usize,
    key: Vec<u8>,
    hash: u64,
    slot: Slot,
    sent: usize,
    /// The entry, if a flush took it out of its table.
    owned: Option<EntryBox>,
    number: u64,
}

impl LargeValue {
    fn key(&self) -> Key<'_> {
        Key {
            bytes: &self.key,
            hash: self.hash,
            slot: self.slot,
        }
    }
}

/// A walk that is under way, or done but not stopped yet.
pub(super) struct Walk {
    pub saver: Box<dyn Saver>,
    /// Its number.
    generation: u8,
    hasher: HashKey,
    /// Everything in the tables before it is saved.
    pub cursor: Cursor,
    detached: VecDeque<Detached>,
    large: Option<LargeValue>,
    /// Big values that are frozen, in the order in which they are sent.
    frozen: VecDeque<FrozenEntry>,
    /// So much of them is to be handed out for what was copied.
    debt: usize,
    /// How many large values this walk and those before it have begun.
    large_values: u64,
    pub done: bool,
}

/// How far a visit of a segment came, and the large value that ended it.
struct Visited {
    next: Option<u64>,
    large: Option<Vec<u8>>,
}

impl Walk {
    /// Begins a walk of that number.
    pub fn new(
        mut saver: Box<dyn Saver>,
        generation: u8,
        hasher: HashKey,
        large_values: u64,
        dbs: &[Database],
    ) -> Walk {
        for (number, db) in dbs.iter().enumerate().filter(|(_, db)| db.len() > 0) {
            saver.table(number, db.len(), db.expires());
        }
        Walk {
            saver,
            generation,
            hasher,
            cursor: Cursor::default(),
            detached: VecDeque::new(),
            large: None,
            frozen: VecDeque::new(),
            debt: 0,
            large_values,
            done: false,
        }
    }

    fn at_bound(&self) -> bool {
        self.saver.pauses_walk()
    }

    /// How many large values this walk and those before it have begun.
    pub fn large_values(&self) -> u64 {
        self.large_values
    }

    /// The number of the large value that is being sent out of its table.
    pub fn value(&self) -> Option<u64> {
        let large = self.large.as_ref().filter(|large| large.owned.is_none());
        large.map(|large| large.number)
    }

    /// Saves an entry that is about to change, if it is not saved yet. The value that is being
    /// sent is sent to its end.
    pub fn save_first(&mut self, dbs: &mut [Database], heap: &mut Heap, db: usize, key: &Key<'_>) {
        if self.done {
            return;
        }
        if self.is_sending(db, key) {
            while self.send_piece(dbs, LARGE).is_none() {}
        } else if let Some(mut entry) = dbs[db].get_mut(key)
            && entry.view().meta().generation != self.generation
        {
            if !self.freeze(heap, db, &mut entry) {
                self.saver.entry(db, &entry.view());
            }
            entry.set_generation(self.generation);
        }
    }

    /// Whether this key's value is being sent in pieces out of its table.
    fn is_sending(&self, db: usize, key: &Key<'_>) -> bool {
        let large = self.large.as_ref().filter(|large| large.owned.is_none());
        large.is_some_and(|large| large.db == db && large.key() == *key)
    }

    /// What a writer of this key has to wait for.
    pub fn wait(&self, dbs: &[Database], db: usize, key: &Key<'_>) -> Option<WalkWait> {
        if self.done {
            return None;
        }
        if self.is_sending(db, key) {
            return self.value().map(WalkWait::Value);
        }
        let frozen = |entry: &Entry<'_>| entry.big().is_some_and(|big| big.value().is_frozen());
        let unsaved = |entry: &Entry<'_>| entry.meta().generation != self.generation;
        let is = |what: &dyn Fn(&Entry<'_>) -> bool| {
            dbs[db].get(key).is_some_and(|entry| what(&entry.view()))
        };
        if self.saver.holds_writers() && is(&unsaved) {
            return Some(WalkWait::Room);
        }
        (!self.is_paid() && is(&frozen)).then_some(WalkWait::Debt)
    }

    /// Takes over the large value that is being sent, if it is in one of these tables, which are
    /// taken out of database `db`. Returns its key.
    pub fn detach_large(
        &mut self,
        heap: &mut Heap,
        db: usize,
        first: usize,
        tables: &mut [SlotTable],
    ) -> Option<Vec<u8>> {
        let large = (self.large.as_mut()).filter(|l| l.db == db && l.owned.is_none())?;
        let at = large.slot.index().checked_sub(first)?;
        let table = tables.get_mut(at)?.table_mut();
        large.owned = table.remove(heap, large.hash, &large.key);
        Some(large.key.clone())
    }

    /// Takes over tables that a flush has taken out of database `db`.
    pub fn detach(&mut self, heap: &mut Heap, db: usize, first: usize, tables: Box<[SlotTable]>) {
        let mut tables = tables;
        self.detach_large(heap, db, first, &mut tables);
        self.push_detached(db, tables);
    }

    /// Takes over tables of database `db` in which there is no value that is being sent.
    pub fn push_detached(&mut self, db: usize, tables: Box<[SlotTable]>) {
        self.detached.push_back(Detached {
            db,
            tables,
            next: 0,
            position: 0,
        });
    }

    /// Hands out about `budget` bytes more. Detached tables that are saved now come back in
    /// `garbage`. It does not end while more tables may be detached (`open`).
    pub fn step(
        &mut self,
        dbs: &mut [Database],
        heap: &mut Heap,
        budget: usize,
        open: bool,
        garbage: &mut Vec<Box<[SlotTable]>>,
    ) -> WalkState {
        let mut left = budget;
        while !self.done {
            if self.at_bound() {
                return WalkState::PausedAtBound;
            }
            if left == 0 {
                return WalkState::More;
            }
            if self.large.is_some() {
                // What is left of a step is not worth a tiny piece, unless the step is as small.
                if left < budget.min(LEAST_PIECE) {
                    return WalkState::More;
                }
                let piece = left.clamp(LEAST_PIECE, LARGE);
                left = left.saturating_sub(piece);
                if let Some(LargeValue { owned, .. }) = self.send_piece(dbs, piece) {
                    owned.into_iter().for_each(|entry| entry.release(heap));
                }
            } else if !self.frozen.is_empty() {
                let piece = left.clamp(LEAST_PIECE, LARGE);
                left = left.saturating_sub(piece);
                self.send_frozen(heap, piece);
            } else if !self.detached.is_empty() {
                garbage.extend(self.save_detached(heap, &mut left));
            } else if self.cursor.db < dbs.len() {
                self.save_live(dbs, heap, &mut left);
            } else if open {
                return WalkState::PausedAtBound;
            } else {
                self.done = true;
            }
        }
        WalkState::Done
    }

    /// Saves from the tables that are in their databases.
    fn save_live(&mut self, dbs: &mut [Database], heap: &mut Heap, left: &mut usize) {
        let Cursor {
            db,
            table,
            position,
        } = self.cursor;
        let visited = self.save_segment(dbs[db].table_mut(table), heap, db, position, left);
        if let Some(key) = visited.large {
            let slot = Slot::new(table as u16).expect("there are no more tables than slots");
            self.begin_large(dbs[db].table(table), db, key, slot);
        }
        self.cursor.advance(dbs, visited.next);
    }

    /// Saves from the first detached tables, and returns them when nothing is left to save in them.
    fn save_detached(&mut self, heap: &mut Heap, left: &mut usize) -> Option<Box<[SlotTable]>> {
        let mut detached = self.detached.pop_front()?;
        while let Some(slot_table) = detached.tables.get_mut(detached.next) {
            let (table, db, position) = (slot_table.table_mut(), detached.db, detached.position);
            let visited = self.save_segment(table, heap, db, position, left);
            detached.position = visited.next.unwrap_or(0);
            detached.next += usize::from(visited.next.is_none());
            let frozen = !self.frozen.is_empty();
            let stop = *left == 0 || self.at_bound() || visited.large.is_some() || frozen;
            if let Some(key) = visited.large {
                self.begin_large(slot_table.table_mut(), detached.db, key, only_slot());
                if let Some(large) = &mut self.large {
                    large.owned = slot_table.table_mut().remove(heap, large.hash, &large.key);
                }
            }
            if stop {
                self.detached.push_front(detached);
                return None;
            }
        }
        Some(detached.tables)
    }

    /// Saves what is not saved of a segment, up to the first large value.
    fn save_segment(
        &mut self,
        table: &mut Table,
        heap: &mut Heap,
        db: usize,
        position: u64,
        left: &mut usize,
    ) -> Visited {
        let mut large = None;
        let next = table.visit_mut(position, |mut entry| {
            if *left == 0 || large.is_some() || !self.frozen.is_empty() || self.at_bound() {
                return false;
            }
            let mut cost = VISIT_COST;
            if entry.view().meta().generation != self.generation {
                let frozen = self.freeze(heap, db, &mut entry);
                let view = entry.view();
                if view.is_large() {
                    large = Some(view.key().to_vec());
                } else if !frozen {
                    cost = view.key().len() + view.bytes().len() + OVERHEAD;
                    self.saver.entry(db, &view);
                }
                entry.set_generation(self.generation);
            }
            *left = left.saturating_sub(cost);
            true
        });
        Visited { next, large }
    }

    fn begin_large(&mut self, table: &Table, db: usize, key: Vec<u8>, slot: Slot) {
        let hash = self.hasher.hash(&key);
        let entry = table.get(hash, &key).expect("it was just seen").view();
        let length = entry.bytes().len();
        self.saver.begin_large(db, &key, entry.expire_at(), length);
        self.large_values += 1;
        self.large = Some(LargeValue {
            db,
            key,
            hash,
            slot,
            sent: 0,
            owned: None,
            number: self.large_values,
        });
    }

    /// Sends up to `max` bytes of the large value. Returns it when that was the end of it.
    fn send_piece(&mut self, dbs: &[Database], max: usize) -> Option<LargeValue> {
        let large = self
            .large
            .as_mut()
            .expect("only called while one is being sent");
        let entry = match &large.owned {
            Some(entry) => entry.view(),
            None => {
                let found = dbs[large.db].get(&large.key());
                found
                    .expect("the store sends it to its end before it goes")
                    .view()
            }
        };
        let rest = &entry.bytes()[large.sent..];
        let piece = &rest[..rest.len().min(max)];
        self.saver.piece(piece);
        large.sent += piece.len();
        if piece.len() < rest.len() {
            return None;
        }
        self.saver.end_large();
        self.large.take()
    }

    /// Ends it: its saver, and what flushes left for it to free.
    pub fn stop(self, heap: &mut Heap) -> (Box<dyn Saver>, Vec<Box<[SlotTable]>>) {
        if let Some(entry) = self.large.and_then(|large| large.owned) {
            entry.release(heap);
        }
        for entry in self.frozen {
            heap.free_later(Waste::Frozen(entry.value));
        }
        let detached = self.detached.into_iter().map(|detached| detached.tables);
        (self.saver, detached.collect())
    }
}
