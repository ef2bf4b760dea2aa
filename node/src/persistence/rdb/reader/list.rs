//! Lists on their way in: element by element, in one packed form, or in nodes that are packed or
//! one element each.

use slotkeeper_tree::element::{Encoded, backward};

use super::cursor::{Step, take};
use super::input::Input;
use super::value::Keyed;
use super::{RdbItem, Sink, emit};
use crate::data::Type;
use crate::persistence::rdb::{RdbError, packed};

/// What stands before a node that is one element, and before one that is a listpack.
const PLAIN: u64 = 1;
const PACKED: u64 = 2;
/// A listpack's total length and its count; behind its elements there is one byte more.
const LISTPACK_HEAD: usize = 6;

/// What comes next of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListState {
    /// How many elements there are.
    Count,
    /// An element; so many are still to come.
    Element(u64),
    /// All of it in a ziplist.
    Ziplist,
    /// How many nodes there are.
    Nodes(ListForm),
    /// What the next of so many nodes is.
    Container(Progress),
    /// A node.
    Node(ListForm, Progress),
}

/// How a node is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// As a ziplist: so are all of a list of Redis before 7.0.
    Ziplist,
    /// As a listpack.
    Listpack,
    /// It is one element.
    Plain,
}

/// How far a list in nodes has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// So many nodes are still to come.
    left: u64,
    /// Whether there was an element yet. Nodes may be empty.
    begun: bool,
}

impl ListState {
    pub fn step(
        self,
        input: &mut Input<'_>,
        keyed: &mut Keyed,
        sink: &mut Sink<'_>,
    ) -> Step<Option<ListState>> {
        let next = match self {
            ListState::Count => match take!(input.length()) {
                // As in Redis: a list without elements is no key.
                0 => None,
                count => {
                    keyed.begin(Type::List, sink)?;
                    Some(ListState::Element(count))
                }
            },
            ListState::Element(left) => {
                emit(sink, RdbItem::Element(&take!(input.string())))?;
                if left == 1 {
                    emit(sink, RdbItem::End)?;
                }
                (left > 1).then(|| ListState::Element(left - 1))
            }
            ListState::Ziplist => {
                let progress = Progress {
                    left: 1,
                    begun: false,
                };
                let node = take!(input.string());
                progress.take(ListForm::Ziplist, &node, keyed, sink)?
            }
            ListState::Nodes(form) => {
                let progress = Progress {
                    left: take!(input.length()),
                    begun: false,
                };
                (progress.left > 0).then(|| progress.next(form))
            }
            ListState::Container(progress) => {
                let form = match take!(input.length()) {
                    PLAIN => ListForm::Plain,
                    PACKED => ListForm::Listpack,
                    _ => return Err(RdbError::Packed("list")),
                };
                Some(ListState::Node(form, progress))
            }
            ListState::Node(form, progress) => {
                let node = take!(input.string());
                progress.take(form, &node, keyed, sink)?
            }
        };
        Ok(Some(next))
    }
}

impl Progress {
    /// What comes next of a list whose nodes are like this one.
    fn next(self, form: ListForm) -> ListState {
        match form {
            ListForm::Ziplist => ListState::Node(ListForm::Ziplist, self),
            ListForm::Listpack | ListForm::Plain => ListState::Container(self),
        }
    }

    /// Takes a node: checks all of it, and hands it out.
    fn take(
        mut self,
        form: ListForm,
        node: &[u8],
        keyed: &Keyed,
        sink: &mut Sink<'_>,
    ) -> Result<Option<ListState>, RdbError> {
        let mut count = 0usize;
        let mut converted = Vec::new();
        let elements = match form {
            ListForm::Plain => &[],
            ListForm::Listpack => {
                let read = packed::listpack(node, &mut |_| count += 1);
                read.ok_or(RdbError::Packed("listpack"))?;
                &node[LISTPACK_HEAD..node.len() - 1]
            }
            ListForm::Ziplist => {
                let read = packed::ziplist(node, &mut |element| {
                    count += 1;
                    backward::write(&Encoded::from(element), &mut converted);
                });
                read.ok_or(RdbError::Packed("ziplist"))?;
                &converted[..]
            }
        };
        if (count > 0 || form == ListForm::Plain) && !self.begun {
            keyed.begin(Type::List, sink)?;
            self.begun = true;
        }
        if form == ListForm::Plain {
            emit(sink, RdbItem::Element(node))?;
        } else if count > 0 {
            emit(sink, RdbItem::Elements(elements))?;
        }
        self.left -= 1;
        if self.left == 0 && self.begun {
            emit(sink, RdbItem::End)?;
        }
        Ok((self.left > 0).then(|| self.next(form)))
    }
}
