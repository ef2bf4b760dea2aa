//! The leaf of hashes and sets: records of a key and, in a hash, a value, in the order of the
//! keys' hashes.
//!
//! The hash is the caller's: a keyed one, so that clients cannot choose where keys fall. A leaf
//! does not store it; what has to know it again (a split, a scan that begins within a leaf) asks
//! for a function. Separators have its top 40 bits, and one bit for what does not fit in a page:
//! with it set, records on both sides have that very hash.

mod ahead;
mod hashed;
mod leaf;
mod ops;
mod scan;
mod split;

use crate::block::Block;
use crate::codec::{Child, Codec};
use crate::element::{Element, Encoded};
use crate::frozen::{Field, Fields};
use crate::heap::Heap;
use crate::page::Page;
use crate::path::MAX_DEPTH;
use crate::space::Space;
use crate::tree::Tree;

pub use ahead::{AHEAD, Aim};

/// A tree of keys with values.
pub type HashTree = Tree<Records<true>>;
/// A tree of keys alone.
pub type SetTree = Tree<Records<false>>;

/// The codec: records in hash order, with a value if `VALUED`.
#[derive(Debug)]
pub struct Records<const VALUED: bool>;

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The field of a hash, the member of a set.
    pub key: Element<'a>,
    /// Empty in a set.
    pub value: Element<'a>,
}

/// A key to look for, with its hash.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) encoded: Encoded<'a>,
    pub(crate) hash: u64,
    /// The way to its record, if somebody has gone it before: then what is on it is in the cache.
    near: Option<Way>,
}

/// Which child was next at each depth. The tree may have changed since, so a search looks at the
/// separators all the same; but it looks there first.
type Way = [u8; MAX_DEPTH];

impl<'a> Key<'a> {
    /// The key of these bytes. `hash` is theirs by the tree's hash function, always the same for
    /// the same tree.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8], hash: u64) -> Key<'a> {
        Key {
            bytes,
            encoded: Encoded::new(bytes),
            hash,
            near: None,
        }
    }

    /// Its bytes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where it belongs.
    #[inline]
    fn position(&self) -> Position {
        Position::of(self.hash)
    }
}

/// A place in the order: the top 40 bits of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position(u64);

/// What stands between two leaves: a position, and in the lowest bit whether records of that very
/// position may be before it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Separator(u64);

impl Position {
    const BITS: u32 = 40;

    #[inline]
    fn of(hash: u64) -> Position {
        Position(hash >> (64 - Position::BITS))
    }

    /// The separator with which a search finds the first leaf that may have this position.
    #[inline]
    fn separator(self) -> Separator {
        Separator(self.0 << 1)
    }

    /// The separator between leaves that both have records of this position.
    #[inline]
    fn tied(self) -> Separator {
        Separator(self.0 << 1 | 1)
    }
}

impl Separator {
    #[inline]
    fn position(self) -> Position {
        Position(self.0 >> 1)
    }

    #[inline]
    fn is_tied(self) -> bool {
        self.0 & 1 != 0
    }
}

/// The child that the target is in, looked for from one that is near.
#[inline]
fn walk_to_child(children: &[Child<Separator>], near: usize, target: Separator) -> usize {
    let mut at = near;
    while at > 0 && children[at].separator > target {
        at -= 1;
    }
    while (children.get(at + 1)).is_some_and(|next| next.separator <= target) {
        at += 1;
    }
    at
}

impl<const VALUED: bool> Codec for Records<VALUED> {
    type Separator = Separator;
    type Target<'a> = Separator;
    type Item<'a> = Record<'a>;

    const LOWEST: Separator = Separator(0);

    /// Hashes are spread evenly, so the place is near where it would be in proportion.
    #[inline]
    fn child(children: &[Child<Separator>], target: Separator) -> usize {
        let Some([first, .., last]) = children.get(1..) else {
            // Two children at most.
            return usize::from(children.get(1).is_some_and(|it| it.separator <= target));
        };
        let (low, high) = (first.separator.0, last.separator.0);
        if target.0 < low {
            return 0;
        }
        if target.0 >= high {
            return children.len() - 1;
        }
        let steps = children.len() as u64 - 2;
        let at = 1 + ((target.0 - low) * steps / (high - low)) as usize;
        walk_to_child(children, at, target)
    }

    #[expect(unsafe_code, reason = "as in the trait")]
    unsafe fn item<'a>(leaf: Page, index: usize) -> Record<'a> {
        // SAFETY: promised by the caller.
        unsafe { leaf::record::<VALUED>(leaf, index) }
    }

    fn blocks(leaf: Page, visit: impl FnMut(Block)) {
        leaf::blocks::<VALUED>(leaf, visit);
    }

    fn duplicate<H: Heap>(space: &mut Space<'_, H>, leaf: Page) -> Page {
        leaf::duplicate::<VALUED, H>(space, leaf)
    }

    fn joined<H: Heap>(space: &mut Space<'_, H>, left: Page, right: Page) -> Page {
        leaf::joined(space, left, right)
    }
}

impl<const VALUED: bool> Fields for Records<VALUED> {
    const COUNT: usize = if VALUED { 2 } else { 1 };

    fn field(item: Self::Item<'_>, index: usize) -> Field<'_> {
        Field::Element(if index == 0 { item.key } else { item.value })
    }
}
