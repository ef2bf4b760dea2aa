//! The leaf of entries that all have one size, in the order of their keys: an array. Several
//! entries may have the same key.
#![expect(unsafe_code, reason = "entries lie behind the head of a page")]

use std::fmt::Debug;
use std::marker::PhantomData;

use crate::block::Block;
use crate::codec::{Child, Codec};
use crate::frozen::Frozen;
use crate::heap::Heap;
use crate::page::{HEAD, LEAF_MAX, LEAF_STEP, Page, leaf_capacity};
use crate::path::Path;
use crate::space::Space;
use crate::tree::Tree;

/// An entry: a few bytes without a pointer, aligned to 8 at most.
pub trait Entry: Copy + Debug + 'static {
    /// By what it is found.
    type Key: Copy + Ord + Debug;

    /// At or below all keys.
    const LOWEST: Self::Key;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// Where a key is among all there can be, if keys are spread evenly, as hashes are: they are looked
    /// for near where they are in proportion.
    fn place(key: Self::Key) -> Option<u64> {
        let _ = key;
        None
    }

    /// Of which run of keys one is: new ones come at the end of their run mostly, and leaves are full
    /// then. All keys are one run unless an entry says otherwise.
    fn run(key: Self::Key) -> u64 {
        let _ = key;
        0
    }
}

/// The codec.
#[derive(Debug)]
pub struct Entries<E>(PhantomData<E>);

impl<E: Entry> Codec for Entries<E> {
    type Separator = E::Key;
    type Target<'a> = E::Key;
    type Item<'a> = E;

    const LOWEST: E::Key = E::LOWEST;

    /// The child where the first entry of that key would be: entries that equal a separator may be
    /// on both sides of it.
    #[inline]
    fn child(children: &[Child<E::Key>], target: E::Key) -> usize {
        let others = children.get(1..).unwrap_or_default();
        first_of::<E, _>(others, target, |child| child.separator)
    }

    unsafe fn item<'a>(leaf: Page, index: usize) -> Self::Item<'a> {
        entries::<E>(leaf)[index]
    }

    fn blocks(_: Page, _: impl FnMut(Block)) {}

    fn duplicate<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
        let new = space.leaf(leaf_capacity(leaf.used()));
        append::<E>(new, entries::<E>(leaf));
        space.heap.moved(leaf.used());
        new
    }

    fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page {
        let new = space.leaf(leaf_capacity(left.used() + right.used() - HEAD));
        for leaf in [left, right] {
            append::<E>(new, entries::<E>(leaf));
            space.note_copy(leaf, leaf.used());
        }
        new
    }
}

/// The entries. Nobody keeps them beyond a change of the page.
pub fn entries<'a, E>(leaf: Page) -> &'a [E] {
    // SAFETY: so many follow the head, which keeps them aligned.
    unsafe { std::slice::from_raw_parts(place(leaf, 0), leaf.n()) }
}

fn place<E>(leaf: Page, index: usize) -> *mut E {
    debug_assert!(HEAD + index * size_of::<E>() <= leaf.capacity());
    // SAFETY: it is within the page, or its end.
    unsafe { leaf.start().add(HEAD).cast::<E>().add(index) }
}

/// Appends entries of another leaf; there is room.
fn append<E: Copy>(leaf: Page, more: &[E]) {
    assert!(leaf.used() + size_of_val(more) <= leaf.capacity());
    // SAFETY: there is room, and they are not in this leaf.
    unsafe { place::<E>(leaf, leaf.n()).copy_from_nonoverlapping(more.as_ptr(), more.len()) };
    leaf.set_n(leaf.n() + more.len());
    leaf.set_used(leaf.used() + size_of_val(more));
}

/// Puts an entry in; there is room. Returns how many bytes that shifted.
fn insert<E: Copy>(leaf: Page, index: usize, entry: E) -> usize {
    let behind = leaf.n() - index;
    assert!(leaf.used() + size_of::<E>() <= leaf.capacity());
    // SAFETY: there is room for one more behind the last one.
    unsafe {
        let place = place::<E>(leaf, index);
        place.copy_to(place.add(1), behind);
        place.write(entry);
    }
    leaf.set_n(leaf.n() + 1);
    leaf.set_used(leaf.used() + size_of::<E>());
    behind * size_of::<E>()
}

/// Takes an entry out. Returns how many bytes that shifted.
fn cut<E: Copy>(leaf: Page, index: usize) -> usize {
    let behind = leaf.n() - index - 1;
    // SAFETY: so many are behind it.
    unsafe {
        let place = place::<E>(leaf, index);
        place.copy_from(place.add(1), behind);
    }
    leaf.set_n(leaf.n() - 1);
    leaf.set_used(leaf.used() - size_of::<E>());
    behind * size_of::<E>()
}

/// The leaf, or one in its place, that is the tree's own and has room for so many used bytes, and
/// not much more. What is left over of it is disposed of.
fn fitted<E: Entry, H: Heap>(space: &mut Space<'_, H>, leaf: Page, used: usize) -> Page {
    let room = leaf.capacity();
    if !space.is_shared(leaf) && used <= room && room - used.max(leaf.used()) < 2 * LEAF_STEP {
        return leaf;
    }
    let new = space.leaf(leaf_capacity(used.max(leaf.used())));
    append::<E>(new, entries::<E>(leaf));
    space.note_copy(leaf, leaf.used());
    space.dispose::<E::Key>(leaf);
    new
}

impl<E: Entry> Tree<Entries<E>> {
    /// Calls with the entries from the first of that key on, until `visit` returns false.
    pub fn for_each_from(&self, key: E::Key, mut visit: impl FnMut(&E) -> bool) {
        let Some(root) = self.root else {
            return;
        };
        let mut path = Path::to::<Entries<E>>(root, key);
        let mut index = first::<E>(path.leaf, key);
        loop {
            for entry in &entries::<E>(path.leaf)[index..] {
                if !visit(entry) {
                    return;
                }
            }
            if !path.next::<E::Key>() {
                return;
            }
            index = 0;
        }
    }

    /// How many entries have a key below that one.
    #[must_use]
    pub fn below(&self, key: E::Key) -> u64 {
        let Some(root) = self.root else {
            return 0;
        };
        let path = Path::to::<Entries<E>>(root, key);
        path.before::<E::Key>() + first::<E>(path.leaf, key) as u64
    }

    /// The first entry of that key that is wanted.
    #[must_use]
    pub fn find(&self, key: E::Key, mut wanted: impl FnMut(&E) -> bool) -> Option<E> {
        let mut found = None;
        self.for_each_from(key, |entry| {
            if entry.key() != key {
                return false;
            }
            found = wanted(entry).then_some(*entry);
            found.is_none()
        });
        found
    }

    /// Puts an entry in, before others of its key.
    pub fn insert<H: Heap>(&mut self, heap: &mut H, entry: E) {
        let mut space = self.space(heap);
        let size = size_of::<E>();
        self.len += 1;
        let Some(root) = self.root else {
            let leaf = space.leaf(leaf_capacity(HEAD + size));
            insert(leaf, 0, entry);
            self.root = Some(leaf);
            return self.settle(&space);
        };
        let mut path = Path::to::<Entries<E>>(root, entry.key());
        let index = first::<E>(path.leaf, entry.key());
        let used = path.leaf.used() + size;
        if used > LEAF_MAX {
            self.split(&mut space, path, index, entry);
        } else {
            self.own(&mut space, &mut path, 1);
            let leaf = fitted::<E, H>(&mut space, path.leaf, used);
            let shifted = insert(leaf, index, entry);
            space.heap.moved(shifted);
            self.put_leaf(&mut path, leaf);
        }
        self.settle(&space);
    }

    fn split<H: Heap>(&mut self, space: &mut Space<'_, H>, mut path: Path, index: usize, entry: E) {
        let (leaf, all) = (path.leaf, entries::<E>(path.leaf));
        let last = index == all.len();
        let next = all.get(index).map(Entry::key);
        let next = next.or_else(|| path.steps.upper::<Entries<E>>());
        let run = E::run(entry.key());
        let is_of_run = |key: E::Key| E::run(key) == run;
        let ends_run = index > 0 && is_of_run(all[index - 1].key()) && !next.is_some_and(is_of_run);
        let middle = if ends_run { index } else { all.len() / 2 };
        let at_end = ends_run && last;
        let size = |len: usize| leaf_capacity(HEAD + (len + 1) * size_of::<E>());
        let left = if at_end {
            leaf
        } else {
            space.leaf(size(middle))
        };
        let right = space.leaf(size(all.len() - middle));
        if !at_end {
            append::<E>(left, &all[..middle]);
            append::<E>(right, &all[middle..]);
            space.note_copy(leaf, leaf.used());
            space.dispose::<E::Key>(leaf);
        }
        if index <= middle && !at_end {
            insert(left, index, entry);
        } else {
            insert(right, index - middle, entry);
        }
        let separator = entries::<E>(right)[0].key();
        let is_last = next.is_none();
        self.split_leaf(space, &mut path, (left, separator, right), 1, is_last);
    }

    /// Changes the first entry of that key that is wanted, but not its key. Returns whether there
    /// was one.
    pub fn update<H: Heap>(
        &mut self,
        heap: &mut H,
        key: E::Key,
        wanted: impl FnMut(&E) -> bool,
        change: impl FnOnce(&mut E),
    ) -> bool {
        let Some((mut path, index)) = self.seek(key, wanted) else {
            return false;
        };
        let mut space = self.space(heap);
        self.own(&mut space, &mut path, 0);
        let leaf = fitted::<E, H>(&mut space, path.leaf, path.leaf.used());
        // SAFETY: there is such an entry, and the leaf is the tree's own.
        let entry = unsafe { &mut *place::<E>(leaf, index) };
        change(entry);
        debug_assert!(entry.key() == key);
        self.put_leaf(&mut path, leaf);
        self.settle(&space);
        true
    }

    /// Takes the first entry of that key out that is wanted.
    pub fn remove<H: Heap>(
        &mut self,
        heap: &mut H,
        key: E::Key,
        wanted: impl FnMut(&E) -> bool,
    ) -> Option<E> {
        let (mut path, index) = self.seek(key, wanted)?;
        let entry = entries::<E>(path.leaf)[index];
        let mut space = self.space(heap);
        self.own(&mut space, &mut path, -1);
        if path.leaf.n() == 1 {
            space.dispose::<E::Key>(path.leaf);
            self.remove_leaf(&mut space, &mut path);
        } else {
            let leaf = fitted::<E, H>(&mut space, path.leaf, path.leaf.used());
            let shifted = cut::<E>(leaf, index);
            space.heap.moved(shifted);
            let leaf = fitted::<E, H>(&mut space, leaf, leaf.used());
            self.put_leaf(&mut path, leaf);
            self.join_leaf(&mut space, &mut path);
        }
        self.len -= 1;
        self.settle(&space);
        Some(entry)
    }

    fn seek(&self, key: E::Key, mut wanted: impl FnMut(&E) -> bool) -> Option<(Path, usize)> {
        let mut path = Path::to::<Entries<E>>(self.root?, key);
        let mut index = first::<E>(path.leaf, key);
        loop {
            let all = entries::<E>(path.leaf);
            while let Some(entry) = all.get(index) {
                if entry.key() != key {
                    return None;
                }
                if wanted(entry) {
                    return Some((path, index));
                }
                index += 1;
            }
            if !path.next::<E::Key>() {
                return None;
            }
            index = 0;
        }
    }
}

impl<E: Entry> Frozen<Entries<E>> {
    /// The first entry of that key, as it was when the tree was frozen: as long as nothing was
    /// passed over, since what the walk has left may be freed.
    #[must_use]
    pub fn find(&self, key: E::Key) -> Option<E> {
        let mut path = Path::to::<Entries<E>>(self.root()?, key);
        loop {
            if let Some(found) = first_from::<E>(path.leaf, key) {
                return Some(found).filter(|entry| entry.key() == key);
            }
            if !path.next::<E::Key>() {
                return None;
            }
        }
    }
}

/// The first entry of a leaf that has that key, or stands behind it; none if it may be on another
/// leaf.
fn first_from<E: Entry>(leaf: Page, key: E::Key) -> Option<E> {
    entries::<E>(leaf).get(first::<E>(leaf, key)).copied()
}

/// The index of the first entry of a leaf that has that key, or would be put before.
#[inline]
fn first<E: Entry>(leaf: Page, key: E::Key) -> usize {
    first_of::<E, _>(entries::<E>(leaf), key, E::key)
}

/// How many of these, which are in order, are below a key.
#[inline]
fn first_of<E: Entry, T>(all: &[T], key: E::Key, key_of: impl Fn(&T) -> E::Key) -> usize {
    let Some(place) = E::place(key) else {
        return all.partition_point(|one| key_of(one) < key);
    };
    let [first, .., last] = all else {
        return usize::from(all.first().is_some_and(|one| key_of(one) < key));
    };
    let place_of = |one| E::place(key_of(one)).unwrap_or_default();
    let (low, high) = (place_of(first), place_of(last));
    if place <= low {
        return 0;
    }
    if place > high {
        return all.len();
    }
    walk(all, share(place, (low, high), all.len()), |one| {
        key_of(one) < key
    })
}

/// How many of these are below, looked for from a number that is near.
#[inline]
pub fn walk<T>(all: &[T], near: usize, is_below: impl Fn(&T) -> bool) -> usize {
    let mut at = near;
    while at > 0 && !is_below(&all[at - 1]) {
        at -= 1;
    }
    while all.get(at).is_some_and(&is_below) {
        at += 1;
    }
    at
}

/// Which of so many, one at least, is at that place between two others in proportion.
#[inline]
pub fn share(place: u64, (low, high): (u64, u64), len: usize) -> usize {
    // 33 bits and 7 bits.
    let share = place.saturating_sub(low) * len as u64 / (high - low).max(1);
    (share as usize).min(len - 1)
}
