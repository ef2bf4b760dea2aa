//! Handing out a frozen list in bounded parts.
#![expect(unsafe_code, reason = "elements are borrowed from pages")]

use crate::element::{Element, backward};
use crate::frozen::{Frozen, PIECE_MAX, PIECE_MIN, Part};
use crate::heap::Heap;
use crate::stored::LONG;

use super::{Sequence, leaf};

impl Frozen<Sequence> {
    /// How many nodes the list comes in: two for each long element, and one for each leaf.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        let (leaves, blocks) = self.counts();
        leaves + 2 * blocks
    }

    /// Hands out more: the nodes of a list in an RDB file. Each [`Part::Packed`] is one, and so is
    /// each [`Part::Plain`] with its pieces; there are as many as [`Frozen::nodes`] says. Goes on until
    /// about `budget` bytes of the tree's memory are passed. Returns whether that was all.
    pub fn step<H: Heap>(
        &mut self,
        heap: &mut H,
        budget: usize,
        mut sink: impl FnMut(Part<'_>),
    ) -> bool {
        let mut left = budget;
        while self.release_blocks(heap, &mut left)
            && left > 0
            && let Some((_, leaf)) = self.leaf()
        {
            // SAFETY: pages that are shared do not change, and only the walk frees them.
            let content = unsafe { leaf::content(leaf) };
            let (in_block, sent) = self.progress;
            if !in_block {
                let (end, count) = if leaf.has_blocks() {
                    packed(content, self.offset)
                } else {
                    (content.len(), leaf.n())
                };
                let elements = &content[self.offset..end];
                sink(Part::Packed { elements, count });
                left = left.saturating_sub(elements.len() + 16);
                self.offset = end;
                self.progress = (end < content.len(), 0);
                if end == content.len() {
                    self.leave_leaf(heap);
                }
                continue;
            }
            // SAFETY: a long element begins there; its block stays until the walk has left it.
            let placed = unsafe { leaf::from_place(leaf, self.offset) };
            let Element::Str(bytes) = placed.stored.element else {
                unreachable!("blocks hold strings");
            };
            if sent == 0 {
                sink(Part::Plain(bytes.len()));
            }
            let rest = &bytes[sent..];
            let piece = &rest[..rest.len().min(left.clamp(PIECE_MIN, PIECE_MAX))];
            sink(Part::Piece(piece));
            left = left.saturating_sub(piece.len());
            self.progress = (true, sent + piece.len());
            if piece.len() == rest.len() {
                self.offset += placed.len;
                self.progress = (false, 0);
            }
        }
        self.is_over()
    }
}

/// Where the elements end that are packed from `start` on, and how many there are.
fn packed(content: &[u8], start: usize) -> (usize, usize) {
    let (mut at, mut count) = (start, 0);
    while at < content.len() && content[at] != LONG {
        let len = Element::skip(&content[at..]).expect("a leaf has whole elements");
        at += len + backward::size(len);
        count += 1;
    }
    (at, count)
}
