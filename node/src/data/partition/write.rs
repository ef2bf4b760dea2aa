//! Changes. An expired key counts as missing, and makes way.

use std::borrow::Cow;

use slotkeeper_topology::{Slot, SlotSet};

use super::{Partition, Reader};
use crate::data::collection::{Collection, CollectionMut};
use crate::data::database::Database;
use crate::data::entry::LARGE;
use crate::data::items::Items;
use crate::data::members::Members;
use crate::data::scores::Scores;
use crate::data::store::Outcome;
use crate::data::{
    Event, Expire, Key, ListLimits, ListMut, SetLimits, SetMut, WalkWait, WrongType, ZsetLimits,
    ZsetMut,
};
use crate::io::SessionId;
use crate::time::Now;

impl Partition {
    /// Sets a key to a string; creates it, or replaces its value.
    pub fn set(&mut self, db: usize, key: &Key<'_>, value: &[u8], expire: Expire) {
        if self.store.dbs()[db].expires() > 0 {
            self.make_way(db, key);
        }
        self.store
            .set(db, key, value, expire, Event::Set, self.stamp);
    }

    /// Sets a key to a string, and when it expires, in unix milliseconds. One that is owned and long
    /// enough to have a vector of its own is not copied.
    pub fn put(&mut self, db: usize, key: &Key<'_>, value: Cow<'_, [u8]>, expire_at: Option<i64>) {
        match value {
            Cow::Owned(value) if value.len() > LARGE => {
                self.make_way(db, key);
                let clock = self.stamp;
                self.store
                    .set_raw(db, key, value, expire_at, Event::Set, clock);
                if expire_at.is_some() {
                    self.note(db, key, Event::Expire);
                }
            }
            value => {
                let expire = expire_at.map_or(Expire::Never, Expire::At);
                self.set(db, key, &value, expire);
            }
        }
    }

    /// Sets a key to another string; its time to live stays. `event` says how it came about.
    pub fn update(&mut self, db: usize, key: &Key<'_>, value: &[u8], event: Event) {
        if self.store.dbs()[db].expires() > 0 {
            self.make_way(db, key);
        }
        let stamp = self.stamp;
        self.store.set(db, key, value, Expire::Keep, event, stamp);
    }

    /// Sets a key to a string that was computed, which OBJECT ENCODING calls `raw` whatever it
    /// holds. Its time to live stays if `keep` says so. `event` says how it came about.
    pub fn set_raw(&mut self, db: usize, key: &Key<'_>, value: Vec<u8>, keep: bool, event: Event) {
        self.make_way(db, key);
        let entry = self.store.get(db, key).filter(|_| keep);
        let expire_at = entry.and_then(|entry| entry.expire_at());
        let clock = self.stamp;
        self.store.set_raw(db, key, value, expire_at, event, clock);
    }

    /// Appends to a string, created when missing. Returns its new length.
    pub fn append(&mut self, db: usize, key: &Key<'_>, tail: &[u8]) -> usize {
        self.make_way(db, key);
        self.store.append(db, key, tail, self.stamp)
    }

    /// Overwrites part of a string from `offset` on, filled up with zero bytes, created when
    /// missing. `event` says what that means; none for a change of several steps, of which
    /// [`Self::note`] tells in the end. Returns its new length.
    pub fn set_range(
        &mut self,
        db: usize,
        key: &Key<'_>,
        offset: usize,
        bytes: &[u8],
        event: Option<Event>,
    ) -> usize {
        self.make_way(db, key);
        let clock = self.stamp;
        self.store.set_range(db, key, offset, bytes, event, clock)
    }

    /// Changes a set, which is made when missing, and removed when nothing is left of it. The closure
    /// says what to answer, and what happened, if anything did.
    ///
    /// # Errors
    /// When a value of another type is there; nothing was changed then.
    pub fn change_set<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: SetLimits,
        change: impl FnOnce(&mut SetMut<'_>) -> (R, Option<Event>),
    ) -> Result<R, WrongType> {
        self.change_collection::<Members, R>(db, key, limits, change)
    }

    /// The same of a list.
    ///
    /// # Errors
    /// When a value of another type is there; nothing was changed then.
    pub fn change_list<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: ListLimits,
        change: impl FnOnce(&mut ListMut<'_>) -> (R, Option<Event>),
    ) -> Result<R, WrongType> {
        self.change_collection::<Items, R>(db, key, limits, change)
    }

    /// Writes down that something happened to a key beside what its change says already.
    pub fn note(&mut self, db: usize, key: &Key<'_>, event: Event) {
        self.store.changes.note(db, key, event, false);
    }

    /// The same of a sorted set.
    ///
    /// # Errors
    /// When a value of another type is there; nothing was changed then.
    pub fn change_zset<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: ZsetLimits,
        change: impl FnOnce(&mut ZsetMut<'_>) -> (R, Option<Event>),
    ) -> Result<R, WrongType> {
        self.change_collection::<Scores, R>(db, key, limits, change)
    }

    /// Puts a new set in the place of a key, whatever is there, or removes the key if there is
    /// nothing in it. The closure builds it while it reads others; `event` says how it came about.
    /// Returns also whether any key changed.
    pub fn replace_set<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: SetLimits,
        event: Event,
        fill: impl FnOnce(&mut SetMut<'_>, &Reader<'_>) -> R,
    ) -> (R, bool) {
        self.replace_collection::<Members, R>(db, key, limits, event, fill)
    }

    /// The same of a sorted set.
    pub fn replace_zset<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: ZsetLimits,
        event: Event,
        fill: impl FnOnce(&mut ZsetMut<'_>, &Reader<'_>) -> R,
    ) -> (R, bool) {
        self.replace_collection::<Scores, R>(db, key, limits, event, fill)
    }

    /// The same of a list.
    pub fn replace_list<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: ListLimits,
        event: Event,
        fill: impl FnOnce(&mut ListMut<'_>, &Reader<'_>) -> R,
    ) -> (R, bool) {
        self.replace_collection::<Items, R>(db, key, limits, event, fill)
    }

    fn replace_collection<C: Collection, R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: C::Limits,
        event: Event,
        fill: impl FnOnce(&mut CollectionMut<'_, C>, &Reader<'_>) -> R,
    ) -> (R, bool) {
        self.make_way(db, key);
        let (clock, expiry, now_ms) = (self.stamp, self.expiry, self.now.unix_ms());
        let fill = |made: &mut CollectionMut<'_, C>, dbs: &[Database]| {
            fill(made, &Reader::new(dbs, expiry, now_ms))
        };
        self.store
            .replace_collection::<C, R>(db, key, limits, clock, (event, fill))
    }

    /// Runs something with a set that belongs to no key, and with all keys to read.
    pub fn with_set<R>(
        &mut self,
        limits: SetLimits,
        run: impl FnOnce(&mut SetMut<'_>, &Reader<'_>) -> R,
    ) -> R {
        self.with_collection::<Members, R>(limits, run)
    }

    /// The same with a sorted set.
    pub fn with_zset<R>(
        &mut self,
        limits: ZsetLimits,
        run: impl FnOnce(&mut ZsetMut<'_>, &Reader<'_>) -> R,
    ) -> R {
        self.with_collection::<Scores, R>(limits, run)
    }

    fn with_collection<C: Collection, R>(
        &mut self,
        limits: C::Limits,
        run: impl FnOnce(&mut CollectionMut<'_, C>, &Reader<'_>) -> R,
    ) -> R {
        let (expiry, now_ms) = (self.expiry, self.now.unix_ms());
        let run = |made: &mut CollectionMut<'_, C>, dbs: &[Database]| {
            run(made, &Reader::new(dbs, expiry, now_ms))
        };
        self.store.with_collection::<C, R>(limits, run)
    }

    pub(super) fn change_collection<C: Collection, R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: C::Limits,
        change: impl FnOnce(&mut CollectionMut<'_, C>) -> (R, Option<Event>),
    ) -> Result<R, WrongType> {
        if self.store.dbs()[db].expires() > 0 {
            self.make_way(db, key);
        }
        let clock = self.stamp;
        let change = |held: &mut CollectionMut<'_, C>| {
            let (result, event) = change(held);
            let outcome = match event {
                None => Outcome::Same,
                Some(event) if held.is_empty() => Outcome::Emptied(event),
                Some(event) => Outcome::Changed(event),
            };
            (result, outcome)
        };
        self.store
            .change_collection::<C, R>(db, key, limits, clock, change)
    }

    /// Removes a key. Returns whether it was there.
    pub fn remove(&mut self, db: usize, key: &Key<'_>) -> bool {
        // A master's DEL of what has expired here: no change for those who knew it had.
        let expired = self.is_expired(db, key);
        self.make_way(db, key) && self.store.remove(db, key, Event::Del, expired)
    }

    /// Sets or removes (none) a key's time to live, in unix milliseconds. Returns whether the key
    /// is there.
    pub fn set_expire(&mut self, db: usize, key: &Key<'_>, at: Option<i64>) -> bool {
        self.make_way(db, key) && self.store.set_expire(db, key, at)
    }

    /// Gives a key another name, in place of what is there. Returns whether there was such a key.
    pub fn rename(&mut self, db: usize, from: &Key<'_>, to: &Key<'_>) -> bool {
        if !self.make_way(db, from) {
            return false;
        }
        self.make_way(db, to);
        let events = (Event::RenameFrom, Event::RenameTo);
        self.store.rename((db, from), (db, to), events)
    }

    /// Gives a key to another database. Returns whether there was such a key here and none there.
    pub fn move_key(&mut self, from_db: usize, key: &Key<'_>, to_db: usize) -> bool {
        if !self.make_way(from_db, key) || self.make_way(to_db, key) {
            return false;
        }
        let events = (Event::MoveFrom, Event::MoveTo);
        self.store.rename((from_db, key), (to_db, key), events)
    }

    /// Copies a key. Returns whether it was done: not without a source, and not over another key
    /// unless `replace` says so.
    pub fn copy(
        &mut self,
        from_db: usize,
        from: &Key<'_>,
        to_db: usize,
        to: &Key<'_>,
        replace: bool,
    ) -> bool {
        if !self.live(from_db, from) || (self.make_way(to_db, to) && !replace) {
            return false;
        }
        self.store.copy((from_db, from), (to_db, to), self.stamp)
    }

    /// To be asked before a session may [copy](Self::copy) a key, what to wait for first: a copy of
    /// a big value is made in steps, and writers of that value wait meanwhile. `writers`: whether any
    /// of them waits already, for [`WalkWait::Source`].
    #[must_use]
    pub fn prepare_copy(
        &mut self,
        session: SessionId,
        db: usize,
        from: &Key<'_>,
        writers: bool,
    ) -> Option<WalkWait> {
        self.store.prepare_copy(session, db, from, writers)
    }

    /// Whether any session wants copies of big values.
    #[must_use]
    pub fn is_copying(&self) -> bool {
        !self.store.copies().is_empty()
    }

    /// Goes on with copies, about 0.1 ms; `is_there` tells whether a session has not ended. Returns
    /// whether there is more to copy.
    pub fn copy_step(&mut self, now: Now, is_there: impl Fn(SessionId) -> bool) -> bool {
        self.is_copying() && self.store.copy_step(now, is_there)
    }

    /// Whether what a session waits for in matters of copies is over: [`WalkWait::Copy`],
    /// [`WalkWait::Source`] or [`WalkWait::Turn`].
    #[must_use]
    pub fn copy_is_over(&self, wait: WalkWait, writers: bool) -> bool {
        self.store.copies().is_over(wait, writers)
    }

    /// Whether what a session would wait for is only that it takes its own copy.
    #[must_use]
    pub fn is_own_copy(&self, wait: WalkWait, session: SessionId) -> bool {
        self.store.copies().is_own(wait, session)
    }

    /// Removes all keys of these hash slots, however many they are: they are out of sight at once,
    /// and freed in steps. Returns how many. Their names come from [`Self::name_dropped`]; until all
    /// those of a slot have come, writers of that slot wait ([`WalkWait::Slot`]), and a walk does
    /// not end. If they need not be named: [`Self::forget_dropped`].
    ///
    /// [`WalkWait::Slot`]: crate::data::WalkWait::Slot
    pub fn drop_slots(&mut self, slots: &SlotSet) -> usize {
        self.store.drop_slots(slots, self.now.unix_ms())
    }

    /// The next names of keys that were dropped, about `budget` bytes of them; none when all have
    /// come.
    pub fn name_dropped(&mut self, budget: usize) -> Vec<Vec<u8>> {
        self.store.name_dropped(budget)
    }

    /// The names of dropped keys are not wanted.
    pub fn forget_dropped(&mut self) {
        self.store.forget_dropped();
    }

    /// Whether keys that were dropped are not named yet.
    #[must_use]
    pub fn is_dropping(&self) -> bool {
        !self.store.dropping().is_empty()
    }

    /// Whether keys of that slot are not named yet.
    #[must_use]
    pub fn is_dropping_slot(&self, slot: Slot) -> bool {
        self.store.dropping().has(slot)
    }

    /// Lets two databases change places. Not during a walk: see [`WalkWait::End`].
    ///
    /// [`WalkWait::End`]: crate::data::WalkWait::End
    pub fn swap(&mut self, one: usize, other: usize) {
        self.store.swap(one, other, self.now.unix_ms());
        self.look_again(one);
        self.look_again(other);
    }

    /// Removes all keys of a database, or of all. Returns how many.
    pub fn flush(&mut self, db: Option<usize>) -> usize {
        let which = db.map_or(0..self.databases(), |db| db..db + 1);
        which
            .map(|db| self.store.flush(db, self.now.unix_ms()))
            .sum()
    }
}
