//! Changing a sorted set, and its way from a list to a tree.

use slotkeeper_tree::element::Text;
use slotkeeper_tree::{INLINE_MAX, Scored};

use super::{Zset, ZsetMut, list};
use crate::data::Encoding;
use crate::data::collection::LIST_MAX;
use crate::data::entry::BigZset;

impl ZsetMut<'_> {
    /// To read.
    #[must_use]
    pub fn view(&self) -> Zset<'_> {
        Zset::new(&self.list, self.big(), self.encoding)
    }

    /// So many members come at once: as in Redis, they count as if each were new.
    pub fn announce(&mut self, count: usize) {
        if count > self.limits.entries {
            self.encoding = Encoding::Skiplist;
        }
    }

    /// Gives a member a score, which is no NaN. Returns the one that it had.
    pub fn set(&mut self, member: &[u8], score: f64) -> Option<f64> {
        if self.is_small() && member.len() > INLINE_MAX {
            self.grow();
        }
        let old = if let Some((big, heap)) = self.big_mut() {
            big.insert(heap, member, score)
        } else {
            let old = list::remove(&mut self.list, member);
            list::insert(&mut self.list, member, score);
            old
        };
        if self.list.len() > LIST_MAX {
            self.grow();
        }
        if old.is_none() && self.encoding == Encoding::Listpack {
            let limits = self.limits;
            if member.len() > limits.value || self.view().len() > limits.entries {
                self.encoding = Encoding::Skiplist;
            }
        }
        old
    }

    /// Removes a member. Returns its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.big_mut() {
            Some((big, heap)) => big.remove(heap, member),
            None => list::remove(&mut self.list, member),
        }
    }

    /// Removes up to so many members from a rank on, after `visit` has seen each. Returns how many
    /// there were.
    pub fn remove_ranks(
        &mut self,
        rank: usize,
        count: usize,
        mut visit: impl FnMut(Scored<'_>),
    ) -> usize {
        if let Some((big, heap)) = self.big_mut() {
            return big.remove_ranks(heap, rank, count, visit);
        }
        let start = list::skip(&self.list, rank);
        let len = list::skip(&self.list[start..], count);
        let gone = &self.list[start..start + len];
        list::records(gone).for_each(&mut visit);
        let removed = list::records(gone).count();
        self.list.drain(start..start + len);
        removed
    }

    /// Makes a tree of the list.
    fn grow(&mut self) {
        let mut big = BigZset::new(self.hasher);
        for Scored { member, score } in list::records(&self.list) {
            big.insert(self.heap, member.bytes(&mut Text::new()), score);
        }
        self.become_big(big);
    }
}
