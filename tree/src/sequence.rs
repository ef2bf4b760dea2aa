//! The leaf of lists: elements by their position, as they lie in Redis's listpack, with the lengths
//! backward. So a leaf without long elements goes into an RDB file as it is.
//!
//! Nothing stands between two leaves: positions follow from the counts of the inner pages. A list
//! grows at its ends, so an element that no longer fits there begins a fresh leaf and leaves the
//! full one full; in the middle, a leaf is split in half.

mod iter;
mod leaf;
mod ops;
mod walk;

use crate::block::Block;
use crate::codec::{Child, Codec};
use crate::element::Element;
use crate::heap::Heap;
use crate::page::Page;
use crate::space::Space;
use crate::tree::Tree;

pub use self::iter::Elements;

/// A tree of elements by position.
pub type ListTree = Tree<Sequence>;

/// The codec: elements by position.
#[derive(Debug)]
pub struct Sequence;

impl Codec for Sequence {
    type Separator = ();
    type Target<'a> = ();
    type Item<'a> = Element<'a>;

    const LOWEST: () = ();

    /// Nothing is above anything: the last one.
    fn child(children: &[Child<()>], (): ()) -> usize {
        children.len() - 1
    }

    #[expect(unsafe_code, reason = "as in the trait")]
    unsafe fn item<'a>(leaf: Page, index: usize) -> Element<'a> {
        // SAFETY: promised by the caller.
        unsafe { leaf::nth(leaf, index) }.stored.element
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
}
