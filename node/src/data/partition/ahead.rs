//! Bringing what commands will look at into the processor's cache. It changes nothing.

use slotkeeper_tree::Aim;

use super::Partition;
use crate::data::Key;
use crate::data::collection::LIST_MAX;
use crate::data::entry::Big;
use crate::data::table::prefetch;

/// The bytes of a line of the cache.
const LINE: usize = 64;
/// How many values are brought in side by side.
const SIDE_BY_SIDE: usize = 16;

impl Partition {
    /// Brings the table of the key's slot into the processor's cache.
    #[inline]
    pub fn prefetch_table(&self, db: usize, key: &Key<'_>) {
        self.store.dbs()[db].table(key.slot.index()).prefetch();
    }

    /// Brings the key's place in its table into the cache; some time after
    /// [`Self::prefetch_table`].
    #[inline]
    pub fn prefetch_home(&self, db: usize, key: &Key<'_>) {
        self.store.dbs()[db]
            .table(key.slot.index())
            .prefetch_home(key.hash);
    }

    /// Brings the key's entry into the cache; some time after [`Self::prefetch_home`].
    #[inline]
    pub fn prefetch_entry(&self, db: usize, key: &Key<'_>) {
        self.store.dbs()[db]
            .table(key.slot.index())
            .prefetch_entry(key.hash);
    }

    /// Brings elements of a big hash, set or sorted set into the cache, and what their changes will look
    /// at; some time after [`Self::prefetch_entry`].
    pub fn prefetch_elements<'k>(
        &self,
        db: usize,
        key: &Key<'_>,
        elements: impl Iterator<Item = &'k [u8]>,
    ) {
        match self.store.get(db, key).and_then(|entry| entry.big()) {
            Some(Big::Hash(hash)) => hash.look_ahead(elements, Aim::Insert),
            Some(Big::Set(set)) => set.look_ahead(elements, Aim::Insert),
            Some(Big::Zset(zset)) => zset.look_ahead(elements),
            _ => {}
        }
    }

    /// Brings what is shown first of the values of keys into the cache, of up to 16 keys; some time
    /// after [`Self::prefetch_entry`].
    pub fn prefetch_values<'k>(&self, keys: impl Iterator<Item = (usize, &'k Key<'k>)>) {
        let mut values: [Option<&Big>; SIDE_BY_SIDE] = [None; SIDE_BY_SIDE];
        for (value, (db, key)) in values.iter_mut().zip(keys) {
            let Some(entry) = self.store.get(db, key) else {
                continue;
            };
            let list = entry.bytes();
            for line in list[..list.len().min(LIST_MAX)].chunks(LINE) {
                prefetch(line.as_ptr());
            }
            *value = entry.big();
            if let Some(big) = *value {
                let start = std::ptr::from_ref(big).cast::<u8>();
                for offset in (0..size_of::<Big>()).step_by(LINE) {
                    prefetch(start.wrapping_add(offset));
                }
            }
        }
        values.iter().flatten().for_each(|big| big.prefetch_root());
        values.iter().flatten().for_each(|big| big.prefetch_first());
    }
}
