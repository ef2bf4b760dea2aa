//! Going down for several members side by side, so that the misses of the cache overlap.

use crate::entries::{self, Entries};
use crate::page::{LEAF_MAX, Page};
use crate::records::{AHEAD, Key};
use crate::tree::{Descent, go_down};

use super::members::{Member, part};
use super::order::Target;
use super::{Cut, Sorted, SortedTree, leaf};

/// How far a search for a member has come without looking at its leaf.
#[derive(Clone, Copy)]
enum Found {
    /// There is none of its hash.
    Missing,
    /// The first one of its hash is in the leaf of that number.
    Number(u32),
    /// Perhaps on another page of the index.
    Unknown,
}

impl SortedTree {
    /// Shows the scores of members in their order, none for a member that is not there.
    pub fn score_each<'k>(
        &self,
        mut keys: impl Iterator<Item = Key<'k>>,
        mut visit: impl FnMut(Option<f64>),
    ) {
        if keys.size_hint().1 == Some(1) {
            return keys.for_each(|key| visit(self.score(&key)));
        }
        loop {
            let group: [Option<Key<'k>>; AHEAD] = std::array::from_fn(|_| keys.next());
            if group[0].is_none() {
                return;
            }
            if group[1].is_none() {
                group
                    .iter()
                    .flatten()
                    .for_each(|key| visit(self.score(key)));
                continue;
            }
            let found = self.numbers(&group);
            let pages = self.pages(&found);
            for (index, key) in group.iter().enumerate() {
                let Some(key) = key else {
                    continue;
                };
                let at = pages[index].and_then(|page| Some((page, leaf::find(page, key)?)));
                match (found[index], at) {
                    (Found::Missing, _) => visit(None),
                    (_, Some((page, at))) => visit(Some(leaf::scores(page)[at])),
                    // Several members have that hash, or the search was not at its end.
                    (_, None) => visit(self.score(key)),
                }
            }
        }
    }

    /// Brings what changes of these members will look at into the cache: where they are, and where
    /// they go if they get these scores.
    pub fn look_ahead(&self, keys: &[Option<Key<'_>>; AHEAD], scores: Option<&[f64; AHEAD]>) {
        let Some(root) = self.records.root.filter(|_| keys[1].is_some()) else {
            return;
        };
        let found = self.numbers(keys);
        let pages = self.pages(&found);
        let mut ways: [Option<Descent<'_, Sorted>>; 2 * AHEAD] = [const { None }; 2 * AHEAD];
        for (index, key) in keys.iter().enumerate() {
            let Some(key) = key else {
                continue;
            };
            let mut go = |way: usize, score| {
                let target = Target::new(Cut::before(score, key.bytes()));
                ways[way] = Some(Descent::new(root, target));
            };
            if let Some(scores) = scores {
                go(index, scores[index]);
            }
            if let Some(page) = pages[index]
                && let Some(at) = leaf::find(page, key)
            {
                go(AHEAD + index, leaf::scores(page)[at]);
            }
        }
        go_down(&mut ways);
    }

    /// Looks for the members in the index.
    fn numbers(&self, keys: &[Option<Key<'_>>; AHEAD]) -> [Found; AHEAD] {
        let Some(root) = self.members.index.root else {
            return [Found::Missing; AHEAD];
        };
        let hashes = keys.map(|key| key.map(|key| part(key.hash)));
        let mut ways = hashes.map(|hash| Some(Descent::<Entries<Member>>::new(root, hash?)));
        go_down(&mut ways);
        std::array::from_fn(|index| {
            let (Some(way), Some(hash)) = (&ways[index], hashes[index]) else {
                return Found::Unknown;
            };
            match entries::first_from::<Member>(way.page(), hash) {
                None => Found::Unknown,
                Some(entry) if entry.hash == hash => {
                    self.members.numbers.prefetch(entry.number);
                    Found::Number(entry.number)
                }
                Some(_) => Found::Missing,
            }
        })
    }

    /// The leaves of these numbers, which are brought into the cache.
    fn pages(&self, found: &[Found; AHEAD]) -> [Option<Page>; AHEAD] {
        found.map(|found| {
            let Found::Number(number) = found else {
                return None;
            };
            let page = self.members.numbers.page(number);
            page.prefetch(LEAF_MAX);
            Some(page)
        })
    }
}
