//! Handing out a frozen stream in bounded parts.
#![expect(unsafe_code, reason = "messages are borrowed from pages")]

use crate::block::Block;
use crate::element::{Element, backward};
use crate::frozen::{Frozen, PIECE_MAX, PIECE_MIN, Part};
use crate::heap::Heap;
use crate::page::Page;

use super::Messages;
use super::leaf::{self, BLOCK_HEAD, Base, Placed};
use super::node::{self, Node};
use super::ops::IN_BLOCKS_MAX;

impl Frozen<Messages> {
    /// How many nodes the stream comes in: one for each leaf.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        self.counts().0
    }

    /// Hands out more: for each node of a stream in an RDB file its id, a string of 16 bytes, and its
    /// listpack, a string that may come in pieces. Goes on until about `budget` bytes of the tree's
    /// memory are passed, or so many are handed out: short messages take more room there. Returns
    /// whether that was all.
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
            let base = unsafe { leaf::base(leaf) };
            if leaf.note() as usize > IN_BLOCKS_MAX {
                if self.long_node(leaf, &base, &mut left, &mut sink) {
                    self.leave_leaf(heap);
                }
                continue;
            }
            let mut node = Node::new(&base, leaf.n());
            // SAFETY: as above; the blocks stay until the walk has left the leaf.
            unsafe { leaf::for_each(leaf, |placed| node.message(&base, &placed)) };
            sink(Part::Whole(Element::Str(&base.id.to_bytes())));
            let bytes = node.finish();
            sink(Part::Whole(Element::Str(&bytes)));
            let passed = leaf.used() + leaf.note() as usize;
            left = left.saturating_sub(passed.max(bytes.len()));
            self.leave_leaf(heap);
        }
        self.is_over()
    }

    /// Hands out more of the one message of a leaf, which is in a block. `progress` is whether it has
    /// begun, and how much of the element at `offset` of its body was handed out. Returns whether
    /// that was all.
    fn long_node(
        &mut self,
        leaf: Page,
        base: &Base<'_>,
        left: &mut usize,
        sink: &mut impl FnMut(Part<'_>),
    ) -> bool {
        // SAFETY: the leaf has one message; neither it nor its block changes before the walk has
        // left it.
        let placed = unsafe { leaf::nth(leaf, 0) };
        let block = placed.block.expect("the leaf has bytes in a block");
        let body = placed.message.body;
        if !self.progress.0 {
            self.progress.0 = true;
            begin_long(base, &placed, block, sink);
        }
        let mut piece = Vec::new();
        let most = (*left).clamp(PIECE_MIN, PIECE_MAX);
        while piece.len() < most && self.offset < body.len() {
            let rest = &body[self.offset..];
            let len = Element::skip(rest).expect("a block has whole elements");
            let sent = self.progress.1;
            let end = len.min(sent + most - piece.len());
            piece.extend_from_slice(&rest[sent..end]);
            if end < len {
                self.progress.1 = end;
                break;
            }
            piece.extend_from_slice(backward::Backward::new(len).bytes());
            self.progress.1 = 0;
            self.offset += len;
        }
        *left = left.saturating_sub(piece.len());
        sink(Part::Piece(&piece));
        let is_over = self.offset == body.len();
        if is_over {
            sink(Part::Piece(&node::end(&placed)));
            self.progress = (false, 0);
        }
        is_over
    }
}

/// Hands out what stands before the body of a long message.
fn begin_long(base: &Base<'_>, placed: &Placed<'_>, block: Block, sink: &mut impl FnMut(Part<'_>)) {
    // SAFETY: the block stays until the walk has left its leaf.
    let head = &unsafe { block.bytes() }[..BLOCK_HEAD];
    let (count, listed) = head.split_at(4);
    let count = u32::from_le_bytes(*count.first_chunk().expect("four bytes"));
    let listed = u64::from_le_bytes(*listed.first_chunk().expect("eight bytes"));
    let end = node::end(placed).len() - 1;
    let mut node = Node::new(base, 1);
    node.begin(base, placed);
    // The number of fields stands before the body in the block, too.
    let explicit = usize::from(placed.message.fields.is_none());
    let counted = explicit * explicit_len(placed);
    let more = listed as usize - counted + end;
    let (bytes, total) = node.finish_begin(more, count as usize - explicit + 1);
    sink(Part::Whole(Element::Str(&base.id.to_bytes())));
    sink(Part::Begin(total));
    sink(Part::Piece(&bytes));
}

/// How many bytes the number of fields takes in a listpack.
fn explicit_len(placed: &Placed<'_>) -> usize {
    let number: crate::element::Encoded<'_> = Element::Int(placed.message.len() as i64).into();
    number.len() + backward::size(number.len())
}
