//! Finding a record by the hash of its key alone.
#![expect(unsafe_code, reason = "records are borrowed from pages")]

use crate::element::Text;
use crate::path::Path;
use crate::tree::Tree;

use super::{Position, Record, Records, Separator, leaf};

impl<const VALUED: bool> Tree<Records<VALUED>> {
    /// Of the leaf with the record of that rank: the rank of its first record, and a hash that is above
    /// those of all records before and not above those of its own. Leaves that the hash does not tell
    /// apart count as one.
    #[must_use]
    pub fn leaf_of(&self, rank: u64) -> Option<(u64, u64)> {
        let root = self.root.filter(|_| rank < self.len())?;
        let (mut path, _) = Path::to_rank::<Separator>(root, self.len(), rank);
        loop {
            let lower = path.steps.lower::<Records<VALUED>>();
            if !lower.is_tied() || !path.previous::<Separator>() {
                let lowest = lower.position().0 << (u64::BITS - Position::BITS);
                return Some((path.before::<Separator>(), lowest));
            }
        }
    }

    /// A record whose key has that hash. `hasher` is the function that the hashes come from.
    #[must_use]
    pub fn by_hash(&self, hasher: impl Fn(&[u8]) -> u64, hash: u64) -> Option<Record<'_>> {
        let position = Position::of(hash);
        let mut path = Path::to::<Records<VALUED>>(self.root?, position.separator());
        loop {
            let mut after = 0;
            while let Some(index) = leaf::find_hash(path.leaf, hash, after) {
                // SAFETY: there is such a record, and nothing changes while the tree is borrowed.
                let record = unsafe { leaf::record::<VALUED>(path.leaf, index) };
                if hasher(record.key.bytes(&mut Text::new())) == hash {
                    return Some(record);
                }
                after = index + 1;
            }
            let upper = path.steps.upper::<Records<VALUED>>();
            let goes_on = upper.is_some_and(|upper| upper <= position.tied());
            if !goes_on || !path.next::<Separator>() {
                return None;
            }
        }
    }
}
