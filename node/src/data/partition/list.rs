//! Many keys at once: SCAN, KEYS, RANDOMKEY, the keys of a slot.

use slotkeeper_topology::Slot;

use super::Partition;
use crate::data::ExpiryPolicy;
use crate::data::entry::Entry;

/// How many segments without a key to show a call of scan passes over, for each key asked for.
const EMPTY_LOOKS: usize = 10;
/// SCAN's cursors hold the index of the table in their lowest bits, then the first 48 bits of a position.
const TABLE_BITS: u32 = 14;
const POSITION_SHIFT: u32 = 16;

fn cursor(index: usize, position: u64) -> u64 {
    (position >> POSITION_SHIFT) << TABLE_BITS | index as u64
}

fn index_and_position(cursor: u64) -> (usize, u64) {
    let index = cursor & ((1 << TABLE_BITS) - 1);
    (index as usize, cursor >> TABLE_BITS << POSITION_SHIFT)
}

impl Partition {
    /// Shows about `count` keys from `cursor` on (0: from the start). Returns where to go on, 0
    /// at the end. A key that is there during the whole of a scan is shown exactly once. Expired
    /// keys are passed over.
    pub fn scan(
        &self,
        db: usize,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&Entry<'_>),
    ) -> u64 {
        let db = &self.store.dbs()[db];
        let (mut index, mut position) = index_and_position(cursor);
        let mut shown = 0;
        let mut looks = count.saturating_mul(EMPTY_LOOKS).max(100);
        while index < db.tables() {
            let table = db.table(index);
            if shown >= count || looks == 0 {
                return self::cursor(index, position);
            }
            looks -= usize::from(table.len() > 0);
            let next = table.visit(self.store.hasher(), position, |entry| {
                if self.shows(&entry) {
                    visit(&entry);
                    shown += 1;
                }
                shown < count
            });
            index += usize::from(next.is_none());
            position = next.unwrap_or(0);
        }
        0
    }

    /// Shows every key of a database that has not expired.
    pub fn for_each_key(&self, db: usize, visit: &mut dyn FnMut(&Entry<'_>)) {
        self.scan(db, 0, usize::MAX, visit);
    }

    fn shows(&self, entry: &Entry<'_>) -> bool {
        let now = self.now.unix_ms();
        self.expiry == ExpiryPolicy::Keep || entry.expire_at().is_none_or(|at| at > now)
    }

    /// The name of a key picked by `random`, if there is any. Expired keys that it meets are
    /// treated as by any access; if nothing else comes up, one of them is returned.
    pub fn random_key(&mut self, db: usize, random: u64) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        for attempt in 0..100 {
            let database = &self.store.dbs()[db];
            let entry = database.sample(random.wrapping_add(attempt))?;
            name = entry.key().to_vec();
            if self.shows(&entry) {
                break;
            }
            let key = self.key(&name);
            self.live(db, &key);
        }
        Some(name)
    }

    /// Appends the names of up to `max` keys of a hash slot.
    pub fn keys_in_slot(&self, slot: Slot, max: usize, out: &mut Vec<Vec<u8>>) {
        let db = &self.store.dbs()[0];
        let mut left = max;
        let mut next = (slot.index() < db.tables()).then_some(0);
        while let Some(position) = next.filter(|_| left > 0) {
            let table = db.table(slot.index());
            next = table.visit(self.store.hasher(), position, |entry| {
                if left > 0 {
                    out.push(entry.key().to_vec());
                    left -= 1;
                }
                left > 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_keep_index_and_position_and_fit_signed_numbers() {
        for index in [0, 1, 16383] {
            for position in [0, 1 << 16, u64::MAX << 16] {
                let packed = cursor(index, position);
                assert_eq!(index_and_position(packed), (index, position));
                assert!(i64::try_from(packed).is_ok());
            }
        }
    }
}
