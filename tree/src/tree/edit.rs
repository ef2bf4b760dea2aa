//! How inner pages follow when leaves are replaced, split, joined and removed.
//!
//! A change first finds its path, then owns it (`own`): pages that are shared with a walk are
//! replaced by copies from the root downward. From then on the inner pages of the path are the
//! tree's own.

use crate::codec::Codec;
use crate::heap::Heap;
use crate::inner::{self, Grown, Inner, few, weight};
use crate::page::{LEAF_MAX, Page};
use crate::path::{Path, Step, Steps};
use crate::space::Space;

use super::Tree;

/// A leaf that uses less is joined with a neighbour, if both use no more than [`LEAF_JOINED`].
const LEAF_FEW: usize = LEAF_MAX / 4;
const LEAF_JOINED: usize = LEAF_MAX * 3 / 4;

/// Two leaves were joined.
#[derive(Debug)]
pub struct Joined {
    /// The new one.
    pub page: Page,
    /// The index in it of the first record that comes from the right one.
    pub first: usize,
    /// What was noted in the head of the right one.
    pub right_note: u32,
}

impl<C: Codec> Tree<C> {
    /// Makes the inner pages of a path the tree's own, and adds `delta` to their counts of records.
    pub(crate) fn own<H: Heap>(&mut self, space: &mut Space<'_, H>, path: &mut Path, delta: i64) {
        self.own_above(space, &mut path.steps, usize::MAX, delta);
    }

    /// The same for those above `depth`.
    fn own_above<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        steps: &mut Steps,
        depth: usize,
        delta: i64,
    ) {
        for depth in 0..depth.min(steps.depth()) {
            let Step { page, at } = steps.get(depth);
            let mut inner = Inner::<C::Separator>::new(page);
            if space.is_shared(page) {
                inner = inner.copy(space, 0, inner.n(), 0);
                space.dispose::<C::Separator>(page);
                self.replace(steps, depth, inner.page());
            }
            inner.set_count(at, inner.counts()[at].wrapping_add_signed(delta));
        }
    }

    /// Puts another inner page into the path, and where its parent has it.
    pub(crate) fn replace(&mut self, steps: &mut Steps, depth: usize, page: Page) {
        let at = steps.get(depth).at;
        steps.set(depth, Step { page, at });
        self.link(steps, depth, page);
    }

    /// Puts a page where the step above `depth` leads to; depth 0 is the root.
    fn link(&mut self, steps: &Steps, depth: usize, page: Page) {
        match depth.checked_sub(1) {
            None => self.root = Some(page),
            Some(above) => {
                let Step { page: parent, at } = steps.get(above);
                Inner::<C::Separator>::new(parent).set_child(at, page);
            }
        }
    }

    /// Puts another leaf in the place of the path's. The path is owned.
    pub(crate) fn put_leaf(&mut self, path: &mut Path, leaf: Page) {
        if leaf != path.leaf {
            path.leaf = leaf;
            self.link(&path.steps, path.steps.depth(), leaf);
        }
    }

    /// Puts two leaves in the place of the path's, which is disposed of already; together they have
    /// `delta` records more. The path need not be owned: a page that is copied or split anyway is
    /// copied once.
    pub(crate) fn split_leaf<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        path: &mut Path,
        halves: (Page, C::Separator, Page),
        delta: i64,
        at_end: bool,
    ) {
        let steps = &mut path.steps;
        let mut halves = halves;
        for depth in (0..steps.depth()).rev() {
            let Step { page, at } = steps.get(depth);
            let parent = Inner::<C::Separator>::new(page);
            match parent.grow(space, at, halves, at_end) {
                Grown::Whole(grown) => {
                    self.own_above(space, steps, depth, delta);
                    return self.link(steps, depth, grown);
                }
                Grown::Split(left, between, right) => halves = (left, between, right),
            }
        }
        let (left, separator, right) = halves;
        let children = [(C::LOWEST, left), (separator, right)];
        self.root = Some(inner::root(space, left.level() + 1, children));
    }

    /// Takes the path's leaf out, which is disposed of already. The path is owned, and the leaf has
    /// no records in its counts.
    pub(crate) fn remove_leaf<H: Heap>(&mut self, space: &mut Space<'_, H>, path: &mut Path) {
        match path.steps.depth().checked_sub(1) {
            None => self.root = None,
            Some(depth) => {
                let Step { page, at } = path.steps.get(depth);
                let shifted = Inner::<C::Separator>::new(page).remove(at);
                space.heap.moved(shifted);
                self.after_removal(space, path, depth);
            }
        }
    }

    /// Joins the path's leaf with a neighbour, if it has become small and both fit in one. The path
    /// is owned and of no use afterwards.
    pub(crate) fn join_leaf<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        path: &mut Path,
    ) -> Option<Joined> {
        let depth = path.steps.depth().checked_sub(1)?;
        if path.leaf.used() >= LEAF_FEW {
            return None;
        }
        let Step { page, at } = path.steps.get(depth);
        let parent = Inner::<C::Separator>::new(page);
        let fits = |left: usize| {
            let pages = parent.children().get(left..left + 2)?;
            let used = C::joined_size(pages[0].page, pages[1].page);
            (used <= LEAF_JOINED).then_some(left)
        };
        let left = fits(at).or_else(|| at.checked_sub(1).and_then(fits))?;
        let (one, other) = (parent.child(left), parent.child(left + 1));
        let joined = Joined {
            page: C::joined(space, one, other),
            first: one.n(),
            right_note: other.note(),
        };
        space.dispose::<C::Separator>(one);
        space.dispose::<C::Separator>(other);
        self.put_joined(space, parent, left, joined.page);
        self.after_removal(space, path, depth);
        Some(joined)
    }

    /// Puts a page in the place of two.
    fn put_joined<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        parent: Inner<C::Separator>,
        left: usize,
        joined: Page,
    ) {
        parent.set_child(left, joined);
        parent.set_count(left, weight::<C::Separator>(joined));
        let shifted = parent.remove(left + 1);
        space.heap.moved(shifted);
    }

    /// Removes, joins or shrinks the inner page at `depth`, of which a child was taken out, and so
    /// on upward.
    fn after_removal<H: Heap>(
        &mut self,
        space: &mut Space<'_, H>,
        path: &mut Path,
        mut depth: usize,
    ) {
        loop {
            let inner = Inner::<C::Separator>::new(path.steps.get(depth).page);
            let Some(above) = depth.checked_sub(1) else {
                return self.lower_root(space);
            };
            let Step { page, at } = path.steps.get(above);
            let parent = Inner::<C::Separator>::new(page);
            if inner.n() == 0 {
                space.dispose::<C::Separator>(inner.page());
                let shifted = parent.remove(at);
                space.heap.moved(shifted);
            } else if let Some(left) = joinable(parent, at) {
                let between = parent.children()[left + 1].separator;
                let [one, other] = [left, left + 1].map(|at| Inner::new(parent.child(at)));
                let joined = one.join(space, between, other);
                self.put_joined(space, parent, left, joined.page());
            } else {
                let page = inner.shrink(space).page();
                return self.replace(&mut path.steps, depth, page);
            }
            depth = above;
        }
    }

    /// Takes away roots that have no child, or one only.
    fn lower_root<H: Heap>(&mut self, space: &mut Space<'_, H>) {
        while let Some(root) = self.root.filter(|root| !root.is_leaf() && root.n() < 2) {
            let children = Inner::<C::Separator>::new(root).children();
            self.root = children.first().map(|child| child.page);
            space.dispose::<C::Separator>(root);
        }
    }
}

/// Which of two neighbours that can be joined, one of them being the child at `at`, which has
/// become small, is the left one.
fn joinable<S: Copy>(parent: Inner<S>, at: usize) -> Option<usize> {
    if parent.child(at).n() >= few::<S>() {
        return None;
    }
    let fits = |left: usize| {
        let pages = parent.children().get(left..left + 2)?;
        (pages[0].page.n() + pages[1].page.n() <= inner::joined::<S>()).then_some(left)
    };
    fits(at).or_else(|| at.checked_sub(1).and_then(fits))
}
