//! Which keys have expired, and what becomes of them.

use super::Partition;
use crate::data::database::Database;
use crate::data::{Event, ExpiryPolicy, Key};
use crate::time::Now;

/// What was removed because its time had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The number of the database.
    pub db: usize,
    /// The key.
    pub key: Vec<u8>,
    /// The fields of its hash; none: the key itself.
    pub fields: Vec<Vec<u8>>,
}

/// How many tables active expiry looks at in one call.
pub(super) const TABLES_PER_CYCLE: usize = 4096;

impl Partition {
    /// Whether the key is there but its time has come.
    pub(super) fn is_expired(&self, db: usize, key: &Key<'_>) -> bool {
        let entry = self.store.get(db, key);
        let at = entry.and_then(|entry| entry.expire_at());
        at.is_some_and(|at| at <= self.now.unix_ms())
    }

    /// Whether the key is there for a reader. Removes it if it has expired and that is our task;
    /// but not while a walk would have to hand it out for that and cannot.
    pub(super) fn live(&mut self, db: usize, key: &Key<'_>) -> bool {
        let Some(entry) = self.store.get(db, key) else {
            return false;
        };
        let now = self.now.unix_ms();
        if self.expiry == ExpiryPolicy::Keep || entry.expire_at().is_none_or(|at| at > now) {
            return true;
        }
        if self.expiry == ExpiryPolicy::Delete && !self.store.must_wait(db, key) {
            self.expire(db, key);
        }
        false
    }

    /// Whether the key is there for a writer. One that has expired is removed; a master tells its
    /// replicas, and a replica, of which only an application may have asked for this, does not.
    pub(super) fn make_way(&mut self, db: usize, key: &Key<'_>) -> bool {
        if self.store.dbs()[db].expires() == 0 {
            return self.store.get(db, key).is_some();
        }
        let Some(entry) = self.store.get(db, key) else {
            return false;
        };
        let now = self.now.unix_ms();
        let live = self.expiry == ExpiryPolicy::Keep || entry.expire_at().is_none_or(|at| at > now);
        match self.expiry {
            _ if live => {}
            ExpiryPolicy::Delete => self.expire(db, key),
            ExpiryPolicy::Hide | ExpiryPolicy::Keep => {
                self.store.remove(db, key, Event::Expired, true);
            }
        }
        live
    }

    fn expire(&mut self, db: usize, key: &Key<'_>) {
        self.store.remove(db, key, Event::Expired, true);
        self.expired_count += 1;
        self.expired.push(Expired {
            db,
            key: key.bytes.to_vec(),
            fields: Vec::new(),
        });
    }

    /// Active expiry: removes up to `limit` keys whose time has come, and returns how many. Their
    /// names are on the list of [`Self::take_expired`]. A call looks at a bounded number of
    /// tables, and the next one goes on where it ended. For masters.
    pub fn expire_cycle(&mut self, now: Now, limit: usize) -> usize {
        self.begin(now, self.touch);
        let mut removed = 0;
        let mut looks = TABLES_PER_CYCLE.min(self.tables());
        while looks > 0 && removed < limit {
            let (db, index) = self.expiry_next;
            let Some(index) = self.store.dbs()[db].next_timed(index) else {
                self.expiry_next = ((db + 1) % self.databases(), 0);
                looks = looks.saturating_sub(self.store.dbs()[db].tables() - index);
                continue;
            };
            looks -= 1;
            let room = limit - removed;
            let database = &self.store.dbs()[db];
            let due = database.due(self.store.hasher(), index, now.unix_ms(), room);
            let done = self.expire_all(db, &due);
            removed += done;
            // More may be due here if all that it was asked for was found, and could be removed.
            let stay = due.len() == room && done > 0;
            self.expiry_next = (db, index + usize::from(!stay));
        }
        removed
    }

    pub(super) fn tables(&self) -> usize {
        self.store.dbs().iter().map(Database::tables).sum()
    }

    /// Returns how many could be removed.
    fn expire_all(&mut self, db: usize, names: &[Vec<u8>]) -> usize {
        let mut removed = 0;
        for name in names {
            let key = self.key(name);
            if !self.store.must_wait(db, &key) {
                self.expire(db, &key);
                removed += 1;
            }
        }
        removed
    }

    /// What was removed by expiry since the last call, in order.
    pub fn take_expired(&mut self) -> Vec<Expired> {
        std::mem::take(&mut self.expired)
    }
}
