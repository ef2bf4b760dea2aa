//! The walks: the state at one moment, handed out in small steps while the keys go on changing.
//!
//! Walks are numbered. Each entry bears the number of the last walk that has saved it, or during
//! which it was born, and that number speaks for all walks before, too: who saves an entry for one
//! walk saves it for the older ones that have not. So several walks need no more than the four bits
//! of one. A walk begins by taking a new number, so at that moment nothing is saved, and no pass over
//! the keys is needed to say so. Then it goes through the tables in the order of hashes (all of them,
//! or those of some slots), and saves what bears an older number. An entry that is about to change is
//! saved first (`store.rs`), for every walk that has not.
//!
//! What is sent in pieces, a large string or a frozen collection, goes to all walks at once that want
//! it, and there is one such value at a time. So a walk waits for the reader of another one only where
//! both want the same large value, or where an older one has not been.

mod frozen;
mod step;

use std::any::Any;
use std::collections::VecDeque;

use slotkeeper_topology::{Slot, SlotSet, key_slot};
use slotkeeper_tree::Part;

use self::frozen::FrozenEntry;
use super::database::{Database, SlotTable};
use super::entry::{Entry, EntryBox, EntryMut, GENERATIONS, Heap, LARGE, Waste};
use super::hash::HashKey;
use super::{Key, Type};
use crate::io::SessionId;

/// What is known of a big value before its parts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its type.
    pub kind: Type,
    /// Of a hash so many fields, of a set so many members; of a list or a stream, how many nodes it is
    /// written in.
    pub len: u64,
    /// Of a hash in which fields expire: when the first of them does, in unix milliseconds. Each field
    /// has its [`Part::FieldTime`] before it then.
    pub first_time: Option<i64>,
}

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

    /// A big value of another type comes, in parts, as a large string does.
    fn begin(&mut self, db: usize, key: &[u8], expire_at: Option<i64>, head: Head);

    /// The next part of the big value: an element, of a hash field, value, field, value ...
    fn part(&mut self, part: Part<'_>);

    /// Whether the walk pauses: too much of what it handed out has not left yet. That must end
    /// when enough has left, whatever the store adds meanwhile.
    fn pauses_walk(&self) -> bool;

    /// Whether writers of entries that are not saved yet wait: too much has not left yet.
    fn holds_writers(&self) -> bool;
}

/// What a writer of a key waits for, most of it while a walk is under way.
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
    /// That the copy of this number is complete, which this session is to take.
    Copy(u64),
    /// That the copy of this number is taken: it is one of this key's value.
    Source(u64),
    /// That this session comes to its turn to have a value copied.
    Turn(SessionId),
    /// That the key, which is on its way to another server, has arrived or stays: by the number of
    /// that move.
    Move(u64),
    /// The next turn, in which the session goes on with a value that it puts together in steps.
    Step,
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

/// Which walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WalkId(u64);

/// Some of the walks that are under way: a bit for the number of each.
type Targets = u16;

/// A walk that is under way, or done but not stopped yet.
struct Walk {
    id: WalkId,
    saver: Box<dyn Saver>,
    /// Its number.
    generation: u8,
    /// Only keys of these slots, if it is not over all.
    slots: Option<SlotSet>,
    /// Everything in the tables before it is saved.
    cursor: Cursor,
    done: bool,
}

impl Walk {
    fn bit(&self) -> Targets {
        1 << self.generation
    }

    fn covers(&self, slot: Slot) -> bool {
        (self.slots.as_ref()).is_none_or(|slots| slots.contains(slot))
    }
}

/// Tables that a flush took out before they were saved.
struct Detached {
    db: usize,
    tables: Box<[SlotTable]>,
    next: usize,
    position: u64,
    /// The walks that were under way then.
    targets: Targets,
}

/// The large string that is being sent in pieces.
struct LargeValue {
    db: usize,
    key: Vec<u8>,
    hash: u64,
    slot: Slot,
    sent: usize,
    /// The entry, if a flush took it out of its table.
    owned: Option<EntryBox>,
    number: u64,
    /// Who gets it.
    targets: Targets,
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

/// All walks that are under way, and what they share.
pub(super) struct Walks {
    hasher: HashKey,
    /// The oldest first.
    active: Vec<Walk>,
    /// The number of the newest walk that there was.
    newest: u8,
    last_id: u64,
    detached: VecDeque<Detached>,
    large: Option<LargeValue>,
    /// Big values that are frozen, in the order in which they are sent.
    frozen: VecDeque<FrozenEntry>,
    /// So much of them is to be handed out for what was copied.
    debt: usize,
    /// How many large values were begun.
    large_values: u64,
}

/// What is left of a walk.
pub(super) struct Stopped {
    pub saver: Box<dyn Saver>,
    /// Its number, if it has saved all keys.
    pub saved_all: Option<u8>,
    /// What flushes left for it to free.
    pub tables: Vec<Box<[SlotTable]>>,
}

/// How many walks after `generation` the walk of `newest` was.
pub(super) fn age(newest: u8, generation: u8) -> u8 {
    (newest + GENERATIONS - generation) % GENERATIONS
}

impl Walks {
    pub fn new(hasher: HashKey) -> Walks {
        Walks {
            hasher,
            active: Vec::new(),
            newest: 0,
            last_id: 0,
            detached: VecDeque::new(),
            large: None,
            frozen: VecDeque::new(),
            debt: 0,
            large_values: 0,
        }
    }

    /// Whether none is under way.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// How many walks began after the oldest one.
    pub fn oldest(&self) -> u8 {
        let oldest = self.active.first();
        oldest.map_or(0, |walk| age(self.newest, walk.generation))
    }

    /// Whether another one may begin: not while a collection is frozen, since it cannot be frozen a
    /// second time before it is sent, nor while a large value is being sent, since a flush gives that
    /// to those alone who are getting it.
    pub fn can_start(&self) -> bool {
        self.frozen.is_empty() && self.large.is_none()
    }

    /// Begins a walk of that number, over all keys or those of some slots.
    pub fn start(
        &mut self,
        mut saver: Box<dyn Saver>,
        slots: Option<SlotSet>,
        generation: u8,
        dbs: &[Database],
    ) -> WalkId {
        for (number, db) in dbs.iter().enumerate() {
            let (keys, expires) = match &slots {
                None => (db.len(), db.expires()),
                Some(slots) => db.len_of(slots),
            };
            if keys > 0 {
                saver.table(number, keys, expires);
            }
        }
        self.newest = generation;
        self.last_id += 1;
        let id = WalkId(self.last_id);
        self.active.push(Walk {
            id,
            saver,
            generation,
            slots,
            cursor: Cursor::default(),
            done: false,
        });
        id
    }

    /// The oldest one.
    pub fn first(&self) -> Option<WalkId> {
        self.active.first().map(|walk| walk.id)
    }

    /// The saver of a walk.
    pub fn saver_mut(&mut self, id: WalkId) -> Option<&mut (dyn Saver + 'static)> {
        let walk = self.active.iter_mut().find(|walk| walk.id == id)?;
        Some(&mut *walk.saver)
    }

    /// The walks that still have to save an entry of that number.
    fn unsaved(&self, generation: u8, slot: Slot) -> Targets {
        let entry = age(self.newest, generation);
        let wants = |walk: &&Walk| {
            !walk.done && entry > age(self.newest, walk.generation) && walk.covers(slot)
        };
        self.active.iter().filter(wants).map(Walk::bit).sum()
    }

    /// Whether all of these walks go on.
    fn have_room(&self, targets: Targets) -> bool {
        let mut of = self.active.iter().filter(|walk| walk.bit() & targets != 0);
        of.all(|walk| !walk.saver.pauses_walk())
    }

    /// Calls with the saver of each of these walks.
    fn tell(&mut self, targets: Targets, mut tell: impl FnMut(&mut dyn Saver)) {
        for walk in &mut self.active {
            if walk.bit() & targets != 0 {
                tell(&mut *walk.saver);
            }
        }
    }

    /// Whether a table that is taken out is to be kept for a walk.
    pub fn keeps_detached(&self) -> bool {
        self.active.iter().any(|walk| !walk.done)
    }

    /// The number of the large value that is being sent out of its table.
    pub fn value(&self) -> Option<u64> {
        let large = self.large.as_ref().filter(|large| large.owned.is_none());
        large.map(|large| large.number)
    }

    /// Saves an entry that is about to change, for each walk that has not. The value that is being
    /// sent is sent to its end.
    pub fn save_first(&mut self, dbs: &mut [Database], heap: &mut Heap, db: usize, key: &Key<'_>) {
        if self.is_sending(db, key) {
            while self.send_piece(dbs, LARGE).is_none() {}
        }
        if let Some(mut entry) = dbs[db].get_mut(key) {
            let targets = self.unsaved(entry.view().meta().generation, key.slot);
            if targets != 0 {
                self.save(heap, db, &mut entry, targets, self.newest);
            }
        }
    }

    /// Saves an entry for these walks, among which is every older one that has not saved it: it bears
    /// that number from now on.
    fn save(
        &mut self,
        heap: &mut Heap,
        db: usize,
        entry: &mut EntryMut<'_>,
        targets: Targets,
        generation: u8,
    ) {
        if !self.freeze(heap, db, entry, targets) {
            let view = entry.view();
            self.tell(targets, |saver| saver.entry(db, &view));
        }
        entry.set_generation(generation);
    }

    /// Whether this key's value is being sent in pieces out of its table.
    fn is_sending(&self, db: usize, key: &Key<'_>) -> bool {
        let large = self.large.as_ref().filter(|large| large.owned.is_none());
        large.is_some_and(|large| large.db == db && large.key() == *key)
    }

    /// What a writer of this key has to wait for.
    pub fn wait(&self, dbs: &[Database], db: usize, key: &Key<'_>) -> Option<WalkWait> {
        if self.is_sending(db, key) {
            return self.value().map(WalkWait::Value);
        }
        let holding = |walk: &&Walk| !walk.done && walk.saver.holds_writers();
        let holding: Targets = self.active.iter().filter(holding).map(Walk::bit).sum();
        if holding == 0 && self.is_paid() {
            return None;
        }
        let entry = dbs[db].get(key)?.view();
        if self.unsaved(entry.meta().generation, key.slot) & holding != 0 {
            return Some(WalkWait::Room);
        }
        let is_frozen = (entry.big()).is_some_and(|big| big.value().is_frozen());
        (is_frozen && !self.is_paid()).then_some(WalkWait::Debt)
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
        let open = self.active.iter().filter(|walk| !walk.done);
        self.detached.push_back(Detached {
            db,
            tables,
            next: 0,
            position: 0,
            targets: open.map(Walk::bit).sum(),
        });
    }

    /// Ends a walk: its saver, and what flushes left for it to free.
    pub fn stop(&mut self, id: WalkId, heap: &mut Heap) -> Option<Stopped> {
        let at = self.active.iter().position(|walk| walk.id == id)?;
        let walk = self.active.remove(at);
        let rest = !walk.bit();
        if let Some(large) = &mut self.large {
            large.targets &= rest;
        }
        if let Some(large) = self.large.take_if(|large| large.targets == 0)
            && let Some(entry) = large.owned
        {
            entry.release(heap);
        }
        for mut frozen in std::mem::take(&mut self.frozen) {
            frozen.targets &= rest;
            if frozen.targets == 0 {
                heap.free_later(Waste::Frozen(frozen.value));
            } else {
                self.frozen.push_back(frozen);
            }
        }
        if self.frozen.is_empty() {
            self.debt = 0;
        }
        let mut tables = Vec::new();
        for mut detached in std::mem::take(&mut self.detached) {
            detached.targets &= rest;
            if detached.targets == 0 {
                tables.push(detached.tables);
            } else {
                self.detached.push_back(detached);
            }
        }
        let saved_all = walk.done && walk.slots.is_none();
        Some(Stopped {
            saver: walk.saver,
            saved_all: saved_all.then_some(walk.generation),
            tables,
        })
    }
}
