//! The way from the root to a leaf.

use crate::codec::{Child, Codec};
use crate::inner::Inner;
use crate::page::{LEAF_MAX, Page};

/// How many levels of inner pages there are at most. A root is split when it has 128 children, each
/// of which was split when it had so many: the ninth level takes 2^48 leaves.
pub const MAX_DEPTH: usize = 9;
/// How much of an inner page is brought into the cache: its children.
const INNER_AHEAD: usize = 2048;

/// An inner page on the way, and which of its children comes next.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub page: Page,
    pub at: usize,
}

/// The inner pages from the root downward, of which nobody changes the order.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    steps: [Option<Step>; MAX_DEPTH],
    depth: usize,
}

impl Steps {
    #[inline]
    pub fn new() -> Steps {
        Steps {
            steps: [None; MAX_DEPTH],
            depth: 0,
        }
    }

    #[inline]
    pub fn depth(&self) -> usize {
        self.depth
    }

    #[inline]
    pub fn get(&self, depth: usize) -> Step {
        assert!(depth < self.depth);
        self.steps[depth].expect("every step above the depth was pushed")
    }

    #[inline]
    pub fn set(&mut self, depth: usize, step: Step) {
        assert!(depth < self.depth);
        self.steps[depth] = Some(step);
    }

    #[inline]
    pub fn push(&mut self, page: Page, at: usize) {
        self.steps[self.depth] = Some(Step { page, at });
        self.depth += 1;
    }

    pub fn pop(&mut self) -> Option<Step> {
        self.depth = self.depth.checked_sub(1)?;
        self.steps[self.depth]
    }

    /// Goes down to the first or the last leaf below a page.
    pub fn descend<S: Copy>(&mut self, mut page: Page, last: bool) -> Page {
        while !page.is_leaf() {
            let inner = Inner::<S>::new(page);
            let at = if last { inner.n() - 1 } else { 0 };
            self.push(page, at);
            page = inner.child(at);
        }
        page
    }

    /// Goes on to the next leaf, if there is one.
    pub fn next<S: Copy>(&mut self) -> Option<Page> {
        while let Some(Step { page, at }) = self.pop() {
            let inner = Inner::<S>::new(page);
            if at + 1 < inner.n() {
                self.push(page, at + 1);
                return Some(self.descend::<S>(inner.child(at + 1), false));
            }
        }
        None
    }

    /// Brings the next leaf into the cache, if it has the same parent.
    #[inline]
    pub fn prefetch_next<S: Copy>(&self) {
        if let Some(depth) = self.depth.checked_sub(1) {
            let Step { page, at } = self.get(depth);
            let inner = Inner::<S>::new(page);
            if at + 1 < inner.n() {
                prefetch(inner.child(at + 1), 0);
            }
        }
    }

    /// Brings the leaf before into the cache, if it has the same parent.
    #[inline]
    pub fn prefetch_previous<S: Copy>(&self) {
        if let Some(depth) = self.depth.checked_sub(1) {
            let Step { page, at } = self.get(depth);
            if let Some(before) = at.checked_sub(1) {
                prefetch(Inner::<S>::new(page).child(before), 0);
            }
        }
    }

    /// Goes back to the leaf before, if there is one.
    pub fn previous<S: Copy>(&mut self) -> Option<Page> {
        while let Some(Step { page, at }) = self.pop() {
            if let Some(before) = at.checked_sub(1) {
                self.push(page, before);
                let child = Inner::<S>::new(page).child(before);
                return Some(self.descend::<S>(child, true));
            }
        }
        None
    }

    /// Whether the leaf is the first one, and whether it is the last one.
    pub fn edges(&self) -> (bool, bool) {
        let is_at = |end: fn(Step) -> bool| (0..self.depth).all(|depth| end(self.get(depth)));
        (
            is_at(|step| step.at == 0),
            is_at(|step| step.at + 1 == step.page.n()),
        )
    }

    /// What stands before the leaf: the nearest separator on the way.
    pub fn lower<C: Codec>(&self) -> C::Separator {
        let near = (0..self.depth).rev().map(|depth| self.get(depth));
        let step = near.into_iter().find(|step| step.at > 0);
        step.map_or(C::LOWEST, |Step { page, at }| {
            Inner::new(page).children()[at].separator
        })
    }

    /// What stands behind the leaf; none if it is the last one.
    pub fn upper<C: Codec>(&self) -> Option<C::Separator> {
        let mut near = (0..self.depth).rev().map(|depth| self.get(depth));
        near.find_map(|Step { page, at }| {
            let next = Inner::new(page).children().get(at + 1)?;
            Some(next.separator)
        })
    }
}

/// A leaf, and the way to it.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    pub steps: Steps,
    pub leaf: Page,
}

impl Path {
    /// To the leaf that the target is in.
    #[inline]
    pub fn to<C: Codec>(root: Page, target: C::Target<'_>) -> Path {
        let mut steps = Steps::new();
        let mut page = root;
        while !page.is_leaf() {
            let children = Inner::new(page).children();
            let at = C::child(children, target);
            steps.push(page, at);
            let level = usize::from(page.level()) - 1;
            page = children[at].page;
            prefetch(page, level);
        }
        Path { steps, leaf: page }
    }

    /// The same where all pages are in the cache already, and `child` knows the way: which of the
    /// children at that depth the target is in.
    #[inline]
    pub fn along<S: Copy>(root: Page, child: impl Fn(usize, &[Child<S>]) -> usize) -> Path {
        let mut steps = Steps::new();
        let mut page = root;
        while !page.is_leaf() {
            let children = Inner::new(page).children();
            let at = child(steps.depth(), children);
            steps.push(page, at);
            page = children[at].page;
        }
        Path { steps, leaf: page }
    }

    /// To the first leaf.
    pub fn first<S: Copy>(root: Page) -> Path {
        let mut steps = Steps::new();
        let leaf = steps.descend::<S>(root, false);
        Path { steps, leaf }
    }

    /// To the last leaf.
    pub fn last<S: Copy>(root: Page) -> Path {
        let mut steps = Steps::new();
        let leaf = steps.descend::<S>(root, true);
        Path { steps, leaf }
    }

    /// To the leaf that has the record of that rank, and its index there. There is such a record, of
    /// `total` in all.
    pub fn to_rank<S: Copy>(root: Page, total: u64, mut rank: u64) -> (Path, usize) {
        let mut steps = Steps::new();
        let (mut page, mut total) = (root, total);
        while !page.is_leaf() {
            let inner = Inner::<S>::new(page);
            let (at, before) = child_of_rank(inner.counts(), total, rank);
            rank -= before;
            total = inner.counts()[at];
            steps.push(page, at);
            let level = usize::from(page.level()) - 1;
            page = inner.child(at);
            prefetch(page, level);
        }
        (Path { steps, leaf: page }, rank as usize)
    }

    /// How many records are before the leaf.
    pub fn before<S: Copy>(&self) -> u64 {
        let steps = (0..self.steps.depth()).map(|depth| self.steps.get(depth));
        let counts = steps
            .map(|Step { page, at }| -> u64 { Inner::<S>::new(page).counts()[..at].iter().sum() });
        counts.sum()
    }

    /// Goes back to the leaf before. Returns whether there was one.
    pub fn previous<S: Copy>(&mut self) -> bool {
        let previous = self.steps.previous::<S>();
        self.leaf = previous.unwrap_or(self.leaf);
        previous.is_some()
    }

    /// Goes on to the next leaf. Returns whether there was one.
    pub fn next<S: Copy>(&mut self) -> bool {
        let next = self.steps.next::<S>();
        self.leaf = next.unwrap_or(self.leaf);
        next.is_some()
    }
}

/// How many counts are added up at a time.
const COUNTS: usize = 8;

/// Which child has the record of that rank, and how many records are before that child. Counted from
/// the nearer end, and in groups first.
pub fn child_of_rank(counts: &[u64], total: u64, rank: u64) -> (usize, u64) {
    debug_assert_eq!(counts.iter().sum::<u64>(), total);
    if rank < total / 2 {
        let (mut at, mut before) = (0, 0);
        for group in counts.as_chunks::<COUNTS>().0 {
            let sum: u64 = group.iter().sum();
            if rank - before < sum {
                break;
            }
            before += sum;
            at += COUNTS;
        }
        while rank - before >= counts[at] {
            before += counts[at];
            at += 1;
        }
        return (at, before);
    }
    let (mut at, mut before) = (counts.len(), total);
    for group in counts.as_rchunks::<COUNTS>().1.iter().rev() {
        let sum: u64 = group.iter().sum();
        if rank >= before - sum {
            break;
        }
        before -= sum;
        at -= COUNTS;
    }
    loop {
        at -= 1;
        before -= counts[at];
        if rank >= before {
            return (at, before);
        }
    }
}

/// Brings a page of that level into the cache before it is looked at.
#[inline]
pub fn prefetch(page: Page, level: usize) {
    page.prefetch(if level == 0 { LEAF_MAX } else { INNER_AHEAD });
}
