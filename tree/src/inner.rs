//! Inner pages: children with their separators, then how many records each child has.
#![expect(unsafe_code, reason = "children and counts follow the head of a page")]

use std::marker::PhantomData;

use crate::codec::Child;
use crate::heap::Heap;
use crate::page::{HEAD, Page};
use crate::space::Space;

/// How many children an inner page has at most, whatever the separators.
const FANOUT_MAX: usize = 128;
/// The most bytes of children and counts.
const CONTENT_MAX: usize = 3072;
/// The steps in which inner pages grow, in children.
const STEP: usize = 16;

/// How many children an inner page has at most.
pub const fn fanout<S>() -> usize {
    let room = CONTENT_MAX / (size_of::<Child<S>>() + size_of::<u64>());
    if room < FANOUT_MAX { room } else { FANOUT_MAX }
}

/// A page below that is joined with a neighbour, if both have no more than [`joined`].
pub const fn few<S>() -> usize {
    fanout::<S>() / 4
}

/// See [`few`].
pub const fn joined<S>() -> usize {
    fanout::<S>() * 3 / 4
}

/// The bytes of an inner page with room for `capacity` children.
pub fn size<S>(capacity: usize) -> usize {
    HEAD + capacity * (size_of::<Child<S>>() + size_of::<u64>())
}

/// For how many children a page has room that needs room for so many: trees of a few leaves are the
/// most frequent ones.
fn room(children: usize) -> usize {
    let few = [4, STEP / 2].into_iter().find(|&few| children <= few);
    few.unwrap_or(children.next_multiple_of(STEP))
}

/// The bytes of any page.
pub fn page_size<S>(page: Page) -> usize {
    if page.is_leaf() {
        page.capacity()
    } else {
        size::<S>(page.capacity())
    }
}

/// How many records there are below a page.
pub fn weight<S: Copy>(page: Page) -> u64 {
    if page.is_leaf() {
        page.n() as u64
    } else {
        Inner::<S>::new(page).counts().iter().sum()
    }
}

/// What became of a page that took one child more.
pub enum Grown<S> {
    /// This page has them all.
    Whole(Page),
    /// They are in two, with what stands between them.
    Split(Page, S, Page),
}

/// A new root with two children.
pub fn root<S: Copy, H: Heap>(
    space: &mut Space<'_, H>,
    level: u8,
    children: [(S, Page); 2],
) -> Page {
    let root = Inner::<S>::new(space.inner::<S>(level, room(2)));
    for (at, (separator, page)) in children.into_iter().enumerate() {
        root.insert(at, Child { separator, page }, weight::<S>(page));
    }
    root.page()
}

/// An inner page.
#[derive(Clone, Copy)]
pub struct Inner<S>(Page, PhantomData<S>);

impl<S: Copy> Inner<S> {
    pub fn new(page: Page) -> Inner<S> {
        debug_assert!(!page.is_leaf());
        Inner(page, PhantomData)
    }

    pub fn page(self) -> Page {
        self.0
    }

    pub fn n(self) -> usize {
        self.0.n()
    }

    fn first_child(self) -> *mut Child<S> {
        // SAFETY: children follow the head.
        unsafe { self.0.start().add(HEAD).cast() }
    }

    fn first_count(self) -> *mut u64 {
        // SAFETY: counts follow the children that there is room for.
        unsafe { self.first_child().add(self.0.capacity()).cast() }
    }

    /// The children. Nobody keeps them beyond a change of the page.
    pub fn children<'a>(self) -> &'a [Child<S>] {
        // SAFETY: so many were written.
        unsafe { std::slice::from_raw_parts(self.first_child(), self.n()) }
    }

    /// How many records each child has. Nobody keeps them beyond a change of the page.
    pub fn counts<'a>(self) -> &'a [u64] {
        // SAFETY: so many were written.
        unsafe { std::slice::from_raw_parts(self.first_count(), self.n()) }
    }

    /// Brings so many children into the cache, the which need not be there.
    #[inline]
    pub fn prefetch_children(self, first: usize, len: usize) {
        let size = size_of::<Child<S>>();
        self.0.prefetch_part(HEAD + first * size, len * size);
    }

    /// Brings the count of a child into the cache.
    #[inline]
    pub fn prefetch_count(self, at: usize) {
        let counts = HEAD + self.0.capacity() * size_of::<Child<S>>();
        self.0
            .prefetch_part(counts + at * size_of::<u64>(), size_of::<u64>());
    }

    /// Brings all counts into the cache.
    #[inline]
    pub fn prefetch_counts(self) {
        let counts = HEAD + self.0.capacity() * size_of::<Child<S>>();
        self.0.prefetch_part(counts, self.n() * size_of::<u64>());
    }

    pub fn child(self, at: usize) -> Page {
        self.children()[at].page
    }

    pub fn set_child(self, at: usize, page: Page) {
        assert!(at < self.n());
        // SAFETY: there is such a child.
        unsafe { (*self.first_child().add(at)).page = page }
    }

    pub fn set_separator(self, at: usize, separator: S) {
        assert!(at < self.n());
        // SAFETY: there is such a child.
        unsafe { (*self.first_child().add(at)).separator = separator }
    }

    pub fn set_count(self, at: usize, count: u64) {
        assert!(at < self.n());
        // SAFETY: there is such a child.
        unsafe { self.first_count().add(at).write(count) }
    }

    /// Puts a child in, before the one at `at`; there is room.
    fn insert(self, at: usize, child: Child<S>, count: u64) {
        let n = self.n();
        assert!(at <= n && n < self.0.capacity());
        // SAFETY: there is room for one more.
        unsafe {
            let place = self.first_child().add(at);
            place.copy_to(place.add(1), n - at);
            place.write(child);
            let place = self.first_count().add(at);
            place.copy_to(place.add(1), n - at);
            place.write(count);
        }
        self.0.set_n(n + 1);
    }

    /// Takes a child out. Returns how many bytes that shifted.
    pub fn remove(self, at: usize) -> usize {
        let n = self.n();
        assert!(at < n);
        let behind = n - at - 1;
        // SAFETY: there are so many children behind it.
        unsafe {
            let place = self.first_child().add(at);
            place.copy_from(place.add(1), behind);
            let place = self.first_count().add(at);
            place.copy_from(place.add(1), behind);
        }
        self.0.set_n(n - 1);
        behind * (size_of::<Child<S>>() + size_of::<u64>())
    }

    /// Appends some children of another page; there is room.
    fn append(self, from: Inner<S>, first: usize, len: usize) {
        let n = self.n();
        assert!(n + len <= self.0.capacity() && first + len <= from.n());
        // SAFETY: there are so many, and room for them; the pages are two.
        unsafe {
            let children = from.first_child().add(first);
            children.copy_to_nonoverlapping(self.first_child().add(n), len);
            let counts = from.first_count().add(first);
            counts.copy_to_nonoverlapping(self.first_count().add(n), len);
        }
        self.0.set_n(n + len);
    }

    /// A new page with some of the children, and room for `spare` more. The page stays.
    pub fn copy<H: Heap>(
        self,
        space: &mut Space<'_, H>,
        first: usize,
        len: usize,
        spare: usize,
    ) -> Inner<S> {
        let capacity = room(len + spare).min(fanout::<S>());
        let copy = Inner::new(space.inner::<S>(self.0.level(), capacity));
        copy.append(self, first, len);
        space.note_copy(self.0, size::<S>(len));
        copy
    }

    /// Puts two children in the place of the one at `at`: in this page, in one that takes its
    /// place, or in two. The page is changed only if it is the tree's own. `at_end` says that
    /// children come in order and this is the last one: a full page stays full then.
    pub fn grow<H: Heap>(
        self,
        space: &mut Space<'_, H>,
        at: usize,
        (left, separator, right): (Page, S, Page),
        at_end: bool,
    ) -> Grown<S> {
        let n = self.n();
        let put = |inner: Inner<S>, at: usize| {
            inner.set_child(at, left);
            inner.set_count(at, weight::<S>(left));
        };
        let child = Child {
            separator,
            page: right,
        };
        let count = weight::<S>(right);
        if n < self.0.capacity() && !space.is_shared(self.0) {
            space.heap.moved(size::<S>(n - at));
            put(self, at);
            self.insert(at + 1, child, count);
            return Grown::Whole(self.0);
        }
        if n < fanout::<S>() {
            let larger = self.copy(space, 0, n, 1);
            space.dispose::<S>(self.0);
            put(larger, at);
            larger.insert(at + 1, child, count);
            return Grown::Whole(larger.0);
        }
        let middle = if at_end { n } else { n / 2 };
        let low = self.copy(space, 0, middle, 1);
        let high = self.copy(space, middle, n - middle, 1);
        space.dispose::<S>(self.0);
        if at < middle {
            put(low, at);
        } else {
            put(high, at - middle);
        }
        if at + 1 < middle {
            low.insert(at + 1, child, count);
        } else {
            high.insert(at + 1 - middle, child, count);
        }
        Grown::Split(low.0, high.children()[0].separator, high.0)
    }

    /// A new page with the children of two neighbours; `between` is what stands between them. Both
    /// are disposed of.
    pub fn join<H: Heap>(self, space: &mut Space<'_, H>, between: S, right: Inner<S>) -> Inner<S> {
        let joined = self.copy(space, 0, self.n(), right.n());
        let first = joined.n();
        joined.append(right, 0, right.n());
        space.note_copy(right.0, size::<S>(right.n()));
        joined.set_separator(first, between);
        space.dispose::<S>(self.0);
        space.dispose::<S>(right.0);
        joined
    }

    /// A smaller page with the same children, if much room is left in this one.
    pub fn shrink<H: Heap>(self, space: &mut Space<'_, H>) -> Inner<S> {
        if self.0.capacity() - self.n() < 2 * STEP {
            return self;
        }
        let smaller = self.copy(space, 0, self.n(), 0);
        space.dispose::<S>(self.0);
        smaller
    }
}
