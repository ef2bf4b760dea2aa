//! Changes of hashes.

use super::{Outcome, Store};
use crate::data::entry::{EntryBox, EntryMut, Heap, Meta};
use crate::data::fields::Changed;
use crate::data::value::Kind;
use crate::data::{Encoding, HashLimits, HashMut, Key, WrongType};

impl Store {
    /// Changes a hash, which is made if it is not there, and goes if nothing is left of it.
    ///
    /// # Errors
    /// When a value of another type is there.
    pub fn change_hash<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: HashLimits,
        clock: u32,
        change: impl FnOnce(&mut HashMut<'_>) -> (R, Outcome),
    ) -> Result<R, WrongType> {
        match self.get(db, key).map(|entry| entry.as_hash().map(drop)) {
            None => return Ok(self.make_hash(db, key, limits, clock, change)),
            Some(held) => held?,
        }
        let (hasher, mut list) = (self.hasher, std::mem::take(&mut self.scratch));
        list.clear();
        let changed = self.change(db, key, clock, |entry, heap, meta| {
            list.extend_from_slice(entry.view().bytes());
            let state = (meta.kind.encoding(), limits);
            let mut hash = HashMut::new(heap, hasher, list, entry.big_mut(), state);
            let (result, outcome) = change(&mut hash);
            let mut changed = hash.finish();
            match outcome {
                Outcome::Changed(_) => put(entry, heap, key, meta, &mut changed),
                Outcome::Same | Outcome::Emptied(_) => {
                    let grown = changed.grown.take();
                    grown
                        .into_iter()
                        .for_each(|big| heap.free_later(big.into_waste()));
                }
            }
            ((result, changed), outcome)
        });
        let (result, changed) = changed.expect("it was just seen");
        self.scratch = changed.list;
        if changed.copied > 0
            && let Some(walk) = &mut self.walk
        {
            walk.pay(&mut self.heap, changed.copied);
        }
        Ok(result)
    }

    fn make_hash<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: HashLimits,
        clock: u32,
        change: impl FnOnce(&mut HashMut<'_>) -> (R, Outcome),
    ) -> R {
        let (hasher, mut list) = (self.hasher, std::mem::take(&mut self.scratch));
        list.clear();
        let state = (Encoding::Listpack, limits);
        let mut hash = HashMut::new(&mut self.heap, hasher, list, None, state);
        let (result, outcome) = change(&mut hash);
        let changed = hash.finish();
        let meta = Meta {
            kind: Kind::hash(changed.encoding),
            ..self.new_meta(clock)
        };
        let heap = &mut self.heap;
        match (outcome, changed.grown) {
            (Outcome::Changed(event), grown) => {
                self.changes.note(db, key, event, false);
                let entry = match grown {
                    Some(big) => EntryBox::with_big(heap, key.bytes, big, meta),
                    None => EntryBox::new(heap, key.bytes, [&changed.list, b""], meta),
                };
                self.dbs[db].insert(heap, &hasher, key, entry);
            }
            (_, Some(big)) => heap.free_later(big.into_waste()),
            (_, None) => {}
        }
        self.scratch = changed.list;
        result
    }
}

/// Puts what a hash has become into its entry.
fn put(
    entry: &mut EntryMut<'_>,
    heap: &mut Heap,
    key: &Key<'_>,
    meta: Meta,
    changed: &mut Changed,
) {
    let kind = Kind::hash(changed.encoding);
    let meta = Meta { kind, ..meta };
    if let Some(big) = changed.grown.take() {
        let made = EntryBox::with_big(heap, key.bytes, big, meta);
        entry.replace(made).release(heap);
    } else if entry.view().big().is_some() && !changed.shrunk {
        entry.set_kind(kind);
    } else if !entry.overwrite(&changed.list, meta) {
        let made = EntryBox::new(heap, key.bytes, [&changed.list, b""], meta);
        entry.replace(made).release(heap);
    }
}
