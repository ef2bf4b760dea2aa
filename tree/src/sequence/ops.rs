//! Putting elements in, changing them, and taking them out.
#![expect(unsafe_code, reason = "elements are borrowed from pages")]

use crate::draft::Draft;
use crate::element::{Element, Encoded};
use crate::heap::Heap;
use crate::page::{HEAD, LEAF_MAX, Page};
use crate::path::Path;
use crate::space::Space;
use crate::tree::Tree;

use super::leaf::{self, Placed};
use super::{Elements, Sequence};

impl Tree<Sequence> {
    /// Puts an element in, so that it has that position: 0 is before all others, and the length
    /// behind them.
    ///
    /// # Panics
    /// When there are fewer elements than that.
    pub fn insert<H: Heap>(&mut self, heap: &mut H, position: u64, bytes: &[u8]) {
        assert!(position <= self.len, "no such position");
        let mut space = self.space(heap);
        let draft = draft(&mut space, bytes);
        match self.root {
            None => self.root = Some(leaf::single(&mut space, &draft, false)),
            Some(root) => self.add(&mut space, root, position, &draft),
        }
        self.len += 1;
        self.settle(&space);
    }

    /// Appends an element.
    pub fn push_back<H: Heap>(&mut self, heap: &mut H, bytes: &[u8]) {
        self.insert(heap, self.len, bytes);
    }

    /// Puts an element before all others.
    pub fn push_front<H: Heap>(&mut self, heap: &mut H, bytes: &[u8]) {
        self.insert(heap, 0, bytes);
    }

    /// Puts another element in the place of the one of that position. Returns how many bytes that
    /// one took in a listpack; none if there is none.
    pub fn set<H: Heap>(&mut self, heap: &mut H, position: u64, bytes: &[u8]) -> Option<usize> {
        let (mut path, _, old) = self.place(position)?;
        let listed = leaf::listed(&old);
        if old.stored.element == Element::new(bytes) {
            return Some(listed);
        }
        let (span, block) = ((old.at, old.len), old.stored.block);
        let mut space = self.space(heap);
        let draft = draft(&mut space, bytes);
        let used = path.leaf.used() - span.1 + draft.len();
        if used > LEAF_MAX {
            let halves = leaf::split(&mut space, path.leaf, span, &draft);
            self.split_leaf(&mut space, &mut path, halves, 0, false);
        } else {
            self.own(&mut space, &mut path, 0);
            let new = (draft.bytes(), draft.len(), 1);
            // SAFETY: a draft is a whole element, and so is what it replaces.
            unsafe { self.splice(&mut space, &mut path, (span.0, span.1, 1), new) };
            path.leaf
                .set_has_blocks(path.leaf.has_blocks() || draft.has_blocks);
            self.join_leaf(&mut space, &mut path);
        }
        if let Some(block) = block {
            space.dispose_block(block);
        }
        self.settle(&space);
        Some(listed)
    }

    /// Takes the element of that position out, after `visit` has seen it. Returns what that
    /// returns; none if there are not so many.
    pub fn remove<H: Heap, R>(
        &mut self,
        heap: &mut H,
        position: u64,
        visit: impl FnOnce(Element<'_>) -> R,
    ) -> Option<R> {
        let (path, index, placed) = self.place(position)?;
        let seen = visit(placed.stored.element);
        let mut space = self.space(heap);
        self.take_out(&mut space, path, index, 1);
        self.settle(&space);
        Some(seen)
    }

    /// Takes up to `count` elements out, from that position on: leaf by leaf. Returns how many
    /// bytes they took in a listpack.
    pub fn remove_range<H: Heap>(&mut self, heap: &mut H, position: u64, count: u64) -> usize {
        let (mut left, mut listed) = (count.min(self.len.saturating_sub(position)), 0);
        let mut space = self.space(heap);
        while left > 0
            && let Some(root) = self.root
        {
            let (path, index) = Path::to_rank::<()>(root, self.len, position);
            let most = (path.leaf.n() - index) as u64;
            listed += self.take_out(&mut space, path, index, left.min(most) as usize);
            left -= left.min(most);
        }
        self.settle(&space);
        listed
    }

    /// The elements from that position on, in order, or back to the first one.
    #[must_use]
    pub fn elements(&self, position: u64, forward: bool) -> Elements<'_> {
        Elements::new(self.place(position), forward)
    }

    /// Where the element of that position lies.
    fn place(&self, position: u64) -> Option<(Path, usize, Placed<'_>)> {
        let root = self.root.filter(|_| position < self.len)?;
        let (path, index) = Path::to_rank::<()>(root, self.len, position);
        // SAFETY: there are so many. The element is borrowed from the tree; those that change it
        // take no more of it than numbers and the handle of its block.
        let placed = unsafe { leaf::nth(path.leaf, index) };
        Some((path, index, placed))
    }

    fn add<H: Heap>(&mut self, space: &mut Space<'_, H>, root: Page, position: u64, draft: &Draft) {
        let is_last = position == self.len;
        let (mut path, at) = if is_last {
            let path = Path::last::<()>(root);
            (path, leaf::content_len(path.leaf))
        } else {
            let (path, index) = Path::to_rank::<()>(root, self.len, position);
            // SAFETY: there is such an element, and only its place is kept.
            (path, unsafe { leaf::nth(path.leaf, index) }.at)
        };
        if path.leaf.used() + draft.len() <= LEAF_MAX {
            self.own(space, &mut path, 1);
            let new = (draft.bytes(), draft.len(), 1);
            // SAFETY: a draft is a whole element.
            unsafe { self.splice(space, &mut path, (at, 0, 0), new) };
            path.leaf
                .set_has_blocks(path.leaf.has_blocks() || draft.has_blocks);
            return;
        }
        let halves = if is_last {
            let full = leaf::trimmed(space, path.leaf);
            (full, (), leaf::single(space, draft, true))
        } else if position == 0 {
            let full = leaf::trimmed(space, path.leaf);
            (leaf::single(space, draft, true), (), full)
        } else {
            leaf::split(space, path.leaf, (at, 0), draft)
        };
        self.split_leaf(space, &mut path, halves, 1, is_last);
    }

    /// Replaces bytes of the path's leaf as [`leaf::replace`] does. The path is owned, and the
    /// result fits.
    ///
    /// # Safety
    /// As for [`leaf::replace`].
    unsafe fn splice<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        path: &mut Path,
        old: (usize, usize, usize),
        new: (*const u8, usize, usize),
    ) {
        let (first, last) = path.steps.edges();
        let is_edge = path.steps.depth() > 0 && (first || last);
        let used = path.leaf.used() - old.1 + new.1;
        let leaf = leaf::fitted(space, path.leaf, used, is_edge);
        // SAFETY: promised by the caller.
        let moved = unsafe { leaf::replace(leaf, old, new) };
        space.heap.moved(moved);
        let leaf = leaf::fitted(space, leaf, used, is_edge);
        self.put_leaf(path, leaf);
    }

    /// Takes so many elements out of the path's leaf, from `index` on. Returns how many bytes they
    /// took in a listpack.
    fn take_out<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        mut path: Path,
        index: usize,
        count: usize,
    ) -> usize {
        let all = path.leaf;
        self.own(space, &mut path, -(count as i64));
        let end = index + count;
        let bytes = if count == all.n() {
            (0, leaf::content_len(all))
        } else {
            // SAFETY: there are so many, and only their places are kept.
            unsafe {
                let (first, last) = (leaf::nth(all, index), leaf::nth(all, end - 1));
                (first.at, last.at + last.len)
            }
        };
        let mut listed = bytes.1 - bytes.0;
        if all.has_blocks() {
            // The leaf still refers to them until its bytes go, right below.
            leaf::blocks_of(all, index..end, |block| {
                listed += leaf::listed_block(block) - leaf::LONG_LISTED;
                space.dispose_block(block);
            });
        }
        if count == all.n() {
            space.dispose::<()>(all);
            self.remove_leaf(space, &mut path);
        } else {
            let nothing = ([0; 0].as_ptr(), 0, 0);
            let old = (bytes.0, bytes.1 - bytes.0, count);
            // SAFETY: whole elements go, none comes.
            unsafe { self.splice(space, &mut path, old, nothing) };
            self.join_leaf(space, &mut path);
        }
        self.len -= count as u64;
        listed
    }
}

/// An element of these bytes with its length backward.
fn draft<H: Heap>(space: &mut Space<'_, H>, bytes: &[u8]) -> Draft {
    let mut draft = Draft::new();
    draft.push(space, bytes, &Encoded::new(bytes));
    draft.push_backward();
    debug_assert!(HEAD + draft.len() <= LEAF_MAX);
    draft
}
