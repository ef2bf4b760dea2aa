//! Changes of strings.

use super::{Outcome, Store};
use crate::data::entry::{EntryBox, LARGE, Meta};
use crate::data::{Event, Expire, Key};

impl Store {
    /// Sets a key to a string; `event` says what that means.
    pub fn set(
        &mut self,
        db: usize,
        key: &Key<'_>,
        value: &[u8],
        expire: Expire,
        event: Event,
        clock: u32,
    ) {
        self.before_change(db, key);
        self.changes.note(db, key, event, false);
        let mut meta = self.new_meta(clock);
        if let Expire::At(at) = expire {
            self.changes.note(db, key, Event::Expire, false);
            meta.expire_at = Some(at);
        }
        let Some(mut entry) = self.dbs[db].get_mut(key) else {
            self.insert(db, key, [value, b""], meta);
            return;
        };
        let old = entry.view().expire_at();
        if expire == Expire::Keep {
            meta.expire_at = old;
        }
        if !entry.overwrite(value, meta) {
            let made = EntryBox::new(&mut self.heap, key.bytes, [value, b""], meta);
            entry.replace(made).release(&mut self.heap);
        }
        self.dbs[db].retime(key, old, meta.expire_at);
    }

    /// Sets a key to a string that is large, in place of what is there.
    pub fn set_large(
        &mut self,
        db: usize,
        key: &Key<'_>,
        value: Vec<u8>,
        expire_at: Option<i64>,
        clock: u32,
    ) {
        self.discard_key(db, key);
        self.changes.note(db, key, Event::Set, false);
        if expire_at.is_some() {
            self.changes.note(db, key, Event::Expire, false);
        }
        let meta = Meta {
            expire_at,
            ..self.new_meta(clock)
        };
        let made = EntryBox::with_vec(&mut self.heap, key.bytes, value, meta);
        self.dbs[db].insert(&mut self.heap, &self.hasher, key, made);
    }

    /// Appends to a string. Returns its new length.
    pub fn append(&mut self, db: usize, key: &Key<'_>, tail: &[u8], clock: u32) -> usize {
        let appended = self.change(db, key, clock, |entry, heap, meta| {
            if let Some(len) = entry.append(heap, tail) {
                return (len, Outcome::Changed(Event::Append));
            }
            let meta = Meta { raw: true, ..meta };
            let made = EntryBox::new(heap, key.bytes, [entry.view().bytes(), tail], meta);
            let len = made.view().bytes().len();
            entry.replace(made).release(heap);
            (len, Outcome::Changed(Event::Append))
        });
        appended.unwrap_or_else(|| {
            self.changes.note(db, key, Event::Append, false);
            self.insert(db, key, [tail, b""], self.new_meta(clock));
            tail.len()
        })
    }

    /// Writes into a string, filled up with zero bytes. Returns its new length.
    pub fn set_range(
        &mut self,
        db: usize,
        key: &Key<'_>,
        offset: usize,
        bytes: &[u8],
        clock: u32,
    ) -> usize {
        if self.get(db, key).is_none() {
            self.insert(db, key, [b"", b""], self.new_meta(clock));
        }
        let written = self.change(db, key, clock, |entry, heap, meta| {
            if let Some(len) = entry.write_at(heap, offset, bytes) {
                return (len, Outcome::Changed(Event::SetRange));
            }
            let mut value = entry.view().bytes().to_vec();
            let len = value.len().max(offset + bytes.len());
            value.resize(len, 0);
            value[offset..offset + bytes.len()].copy_from_slice(bytes);
            let meta = Meta { raw: true, ..meta };
            let made = if len > LARGE {
                EntryBox::with_vec(heap, key.bytes, value, meta)
            } else {
                EntryBox::new(heap, key.bytes, [&value, b""], meta)
            };
            entry.replace(made).release(heap);
            (len, Outcome::Changed(Event::SetRange))
        });
        written.expect("it was made if it was not there")
    }
}
