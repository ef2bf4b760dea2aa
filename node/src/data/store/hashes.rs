//! Changes of hashes.

use super::{Outcome, Store};
use crate::data::entry::{EntryBox, Meta};
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
        let mut list = std::mem::take(&mut self.scratch);
        list.clear();
        let held = self.get(db, key).map(|entry| entry.as_hash());
        let result = match held {
            None => Ok(self.make_hash(db, key, limits, clock, &mut list, change)),
            Some(Err(wrong)) => Err(wrong),
            Some(Ok(_)) => {
                let changed = self.change(db, key, clock, |entry, heap, meta| {
                    list.extend_from_slice(entry.view().bytes());
                    let mut hash = HashMut::new(&mut list, meta.kind.encoding(), limits);
                    let (result, outcome) = change(&mut hash);
                    let kind = Kind::hash(hash.encoding());
                    if let Outcome::Changed(_) = outcome {
                        let meta = Meta { kind, ..meta };
                        if !entry.overwrite(&list, meta) {
                            let made = EntryBox::new(heap, key.bytes, [&list, b""], meta);
                            entry.replace(made).release(heap);
                        }
                    }
                    (result, outcome)
                });
                Ok(changed.expect("it was just seen"))
            }
        };
        self.scratch = list;
        result
    }

    fn make_hash<R>(
        &mut self,
        db: usize,
        key: &Key<'_>,
        limits: HashLimits,
        clock: u32,
        list: &mut Vec<u8>,
        change: impl FnOnce(&mut HashMut<'_>) -> (R, Outcome),
    ) -> R {
        let mut hash = HashMut::new(list, Encoding::Listpack, limits);
        let (result, outcome) = change(&mut hash);
        let kind = Kind::hash(hash.encoding());
        if let Outcome::Changed(event) = outcome {
            self.changes.note(db, key, event, false);
            let meta = Meta {
                kind,
                ..self.new_meta(clock)
            };
            self.insert(db, key, [list, b""], meta);
        }
        result
    }
}
