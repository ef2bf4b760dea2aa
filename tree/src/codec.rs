//! What a kind of leaf tells the tree about itself.

use std::fmt::Debug;

use crate::block::Block;
use crate::heap::Heap;
use crate::page::{HEAD, Page};
use crate::space::Space;

/// A kind of leaf: how its records lie in a page, and by what the leaves are in order.
///
/// The tree knows pages, children, counts and epochs; the codec knows records. Operations on
/// records are the codec's own (`impl Tree<TheCodec>`), built from the parts that all kinds share.
pub trait Codec: Sized {
    /// What stands between the leaves. All that a leaf holds is at or above its own separator and
    /// at or below that of the next leaf; it is the codec's to say whether a record that equals a
    /// separator may be on both sides of it.
    type Separator: Copy + Debug;
    /// A place in the order that somebody looks for.
    type Target<'a>: Copy + Debug;
    /// A record, as a reader gets it.
    type Item<'a>: Copy;

    /// At or below everything: the separator of the first leaf.
    const LOWEST: Self::Separator;

    /// In which of the children the target is: behind all separators that are below it; the codec
    /// says on which side of one that equals it. The separator of the first child means nothing.
    fn child(children: &[Child<Self::Separator>], target: Self::Target<'_>) -> usize;

    /// The record of that index.
    ///
    /// # Safety
    /// The leaf has so many, and neither it nor its blocks change or go within `'a`.
    #[expect(unsafe_code, reason = "how long the leaf stays is known to the caller")]
    unsafe fn item<'a>(leaf: Page, index: usize) -> Self::Item<'a>;

    /// Calls with every block that the leaf refers to.
    fn blocks(leaf: Page, visit: impl FnMut(Block));

    /// A new leaf with the records of a leaf of another tree, and new blocks.
    fn duplicate<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page;

    /// A new leaf with the records of two neighbours, which fit in one. Disposes of neither.
    fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page;

    /// How many bytes of it would be in use; more than a leaf has if they cannot be joined.
    fn joined_size(left: Page, right: Page) -> usize {
        left.used() + right.used() - HEAD
    }
}

/// A child of an inner page.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Child<S> {
    pub separator: S,
    pub page: Page,
}
