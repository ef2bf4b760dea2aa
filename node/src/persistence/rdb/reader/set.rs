//! Sets on their way in.

use slotkeeper_tree::element::Text;

use super::cursor::{Step, take};
use super::input::Input;
use super::value::Keyed;
use super::{RdbItem, Sink, emit};
use crate::data::{Encoding, Type};
use crate::persistence::rdb::packed::{self, Visit};
use crate::persistence::rdb::{RdbError, TYPE_SET_INTSET};

/// What comes next of a set that is written member by member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetState {
    /// How many members there are.
    Count,
    /// A member; so many are still to come.
    Member(u64),
}

impl SetState {
    pub fn step(
        self,
        input: &mut Input<'_>,
        keyed: &mut Keyed,
        sink: &mut Sink<'_>,
    ) -> Step<Option<SetState>> {
        let next = match self {
            SetState::Count => match take!(input.length()) {
                // As in Redis: a set without members is no key.
                0 => None,
                len => {
                    // It is an intset until a member says otherwise.
                    begin(Encoding::Intset, len, keyed, sink)?;
                    Some(SetState::Member(len))
                }
            },
            SetState::Member(left) => {
                let member = take!(input.string());
                emit(sink, RdbItem::Member(&member))?;
                if left == 1 {
                    emit(sink, RdbItem::End)?;
                }
                (left > 1).then(|| SetState::Member(left - 1))
            }
        };
        Ok(Some(next))
    }
}

fn begin(encoding: Encoding, len: u64, keyed: &Keyed, sink: &mut Sink<'_>) -> Result<(), RdbError> {
    keyed.begin(Type::Set, sink)?;
    emit(sink, RdbItem::Form { encoding, len })
}

/// A set whose members are packed in one string.
pub fn packed(code: u8, bytes: &[u8], keyed: &Keyed, sink: &mut Sink<'_>) -> Result<(), RdbError> {
    // All of it is checked before any of it is handed out.
    let mut len = 0;
    elements(code, bytes, &mut |_| len += 1)?;
    if len == 0 {
        return Ok(());
    }
    let encoding = if code == TYPE_SET_INTSET {
        Encoding::Intset
    } else {
        Encoding::Listpack
    };
    begin(encoding, len, keyed, sink)?;
    let mut refused = Ok(());
    elements(code, bytes, &mut |element| {
        if refused.is_ok() {
            refused = sink(RdbItem::Member(element.bytes(&mut Text::new())));
        }
    })?;
    refused
        .and_then(|()| sink(RdbItem::End))
        .map_err(RdbError::Refused)
}

fn elements<'a>(code: u8, bytes: &'a [u8], visit: Visit<'_, 'a>) -> Result<(), RdbError> {
    let (read, name) = if code == TYPE_SET_INTSET {
        (packed::intset(bytes, visit), "intset")
    } else {
        (packed::listpack(bytes, visit), "listpack")
    };
    read.ok_or(RdbError::Packed(name))
}
