//! Changes of collections, whatever their type, and new ones that are built while others are read.

use super::{Outcome, Store};
use crate::data::collection::{Changed, Collection, CollectionMut};
use crate::data::database::Database;
use crate::data::entry::{EntryBox, EntryMut, Heap, Meta};
use crate::data::value::Kind;
use crate::data::{Event, Key, WrongType};

impl Store {
    /// Changes a collection, which is made if it is not there, and goes if nothing is left of it.
    ///
    /// # Errors
    /// When a value of another type is there.
    pub fn change_collection<C: Collection, R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: C::Limits,
        clock: u32,
        change: impl FnOnce(&mut CollectionMut<'_, C>) -> (R, Outcome),
    ) -> Result<R, WrongType> {
        let (hasher, mut change) = (self.hasher, Some(change));
        let mut list = std::mem::take(&mut self.scratch);
        list.clear();
        let changed = self.change(db, key, clock, |entry, heap, meta| {
            let Some(change) = change.take_if(|_| entry.view().kind() == C::TYPE) else {
                return (Err(WrongType), Outcome::Same);
            };
            let mut list = std::mem::take(&mut list);
            list.extend_from_slice(entry.view().bytes());
            let state = (meta.kind.encoding(), limits);
            let mut held = CollectionMut::<C>::held(heap, hasher, list, entry.big_mut(), state);
            let first = held.first_time();
            let (result, outcome) = change(&mut held);
            let times = (first, held.first_time());
            let mut changed = held.finish();
            let meta = typed::<C>(meta, &changed);
            match outcome {
                Outcome::Changed(_) => put(entry, heap, key, meta, &mut changed),
                Outcome::Same => entry.set_kind(meta.kind),
                Outcome::Emptied(_) => {}
            }
            changed.discard(heap);
            (Ok((result, changed, times)), outcome)
        });
        let is_missing = changed.is_none();
        let Some(Ok((result, changed, (first, first_now)))) = changed else {
            self.scratch = list;
            let change = change.filter(|_| is_missing).ok_or(WrongType)?;
            return Ok(self.make_collection(db, key, limits, clock, change));
        };
        self.dbs[db].retime_fields(&mut self.heap, key, first, first_now);
        self.scratch = changed.list;
        if changed.copied > 0 {
            self.walks.pay(&mut self.heap, changed.copied);
        }
        Ok(result)
    }

    fn make_collection<C: Collection, R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: C::Limits,
        clock: u32,
        change: impl FnOnce(&mut CollectionMut<'_, C>) -> (R, Outcome),
    ) -> R {
        let ((result, outcome), mut changed) = self.build::<C, _>(limits, |made, _| change(made));
        if let Outcome::Changed(event) = outcome {
            self.add_collection::<C>(db, key, clock, event, &mut changed);
        }
        self.drop_built(changed);
        result
    }

    /// Puts a new collection in the place of a key, whatever is there, or removes the key if there
    /// is nothing in it. It is built while others are read. Returns also whether any key changed.
    pub fn replace_collection<C: Collection, R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: C::Limits,
        clock: u32,
        (event, fill): (
            Event,
            impl FnOnce(&mut CollectionMut<'_, C>, &[Database]) -> R,
        ),
    ) -> (R, bool) {
        let fill = |made: &mut CollectionMut<'_, C>, dbs: &[Database]| {
            let result = fill(made, dbs);
            (result, made.is_empty())
        };
        let ((result, is_empty), mut changed) = self.build::<C, _>(limits, fill);
        let has_changed = if is_empty {
            self.remove(db, key, Event::Del, false)
        } else {
            self.discard_key(db, key);
            self.add_collection::<C>(db, key, clock, event, &mut changed);
            true
        };
        self.drop_built(changed);
        (result, has_changed)
    }

    /// A collection that is there only while others are read.
    pub fn with_collection<C: Collection, R>(
        &mut self,
        limits: C::Limits,
        run: impl FnOnce(&mut CollectionMut<'_, C>, &[Database]) -> R,
    ) -> R {
        let (result, changed) = self.build::<C, R>(limits, run);
        self.drop_built(changed);
        result
    }

    fn build<C: Collection, R>(
        &mut self,
        limits: C::Limits,
        fill: impl FnOnce(&mut CollectionMut<'_, C>, &[Database]) -> R,
    ) -> (R, Changed) {
        let list = std::mem::take(&mut self.scratch);
        let mut made = CollectionMut::<C>::empty(&mut self.heap, self.hasher, list, limits);
        let result = fill(&mut made, &self.dbs);
        (result, made.finish())
    }

    /// Adds what was built, under a key that is not there.
    fn add_collection<C: Collection>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        clock: u32,
        event: Event,
        changed: &mut Changed,
    ) {
        self.changes.note(db, key, event, false);
        let meta = typed::<C>(self.new_meta(clock), changed);
        let entry = entry(&mut self.heap, key, meta, changed);
        self.dbs[db].insert(&mut self.heap, &self.hasher, key, entry);
    }

    /// Frees what of it was not put anywhere.
    fn drop_built(&mut self, mut changed: Changed) {
        changed.discard(&mut self.heap);
        self.scratch = changed.list;
    }
}

/// What an entry of a collection has beside key and value.
fn typed<C: Collection>(meta: Meta, changed: &Changed) -> Meta {
    let kind = Kind::new(C::TYPE, changed.encoding);
    Meta { kind, ..meta }
}

/// A new entry of what a collection has become.
fn entry(heap: &mut Heap, key: &Key<'_>, meta: Meta, changed: &mut Changed) -> EntryBox {
    match changed.grown.take() {
        Some(big) => EntryBox::with_big(heap, key.bytes, big, meta),
        None => EntryBox::new(heap, key.bytes, [&changed.list, b""], meta),
    }
}

/// Puts what a collection has become into its entry.
fn put(old: &mut EntryMut<'_>, heap: &mut Heap, key: &Key<'_>, meta: Meta, changed: &mut Changed) {
    if changed.grown.is_none() {
        if old.view().big().is_some() && !changed.shrunk {
            return old.set_kind(meta.kind);
        }
        if old.overwrite(&changed.list, meta) {
            return;
        }
    }
    let made = entry(heap, key, meta, changed);
    old.replace(made).release(heap);
}
