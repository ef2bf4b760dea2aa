//! The change log: what changed since it was last drained, and who is interested.
//!
//! The store appends changes that have a subscriber: of a key, a slot or a database. Other
//! changes are not written down. Commit drains the log after each command: those who watch a key
//! get a new version of it then, and those who wait for one are to look at it.

use slotkeeper_topology::{SLOT_COUNT, Slot};

use super::Key;
use super::event::Event;
use super::waits::Waits;
use super::watch::Watches;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All keys of a database.
    Database(usize),
    /// All keys of a hash slot (database 0).
    Slot(Slot),
}

/// Which keys a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys<'a> {
    /// This one.
    One(&'a [u8]),
    /// All of the slot.
    OfSlot,
    /// All of the database.
    OfDatabase,
}

/// One entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The database.
    pub db: usize,
    /// The slot of the key; slot 0 outside of cluster mode, and for all keys of a database.
    pub slot: Slot,
    /// Which keys.
    pub keys: Keys<'a>,
    /// What happened.
    pub event: Event,
    /// The key was there but its time had come: for those who knew that, nothing changed.
    pub had_expired: bool,
}

#[derive(Clone, Copy, Debug)]
enum Named {
    /// Where the name ends in the log's bytes; it begins where the one before ends.
    One(usize),
    OfSlot,
    OfDatabase,
}

#[derive(Debug)]
struct Record {
    db: usize,
    slot: Slot,
    named: Named,
    event: Event,
    had_expired: bool,
}

/// The log and the table of interest.
#[derive(Debug)]
pub(super) struct Changes {
    pub watches: Watches,
    pub waits: Waits,
    /// How many subscribers each database and each slot has; `slots` is empty while no slot has any.
    databases: Vec<usize>,
    slots: Box<[u32]>,
    scopes: usize,
    log: Vec<Record>,
    names: Vec<u8>,
}

/// The log gives the memory of a large command back.
const KEPT_NAMES: usize = 64 * 1024;
const KEPT_RECORDS: usize = 1024;

impl Changes {
    pub fn new(databases: usize) -> Changes {
        Changes {
            watches: Watches::new(databases),
            waits: Waits::new(databases),
            databases: vec![0; databases],
            slots: Box::default(),
            scopes: 0,
            log: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Whether there is any subscriber.
    #[inline]
    pub fn wanted(&self) -> bool {
        self.scopes | self.watches.count() | self.waits.count() != 0
    }

    /// One more is interested in all of a scope.
    pub fn follow(&mut self, scope: Scope) {
        self.scopes += 1;
        match scope {
            Scope::Database(db) => self.databases[db] += 1,
            Scope::Slot(slot) => {
                if self.slots.is_empty() {
                    self.slots = vec![0; usize::from(SLOT_COUNT)].into();
                }
                self.slots[slot.index()] += 1;
            }
        }
    }

    /// One less is; to be called once for each [`Changes::follow`].
    pub fn unfollow(&mut self, scope: Scope) {
        self.scopes -= 1;
        match scope {
            Scope::Database(db) => self.databases[db] -= 1,
            Scope::Slot(slot) => self.slots[slot.index()] -= 1,
        }
    }

    /// Panics if a change was not drained, or a count is not that of the subscribers (`all`: of slots
    /// too).
    pub fn check(&self, all: bool) {
        assert!(self.is_empty(), "changes were not drained");
        self.watches.check();
        self.waits.check();
        if all {
            let slots = self.slots.iter().map(|count| *count as usize);
            let followed = self.databases.iter().copied().chain(slots);
            assert_eq!(followed.sum::<usize>(), self.scopes);
        }
    }

    fn follows(&self, db: usize, slot: Slot) -> bool {
        let by_slot = db == 0 && self.slots.get(slot.index()).is_some_and(|count| *count > 0);
        by_slot || self.databases[db] > 0
    }

    /// Logs what happened to a key, if it has a subscriber.
    #[inline]
    pub fn note(&mut self, db: usize, key: &Key<'_>, event: Event, had_expired: bool) {
        if self.wanted() {
            self.note_wanted(db, key, event, had_expired);
        }
    }

    #[inline(never)]
    fn note_wanted(&mut self, db: usize, key: &Key<'_>, event: Event, had_expired: bool) {
        if self.follows(db, key.slot)
            || self.watches.is_watched(db, key.bytes)
            || self.waits.is_awaited(db, key.bytes)
        {
            self.names.extend_from_slice(key.bytes);
            self.log.push(Record {
                db,
                slot: key.slot,
                named: Named::One(self.names.len()),
                event,
                had_expired,
            });
        }
    }

    /// All keys of a slot went.
    pub fn note_slot(&mut self, slot: Slot) {
        if self.scopes > 0 && self.follows(0, slot) {
            self.push_all(0, slot, Named::OfSlot);
        }
    }

    /// All keys of a database went.
    pub fn note_database(&mut self, db: usize) {
        let slots = || db == 0 && self.slots.iter().any(|count| *count > 0);
        if self.databases[db] > 0 || slots() {
            self.push_all(db, super::only_slot(), Named::OfDatabase);
        }
    }

    fn push_all(&mut self, db: usize, slot: Slot, named: Named) {
        self.log.push(Record {
            db,
            slot,
            named,
            event: Event::Flushed,
            had_expired: false,
        });
    }

    /// Whether the log is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Whether there is nothing to drain, and nobody to serve.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.log.is_empty() & !self.waits.has_ready()
    }

    /// What the log holds, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        let mut start = 0;
        self.log.iter().map(move |record| {
            let keys = match record.named {
                Named::One(end) => Keys::One(&self.names[std::mem::replace(&mut start, end)..end]),
                Named::OfSlot => Keys::OfSlot,
                Named::OfDatabase => Keys::OfDatabase,
            };
            Change {
                db: record.db,
                slot: record.slot,
                keys,
                event: record.event,
                had_expired: record.had_expired,
            }
        })
    }

    /// Empties the log: watched keys get new versions, and those that are waited for are ready, in
    /// the order of the changes.
    #[inline(never)]
    pub fn drain(&mut self) {
        let mut start = 0;
        for record in self.log.drain(..) {
            if let Named::One(end) = record.named {
                let name = &self.names[std::mem::replace(&mut start, end)..end];
                self.watches.change(record.db, name, record.had_expired);
                self.waits.change(record.db, name);
            }
        }
        self.names.clear();
        self.names.shrink_to(KEPT_NAMES);
        self.log.shrink_to(KEPT_RECORDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::waits::Waiter;
    use crate::request::Awaited;

    fn key(bytes: &[u8], slot: u16) -> Key<'_> {
        Key {
            bytes,
            hash: 0,
            slot: Slot::new(slot).unwrap(),
        }
    }

    fn logged(changes: &Changes) -> Vec<(usize, Keys<'_>, Event)> {
        changes
            .iter()
            .map(|change| (change.db, change.keys, change.event))
            .collect()
    }

    #[test]
    fn only_what_somebody_is_interested_in_is_written_down() {
        let mut changes = Changes::new(2);
        let slot = Slot::new(7).unwrap();
        changes.note(0, &key(b"a", 7), Event::Set, false);
        assert!(changes.is_empty() && !changes.wanted());
        changes.watches.add(1, b"w");
        changes.follow(Scope::Slot(slot));
        for (db, name, slot) in [(0, b"a", 7), (0, b"b", 8), (1, b"w", 7), (1, b"x", 7)] {
            changes.note(db, &key(name, slot), Event::Set, false);
        }
        changes.note_slot(slot);
        let all = [
            (0, Keys::One(b"a"), Event::Set),
            (1, Keys::One(b"w"), Event::Set),
            (0, Keys::OfSlot, Event::Flushed),
        ];
        assert_eq!(logged(&changes), all);
        changes.drain();
        changes.unfollow(Scope::Slot(slot));
        changes.note(0, &key(b"a", 7), Event::Set, false);
        changes.note_slot(slot);
        changes.note_database(0);
        assert!(changes.is_empty());
    }

    #[test]
    fn a_database_that_is_followed_tells_all_its_keys_in_order() {
        let mut changes = Changes::new(2);
        changes.follow(Scope::Database(1));
        changes.note(1, &key(b"a", 0), Event::RenameFrom, false);
        changes.note(0, &key(b"b", 0), Event::RenameTo, false);
        changes.note(1, &key(b"", 0), Event::RenameTo, true);
        changes.note_database(1);
        changes.note_database(0);
        let all = [
            (1, Keys::One(b"a"), Event::RenameFrom),
            (1, Keys::One(b""), Event::RenameTo),
            (1, Keys::OfDatabase, Event::Flushed),
        ];
        assert_eq!(logged(&changes), all);
        assert!(changes.iter().nth(1).unwrap().had_expired);
        changes.drain();
        assert!(changes.is_empty() && changes.wanted());
        changes.unfollow(Scope::Database(1));
        assert!(!changes.wanted());
    }

    #[test]
    fn watchers_learn_of_a_change_when_the_log_is_drained() {
        let mut changes = Changes::new(1);
        let version = changes.watches.add(0, b"k");
        changes.note(0, &key(b"k", 0), Event::Append, false);
        assert!(!changes.watches.has_changed(0, b"k", version, false));
        changes.drain();
        assert!(changes.watches.has_changed(0, b"k", version, false));
    }

    #[test]
    fn a_key_that_is_waited_for_is_ready_when_the_log_is_drained() {
        let mut changes = Changes::new(1);
        let waiter = Waiter::first_of_tests();
        changes.waits.add(0, b"k", &Awaited::List, waiter);
        changes.note(0, &key(b"other", 0), Event::RPush, false);
        assert!(changes.is_empty());
        changes.note(0, &key(b"k", 0), Event::RPush, false);
        assert!(!changes.waits.has_ready());
        changes.drain();
        assert_eq!(changes.waits.take_ready(), Some((0, b"k".to_vec())));
        changes.waits.remove(0, b"k", &Awaited::List, waiter);
        assert!(!changes.wanted());
    }
}
