//! Whether counts agree with what they count: for builds with debug assertions.

use super::Partition;
use crate::data::database::Database;
use crate::data::{Type, Watched};
use crate::request::Awaited;

/// Keyspaces of so many keys are counted key by key.
const SMALL: usize = 256;
/// Every so many turns all tables are looked at; in the others some are.
const ALL: usize = 64;

impl Partition {
    /// Panics if a count is not that of the tables; looks at a part of them in each turn.
    pub fn check(&self, turn: usize) {
        self.store.changes.check(turn.is_multiple_of(ALL));
        let dbs = self.store.dbs();
        let keys: usize = dbs.iter().map(Database::len).sum();
        dbs.iter()
            .for_each(|db| db.check(self.store.hasher(), turn, keys <= SMALL));
        if turn.is_multiple_of(ALL) {
            dbs.iter().for_each(Database::check_times);
            if keys <= SMALL {
                let mut memory = 0;
                for db in 0..dbs.len() {
                    // Trees have an account of their own.
                    self.for_each_key(db, &mut |entry| {
                        if entry.big().is_none() {
                            memory += entry.block_memory();
                        }
                    });
                }
                let used = self.store.memory();
                if self.keeps_all_tables() {
                    let parts = dbs.iter().map(|db| {
                        let (tables, times) = db.overhead();
                        tables + times - db.empty_bytes()
                    });
                    assert_eq!(parts.sum::<usize>(), self.store.tables_memory());
                }
                assert!(memory <= used, "entries take {memory} of {used} bytes");
            }
        }
    }

    /// Whether no table is on its way out, or beside the keyspace.
    fn keeps_all_tables(&self) -> bool {
        self.store.is_whole() && !self.is_freeing()
    }

    /// Panics if an element is there for somebody who waits for one.
    pub fn check_waits(&self) {
        let now = self.now.unix_ms();
        for (db, name, awaited) in self.store.changes.waits.iter() {
            let wanted = match awaited {
                Awaited::List => Type::List,
                Awaited::SortedSet => Type::Zset,
                // Not every entry is one for everybody.
                Awaited::Stream | Awaited::Group(_) => continue,
            };
            let found = self.store.get(db, &self.store.key(name));
            let found = found.filter(|entry| entry.expire_at().is_none_or(|at| at > now));
            let name = String::from_utf8_lossy(name);
            assert!(
                found.is_none_or(|entry| entry.kind() != wanted),
                "{name} is there, and somebody waits for it"
            );
        }
    }

    /// How many watches there are.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.store.changes.watches.count()
    }

    /// Whether a watch is known here.
    #[must_use]
    pub fn is_watched(&self, watched: &Watched) -> bool {
        (self.store.changes.watches).is_watched(watched.db, &watched.key)
    }
}
