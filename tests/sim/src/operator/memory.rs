//! What outlives an operator, and its successor.

use slotkeeper::model::{Memory, Seen};

use super::Operator;

/// What becomes of what is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreResult {
    /// It is stored.
    Works,
    /// It is not.
    Fails,
    /// Nothing is heard of it, and half the time it is stored.
    Unheard,
}

/// What a successor reads of what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryRead {
    /// What was stored last.
    Latest,
    /// What was stored at some time.
    Stale,
    /// Nothing: somebody has deleted it.
    Nothing,
}

/// Everything that was ever stored, and what the operator knows to be.
#[derive(Debug, Default)]
pub(super) struct Store {
    versions: Vec<Memory>,
    known: Option<Memory>,
}

impl Operator {
    /// Stores what has to outlive the operator, where it has changed; whether it is known to be.
    pub(super) fn remember(&mut self) -> bool {
        let memory = Memory::from(&self.seen);
        if self.store.known.as_ref() == Some(&memory) {
            return true;
        }
        let works = self.storing == StoreResult::Works;
        self.store.known = works.then(|| memory.clone());
        if works || self.storing == StoreResult::Unheard && self.rng.one_in(2) {
            self.store.versions.push(memory);
        }
        works
    }

    /// Another operator takes the place of this one, which takes up no further step. What it has
    /// sent is still under way.
    pub fn succeed(&mut self, reads: MemoryRead) {
        let versions = &self.store.versions;
        let memory = match reads {
            MemoryRead::Latest => versions.last().cloned(),
            MemoryRead::Stale => {
                let nth = self.rng.index(versions.len().max(1));
                versions.get(nth).cloned()
            }
            MemoryRead::Nothing => None,
        };
        self.seen = memory.map_or_else(Seen::default, Seen::from);
        self.store.known = None;
        self.nevers.succeed();
    }
}
