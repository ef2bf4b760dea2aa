//! Putting in, taking out, and changing scores.
#![expect(unsafe_code, reason = "records are read from pages that change")]

use crate::block::Block;
use crate::draft::Draft;
use crate::heap::Heap;
use crate::page::{HEAD, LEAF_MAX, Page, leaf_capacity};
use crate::path::Path;
use crate::records::Key;
use crate::space::Space;
use crate::tree::Tree;

use super::leaf::{self, BESIDE, Raw};
use super::members::Members;
use super::order::Target;
use super::{Cut, Scored, Separator, Sorted, SortedTree, split};

impl SortedTree {
    /// Gives a member a score, which is no NaN. Returns the one that it had; one that equals the new
    /// one stays, be it a negative zero.
    pub fn insert<H: Heap>(
        &mut self,
        heap: &mut H,
        hasher: impl Fn(&[u8]) -> u64,
        key: &Key<'_>,
        score: f64,
    ) -> Option<f64> {
        assert!(!score.is_nan(), "a NaN has no place in an order");
        let mut change = self.change(heap, &hasher);
        let Some((leaf, index)) = change.members.locate(key) else {
            change.add(key, score);
            change.settle();
            return None;
        };
        let old = leaf::scores(leaf)[index];
        if old != score {
            change.rescore(key, old, score);
        }
        change.settle();
        Some(old)
    }

    /// Takes a member out. Returns its score.
    pub fn remove<H: Heap>(
        &mut self,
        heap: &mut H,
        hasher: impl Fn(&[u8]) -> u64,
        key: &Key<'_>,
    ) -> Option<f64> {
        let (leaf, index) = self.members.locate(key)?;
        let score = leaf::scores(leaf)[index];
        let mut change = self.change(heap, &hasher);
        let (path, index) = change.path(Cut::before(score, key.bytes));
        change.take_out(path, index, key.hash);
        change.settle();
        Some(score)
    }

    /// Takes out up to `count` records from a rank on, after `visit` has seen each. Returns how many
    /// there were. Each costs as much as a removal by its member.
    pub fn remove_ranks<H: Heap>(
        &mut self,
        heap: &mut H,
        hasher: impl Fn(&[u8]) -> u64,
        rank: u64,
        count: u64,
        mut visit: impl FnMut(Scored<'_>),
    ) -> u64 {
        let mut gone = 0;
        let mut change = self.change(heap, &hasher);
        while gone < count
            && let Some(root) = change.records.root.filter(|_| rank < change.records.len)
        {
            let total = change.records.len;
            let (path, index) = Path::to_rank::<Separator>(root, total, rank);
            // SAFETY: there is such a record, and it stays during the call.
            visit(unsafe { leaf::record(path.leaf, index) });
            let hash = leaf::with_bytes(path.leaf, index, &hasher);
            change.take_out(path, index, hash);
            gone += 1;
        }
        change.settle();
        gone
    }

    fn change<'a, H: Heap, F: Fn(&[u8]) -> u64>(
        &'a mut self,
        heap: &'a mut H,
        hasher: &'a F,
    ) -> Change<'a, H, F> {
        Change {
            space: self.records.space(heap),
            records: &mut self.records,
            members: &mut self.members,
            hasher,
        }
    }
}

/// A change under way.
struct Change<'a, H, F> {
    space: Space<'a, H>,
    records: &'a mut Tree<Sorted>,
    members: &'a mut Members,
    hasher: &'a F,
}

impl<H: Heap, F: Fn(&[u8]) -> u64> Change<'_, H, F> {
    fn settle(self) {
        self.records.settle(&self.space);
    }

    /// The way to a cut, and its index in the leaf. There are records.
    fn path(&self, cut: Cut<'_>) -> (Path, usize) {
        let root = self.records.root.expect("only called where there are some");
        let path = Path::to::<Sorted>(root, Target::new(cut));
        let index = leaf::position(path.leaf, &cut);
        (path, index)
    }

    fn add(&mut self, key: &Key<'_>, score: f64) {
        let mut draft = Draft::new();
        draft.push(&mut self.space, key.bytes, &key.encoded);
        let number = self.put(key, score, &draft);
        self.members.add(self.space.heap, key.hash, number);
        self.records.len += 1;
    }

    /// Puts a record in, which the index does not know of yet. Returns the number of its leaf.
    fn put(&mut self, key: &Key<'_>, score: f64, draft: &Draft) -> u32 {
        let record = Raw {
            score,
            tag: leaf::tag(key.hash),
            at: draft.bytes(),
            len: draft.len(),
        };
        if self.records.root.is_none() {
            return self.put_first(&record, draft.has_blocks);
        }
        let (mut path, index) = self.path(Cut::before(score, key.bytes));
        let used = path.leaf.used() + record.size();
        if used > LEAF_MAX {
            return self.split(path, index, (&record, draft.has_blocks));
        }
        self.records.own(&mut self.space, &mut path, 1);
        let leaf = leaf::fitted(&mut self.space, path.leaf, used);
        // SAFETY: a draft is a whole element, and lives; the leaf is the tree's own.
        let shifted = unsafe { leaf::insert(leaf, index, &record) };
        self.space.heap.moved(shifted);
        leaf.set_has_blocks(leaf.has_blocks() || draft.has_blocks);
        self.put_leaf(&mut path, leaf);
        leaf.note()
    }

    fn put_first(&mut self, record: &Raw, has_blocks: bool) -> u32 {
        let leaf = self.space.leaf(leaf_capacity(HEAD + BESIDE + record.len));
        // SAFETY: as in `put`.
        unsafe { leaf::insert(leaf, 0, record) };
        leaf.set_has_blocks(has_blocks);
        self.records.root = Some(leaf);
        self.members.numbers.take(self.space.heap, leaf)
    }

    fn split(&mut self, mut path: Path, index: usize, new: (&Raw, bool)) -> u32 {
        let leaf = path.leaf;
        let at_end = index == leaf.n() && path.steps.upper::<Sorted>().is_none();
        let space = &mut self.space;
        // SAFETY: as in `put`.
        let halves = unsafe {
            if at_end {
                split::behind(space, leaf, new)
            } else {
                split::halves(space, leaf, index, new)
            }
        };
        let split::Halves {
            left,
            separator,
            right,
        } = halves;
        let tied = (left, separator, right);
        self.records.split_leaf(space, &mut path, tied, 1, at_end);
        self.members.numbers.set(left);
        self.members.numbers.take(self.space.heap, right);
        let first = left.n();
        for at in (0..right.n()).filter(|at| first + at != index) {
            self.follow(right, at, left.note());
        }
        if index < first {
            left.note()
        } else {
            right.note()
        }
    }

    /// Tells the index that a record of this leaf has come from another one.
    fn follow(&mut self, leaf: Page, index: usize, from: u32) {
        let hash = leaf::with_bytes(leaf, index, self.hasher);
        self.members.shift(self.space.heap, hash, from, leaf.note());
    }

    fn put_leaf(&mut self, path: &mut Path, leaf: Page) {
        self.records.put_leaf(path, leaf);
        self.members.numbers.set(leaf);
    }

    /// Takes a record out of its leaf, and no more: not its block, nor its entry in the index.
    fn cut(&mut self, mut path: Path, index: usize, len: usize) {
        self.records.own(&mut self.space, &mut path, -1);
        if path.leaf.n() == 1 {
            self.members.numbers.release(path.leaf.note());
            self.space.dispose::<Separator>(path.leaf);
            return self.records.remove_leaf(&mut self.space, &mut path);
        }
        let leaf = leaf::fitted(&mut self.space, path.leaf, path.leaf.used());
        let shifted = leaf::cut(leaf, index, len);
        self.space.heap.moved(shifted);
        let leaf = leaf::fitted(&mut self.space, leaf, leaf.used());
        self.put_leaf(&mut path, leaf);
        if let Some(joined) = self.records.join_leaf(&mut self.space, &mut path) {
            self.members.numbers.set(joined.page);
            for at in joined.first..joined.page.n() {
                self.follow(joined.page, at, joined.right_note);
            }
            self.members.numbers.release(joined.right_note);
        }
    }

    /// Takes a record out of everything.
    fn take_out(&mut self, path: Path, index: usize, hash: u64) {
        let (len, block) = self.stored(path.leaf, index);
        let number = path.leaf.note();
        self.members.remove(self.space.heap, hash, number);
        self.cut(path, index, len);
        block
            .into_iter()
            .for_each(|block| self.space.dispose_block(block));
        self.records.len -= 1;
    }

    /// How many bytes a member takes in its leaf, and its block.
    fn stored(&self, leaf: Page, index: usize) -> (usize, Option<Block>) {
        // SAFETY: there is such a record; the bytes are not kept.
        let member = unsafe { leaf::member(leaf, index) };
        (member.len, member.block)
    }

    fn rescore(&mut self, key: &Key<'_>, old: f64, score: f64) {
        let (mut path, index) = self.path(Cut::before(old, key.bytes));
        if self.stays(&path, index, Cut::before(score, key.bytes)) {
            self.records.own(&mut self.space, &mut path, 0);
            let leaf = leaf::fitted(&mut self.space, path.leaf, path.leaf.used());
            leaf::rescore(leaf, index, score);
            return self.put_leaf(&mut path, leaf);
        }
        let (len, block) = self.stored(path.leaf, index);
        let mut draft = Draft::new();
        // SAFETY: the member has so many bytes there.
        unsafe { draft.push_stored(leaf::raw(path.leaf, index).at, len) };
        draft.has_blocks = block.is_some();
        let number = path.leaf.note();
        self.cut(path, index, len);
        let now = self.put(key, score, &draft);
        if now != number {
            self.members.shift(self.space.heap, key.hash, number, now);
        }
    }

    /// Whether a record that goes to a cut stays where it is, as far as its leaf can tell.
    fn stays(&self, path: &Path, index: usize, cut: Cut<'_>) -> bool {
        let is_first = index == 0;
        let is_last = index + 1 == path.leaf.n();
        if is_last && path.steps.upper::<Sorted>().is_some() {
            return false;
        }
        if is_first && !path.steps.edges().0 {
            return false;
        }
        (is_first || leaf::is_before(path.leaf, index - 1, &cut))
            && (is_last || !leaf::is_before(path.leaf, index + 1, &cut))
    }
}
