//! Keys that nobody may change for now: they are on their way to another server.

use std::collections::BTreeMap;

/// The keys, and the number that those wait for who want to change one.
#[derive(Debug, Default)]
pub struct Held {
    /// By database.
    keys: BTreeMap<usize, BTreeMap<Vec<u8>, u64>>,
    /// How many keys are held under each number.
    counts: BTreeMap<u64, usize>,
}

impl Held {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub fn insert(&mut self, db: usize, key: &[u8], number: u64) {
        self.remove(db, key);
        self.keys
            .entry(db)
            .or_default()
            .insert(key.to_vec(), number);
        *self.counts.entry(number).or_default() += 1;
    }

    pub fn remove(&mut self, db: usize, key: &[u8]) {
        let known = self.keys.get_mut(&db).and_then(|keys| keys.remove(key));
        let Some(number) = known else { return };
        if let Some(count) = self.counts.get_mut(&number) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&number);
            }
        }
    }

    /// The number that a key is held under.
    pub fn of(&self, db: usize, key: &[u8]) -> Option<u64> {
        self.keys.get(&db)?.get(key).copied()
    }

    /// Whether any key is held under that number.
    pub fn has(&self, number: u64) -> bool {
        self.counts.contains_key(&number)
    }

    /// The lowest of the numbers that keys are held under.
    pub fn first(&self) -> Option<u64> {
        self.counts.keys().next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_known_as_long_as_any_key_is_held_under_it() {
        let mut held = Held::default();
        assert!(held.is_empty());
        held.insert(0, b"a", 7);
        held.insert(0, b"b", 7);
        held.insert(1, b"a", 8);
        assert_eq!((held.of(0, b"a"), held.of(1, b"a")), (Some(7), Some(8)));
        assert_eq!((held.of(1, b"b"), held.of(2, b"a")), (None, None));
        held.remove(0, b"a");
        assert!(held.has(7) && held.of(0, b"a").is_none());
        held.remove(0, b"a");
        held.remove(0, b"b");
        assert_eq!((held.has(7), held.first()), (false, Some(8)));
        held.remove(1, b"a");
        assert!(held.is_empty());
    }
}
