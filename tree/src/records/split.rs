//! A leaf and one record more, in two leaves.
#![expect(unsafe_code, reason = "records are copied from page to page")]

use crate::draft::Draft;
use crate::element::Text;
use crate::heap::Heap;
use crate::page::{HEAD, LEAF_MAX, Page, leaf_capacity};
use crate::space::Space;

use super::leaf::{self, SLOT};
use super::{Position, Separator};

/// More records than a leaf has: the shortest takes a slot and one byte.
const MOST: usize = (LEAF_MAX - HEAD) / (SLOT + 1) + 1;

/// A record in the order of the halves; without an index it is the new one.
#[derive(Clone, Copy)]
struct Member {
    position: Position,
    index: Option<u16>,
    len: u16,
}

impl Member {
    fn size(&self) -> usize {
        SLOT + usize::from(self.len)
    }
}

/// Two new leaves with the records of one, except the one at `without`, and the new record, given
/// with its key's hash. The leaf is disposed of.
pub fn split<const VALUED: bool, H: Heap>(
    space: &mut Space<'_, H>,
    hasher: &impl Fn(&[u8]) -> u64,
    leaf: Page,
    without: Option<usize>,
    new: (&Draft, u64),
) -> (Page, Separator, Page) {
    let mut room = [Member {
        position: Position::of(new.1),
        index: None,
        len: new.0.len() as u16,
    }; MOST];
    let mut n = 1;
    for index in (0..leaf.n()).filter(|&index| Some(index) != without) {
        // SAFETY: there are so many records; what is read is not kept.
        let [key, value] = unsafe { leaf::elements::<VALUED>(leaf, index) };
        room[n] = Member {
            position: Position::of(hasher(key.element.bytes(&mut Text::new()))),
            index: Some(index as u16),
            len: (key.len + value.len) as u16,
        };
        n += 1;
    }
    let members = &mut room[..n];
    members.sort_unstable_by_key(|member| member.position);
    let middle = middle(members);
    let (low, high) = members.split_at(middle);
    let left = filled(space, leaf, new, low);
    let right = filled(space, leaf, new, high);
    space.note_copy(leaf, leaf.used());
    space.dispose::<Separator>(leaf);
    (left, between(low, high), right)
}

/// Where two halves are nearest to the same size: between two positions if that can be.
fn middle(members: &[Member]) -> usize {
    let all: usize = members.iter().map(Member::size).sum();
    let mut low = 0;
    let mut best = (true, usize::MAX, 0);
    for (at, pair) in members.windows(2).enumerate() {
        low += pair[0].size();
        let larger = low.max(all - low);
        if larger <= LEAF_MAX - HEAD {
            let tied = pair[0].position == pair[1].position;
            best = best.min((tied, larger, at + 1));
        }
    }
    debug_assert!(best.2 > 0, "a record is too short to prevent that");
    best.2
}

/// What stands between two halves: as far from the records of either side as can be.
fn between(low: &[Member], high: &[Member]) -> Separator {
    let [before, after] = [low.last(), high.first()].map(|it| {
        let member = it.expect("both halves have a record");
        member.position
    });
    if before == after {
        return after.tied();
    }
    Position((before.0 + after.0).div_ceil(2)).separator()
}

fn filled<H: Heap>(
    space: &mut Space<'_, H>,
    from: Page,
    new: (&Draft, u64),
    members: &[Member],
) -> Page {
    let used = HEAD + members.iter().map(Member::size).sum::<usize>();
    let page = space.leaf(leaf_capacity(used));
    let mut has_blocks = from.has_blocks();
    for member in members {
        let len = usize::from(member.len);
        // SAFETY: the bytes of a draft, or of a record that is there, are whole elements.
        unsafe {
            match member.index {
                None => {
                    leaf::append(page, new.1, new.0.bytes(), len);
                    has_blocks |= new.0.has_blocks;
                }
                Some(index) => {
                    let index = usize::from(index);
                    let tag = leaf::tag_of(from, index);
                    leaf::append_raw(page, tag, leaf::place(from, index), len);
                }
            }
        }
    }
    page.set_has_blocks(has_blocks);
    page
}
