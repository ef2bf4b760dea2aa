//! Who waits for keys, in the order of waiting, and which of those keys have changed.
//!
//! Those who wait for the same of a key stand in one queue. A place in it is a number that is given
//! once, so a client that leaves early is found without a search, however long the queue is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::io::SessionId;
use crate::request::Awaited;

/// One who waits, with its place in the order of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiter {
    /// Who came first has the lower number.
    pub place: u64,
    /// The session.
    pub session: SessionId,
}

/// What is waited for at one key.
#[derive(Debug, Default)]
struct Queues {
    queues: BTreeMap<Awaited, BTreeSet<Waiter>>,
    /// It is on the list of those that have changed.
    is_ready: bool,
}

/// The keys of one database that are waited for.
#[derive(Debug, Default)]
struct Database {
    keys: BTreeMap<Vec<u8>, Queues>,
    /// Those at which somebody waits as a member of a group, who must hear when the key goes.
    groups: BTreeSet<Vec<u8>>,
}

/// All keys that are waited for.
#[derive(Debug)]
pub(super) struct Waits {
    dbs: Vec<Database>,
    /// How many keys.
    count: usize,
    /// Those that have changed, in the order of their first changes.
    ready: VecDeque<(usize, Vec<u8>)>,
}

impl Waits {
    pub fn new(databases: usize) -> Waits {
        Waits {
            dbs: (0..databases).map(|_| Database::default()).collect(),
            count: 0,
            ready: VecDeque::new(),
        }
    }

    /// How many keys are waited for.
    pub fn count(&self) -> usize {
        self.count
    }

    /// At how many of them somebody hears when the key goes.
    pub fn groups(&self) -> usize {
        self.dbs.iter().map(|db| db.groups.len()).sum()
    }

    /// Whether anyone waits for the key.
    pub fn is_awaited(&self, db: usize, key: &[u8]) -> bool {
        self.count > 0 && self.dbs[db].keys.contains_key(key)
    }

    /// One more waits; without effect if it does already.
    pub fn add(&mut self, db: usize, key: &[u8], awaited: &Awaited, waiter: Waiter) {
        let Database { keys, groups } = &mut self.dbs[db];
        if !keys.contains_key(key) {
            keys.insert(key.to_vec(), Queues::default());
            self.count += 1;
        }
        if matches!(awaited, Awaited::Group(_)) && !groups.contains(key) {
            groups.insert(key.to_vec());
        }
        let queues = &mut keys.get_mut(key).expect("it was just put there").queues;
        match queues.get_mut(awaited) {
            Some(queue) => queue.insert(waiter),
            None => queues.entry(awaited.clone()).or_default().insert(waiter),
        };
    }

    /// One less does; without effect if it does not.
    pub fn remove(&mut self, db: usize, key: &[u8], awaited: &Awaited, waiter: Waiter) {
        let Database { keys, groups } = &mut self.dbs[db];
        let Some(Queues { queues, .. }) = keys.get_mut(key) else {
            return;
        };
        let Some(queue) = queues.get_mut(awaited) else {
            return;
        };
        queue.remove(&waiter);
        if !queue.is_empty() {
            return;
        }
        queues.remove(awaited);
        if !queues.keys().any(|left| matches!(left, Awaited::Group(_))) {
            groups.remove(key);
        }
        if queues.is_empty() {
            keys.remove(key);
            self.count -= 1;
        }
    }

    /// The key has changed.
    pub fn change(&mut self, db: usize, key: &[u8]) {
        if let Some(queues) = self.dbs[db].keys.get_mut(key)
            && !queues.is_ready
        {
            queues.is_ready = true;
            self.ready.push_back((db, key.to_vec()));
        }
    }

    /// All keys of a database may be others now.
    pub fn change_all(&mut self, db: usize) {
        for (key, queues) in &mut self.dbs[db].keys {
            if !queues.is_ready {
                queues.is_ready = true;
                self.ready.push_back((db, key.clone()));
            }
        }
    }

    /// Whether a key has changed that is waited for.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next of those that have changed; it counts as unchanged from now on.
    pub fn take_ready(&mut self) -> Option<(usize, Vec<u8>)> {
        let (db, key) = self.ready.pop_front()?;
        if let Some(queues) = self.dbs[db].keys.get_mut(&key) {
            queues.is_ready = false;
        }
        Some((db, key))
    }

    /// What is waited for at a key.
    pub fn awaited(&self, db: usize, key: &[u8]) -> Vec<Awaited> {
        let queues = self.dbs[db].keys.get(key);
        queues.map_or(Vec::new(), |queues| queues.queues.keys().cloned().collect())
    }

    /// Who waits for that at a key and comes next after a place.
    pub fn next(&self, db: usize, key: &[u8], awaited: &Awaited, after: u64) -> Option<Waiter> {
        let queue = self.dbs[db].keys.get(key)?.queues.get(awaited)?;
        let from = Waiter {
            place: after + 1,
            session: SessionId::new(0, 0),
        };
        queue.range(from..).next().copied()
    }

    /// The keys of a database whose end somebody waits for.
    pub fn group_names(&self, db: usize) -> Vec<Vec<u8>> {
        self.dbs[db].groups.iter().cloned().collect()
    }

    /// What is waited for at which keys.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8], &Awaited)> {
        let dbs = self.dbs.iter().enumerate();
        dbs.flat_map(|(db, waits)| {
            let keys = waits.keys.iter();
            keys.flat_map(move |(key, Queues { queues, .. })| {
                queues.keys().map(move |awaited| (db, &key[..], awaited))
            })
        })
    }

    /// How many places there are in all queues: each waiter has one for every key.
    pub fn places(&self) -> usize {
        let queues = self.dbs.iter().flat_map(|db| db.keys.values());
        let queues = queues.flat_map(|queues| queues.queues.values());
        queues.map(BTreeSet::len).sum()
    }

    /// Panics if a count is not right, or an empty queue was kept.
    pub fn check(&self) {
        let keys = self.dbs.iter().map(|db| db.keys.len());
        assert_eq!(keys.sum::<usize>(), self.count, "keys that are waited for");
        for db in &self.dbs {
            for (name, Queues { queues, .. }) in &db.keys {
                assert!(!queues.is_empty() && queues.values().all(|queue| !queue.is_empty()));
                let group = queues.keys().any(|it| matches!(it, Awaited::Group(_)));
                assert_eq!(group, db.groups.contains(name));
            }
            assert!(db.groups.iter().all(|name| db.keys.contains_key(name)));
        }
    }
}

#[cfg(test)]
impl Waiter {
    pub(super) fn first_of_tests() -> Waiter {
        waiter(1)
    }
}

#[cfg(test)]
fn waiter(place: u64) -> Waiter {
    Waiter {
        place,
        session: SessionId::new(place, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(waits: &Waits, key: &[u8], awaited: &Awaited) -> Vec<u64> {
        let mut after = 0;
        std::iter::from_fn(|| {
            let next = waits.next(0, key, awaited, after)?;
            after = next.place;
            Some(after)
        })
        .collect()
    }

    #[test]
    fn who_waits_stands_in_the_order_of_waiting_and_leaves_from_anywhere() {
        let mut waits = Waits::new(2);
        for place in [2, 1, 3] {
            waits.add(0, b"k", &Awaited::List, waiter(place));
        }
        waits.add(0, b"k", &Awaited::List, waiter(2));
        waits.add(0, b"k", &Awaited::SortedSet, waiter(4));
        assert_eq!(order(&waits, b"k", &Awaited::List), [1, 2, 3]);
        waits.remove(0, b"k", &Awaited::List, waiter(2));
        waits.remove(0, b"k", &Awaited::List, waiter(9));
        waits.remove(0, b"other", &Awaited::List, waiter(1));
        assert_eq!(order(&waits, b"k", &Awaited::List), [1, 3]);
        assert_eq!(order(&waits, b"k", &Awaited::SortedSet), [4]);
        assert!(waits.is_awaited(0, b"k") && !waits.is_awaited(1, b"k"));
        assert_eq!((waits.count(), waits.places()), (1, 3));
        waits.check();
        for place in [1, 3] {
            waits.remove(0, b"k", &Awaited::List, waiter(place));
        }
        assert_eq!(waits.awaited(0, b"k"), [Awaited::SortedSet]);
        waits.remove(0, b"k", &Awaited::SortedSet, waiter(4));
        assert_eq!(waits.count(), 0);
        waits.check();
    }

    #[test]
    fn a_key_that_has_changed_is_ready_once_in_the_order_of_changes() {
        let mut waits = Waits::new(2);
        waits.add(1, b"a", &Awaited::List, waiter(1));
        waits.add(1, b"b", &Awaited::List, waiter(1));
        for key in [b"b", b"a", b"b", b"c"] {
            waits.change(1, key);
        }
        waits.change(0, b"a");
        assert_eq!(waits.take_ready(), Some((1, b"b".to_vec())));
        waits.change(1, b"b");
        assert_eq!(waits.take_ready(), Some((1, b"a".to_vec())));
        assert_eq!(waits.take_ready(), Some((1, b"b".to_vec())));
        assert_eq!(waits.take_ready(), None);
        waits.change(1, b"b");
        waits.change_all(1);
        waits.change_all(0);
        assert_eq!(waits.take_ready(), Some((1, b"b".to_vec())));
        assert_eq!(waits.take_ready(), Some((1, b"a".to_vec())));
        assert!(!waits.has_ready());
    }

    #[test]
    fn the_names_of_groups_are_known_as_long_as_one_of_the_key_is_left() {
        let mut waits = Waits::new(1);
        let group = |name: &[u8]| Awaited::Group(name.to_vec());
        waits.add(0, b"s", &group(b"g"), waiter(1));
        waits.add(0, b"s", &group(b"h"), waiter(2));
        waits.add(0, b"s", &Awaited::Stream, waiter(3));
        waits.add(0, b"t", &Awaited::Stream, waiter(3));
        assert_eq!(waits.group_names(0), [b"s"]);
        waits.remove(0, b"s", &group(b"g"), waiter(1));
        assert_eq!((waits.group_names(0).len(), waits.groups()), (1, 1));
        waits.remove(0, b"s", &group(b"h"), waiter(2));
        assert!(waits.group_names(0).is_empty());
        waits.check();
    }
}
