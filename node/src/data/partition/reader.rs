//! Several keys at once, to read.

use super::Partition;
use crate::data::database::Database;
use crate::data::entry::EntryRef;
use crate::data::{Entry, ExpiryPolicy, Key};

/// All keys, as they are found without an access, and without one being counted: what has expired
/// is not found, and not removed either.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    dbs: &'a [Database],
    expiry: ExpiryPolicy,
    now_ms: i64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(dbs: &'a [Database], expiry: ExpiryPolicy, now_ms: i64) -> Reader<'a> {
        Reader {
            dbs,
            expiry,
            now_ms,
        }
    }

    /// What expires at that unix time in milliseconds, or before, is not found.
    #[must_use]
    pub fn due(&self) -> i64 {
        match self.expiry {
            ExpiryPolicy::Keep => i64::MIN,
            _ => self.now_ms,
        }
    }

    /// The entry of a key.
    #[must_use]
    pub fn get(&self, db: usize, key: &Key<'_>) -> Option<Entry<'a>> {
        let entry = self.dbs[db].get(key).map(EntryRef::view)?;
        let live = entry.expire_at().is_none_or(|at| at > self.due());
        live.then_some(entry)
    }
}

impl Partition {
    /// All keys, to read several of them at once.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self.store.dbs(), self.expiry, self.now.unix_ms())
    }
}
