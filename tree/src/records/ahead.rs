//! Going down for several keys side by side, so that the misses of the cache overlap.
//!
//! Each of them goes in small steps: first the head of a page is brought into the cache, then the few
//! children near where the key's hash lies in proportion, or the record that has its tag.

use crate::inner::Inner;
use crate::page::Page;
use crate::path::MAX_DEPTH;
use crate::tree::Tree;

use super::{Key, Position, Record, Records, Separator, Way, leaf, walk_to_child};

/// How many go down side by side.
pub const AHEAD: usize = 25;

/// The part of a leaf that is looked at first: the head, and slots.
const LEAF_HEAD: usize = 128;
/// Children this near to the proportional place are brought into the cache with it.
const NEAR: usize = 5;
/// Above all separators, which have a bit more than positions.
const HIGHEST: u64 = 1 << (Position::BITS + 1);

/// What a search goes down for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// To read a record.
    Read,
    /// To put a record in, or to give it another value.
    Insert,
    /// To take a record out.
    Remove,
}

/// A search under way.
#[derive(Clone, Copy)]
struct Search {
    page: Page,
    target: Separator,
    tag: u64,
    /// What stands before and behind the page.
    bounds: [Separator; 2],
    /// Which child of the page it is in proportion.
    guess: usize,
    /// The children that it went down to.
    way: Way,
}

impl Search {
    fn new(root: Page, key: &Key<'_>) -> Search {
        Search {
            page: root,
            target: key.position().separator(),
            tag: key.hash,
            bounds: [Separator(0), Separator(HIGHEST)],
            guess: 0,
            way: [0; MAX_DEPTH],
        }
    }

    /// Brings the children near the place in an inner page into the cache; its head is there.
    #[inline]
    fn approach(&mut self) {
        let inner = Inner::<Separator>::new(self.page);
        self.guess = self.guess(inner.n());
        inner.prefetch_children(self.guess.saturating_sub(NEAR), 2 * NEAR);
    }

    /// Goes on to the child, which is at `depth` + 1.
    #[inline]
    fn descend(&mut self, aim: Aim, depth: usize) {
        let inner = Inner::<Separator>::new(self.page);
        let children = inner.children();
        let at = walk_to_child(children, self.guess, self.target);
        self.way[depth] = at as u8;
        if aim != Aim::Read {
            inner.prefetch_count(at);
        }
        if at > 0 {
            self.bounds[0] = children[at].separator;
        }
        if let Some(next) = children.get(at + 1) {
            self.bounds[1] = next.separator;
        }
        self.page = children[at].page;
    }

    /// Brings what will be looked at in a leaf into the cache; its slots are there.
    #[inline]
    fn arrive(&self, aim: Aim) {
        leaf::prefetch_record(self.page, self.tag);
        match aim {
            Aim::Read => {}
            Aim::Insert => leaf::prefetch_next(self.page),
            Aim::Remove => leaf::prefetch_newest(self.page),
        }
    }

    /// Which of so many children it is in proportion.
    #[inline]
    fn guess(&self, children: usize) -> usize {
        let [low, high] = self.bounds.map(|bound| bound.0);
        let (into, all) = (self.target.0.saturating_sub(low), (high - low).max(1));
        // 41 bits and 7 bits.
        ((into * children as u64 / all) as usize).min(children - 1)
    }
}

impl<const VALUED: bool> Tree<Records<VALUED>> {
    /// Shows the records of keys in their order, none for a key that has no record.
    pub fn get_each<'a, 'k>(
        &'a self,
        mut keys: impl Iterator<Item = Key<'k>>,
        mut visit: impl FnMut(Option<Record<'a>>),
    ) {
        if keys.size_hint().1 == Some(1) {
            return keys.for_each(|key| visit(self.get(&key)));
        }
        loop {
            let group: [Option<Key<'k>>; AHEAD] = std::array::from_fn(|_| keys.next());
            if group[0].is_none() {
                return;
            }
            let searches = self.go_ahead(&group, Aim::Read);
            for (key, search) in group.iter().zip(searches) {
                if let Some(key) = key {
                    visit(search.map_or_else(|| self.get(key), |search| self.finish(key, &search)));
                }
            }
        }
    }

    /// Brings what calls with these keys will look at into the cache.
    pub fn look_ahead(&self, keys: &mut [Option<Key<'_>>; AHEAD], aim: Aim) {
        let searches = self.go_ahead(keys, aim);
        for (key, search) in keys.iter_mut().zip(&searches) {
            if let (Some(key), Some(search)) = (key, search) {
                key.near = Some(search.way);
            }
        }
    }

    /// Goes down for these keys, if there are several and there is a way.
    fn go_ahead(&self, keys: &[Option<Key<'_>>; AHEAD], aim: Aim) -> [Option<Search>; AHEAD] {
        let root = self.root.filter(|_| keys[1].is_some());
        let mut searches = [None; AHEAD];
        let Some(root) = root else {
            return searches;
        };
        for (search, key) in searches.iter_mut().zip(keys) {
            *search = key.as_ref().map(|key| Search::new(root, key));
        }
        // All leaves are equally deep. The prefetches of pages stand close together: each of them may
        // first wait for its address to be translated, and only near ones do so at the same time.
        for depth in 0..usize::from(root.level()) {
            searches.iter_mut().flatten().for_each(Search::approach);
            let descend = |search: &mut Search| search.descend(aim, depth);
            searches.iter_mut().flatten().for_each(descend);
            for search in searches.iter().flatten() {
                search.page.prefetch(LEAF_HEAD);
            }
        }
        let arrive = |search: &Search| search.arrive(aim);
        searches.iter().flatten().for_each(arrive);
        searches
    }

    /// The record in the leaf that was arrived at. Records of the same place in the order may be in
    /// several leaves.
    #[expect(unsafe_code, reason = "records are borrowed from pages")]
    fn finish(&self, key: &Key<'_>, search: &Search) -> Option<Record<'_>> {
        match leaf::find(search.page, key) {
            // SAFETY: the record was just found, and nothing changes while the tree is borrowed.
            Some(index) => Some(unsafe { leaf::record::<VALUED>(search.page, index) }),
            None if search.bounds[1] == key.position().tied() => self.get(key),
            None => None,
        }
    }
}
