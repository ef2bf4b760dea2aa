//! Changing a sorted set, and its way from a list to a tree.

use slotkeeper_tree::element::Text;
use slotkeeper_tree::{INLINE_MAX, Scored};

use super::{Zset, ZsetMut, list};
use crate::data::Encoding;
use crate::data::collection::{LIST_MAX, are_few};
use crate::data::entry::{BigZset, Group};

impl ZsetMut<'_> {
    /// To read.
    #[must_use]
    pub fn view(&self) -> Zset<'_> {
        self.to_ref()
    }

    /// So many members come at once: as in Redis, they count as if each were new.
    pub fn announce(&mut self, count: usize) {
        if count > self.limits.entries {
            self.encoding = Encoding::Skiplist;
        }
    }

    /// Counts as one of many members from now on.
    pub fn unpack(&mut self) {
        self.encoding = Encoding::Skiplist;
    }

    /// Gives a member a score, which is no NaN. Returns the one that it had; one that equals the new
    /// one stays.
    pub fn set(&mut self, member: &[u8], score: f64) -> Option<f64> {
        if self.is_small() && member.len() > INLINE_MAX {
            self.grow();
        }
        self.expect(member);
        // As in Redis: a listpack has no negative zero.
        let is_zero = self.encoding == Encoding::Listpack && score == 0.0;
        let score = if is_zero { 0.0 } else { score };
        let old = match self.big_mut() {
            Some((big, heap)) => big.insert(heap, member, score),
            None => list::set(&mut self.list, member, score),
        };
        if self.list.len() > LIST_MAX {
            self.grow();
        }
        old
    }

    /// Sees what the encoding will be when that member is there.
    fn expect(&mut self, member: &[u8]) {
        if self.encoding != Encoding::Listpack {
            return;
        }
        let (limits, view) = (self.limits, self.view());
        let is_full = member.len() > limits.value || view.len() >= limits.entries;
        if is_full && view.score(member).is_none() {
            self.encoding = Encoding::Skiplist;
        }
    }

    /// Gives members scores, which are no NaN, in their order. Returns how many of them are new, and
    /// how many had another score.
    pub fn set_each<'k>(
        &mut self,
        mut items: impl Iterator<Item = (&'k [u8], f64)>,
    ) -> (usize, usize) {
        let (mut added, mut updated, mut group) = (0, 0, Group::new());
        let mut note = |old: Option<f64>, score| match old {
            None => added += 1,
            Some(old) => updated += usize::from(old != score),
        };
        loop {
            // Another encoding, and with it a zero, depends on each member.
            let in_groups = self.encoding == Encoding::Skiplist && !are_few(&items);
            let Some((big, heap)) = self.big_mut().filter(|_| in_groups) else {
                let Some((member, score)) = items.next() else {
                    return (added, updated);
                };
                note(self.set(member, score), score);
                continue;
            };
            while big.next_group(&mut group, &mut items, Some(|score| score)) {
                for (member, score) in group.iter() {
                    note(big.insert_key(heap, member, score), score);
                }
            }
            return (added, updated);
        }
    }

    /// Removes members. Returns how many of them were there.
    pub fn remove_each<'k>(&mut self, members: impl Iterator<Item = &'k [u8]>) -> usize {
        let Some((big, heap)) = self.big_mut() else {
            return members
                .filter(|member| self.remove(member).is_some())
                .count();
        };
        let (mut removed, mut group) = (0, Group::new());
        let mut members = members.map(|member| (member, ()));
        while big.next_group(&mut group, &mut members, None) {
            for (member, ()) in group.iter() {
                removed += usize::from(big.remove_key(heap, member).is_some());
            }
        }
        removed
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
        let start = list::len_of(&self.list, rank);
        let len = list::len_of(&self.list[start..], count);
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
