//! Those who wait for keys, and which of them are to look again.

use super::Partition;
use crate::data::{Key, Type, Waiter};
use crate::request::Awaited;

impl Partition {
    /// One more waits for a key, until [`Self::leave`]. Changes of the key are written to the change
    /// log from now on.
    pub fn wait(&mut self, db: usize, key: &[u8], awaited: &Awaited, waiter: Waiter) {
        self.store.changes.waits.add(db, key, awaited, waiter);
    }

    /// Ends what [`Self::wait`] began.
    pub fn leave(&mut self, db: usize, key: &[u8], awaited: &Awaited, waiter: Waiter) {
        self.store.changes.waits.remove(db, key, awaited, waiter);
    }

    /// Whether keys have changed that are waited for.
    #[must_use]
    #[inline]
    pub fn has_ready(&self) -> bool {
        self.store.changes.waits.has_ready()
    }

    /// The next key that has changed and is waited for: once for all its changes up to now, in the
    /// order of the changes.
    pub fn next_ready(&mut self) -> Option<(usize, Vec<u8>)> {
        self.store.changes.waits.take_ready()
    }

    /// All keys of a database may be others now, though none was changed: those who wait for one look
    /// at it when the change log is drained.
    pub fn look_again(&mut self, db: usize) {
        self.store.changes.waits.change_all(db);
    }

    /// What is waited for at a key.
    #[must_use]
    pub fn awaited(&self, db: usize, key: &[u8]) -> Vec<Awaited> {
        self.store.changes.waits.awaited(db, key)
    }

    /// Who waits for that at a key, and comes next after a place in the order of waiting.
    #[must_use]
    pub fn next_waiter(
        &self,
        db: usize,
        key: &[u8],
        awaited: &Awaited,
        after: u64,
    ) -> Option<Waiter> {
        self.store.changes.waits.next(db, key, awaited, after)
    }

    /// Whether those who wait for that should look at the key, as it is now.
    pub fn is_worth_a_look(&mut self, db: usize, key: &Key<'_>, awaited: &Awaited) -> bool {
        let found = self.peek(db, key).map(|entry| entry.kind());
        match awaited {
            Awaited::List => found == Some(Type::List),
            Awaited::SortedSet => found == Some(Type::Zset),
            Awaited::Stream => found == Some(Type::Stream),
            // Without its stream a group is gone, and its consumers hear of that.
            Awaited::Group(_) => true,
        }
    }

    /// How many keys are waited for, and at how many of them it matters that the key goes.
    #[must_use]
    pub fn awaited_keys(&self) -> (usize, usize) {
        let waits = &self.store.changes.waits;
        (waits.count(), waits.groups())
    }

    /// How many places there are in all queues: each waiter has one for every key.
    #[must_use]
    pub fn places(&self) -> usize {
        self.store.changes.waits.places()
    }
}
