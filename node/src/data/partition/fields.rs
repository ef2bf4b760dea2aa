//! Hashes, and their fields that expire: what an access finds of them, and when they are removed.

use super::expiry::TABLES_PER_CYCLE;
use super::{Expired, Partition};
use crate::data::fields::Fields;
use crate::data::store::Outcome;
use crate::data::{Event, ExpiryPolicy, Hash, HashLimits, HashMut, Key, WrongType};
use crate::time::Now;

/// How many fields of a hash an access removes that have expired; more are passed over by readers.
const AT_ACCESS: usize = 64;

/// Removing fields changes no encoding.
const NO_LIMITS: HashLimits = HashLimits {
    entries: usize::MAX,
    value: usize::MAX,
};

impl Partition {
    /// The hash at a key, without fields that have expired; counts a hit or a miss, and is an
    /// access.
    ///
    /// # Errors
    /// When a value of another type is there.
    #[inline]
    pub fn get_hash(&mut self, db: usize, key: &Key<'_>) -> Result<Option<Hash<'_>>, WrongType> {
        if self.store.dbs()[db].timed_hashes() > 0 {
            self.make_way_in_hash(db, key);
        }
        self.see_hash(db, key)
    }

    /// The same for who only asks about a hash: what has expired is not shown, but stays.
    ///
    /// # Errors
    /// When a value of another type is there.
    pub fn see_hash(&mut self, db: usize, key: &Key<'_>) -> Result<Option<Hash<'_>>, WrongType> {
        let due = self.reader().due();
        let hash = self.get(db, key).map(|entry| entry.as_hash()).transpose()?;
        Ok(hash.map(|hash| hash.hiding(due)))
    }

    /// Changes a hash, which is made when missing, and removed when nothing is left of it. Fields
    /// that have expired are not there. The closure says what to answer, and what happened, if
    /// anything did.
    ///
    /// # Errors
    /// When a value of another type is there; nothing was changed then.
    pub fn change_hash<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: HashLimits,
        change: impl FnOnce(&mut HashMut<'_>) -> (R, Option<Event>),
    ) -> Result<R, WrongType> {
        if self.store.dbs()[db].timed_hashes() > 0 {
            self.make_way_in_hash(db, key);
        }
        let due = self.reader().due();
        let (mut gone, mut is_told) = (Vec::new(), false);
        let result = self.change_collection::<Fields, R>(db, key, limits, |hash| {
            hash.beside.due = due;
            let (result, event) = change(hash);
            gone = std::mem::take(&mut hash.beside.expired);
            is_told = event.is_none();
            let expired = (!gone.is_empty()).then_some(Event::HExpired);
            (result, event.or(expired))
        });
        if !gone.is_empty() {
            if !is_told {
                self.note(db, key, Event::HExpired);
            }
            self.note_expired_fields(db, key, gone);
        }
        result
    }

    /// The same of a hash that is being loaded: whatever has expired stays.
    ///
    /// # Errors
    /// When a value of another type is there; nothing was changed then.
    pub fn load_hash<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: HashLimits,
        change: impl FnOnce(&mut HashMut<'_>) -> (R, Option<Event>),
    ) -> Result<R, WrongType> {
        self.change_collection::<Fields, R>(db, key, limits, change)
    }

    /// Counts fields that a command removed since their time had passed.
    pub fn count_expired_fields(&mut self, count: usize) {
        self.expired_fields += count as u64;
    }

    /// Of hashes with fields that expire, how many a database has.
    #[must_use]
    pub fn timed_hashes(&self, db: usize) -> usize {
        self.store.dbs()[db].timed_hashes()
    }

    /// Whether fields of any hash expire.
    #[must_use]
    #[inline]
    pub fn has_timed_hashes(&self) -> bool {
        self.store.dbs().iter().any(|db| db.timed_hashes() > 0)
    }

    /// The name of a hash with fields that expire, if there is one.
    #[must_use]
    pub fn some_timed_hash(&self) -> Option<Vec<u8>> {
        let mut dbs = self.store.dbs().iter();
        dbs.find_map(|db| {
            let index = db.next_hash_timed(0)?;
            let entry = db.due_hash(self.store.hasher(), index, i64::MAX)?;
            Some(entry.key().to_vec())
        })
    }

    /// Active expiry of fields, as [`Partition::expire_cycle`]: removes up to `limit` of them, and
    /// returns how many.
    pub fn expire_fields_cycle(&mut self, now: Now, limit: usize) -> usize {
        self.begin(now, self.touch);
        let mut removed = 0;
        let mut looks = TABLES_PER_CYCLE.min(self.tables());
        while looks > 0 && removed < limit {
            let (db, index) = self.field_expiry_next;
            let Some(index) = self.store.dbs()[db].next_hash_timed(index) else {
                self.field_expiry_next = ((db + 1) % self.databases(), 0);
                looks = looks.saturating_sub(self.store.dbs()[db].tables() - index);
                continue;
            };
            looks -= 1;
            let due = self.store.dbs()[db].due_hash(self.store.hasher(), index, now.unix_ms());
            let name = due.map(|entry| entry.key().to_vec());
            let done = name.map_or(0, |name| {
                let key = self.key(&name);
                match self.store.must_wait(db, &key) {
                    true => 0,
                    false => self.expire_fields(db, &key, limit - removed),
                }
            });
            removed += done;
            self.field_expiry_next = (db, index + usize::from(done == 0));
        }
        removed
    }

    /// Before an access: a master removes some of the fields that have expired.
    fn make_way_in_hash(&mut self, db: usize, key: &Key<'_>) {
        let waits = self.expiry != ExpiryPolicy::Delete || self.is_expired(db, key);
        if !waits && !self.store.must_wait(db, key) {
            self.expire_fields(db, key, AT_ACCESS);
        }
    }

    /// Removes up to so many fields that have expired. Returns how many.
    fn expire_fields(&mut self, db: usize, key: &Key<'_>, limit: usize) -> usize {
        let now = self.now.unix_ms();
        let entry = self.store.get(db, key);
        let due = entry.filter(|entry| entry.field_expire_at().is_some_and(|at| at <= now));
        let hash = due.and_then(|entry| entry.as_hash().ok());
        let names = hash.map_or(Vec::new(), |hash| hash.due(now, limit));
        if names.is_empty() {
            return 0;
        }
        let clock = self.stamp;
        let remove = |hash: &mut HashMut<'_>| {
            let removed = hash.remove_each(names.iter().map(Vec::as_slice));
            let outcome = match hash.is_empty() {
                true => Outcome::Emptied(Event::HExpired),
                false => Outcome::Changed(Event::HExpired),
            };
            (removed, outcome)
        };
        let removed =
            (self.store).change_collection::<Fields, _>(db, key, NO_LIMITS, clock, remove);
        self.note_expired_fields(db, key, names);
        removed.unwrap_or(0)
    }

    fn note_expired_fields(&mut self, db: usize, key: &Key<'_>, fields: Vec<Vec<u8>>) {
        self.expired_fields += fields.len() as u64;
        self.expired.push(Expired {
            db,
            key: key.bytes.to_vec(),
            fields,
        });
    }
}
