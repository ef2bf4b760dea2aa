//! Walks: what savers get of the keys, and what those who write wait for meanwhile.

use slotkeeper_topology::SlotSet;

use super::Partition;
use crate::data::{Key, Saver, WalkId, WalkState, WalkWait};

impl Partition {
    /// Whether a walk may begin now. Not while keys of dropped slots are to be named, nor while a
    /// large value is being sent, and not many while one goes on, or after many that were stopped
    /// early: then [`Self::reclaim_step`] has something to do first.
    #[must_use]
    pub fn can_start_walk(&self) -> bool {
        self.store.can_start_walk()
    }

    /// Starts a walk, beside those that are under way: `saver` gets the state of this moment, in
    /// steps. None if it [cannot](Self::can_start_walk) begin now.
    pub fn start_walk(&mut self, saver: Box<dyn Saver>) -> Option<WalkId> {
        self.store.start_walk(saver, None)
    }

    /// Starts a walk over the keys of some hash slots, in cluster mode.
    pub fn start_walk_of(&mut self, slots: SlotSet, saver: Box<dyn Saver>) -> Option<WalkId> {
        self.store.start_walk(saver, Some(slots))
    }

    /// Hands out about `budget` bytes more of a walk: at most one entry of up to 64 KiB beyond it.
    /// Keys that change between steps are handed out then, whatever their size.
    pub fn step_walk(&mut self, id: WalkId, budget: usize) -> WalkState {
        self.store.walk_step(id, budget)
    }

    /// Ends a walk, whether done or not, and returns its saver.
    pub fn end_walk(&mut self, id: WalkId) -> Option<Box<dyn Saver>> {
        self.store.stop_walk(id)
    }

    /// The saver of a walk that is under way.
    pub fn saver_of(&mut self, id: WalkId) -> Option<&mut (dyn Saver + 'static)> {
        self.store.saver_mut(id)
    }

    /// Whether any walk is under way.
    #[must_use]
    pub fn walking(&self) -> bool {
        !self.store.walks().is_empty()
    }

    /// Whether a writer may have to wait, see [`Self::walk_wait`].
    #[must_use]
    #[inline]
    pub fn may_hold(&self) -> bool {
        !self.store.walks().is_empty()
            | !self.store.dropping().is_empty()
            | !self.store.copies().is_empty()
            | !self.store.held.is_empty()
    }

    /// Whether a command that writes this key must wait: a walk is sending its large value in
    /// pieces, or has reached its saver's bound and has not saved the key; or what the key's slot
    /// had before is not named yet.
    #[must_use]
    pub fn must_wait(&self, db: usize, key: &Key<'_>) -> bool {
        self.store.must_wait(db, key)
    }

    /// What a command that writes this key must wait for, if anything.
    #[must_use]
    pub fn walk_wait(&self, db: usize, key: &Key<'_>) -> Option<WalkWait> {
        self.store.walk_wait(db, key)
    }

    /// Whether no writer waits for [`WalkWait::Debt`].
    #[must_use]
    pub fn walk_is_paid(&self) -> bool {
        self.store.walks().is_paid()
    }

    /// From now on, who wants to change this key waits ([`WalkWait::Move`]), and it does not expire. Keys
    /// that are held under one number wait together.
    pub fn hold(&mut self, db: usize, key: &[u8], number: u64) {
        self.store.held.insert(db, key, number);
    }

    /// Ends what [`Self::hold`] began.
    pub fn let_go(&mut self, db: usize, key: &[u8]) {
        self.store.held.remove(db, key);
    }

    /// The number that a key is held under.
    #[must_use]
    pub fn held_under(&self, db: usize, key: &[u8]) -> Option<u64> {
        self.store.held.of(db, key)
    }

    /// Whether any key is held under that number.
    #[must_use]
    pub fn is_held(&self, number: u64) -> bool {
        self.store.held.has(number)
    }

    /// The lowest number that a key is held under.
    #[must_use]
    pub fn first_held(&self) -> Option<u64> {
        self.store.held.first()
    }

    /// The number of the large value whose writers wait at present.
    #[must_use]
    pub fn walk_value(&self) -> Option<u64> {
        self.store.walks().value()
    }
}

/// For tests with one walk.
#[cfg(test)]
impl Partition {
    fn only_walk(&self) -> Option<WalkId> {
        self.store.walks().first()
    }

    /// [`Self::step_walk`] of the oldest walk.
    pub fn walk_step(&mut self, budget: usize) -> WalkState {
        let id = self.only_walk().expect("a walk was started");
        self.step_walk(id, budget)
    }

    /// [`Self::end_walk`] of the oldest walk.
    pub fn stop_walk(&mut self) -> Option<Box<dyn Saver>> {
        let id = self.only_walk()?;
        self.end_walk(id)
    }

    /// [`Self::saver_of`] the oldest walk.
    pub fn saver_mut(&mut self) -> Option<&mut (dyn Saver + 'static)> {
        let id = self.only_walk()?;
        self.saver_of(id)
    }
}
