//! Values that are put together beside the keyspace, and values that are taken as they are.

use slotkeeper_tree::Part;

use super::Partition;
use crate::data::{ExpiryPolicy, Key, Portrait};

impl Partition {
    /// Lets something work on a database beside the keyspace: for `run`, this is a partition with that
    /// database alone, whatever else it holds. Its keys are there for nobody else.
    pub fn aside<R>(&mut self, run: impl FnOnce(&mut Partition) -> R) -> R {
        let expiry = std::mem::replace(&mut self.expiry, ExpiryPolicy::Keep);
        self.store.swap_aside();
        let result = run(self);
        self.store.swap_aside();
        self.expiry = expiry;
        result
    }

    /// Takes the value of that name from [beside](Self::aside) and puts it at a key, whatever is there:
    /// it expires then (unix milliseconds), was used last `idle_secs` ago, or so often if that is
    /// remembered and known. Returns whether there was such a value.
    pub fn adopt(
        &mut self,
        name: &[u8],
        (db, key): (usize, &Key<'_>),
        expire_at: Option<i64>,
        (idle_secs, count): (u64, Option<u8>),
    ) -> bool {
        self.make_way(db, key);
        let clock = (self.store.usage).restored(self.stamp, idle_secs, count);
        self.store.adopt(name, (db, key), expire_at, clock)
    }

    /// Takes a value as it is now, if it is one that is written in parts: see
    /// [`Self::prepare_copy`], which is to be asked first.
    pub fn portray(&mut self, db: usize, key: &Key<'_>) -> Option<Portrait> {
        self.store.portray(db, key)
    }

    /// Hands out about `budget` bytes more of it. Returns whether that was all.
    pub fn step_portrait(
        &mut self,
        portrait: &mut Portrait,
        budget: usize,
        sink: &mut dyn FnMut(Part<'_>),
    ) -> bool {
        self.store.step_portrait(portrait, budget, sink)
    }

    /// What is left of it is not wanted.
    pub fn give_up_portrait(&mut self, portrait: Portrait) {
        self.store.give_up_portrait(portrait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Event, Expire, HashLimits, Layout, Scope, Type, rounds};
    use crate::time::Now;

    const LIMITS: HashLimits = HashLimits {
        entries: 8,
        value: 64,
    };

    fn partition() -> Partition {
        let mut data = Partition::new(Layout::Cluster, [1, 2]);
        let now = Now {
            unix_us: 1_700_000_000_000_000,
            mono_us: 1_000_000,
        };
        data.begin(now, true);
        data
    }

    fn fill(data: &mut Partition, name: &[u8], count: u64) {
        for number in 0..count {
            let field = number.to_string();
            let key = data.key(name);
            let set = data.change_hash(0, &key, LIMITS, |hash| {
                (hash.set(field.as_bytes(), b"value"), Some(Event::HSet))
            });
            assert_eq!(set, Ok(true));
        }
    }

    #[test]
    fn a_value_is_out_of_sight_until_it_is_adopted() {
        let mut data = partition();
        let key = data.key(b"key");
        data.follow(Scope::Slot(key.slot));
        data.set(0, &key, b"old", Expire::Never);
        data.drain_changes();
        let count = rounds(2000, 200);
        data.aside(|data| fill(data, b"name", count));
        assert_eq!((data.len(0), data.changes().count()), (1, 0));
        assert_eq!(data.get_str(0, &key), Ok(Some(&b"old"[..])));
        assert!(!data.adopt(b"other", (0, &key), None, (0, None)));
        assert!(data.adopt(b"name", (0, &key), Some(1_800_000_000_000), (5, None)));
        let told: Vec<_> = data.changes().map(|change| change.event).collect();
        assert_eq!(told, [Event::Restore]);
        data.drain_changes();
        assert_eq!((data.len(0), data.expires(0)), (1, 1));
        let (now, ..) = data.access();
        let entry = data.peek(0, &key).expect("it was adopted");
        assert_eq!(entry.idle_secs(now), 5);
        assert_eq!(entry.expire_at(), Some(1_800_000_000_000));
        assert_eq!(entry.as_hash().map(|hash| hash.len() as u64), Ok(count));
        assert!(data.aside(|data| data.is_empty()));
        data.unfollow(Scope::Slot(key.slot));
        data.check(0);
    }

    #[test]
    fn a_portrait_shows_one_moment_and_goes_in_steps() {
        let mut data = partition();
        let (key, count) = (data.key(b"key"), rounds(2000, 200));
        fill(&mut data, b"key", count);
        let mut portrait = data.portray(0, &key).expect("it is big");
        let head = portrait.head();
        assert_eq!((head.kind, head.len), (Type::Hash, count));
        let given_up = data.portray(0, &key).expect("it is big");
        data.give_up_portrait(given_up);
        assert!(data.remove(0, &key));
        let mut parts = 0;
        while !data.step_portrait(&mut portrait, 100, &mut |_| parts += 1) {}
        assert_eq!(parts, 2 * count);
        while data.reclaim_step(100) {}
        assert!(data.portray(0, &key).is_none());
        data.set(0, &key, b"string", Expire::Never);
        assert!(data.portray(0, &key).is_none());
    }
}
