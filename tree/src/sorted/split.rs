//! A leaf and one record more, in two leaves; and two leaves in one.
#![expect(unsafe_code, reason = "records are copied from page to page")]

use crate::heap::Heap;
use crate::page::{HEAD, LEAF_MAX, Page};
use crate::space::Space;

use super::Separator;
use super::leaf::{self, BESIDE, Raw};

/// More records than a leaf has: the shortest member takes one byte.
const MOST: usize = (LEAF_MAX - HEAD) / (BESIDE + 1) + 1;

const NOTHING: Raw = Raw {
    score: 0.0,
    tag: 0,
    at: std::ptr::null(),
    len: 0,
};

/// What became of a leaf.
pub struct Halves {
    /// It has the number of the old one.
    pub left: Page,
    pub separator: Separator,
    /// It has no number yet.
    pub right: Page,
}

/// Two new leaves with the records of one, and the new record before the one at `index`. The leaf is
/// disposed of.
///
/// # Safety
/// The bytes of the record are a whole element, and live.
pub unsafe fn halves<H: Heap>(
    space: &mut Space<'_, H>,
    leaf: Page,
    index: usize,
    new: (&Raw, bool),
) -> Halves {
    let mut room = [NOTHING; MOST];
    let all = &mut room[..=leaf.n()];
    for (at, place) in all.iter_mut().enumerate() {
        *place = match at.cmp(&index) {
            std::cmp::Ordering::Less => leaf::raw(leaf, at),
            std::cmp::Ordering::Equal => *new.0,
            std::cmp::Ordering::Greater => leaf::raw(leaf, at - 1),
        };
    }
    let (low, high) = all.split_at(middle(all));
    // SAFETY: the leaf is live, and so is the new record.
    let [left, right] = [low, high].map(|half| unsafe { leaf::filled(space, half) });
    left.set_note(leaf.note());
    let has_blocks = leaf.has_blocks() || new.1;
    for half in [left, right] {
        half.set_has_blocks(has_blocks);
    }
    space.note_copy(leaf, leaf.used());
    space.dispose::<Separator>(leaf);
    Halves {
        left,
        separator: between(left, right),
        right,
    }
}

/// Where two halves are nearest to the same size.
fn middle(records: &[Raw]) -> usize {
    let all: usize = records.iter().map(Raw::size).sum();
    let mut low = 0;
    let mut best = (usize::MAX, 0);
    for (at, record) in records[..records.len() - 1].iter().enumerate() {
        low += record.size();
        best = best.min((low.max(all - low), at + 1));
    }
    debug_assert!(
        best.0 <= LEAF_MAX - HEAD,
        "a record is too short to prevent that"
    );
    best.1
}

/// A new leaf with one record, to come behind a leaf that stays; and what stands between them.
///
/// # Safety
/// As for [`halves`].
pub unsafe fn behind<H: Heap>(space: &mut Space<'_, H>, leaf: Page, new: (&Raw, bool)) -> Halves {
    // SAFETY: promised by the caller.
    let right = unsafe { leaf::filled(space, std::slice::from_ref(new.0)) };
    right.set_has_blocks(new.1);
    Halves {
        left: leaf,
        separator: between(leaf, right),
        right,
    }
}

fn between(left: Page, right: Page) -> Separator {
    // SAFETY: leaves are not empty; what is read is not kept.
    let [before, after] = unsafe { [leaf::record(left, left.n() - 1), leaf::record(right, 0)] };
    Separator::between((before.score, before.member), (after.score, after.member))
}

/// A new leaf with the records of both, and the number of the left one.
pub fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page {
    let mut room = [NOTHING; MOST];
    let (from_left, n) = (left.n(), left.n() + right.n());
    for (at, place) in room[..n].iter_mut().enumerate() {
        *place = match at.checked_sub(from_left) {
            None => leaf::raw(left, at),
            Some(at) => leaf::raw(right, at),
        };
    }
    // SAFETY: both leaves are live.
    let new = unsafe { leaf::filled(space, &room[..n]) };
    new.set_note(left.note());
    new.set_has_blocks(left.has_blocks() || right.has_blocks());
    for leaf in [left, right] {
        space.note_copy(leaf, leaf.used());
    }
    new
}
