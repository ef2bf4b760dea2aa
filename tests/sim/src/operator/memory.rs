//! What outlives an operator, and its successor.

use slotkeeper::model::Memory;

use super::Operator;
use crate::rng::Rng;

/// What becomes of what is to be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreResult {
    /// It is stored.
    #[default]
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

/// Everything that was ever stored.
#[derive(Debug)]
pub(super) struct Store {
    versions: Vec<Memory>,
    /// What becomes of the next.
    pub(super) result: StoreResult,
    rng: Rng,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            versions: Vec::new(),
            result: StoreResult::Works,
            rng: Rng::new(0),
        }
    }
}

impl Store {
    /// An empty one, with its own draws.
    pub(super) fn seed(&mut self, rng: Rng) {
        self.rng = rng;
    }

    /// Stores a version; whether that is known to have worked.
    pub(super) fn put(&mut self, memory: &Memory) -> bool {
        let works = self.result == StoreResult::Works;
        if works || self.result == StoreResult::Unheard && self.rng.one_in(2) {
            self.versions.push(memory.clone());
        }
        works
    }

    /// What a successor reads.
    pub(super) fn read(&mut self, how: MemoryRead) -> Option<Memory> {
        match how {
            MemoryRead::Latest => self.versions.last().cloned(),
            MemoryRead::Stale => {
                let nth = self.rng.index(self.versions.len().max(1));
                self.versions.get(nth).cloned()
            }
            MemoryRead::Nothing => None,
        }
    }
}

impl Operator {
    /// What becomes of what is to be stored from now on.
    pub fn set_storing(&mut self, result: StoreResult) {
        self.platform.store(|store| store.result = result);
    }

    /// Another operator takes the place of this one, which takes up no further step. What it has
    /// sent is still under way.
    pub fn succeed(&mut self, reads: MemoryRead) {
        let memory = self.platform.store(|store| store.read(reads));
        let status = match reads {
            MemoryRead::Nothing => None,
            MemoryRead::Latest | MemoryRead::Stale => self.platform.status(),
        };
        self.reconciler = Some(self.begin(status, memory));
        self.nevers.succeed();
    }
}
