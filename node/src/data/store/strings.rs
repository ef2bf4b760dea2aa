//! Changes of strings.

use super::{Outcome, Store};
use crate::data::entry::{EntryBox, Heap, LARGE, Meta, fill_up};
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
        let view = entry.view();
        let (had, fields) = (view.meta(), view.field_expire_at());
        let old = had.expire_at;
        if expire == Expire::Keep {
            meta.expire_at = old;
        }
        // Commands that compute a value have looked at the old one, which is a use by itself.
        meta.clock = self.usage.again(had.clock, clock, event == Event::Set);
        if !entry.overwrite(value, meta) {
            let made = EntryBox::new(&mut self.heap, key.bytes, [value, b""], meta);
            entry.replace(made).release(&mut self.heap);
        }
        self.dbs[db].retime(&mut self.heap, key, old, meta.expire_at);
        self.dbs[db].retime_fields(&mut self.heap, key, fields, None);
    }

    /// Sets a key to a string that is owned, and `raw` whatever it holds. One that is large is not
    /// copied.
    pub fn set_raw(
        &mut self,
        db: usize,
        key: &Key<'_>,
        value: Vec<u8>,
        expire_at: Option<i64>,
        event: Event,
        clock: u32,
    ) {
        self.before_change(db, key);
        self.changes.note(db, key, event, false);
        let meta = Meta {
            expire_at,
            raw: true,
            ..self.new_meta(clock)
        };
        let Some(mut entry) = self.dbs[db].get_mut(key) else {
            let made = string_box(&mut self.heap, key, value, meta);
            self.dbs[db].insert(&mut self.heap, &self.hasher, key, made);
            return;
        };
        let view = entry.view();
        let (had, fields) = (view.meta(), view.field_expire_at());
        let old = had.expire_at;
        let clock = self.usage.again(had.clock, clock, event == Event::Set);
        let made = string_box(&mut self.heap, key, value, Meta { clock, ..meta });
        entry.replace(made).release(&mut self.heap);
        self.dbs[db].retime(&mut self.heap, key, old, expire_at);
        self.dbs[db].retime_fields(&mut self.heap, key, fields, None);
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

    /// Writes into a string, filled up with zero bytes. `event` says what that means; none: others
    /// need not know yet. Returns its new length.
    pub fn set_range(
        &mut self,
        db: usize,
        key: &Key<'_>,
        offset: usize,
        bytes: &[u8],
        event: Option<Event>,
        clock: u32,
    ) -> usize {
        let outcome = event.map_or(Outcome::Same, Outcome::Changed);
        if self.get(db, key).is_none() {
            self.insert(db, key, [b"", b""], self.new_meta(clock));
        }
        let written = self.change(db, key, clock, |entry, heap, meta| {
            if let Some(len) = entry.write_at(heap, offset, bytes) {
                return (len, outcome);
            }
            let mut value = entry.view().bytes().to_vec();
            let len = value.len().max(offset + bytes.len());
            fill_up(&mut value, len);
            value[offset..offset + bytes.len()].copy_from_slice(bytes);
            let meta = Meta { raw: true, ..meta };
            let made = string_box(heap, key, value, meta);
            entry.replace(made).release(heap);
            (len, outcome)
        });
        written.expect("it was made if it was not there")
    }
}

/// An entry with a string that is owned.
fn string_box(heap: &mut Heap, key: &Key<'_>, value: Vec<u8>, meta: Meta) -> EntryBox {
    if value.len() > LARGE {
        return EntryBox::with_vec(heap, key.bytes, value, meta);
    }
    EntryBox::new(heap, key.bytes, [&value, b""], meta)
}
