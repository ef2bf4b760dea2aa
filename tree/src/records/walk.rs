//! Handing out a frozen tree of records in bounded parts.

use crate::element::Element;
use crate::frozen::Frozen;
use crate::heap::Heap;

use super::{INLINE_MAX, Record, Records};

/// Strings above so many bytes come in pieces.
const WHOLE_MAX: usize = 16 * 1024;
/// The smallest piece of a string, but for the last, and the largest one.
pub(crate) const PIECE_MIN: usize = 4 * 1024;
pub(crate) const PIECE_MAX: usize = 64 * 1024;

/// A part of what a frozen tree holds. Those of records come in the order key, value, key, value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// An element.
    Whole(Element<'a>),
    /// An element comes in pieces: a string of so many bytes.
    Begin(usize),
    /// The next bytes of it.
    Piece(&'a [u8]),
    /// Of a list: some elements as they lie in a listpack, often none between two long ones.
    Packed {
        /// Their bytes, with the lengths backward.
        elements: &'a [u8],
        /// How many there are.
        count: usize,
    },
    /// Of a list: a long element by itself comes in pieces, a string of so many bytes.
    Plain(usize),
}

impl<const VALUED: bool> Frozen<Records<VALUED>> {
    /// Hands out more, until about `budget` bytes of the tree's memory are passed. Returns whether
    /// that was all.
    pub fn step<H: Heap>(
        &mut self,
        heap: &mut H,
        budget: usize,
        mut sink: impl FnMut(Part<'_>),
    ) -> bool {
        let mut left = budget;
        while left > 0
            && let Some(Record { key, value }) = self.item()
        {
            let (is_value, sent) = self.progress;
            let element = if is_value { value } else { key };
            if !is_value && sent == 0 {
                left = left.saturating_sub(self.record_size());
            }
            let sent = match element {
                Element::Str(bytes) if bytes.len() > WHOLE_MAX => {
                    if sent == 0 {
                        sink(Part::Begin(bytes.len()));
                    }
                    let rest = &bytes[sent..];
                    let piece = &rest[..rest.len().min(left.clamp(PIECE_MIN, PIECE_MAX))];
                    sink(Part::Piece(piece));
                    left = left.saturating_sub(piece.len());
                    (piece.len() < rest.len()).then_some(sent + piece.len())
                }
                whole => {
                    sink(Part::Whole(whole));
                    if let Element::Str(bytes) = whole
                        && bytes.len() > INLINE_MAX
                    {
                        left = left.saturating_sub(bytes.len());
                    }
                    None
                }
            };
            self.progress = match sent {
                Some(sent) => (is_value, sent),
                None if VALUED && !is_value => (true, 0),
                None => {
                    self.advance(heap);
                    (false, 0)
                }
            };
        }
        self.is_over()
    }
}
