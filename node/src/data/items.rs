//! A list: elements by position.
//!
//! A small one is packed in its key's block, see `items/packed.rs`. What does not fit is a tree, see
//! `entry/big/list.rs`.

mod change;
mod packed;

use slotkeeper_tree::Elements;
use slotkeeper_tree::element::Element;

use self::packed::Packed;
use super::collection::{Collection, CollectionMut};
use super::entry::{Big, BigList, BigValue, Entry};
use super::{Encoding, Type};

pub use crate::config::ListLimits;

/// Lists, as a type of collections.
pub struct Items;

/// A list that is being changed.
pub type ListMut<'a> = CollectionMut<'a, Items>;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where its first element is.
    Left,
    /// Where its last element is.
    Right,
}

/// A list, to read.
#[derive(Clone, Copy, Debug)]
pub struct List<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Small(Packed<'a>),
    Big(&'a BigList),
}

impl<'a> List<'a> {
    /// That of an entry whose value is one.
    pub(super) fn of(entry: &Entry<'a>) -> List<'a> {
        List::new(entry.bytes(), entry.big().and_then(Items::big))
    }

    /// What is in the block, unless there is a tree.
    fn new(block: &'a [u8], big: Option<&'a BigList>) -> List<'a> {
        List(match big {
            Some(big) => Form::Big(big),
            None => Form::Small(Packed::new(block)),
        })
    }

    /// How many elements it has; never none.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Form::Small(packed) => packed.len(),
            Form::Big(big) => big.len(),
        }
    }

    /// Whether it has none: only while it is being changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes its elements would take in a listpack.
    #[must_use]
    pub fn listed(&self) -> usize {
        match self.0 {
            Form::Small(packed) => packed.elements().len(),
            Form::Big(big) => big.listed(),
        }
    }

    /// The element of a position, counted from 0.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Element<'a>> {
        match self.0 {
            Form::Small(packed) => packed.get(position),
            Form::Big(big) => big.get(position),
        }
    }

    /// The first element, or the last.
    #[must_use]
    pub fn at_end(&self, end: End) -> Option<Element<'a>> {
        match end {
            End::Left => self.get(0),
            End::Right => self.get(self.len().checked_sub(1)?),
        }
    }

    /// The elements from a position on, in order; or from there back to the first one.
    #[must_use]
    pub fn elements(&self, position: usize, forward: bool) -> ListElements<'a> {
        ListElements(match self.0 {
            Form::Small(packed) => Source::Small {
                rest: packed.from(position, forward),
                forward,
            },
            Form::Big(big) => Source::Big(big.elements(position, forward)),
        })
    }

    /// All elements as they lie in a listpack, and how many there are: for a list that a listpack
    /// holds in Redis, too.
    pub(crate) fn with_listpack<R>(&self, use_it: impl FnOnce(&[u8], usize) -> R) -> R {
        match self.0 {
            Form::Small(packed) => use_it(packed.elements(), packed.len()),
            Form::Big(big) => {
                let mut elements = Vec::with_capacity(big.listed());
                packed::write_all(big.elements(0, true), &mut elements);
                use_it(&elements, big.len())
            }
        }
    }
}

/// Elements of a list, one after the other.
#[derive(Debug)]
pub struct ListElements<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Small { rest: &'a [u8], forward: bool },
    Big(Elements<'a>),
}

impl<'a> Iterator for ListElements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        match &mut self.0 {
            Source::Small { rest, forward } => packed::next(rest, *forward),
            Source::Big(elements) => elements.next(),
        }
    }
}

impl Collection for Items {
    const TYPE: Type = Type::List;
    const FIELDS: usize = 1;
    const NEW: Encoding = Encoding::Listpack;
    type Limits = ListLimits;
    type Big = BigList;
    type Beside = ();

    fn big(big: &Big) -> Option<&BigList> {
        match big {
            Big::List(list) => Some(list),
            _ => None,
        }
    }

    fn big_mut(big: &mut Big) -> Option<&mut BigList> {
        match big {
            Big::List(list) => Some(list),
            _ => None,
        }
    }

    fn flatten(big: &BigList, block: &mut Vec<u8>) {
        packed::begin(block, big.len());
        packed::write_all(big.elements(0, true), block);
    }
}
