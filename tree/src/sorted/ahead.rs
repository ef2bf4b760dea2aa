//! Going down for several members side by side, so that the misses of the cache overlap.

use crate::codec::Child;
use crate::entries;
use crate::inner::Inner;
use crate::page::{HEAD, LEAF_MAX, LINE, Page};
use crate::records::{AHEAD, Key};
use crate::tree::{Descent, go_down};

use super::members::{Member, part};
use super::order::Target;
use super::{Cut, Sorted, SortedTree, leaf};

/// Children and entries this near to the proportional place are brought into the cache with it.
const NEAR: usize = 6;

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

/// A search in the index. Hashes are spread evenly, so what it looks for is near where it is in
/// proportion, on each page.
#[derive(Clone, Copy)]
struct Search {
    page: Page,
    hash: u32,
    /// What stands before and behind the page.
    bounds: (u64, u64),
    /// Which child or entry of the page it is in proportion.
    guess: usize,
}

impl Search {
    fn new(root: Page, hash: u32) -> Search {
        Search {
            page: root,
            hash,
            bounds: (0, 1 << 32),
            guess: 0,
        }
    }

    /// Brings the children near the place into the cache; the head is there.
    #[inline]
    fn approach(&mut self) {
        let inner = Inner::<u32>::new(self.page);
        self.guess = entries::share(u64::from(self.hash), self.bounds, inner.n());
        inner.prefetch_children(self.guess.saturating_sub(NEAR), 2 * NEAR);
    }

    /// Goes on to the child.
    #[inline]
    fn descend(&mut self) {
        let children = Inner::<u32>::new(self.page).children();
        let is_below = |child: &Child<u32>| child.separator < self.hash;
        let at = entries::walk(&children[1..], self.guess, is_below);
        if at > 0 {
            self.bounds.0 = u64::from(children[at].separator);
        }
        if let Some(next) = children.get(at + 1) {
            self.bounds.1 = u64::from(next.separator);
        }
        self.page = children[at].page;
    }

    /// Brings the entries near the place into the cache; the head of the leaf is there.
    #[inline]
    fn arrive(&mut self) {
        let n = self.page.n();
        self.guess = entries::share(u64::from(self.hash), self.bounds, n);
        let first = self.guess.saturating_sub(NEAR);
        let size = size_of::<Member>();
        (self.page).prefetch_part(HEAD + first * size, 2 * NEAR * size);
        (self.page).prefetch_part(HEAD + (n - 1) * size, size);
    }

    /// What it has found.
    #[inline]
    fn found(&self) -> Found {
        let all = entries::entries::<Member>(self.page);
        let at = entries::walk(all, self.guess, |entry| entry.hash < self.hash);
        match all.get(at) {
            None => Found::Unknown,
            Some(entry) if entry.hash == self.hash => Found::Number(entry.number),
            Some(_) => Found::Missing,
        }
    }
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
            let (found, pages) = self.look_for(&group);
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

    /// Brings these members into the cache.
    pub fn prefetch(&self, keys: &[Option<Key<'_>>; AHEAD]) {
        self.look_for(keys);
    }

    /// The same. Returns their leaves, as far as the index tells them.
    fn look_for(&self, keys: &[Option<Key<'_>>; AHEAD]) -> ([Found; AHEAD], [Option<Page>; AHEAD]) {
        let found = self.numbers(keys);
        let pages = self.pages(&found, LINE);
        for page in pages.iter().flatten() {
            leaf::prefetch_slots(*page);
        }
        for (page, key) in pages.iter().zip(keys) {
            if let (Some(page), Some(key)) = (page, key) {
                leaf::prefetch_record(*page, key.hash);
            }
        }
        (found, pages)
    }

    /// Brings what changes of these members will look at into the cache: where they are, and where
    /// they go if they get these scores.
    pub fn look_ahead(&self, keys: &[Option<Key<'_>>; AHEAD], scores: Option<&[f64; AHEAD]>) {
        let Some(root) = self.records.root.filter(|_| keys[1].is_some()) else {
            return;
        };
        let found = self.numbers(keys);
        let pages = self.pages(&found, LEAF_MAX);
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
        let mut searches = [None; AHEAD];
        let Some(root) = self.members.index.root else {
            return [Found::Missing; AHEAD];
        };
        for (search, key) in searches.iter_mut().zip(keys) {
            *search = key.as_ref().map(|key| Search::new(root, part(key.hash)));
        }
        for _ in 0..root.level() {
            searches.iter_mut().flatten().for_each(Search::approach);
            searches.iter_mut().flatten().for_each(Search::descend);
            for search in searches.iter().flatten() {
                search.page.prefetch(LINE);
            }
        }
        searches.iter_mut().flatten().for_each(Search::arrive);
        searches.map(|search| {
            let found = search.map_or(Found::Unknown, |search| search.found());
            if let Found::Number(number) = found {
                self.members.numbers.prefetch(number);
            }
            found
        })
    }

    /// The leaves of these numbers, of which so many bytes are brought into the cache.
    fn pages(&self, found: &[Found; AHEAD], bytes: usize) -> [Option<Page>; AHEAD] {
        found.map(|found| {
            let Found::Number(number) = found else {
                return None;
            };
            let page = self.members.numbers.page(number);
            page.prefetch(bytes);
            Some(page)
        })
    }
}
