//! The leaf of streams: messages in the order of their ids.
//!
//! A leaf is what Redis calls a node of a stream, in a form of our own: the id and the fields of its
//! first message stand once at its head, and a message that has the same fields stores its values
//! alone. A walk hands each leaf out as the node that Redis has in its files.
//!
//! A stream grows at its end only, so a message that no longer fits there begins a fresh leaf and
//! leaves the full one full.

mod iter;
mod leaf;
mod message;
mod node;
mod ops;
mod walk;

use crate::block::Block;
use crate::codec::{Child, Codec};
use crate::heap::Heap;
use crate::page::Page;
use crate::space::Space;
use crate::tree::Tree;

pub use self::iter::Range;
pub use self::message::{Message, Pairs, StreamId};
pub use self::ops::NodeLimits;

/// A tree of messages by their id.
pub type StreamTree = Tree<Messages>;

/// The codec: messages by their id.
#[derive(Debug)]
pub struct Messages;

impl Codec for Messages {
    type Separator = StreamId;
    type Target<'a> = StreamId;
    type Item<'a> = Message<'a>;

    const LOWEST: StreamId = StreamId::MIN;

    /// A message that equals a separator is behind it.
    #[inline]
    fn child(children: &[Child<StreamId>], target: StreamId) -> usize {
        let others = children.get(1..).unwrap_or_default();
        others.partition_point(|child| child.separator <= target)
    }

    #[expect(unsafe_code, reason = "as in the trait")]
    unsafe fn item<'a>(leaf: Page, index: usize) -> Message<'a> {
        // SAFETY: promised by the caller.
        unsafe { leaf::nth(leaf, index) }.message
    }

    fn blocks(leaf: Page, visit: impl FnMut(Block)) {
        leaf::blocks(leaf, visit);
    }

    fn duplicate<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
        leaf::duplicate(space, leaf)
    }

    fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page {
        leaf::joined(space, left, right)
    }

    fn joined_size(left: Page, right: Page) -> usize {
        leaf::joined_size(left, right)
    }
}
