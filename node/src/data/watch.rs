//! The versions of watched keys.
//!
//! A version is taken from one counter, so that no two states of a key, or of a key that is
//! watched anew, have the same. A key that had expired already when its watch began may be removed
//! without being changed by that: the state remembers the version before.

use std::collections::BTreeMap;

/// A key that WATCH named, as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its database.
    pub db: usize,
    /// Its name.
    pub key: Vec<u8>,
    /// The partition's version of it, see [`Partition::watch`](super::Partition::watch).
    pub version: u64,
    /// It had expired already, so that its removal is no change.
    pub was_expired: bool,
}

#[derive(Debug)]
struct State {
    watchers: usize,
    version: u64,
    /// The version before, if the last change was the removal of an expired entry.
    before_removal: Option<u64>,
}

/// All keys that are watched, by database.
#[derive(Debug)]
pub(super) struct Watches {
    keys: Vec<BTreeMap<Vec<u8>, State>>,
    watched: usize,
    changes: u64,
}

impl Watches {
    pub fn new(databases: usize) -> Watches {
        Watches {
            keys: (0..databases).map(|_| BTreeMap::new()).collect(),
            watched: 0,
            changes: 0,
        }
    }

    /// How many watchers of keys there are.
    pub fn count(&self) -> usize {
        self.watched
    }

    /// Panics if the count of watchers is not right.
    pub fn check(&self) {
        let states = self.keys.iter().flat_map(BTreeMap::values);
        let watchers = states.inspect(|state| assert!(state.watchers > 0));
        assert_eq!(
            watchers.map(|state| state.watchers).sum::<usize>(),
            self.watched
        );
    }

    /// Whether the key is watched.
    pub fn is_watched(&self, db: usize, key: &[u8]) -> bool {
        self.watched > 0 && self.keys[db].contains_key(key)
    }

    /// One watcher more; returns the key's version.
    pub fn add(&mut self, db: usize, key: &[u8]) -> u64 {
        self.watched += 1;
        if let Some(state) = self.keys[db].get_mut(key) {
            state.watchers += 1;
            return state.version;
        }
        let state = State {
            watchers: 1,
            version: self.changes,
            before_removal: None,
        };
        self.keys[db].insert(key.to_vec(), state);
        self.changes
    }

    /// One watcher less.
    pub fn remove(&mut self, db: usize, key: &[u8]) {
        if let Some(state) = self.keys[db].get_mut(key) {
            self.watched -= 1;
            state.watchers -= 1;
            if state.watchers == 0 {
                self.keys[db].remove(key);
            }
        }
    }

    /// The key changes; `removal`: an expired entry is removed and nothing else happens.
    pub fn change(&mut self, db: usize, key: &[u8], removal: bool) {
        if let Some(state) = self.keys[db].get_mut(key) {
            self.changes += 1;
            state.before_removal = removal.then_some(state.version);
            state.version = self.changes;
        }
    }

    /// Whether the key has changed since it had that version.
    pub fn has_changed(&self, db: usize, key: &[u8], version: u64, was_expired: bool) -> bool {
        self.keys[db].get(key).is_none_or(|state| {
            let only_removed = was_expired && state.before_removal == Some(version);
            state.version != version && !only_removed
        })
    }

    /// The watched keys of a database.
    pub fn names(&self, db: usize) -> Vec<Vec<u8>> {
        self.keys[db].keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_of_what_had_expired_is_no_change_once() {
        let mut watches = Watches::new(1);
        let version = watches.add(0, b"k");
        watches.change(0, b"k", true);
        assert!(!watches.has_changed(0, b"k", version, true));
        assert!(watches.has_changed(0, b"k", version, false));
        watches.change(0, b"k", false);
        assert!(watches.has_changed(0, b"k", version, true));
    }

    #[test]
    fn a_key_watched_anew_has_a_new_version() {
        let mut watches = Watches::new(1);
        let first = watches.add(0, b"k");
        watches.change(0, b"k", false);
        assert_eq!(watches.add(0, b"k"), first + 1);
        watches.remove(0, b"k");
        watches.remove(0, b"k");
        assert_eq!(watches.count(), 0);
        assert!(
            watches.has_changed(0, b"k", first, false),
            "its version was not kept"
        );
        assert_eq!(watches.add(0, b"k"), first + 1);
    }
}
