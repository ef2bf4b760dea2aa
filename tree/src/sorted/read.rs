//! Looking up, ranks, and going through records in either direction.
#![expect(unsafe_code, reason = "records are borrowed from pages")]

use crate::path::Path;
use crate::records::Key;

use super::members::part;
use super::order::Target;
use super::{Cut, Scored, Separator, Sorted, SortedTree, leaf};

impl SortedTree {
    /// The score of a member.
    #[must_use]
    pub fn score(&self, key: &Key<'_>) -> Option<f64> {
        let (leaf, index) = self.members.locate(key)?;
        Some(leaf::scores(leaf)[index])
    }

    /// How many records are before a cut.
    #[must_use]
    pub fn rank(&self, cut: Cut<'_>) -> u64 {
        let Some(root) = self.records.root else {
            return 0;
        };
        let path = Path::to::<Sorted>(root, Target::new(cut));
        path.before::<Separator>() + leaf::position(path.leaf, &cut) as u64
    }

    /// The record of a rank.
    #[must_use]
    pub fn at(&self, rank: u64) -> Option<Scored<'_>> {
        self.records.at(rank)
    }

    /// See [`Tree::at_each`].
    ///
    /// [`Tree::at_each`]: crate::Tree::at_each
    pub fn at_each<'a>(&'a self, ranks: impl Iterator<Item = u64>, visit: impl FnMut(Scored<'a>)) {
        self.records.at_each(ranks, visit);
    }

    /// See [`Tree::prefetch_root`].
    ///
    /// [`Tree::prefetch_root`]: crate::Tree::prefetch_root
    #[inline]
    pub fn prefetch_root(&self) {
        self.records.prefetch_root();
    }

    /// See [`Tree::prefetch_first`].
    ///
    /// [`Tree::prefetch_first`]: crate::Tree::prefetch_first
    pub fn prefetch_first(&self) {
        self.records.prefetch_first();
    }

    /// Calls with up to `count` records from a rank on, in order.
    pub fn show<'a>(&'a self, rank: u64, count: u64, mut visit: impl FnMut(Scored<'a>)) {
        let len = self.records.len;
        let Some(root) = self.records.root.filter(|_| rank < len) else {
            return;
        };
        let (mut path, mut index) = match rank {
            0 => (Path::first::<Separator>(root), 0),
            rank => Path::to_rank::<Separator>(root, len, rank),
        };
        let mut left = count.min(len - rank);
        loop {
            let end = (left + index as u64).min(path.leaf.n() as u64) as usize;
            left -= (end - index) as u64;
            if left > 0 {
                path.steps.prefetch_next::<Separator>();
            }
            // SAFETY: there are such records, and nothing changes while the tree is borrowed.
            unsafe { leaf::records(path.leaf, index..end) }.for_each(&mut visit);
            if left == 0 || !path.next::<Separator>() {
                return;
            }
            index = 0;
        }
    }

    /// Calls with up to `count` records from a rank on, downwards.
    pub fn show_back<'a>(&'a self, rank: u64, count: u64, mut visit: impl FnMut(Scored<'a>)) {
        let len = self.records.len;
        let Some(root) = self.records.root.filter(|_| rank < len) else {
            return;
        };
        let (mut path, index) = Path::to_rank::<Separator>(root, len, rank);
        let (mut end, mut left) = (index + 1, count.min(rank + 1));
        loop {
            let start = end - left.min(end as u64) as usize;
            left -= (end - start) as u64;
            if left > 0 {
                path.steps.prefetch_previous::<Separator>();
            }
            // SAFETY: there are such records, and nothing changes while the tree is borrowed.
            let records = unsafe { leaf::records(path.leaf, start..end) };
            records.rev().for_each(&mut visit);
            if left == 0 || !path.previous::<Separator>() {
                return;
            }
            end = path.leaf.n();
        }
    }

    /// Calls with records from a rank on, in order, until `visit` returns false.
    pub fn show_while<'a>(&'a self, rank: u64, mut visit: impl FnMut(Scored<'a>) -> bool) {
        let len = self.records.len;
        let Some(root) = self.records.root.filter(|_| rank < len) else {
            return;
        };
        let (mut path, mut index) = Path::to_rank::<Separator>(root, len, rank);
        loop {
            path.steps.prefetch_next::<Separator>();
            // SAFETY: there are such records, and nothing changes while the tree is borrowed.
            let mut records = unsafe { leaf::records(path.leaf, index..path.leaf.n()) };
            if !records.all(&mut visit) || !path.next::<Separator>() {
                return;
            }
            index = 0;
        }
    }

    /// Calls with all records in order, until `visit` returns false.
    pub fn for_each<'a>(&'a self, visit: impl FnMut(Scored<'a>) -> bool) {
        self.records.for_each(visit);
    }

    /// Calls with about `count` records in the order of the index; `cursor` is 0 at first and then
    /// what the call before returned, until that is 0 again.
    ///
    /// A cursor is a position in the order of hashes: all before it were shown. So a member that is
    /// there from the first call to the last is shown exactly once, whatever its score does.
    pub fn scan<'a>(
        &'a self,
        hasher: impl Fn(&[u8]) -> u64,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Scored<'a>),
    ) -> u64 {
        let Ok(begin) = u32::try_from(cursor) else {
            return 0;
        };
        let (mut shown, mut next) = (0, 0);
        // The hash of the last entry, and the leaves of all that have it.
        let (mut last, mut leaves) = (begin, Vec::new());
        self.members.index.for_each_from(begin, |entry| {
            if entry.hash != last {
                if shown >= count {
                    next = u64::from(entry.hash);
                    return false;
                }
                last = entry.hash;
                leaves.clear();
            }
            let same = leaves.iter().filter(|leaf| **leaf == entry.number).count();
            leaves.push(entry.number);
            let page = self.members.numbers.page(entry.number);
            let mut those = (0..page.n()).filter(|&index| {
                leaf::has_tag(page, index, entry.hash)
                    && leaf::with_bytes(page, index, |bytes| part(hasher(bytes)) == entry.hash)
            });
            if let Some(index) = those.nth(same) {
                // SAFETY: there is such a record, and nothing changes while the tree is borrowed.
                visit(unsafe { leaf::record(page, index) });
            }
            shown += 1;
            true
        });
        next
    }
}
