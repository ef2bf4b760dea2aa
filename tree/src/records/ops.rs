//! Finding, putting in and taking out one record.
#![expect(unsafe_code, reason = "records are borrowed from pages")]

use crate::codec::Codec;
use crate::draft::{Draft, fits_inline};
use crate::element::{Element, Encoded};
use crate::heap::Heap;
use crate::inner::Inner;
use crate::page::{HEAD, LEAF_MAX, leaf_capacity};
use crate::path::{Path, prefetch};
use crate::space::Space;
use crate::tree::Tree;

use super::leaf::{self, SLOT};
use super::split::split;
use super::{Key, Record, Records, Separator, walk_to_child};

impl<const VALUED: bool> Tree<Records<VALUED>> {
    /// The record of that key.
    #[must_use]
    pub fn get(&self, key: &Key<'_>) -> Option<Record<'_>> {
        let target = key.position().separator();
        let mut page = self.root?;
        let mut upper = None;
        while !page.is_leaf() {
            let inner = Inner::new(page);
            let children = inner.children();
            let at = Records::<VALUED>::child(children, target);
            if let Some(next) = children.get(at + 1) {
                upper = Some(next.separator);
            }
            let level = usize::from(page.level()) - 1;
            page = children[at].page;
            prefetch(page, level);
        }
        let found = match leaf::find(page, key) {
            Some(index) => Some((page, index)),
            None if upper == Some(key.position().tied()) => {
                let (path, index) = self.locate(key)?;
                index.map(|index| (path.leaf, index))
            }
            None => None,
        };
        // SAFETY: the record was just found, and nothing changes while the tree is borrowed.
        found.map(|(leaf, index)| unsafe { leaf::record::<VALUED>(leaf, index) })
    }

    /// Whether there is a record of that key.
    #[must_use]
    pub fn contains(&self, key: &Key<'_>) -> bool {
        self.get(key).is_some()
    }

    /// Puts a record in, or gives the one of that key another value. Returns whether it is new. In
    /// a set, the value is of no account. `hasher` is the function that the hash of `key` comes
    /// from.
    pub fn insert<H: Heap>(
        &mut self,
        heap: &mut H,
        hasher: impl Fn(&[u8]) -> u64,
        key: &Key<'_>,
        value: &[u8],
    ) -> bool {
        let mut space = self.space(heap);
        let is_new = match self.locate(key) {
            None => {
                self.add_first(&mut space, key, value);
                true
            }
            Some((path, None)) => {
                self.add(&mut space, &hasher, path, key, value);
                true
            }
            Some((path, Some(index))) => {
                if VALUED {
                    self.overwrite(&mut space, &hasher, path, index, value);
                }
                false
            }
        };
        self.len += u64::from(is_new);
        self.settle(&space);
        is_new
    }

    /// Takes the record of that key out. Returns whether there was one.
    pub fn remove<H: Heap>(&mut self, heap: &mut H, key: &Key<'_>) -> bool {
        let Some((path, Some(index))) = self.locate(key) else {
            return false;
        };
        self.take_out(heap, path, index);
        true
    }

    /// Takes the record of that rank out, after `visit` has seen it. Returns what that returns;
    /// none if there are not so many records.
    pub fn remove_at<H: Heap, R>(
        &mut self,
        heap: &mut H,
        rank: u64,
        visit: impl FnOnce(Record<'_>) -> R,
    ) -> Option<R> {
        let root = self.root.filter(|_| rank < self.len)?;
        let (path, index) = Path::to_rank::<Separator>(root, self.len, rank);
        // SAFETY: there is such a record, and it stays during the call.
        let seen = visit(unsafe { leaf::record::<VALUED>(path.leaf, index) });
        self.take_out(heap, path, index);
        Some(seen)
    }

    /// The leaf in which the key is, and its index there; or where it would be put. None in an
    /// empty tree.
    fn locate(&self, key: &Key<'_>) -> Option<(Path, Option<usize>)> {
        let (root, position) = (self.root?, key.position());
        let target = position.separator();
        let mut path = match &key.near {
            Some(way) => Path::along(root, |depth, children| {
                let near = usize::from(way[depth]).min(children.len() - 1);
                walk_to_child(children, near, target)
            }),
            None => Path::to::<Records<VALUED>>(root, target),
        };
        loop {
            let index = leaf::find(path.leaf, key);
            let goes_on = || path.steps.upper::<Records<VALUED>>() == Some(position.tied());
            if index.is_some() || !goes_on() {
                return Some((path, index));
            }
            path.next::<Separator>();
        }
    }

    fn add_first<H: Heap>(&mut self, space: &mut Space<'_, H>, key: &Key<'_>, value: &[u8]) {
        let draft = draft::<VALUED, H>(space, key, value);
        let leaf = space.leaf(leaf_capacity(HEAD + SLOT + draft.len()));
        // SAFETY: a draft is the whole elements of a record.
        unsafe { leaf::append(leaf, key.hash, draft.bytes(), draft.len()) };
        leaf.set_has_blocks(draft.has_blocks);
        self.root = Some(leaf);
    }

    fn add<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        hasher: &impl Fn(&[u8]) -> u64,
        mut path: Path,
        key: &Key<'_>,
        value: &[u8],
    ) {
        let draft = draft::<VALUED, H>(space, key, value);
        let used = path.leaf.used() + SLOT + draft.len();
        if used > LEAF_MAX {
            let halves = split::<VALUED, H>(space, hasher, path.leaf, None, (&draft, key.hash));
            return self.split_leaf(space, &mut path, halves, 1, false);
        }
        self.own(space, &mut path, 1);
        let leaf = leaf::fitted(space, path.leaf, used);
        // SAFETY: a draft is the whole elements of a record.
        unsafe { leaf::append(leaf, key.hash, draft.bytes(), draft.len()) };
        leaf.set_has_blocks(leaf.has_blocks() || draft.has_blocks);
        self.put_leaf(&mut path, leaf);
    }

    fn overwrite<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        hasher: &impl Fn(&[u8]) -> u64,
        mut path: Path,
        index: usize,
        value: &[u8],
    ) {
        let encoded = Encoded::new(value);
        // SAFETY: there is such a record. What is read is not kept beyond a change of it.
        let [key, old] = unsafe { leaf::elements::<VALUED>(path.leaf, index) };
        if old.element == Element::new(value) {
            return;
        }
        let in_place = old.block.is_none() && encoded.len() == old.len;
        if in_place && fits_inline(key.len, value, &encoded) {
            self.own(space, &mut path, 0);
            let leaf = leaf::fitted(space, path.leaf, path.leaf.used());
            // SAFETY: the old value takes as many bytes.
            unsafe { leaf::rewrite(leaf, index, key.len, &encoded) };
            return self.put_leaf(&mut path, leaf);
        }
        let mut draft = Draft::new();
        // SAFETY: the record begins with its key.
        unsafe { draft.push_stored(leaf::place(path.leaf, index), key.len) };
        draft.has_blocks = key.block.is_some();
        draft.push(space, value, &encoded);
        let old_len = key.len + old.len;
        let old_block = old.block;
        let used = path.leaf.used() - old_len + draft.len();
        if used > LEAF_MAX {
            let hash = hasher(key.element.bytes(&mut crate::element::Text::new()));
            let halves = split::<VALUED, H>(space, hasher, path.leaf, Some(index), (&draft, hash));
            self.split_leaf(space, &mut path, halves, 0, false);
        } else {
            self.own(space, &mut path, 0);
            let tag = leaf::tag_of(path.leaf, index);
            let leaf = leaf::fitted(space, path.leaf, used);
            let shifted = leaf::cut(leaf, index, old_len);
            // SAFETY: a draft is the whole elements of a record.
            unsafe { leaf::append_raw(leaf, tag, draft.bytes(), draft.len()) };
            leaf.set_has_blocks(leaf.has_blocks() || draft.has_blocks);
            space.heap.moved(shifted + draft.len());
            let leaf = leaf::fitted(space, leaf, used);
            self.put_leaf(&mut path, leaf);
            self.join_leaf(space, &mut path);
        }
        if let Some(block) = old_block {
            space.dispose_block(block);
        }
    }

    fn take_out<H: Heap>(&mut self, heap: &mut H, mut path: Path, index: usize) {
        let mut space = self.space(heap);
        self.own(&mut space, &mut path, -1);
        // SAFETY: there is such a record. Its blocks go only when it has gone from the leaf.
        let [key, value] = unsafe { leaf::elements::<VALUED>(path.leaf, index) };
        let blocks = [key.block, value.block];
        if path.leaf.n() == 1 {
            space.dispose::<Separator>(path.leaf);
            self.remove_leaf(&mut space, &mut path);
        } else {
            let len = key.len + value.len;
            let leaf = leaf::fitted(&mut space, path.leaf, path.leaf.used());
            let shifted = leaf::cut(leaf, index, len);
            space.heap.moved(shifted);
            let leaf = leaf::fitted(&mut space, leaf, leaf.used());
            self.put_leaf(&mut path, leaf);
            self.join_leaf(&mut space, &mut path);
        }
        for block in blocks.into_iter().flatten() {
            space.dispose_block(block);
        }
        self.len -= 1;
        self.settle(&space);
    }
}

/// A record of that key and value.
fn draft<const VALUED: bool, H: Heap>(
    space: &mut Space<'_, H>,
    key: &Key<'_>,
    value: &[u8],
) -> Draft {
    let mut draft = Draft::new();
    draft.push(space, key.bytes, &key.encoded);
    if VALUED {
        draft.push(space, value, &Encoded::new(value));
    }
    draft
}
