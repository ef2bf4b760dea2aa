//! Values that are put together beside the keyspace, out of sight until they are whole, and values that
//! are taken out of it as they are at one moment.
//!
//! What is beside is a database of its own in the same heap. While it is worked on it takes the place of
//! the others, so that all that changes keys can be used on it; no walk, no copy and nobody who is
//! interested in keys learns of it.

use super::Store;
use crate::data::changes::Changes;
use crate::data::database::Database;
use crate::data::entry::{Big, EntryRef, FrozenValue, Meta, Waste};
use crate::data::store::copies::Copies;
use crate::data::walk::Walks;
use crate::data::{Event, Head, Key, Layout, Type, only_slot};

/// The database beside the others, and what belongs to a keyspace.
pub(super) struct Aside {
    layout: Layout,
    dbs: Vec<Database>,
    changes: Changes,
    walks: Walks,
    copies: Copies,
}

impl Aside {
    /// Its database.
    pub fn into_databases(self) -> Vec<Database> {
        self.dbs
    }
}

/// A value that does not fit into its key's block, as it was at one moment. It is to be driven to its
/// end or given up.
pub struct Portrait {
    kind: Type,
    value: Box<dyn FrozenValue>,
}

impl Portrait {
    /// What is known of it before its parts.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            kind: self.kind,
            len: self.value.len(),
            first_time: self.value.first_time(),
        }
    }
}

impl Store {
    /// Puts what is beside the keyspace in its place, or back.
    pub fn swap_aside(&mut self) {
        let mut aside = self.aside.take().unwrap_or_else(|| {
            Box::new(Aside {
                layout: Layout::Databases(1),
                dbs: vec![Database::new(1)],
                changes: Changes::new(1),
                walks: Walks::new(self.hasher),
                copies: Copies::default(),
            })
        });
        std::mem::swap(&mut self.layout, &mut aside.layout);
        std::mem::swap(&mut self.dbs, &mut aside.dbs);
        std::mem::swap(&mut self.changes, &mut aside.changes);
        std::mem::swap(&mut self.walks, &mut aside.walks);
        std::mem::swap(&mut self.copies, &mut aside.copies);
        self.aside = Some(aside);
    }

    /// Takes the value of that name from beside the keyspace and puts it at a key, whatever is there.
    /// Returns whether there was such a value.
    pub fn adopt(
        &mut self,
        name: &[u8],
        (db, key): (usize, &Key<'_>),
        expire_at: Option<i64>,
        clock: u32,
    ) -> bool {
        let from = Key {
            bytes: name,
            hash: self.hasher.hash(name),
            slot: only_slot(),
        };
        let heap = &mut self.heap;
        let taken = (self.aside.as_mut()).and_then(|aside| aside.dbs[0].remove(heap, &from));
        let Some((entry, hollow)) = taken else {
            return false;
        };
        self.garbage.extend(hollow.map(super::Garbage::of_table));
        self.discard_key(db, key);
        self.changes.note(db, key, Event::Restore, false);
        let meta = Meta {
            expire_at,
            clock,
            generation: self.generation,
            ..entry.view().meta()
        };
        let entry = entry.remade(&mut self.heap, key.bytes, meta);
        self.dbs[db].insert(&mut self.heap, &self.hasher, key, entry);
        true
    }

    /// Takes a value as it is now, if it is one that is written in parts. A copy that was made of it is
    /// used; otherwise one is made at once.
    pub fn portray(&mut self, db: usize, key: &Key<'_>) -> Option<Portrait> {
        let made = self.take_copy(db, key);
        let entry = self.dbs[db].get(key).map(EntryRef::view)?;
        let big = entry.big().filter(|_| !entry.is_written_whole());
        let (kind, heap) = (entry.kind(), &mut self.heap);
        let mut copy: Big = match (big, made) {
            (Some(big), Some(made)) => made.finish(heap, big.value()),
            (Some(big), None) => big.copy(heap),
            (None, made) => {
                if let Some(made) = made {
                    made.give_up(heap);
                }
                return None;
            }
        };
        let value = copy.value_mut().freeze(heap);
        copy.value_mut().dispose(heap);
        Some(Portrait { kind, value })
    }

    /// Hands out about `budget` bytes more. Returns whether that was all.
    pub fn step_portrait(
        &mut self,
        portrait: &mut Portrait,
        budget: usize,
        sink: &mut dyn FnMut(slotkeeper_tree::Part<'_>),
    ) -> bool {
        portrait.value.step(&mut self.heap, budget, sink)
    }

    /// What is left of it is not wanted.
    pub fn give_up_portrait(&mut self, portrait: Portrait) {
        self.heap.free_later(Waste::Frozen(portrait.value));
    }
}
