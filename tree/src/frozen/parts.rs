//! Handing out a frozen tree in bounded parts.

use super::Frozen;
use crate::codec::Codec;
use crate::draft::INLINE_MAX;
use crate::element::Element;
use crate::heap::Heap;

/// Strings above so many bytes come in pieces.
const WHOLE_MAX: usize = 16 * 1024;
/// The smallest piece of a string, but for the last, and the largest one.
pub(crate) const PIECE_MIN: usize = 4 * 1024;
pub(crate) const PIECE_MAX: usize = 64 * 1024;

/// A part of what a frozen tree holds. A record comes as key, value (a hash), as one element (a
/// set), or as member, score (a sorted set).
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// The score of the member before it.
    Score(f64),
    /// When the field expires that comes next, if it does: in a hash where some fields do.
    FieldTime(Option<i64>),
    /// Of a stream: a number, as RDB has its lengths.
    Length(u64),
    /// Of a stream: bytes as they are.
    Fixed(&'a [u8]),
}

/// One of the things that a record consists of.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// A string or an integer.
    Element(Element<'a>),
    /// The score of a member.
    Score(f64),
}

/// A codec of which the records can be handed out in parts.
pub trait Fields: Codec {
    /// How many fields a record has: one or two.
    const COUNT: usize;

    /// The field of that index, which is below the count.
    fn field(item: Self::Item<'_>, index: usize) -> Field<'_>;
}

impl<C: Fields> Frozen<C> {
    /// Hands out more, until about `budget` bytes of the tree's memory are passed. Returns whether
    /// that was all.
    pub fn step<H: Heap>(
        &mut self,
        heap: &mut H,
        budget: usize,
        sink: impl FnMut(Part<'_>),
    ) -> bool {
        self.step_led(heap, budget, |_| None, sink)
    }

    /// The same, with a part in front of each record, if `lead` gives one for it.
    pub fn step_led<H: Heap>(
        &mut self,
        heap: &mut H,
        budget: usize,
        mut lead: impl FnMut(C::Item<'_>) -> Option<Part<'static>>,
        mut sink: impl FnMut(Part<'_>),
    ) -> bool {
        let mut left = budget;
        while self.release_blocks(heap, &mut left)
            && left > 0
            && let Some(item) = self.item()
        {
            let (is_second, sent) = self.progress;
            if !is_second && sent == 0 {
                left = left.saturating_sub(self.record_size());
                if let Some(part) = lead(item) {
                    sink(part);
                }
            }
            let sent = match C::field(item, usize::from(is_second)) {
                Field::Element(Element::Str(bytes)) if bytes.len() > WHOLE_MAX => {
                    if sent == 0 {
                        sink(Part::Begin(bytes.len()));
                    }
                    let rest = &bytes[sent..];
                    let piece = &rest[..rest.len().min(left.clamp(PIECE_MIN, PIECE_MAX))];
                    sink(Part::Piece(piece));
                    left = left.saturating_sub(piece.len());
                    (piece.len() < rest.len()).then_some(sent + piece.len())
                }
                Field::Element(whole) => {
                    sink(Part::Whole(whole));
                    if let Element::Str(bytes) = whole
                        && bytes.len() > INLINE_MAX
                    {
                        left = left.saturating_sub(bytes.len());
                    }
                    None
                }
                Field::Score(score) => {
                    sink(Part::Score(score));
                    None
                }
            };
            self.progress = match sent {
                Some(sent) => (is_second, sent),
                None if C::COUNT == 2 && !is_second => (true, 0),
                None => {
                    self.pass(heap);
                    (false, 0)
                }
            };
        }
        self.is_over()
    }
}
