//! Hashes on their way in.

use slotkeeper_tree::element::{Element, Text};

use super::cursor::{Step, take};
use super::input::Input;
use super::value::Keyed;
use super::{RdbItem, Sink, emit};
use crate::data::Type;
use crate::persistence::rdb::packed::{self, Visit};
use crate::persistence::rdb::{RdbError, TYPE_HASH_LISTPACK, TYPE_HASH_ZIPLIST};

/// What comes next of a hash that is written field by field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashState {
    /// How many fields there are.
    Count,
    /// A field; so many are still to come.
    Field(u64),
    /// The value of the field that was kept.
    Value(u64),
}

impl HashState {
    pub fn step(
        self,
        input: &mut Input<'_>,
        keyed: &mut Keyed,
        sink: &mut Sink<'_>,
    ) -> Step<Option<HashState>> {
        let next = match self {
            HashState::Count => match take!(input.length()) {
                // As in Redis: a hash without fields is no key.
                0 => None,
                count => {
                    keyed.begin(Type::Hash, sink)?;
                    Some(HashState::Field(count))
                }
            },
            HashState::Field(left) => {
                keyed.first.keep(take!(input.string()));
                Some(HashState::Value(left))
            }
            HashState::Value(left) => {
                let value = &take!(input.string());
                let field = keyed.first.bytes();
                emit(sink, RdbItem::Field { field, value })?;
                if left == 1 {
                    emit(sink, RdbItem::End)?;
                }
                (left > 1).then(|| HashState::Field(left - 1))
            }
        };
        Ok(Some(next))
    }
}

/// A hash whose fields are packed in one string.
pub fn packed(code: u8, bytes: &[u8], keyed: &Keyed, sink: &mut Sink<'_>) -> Result<(), RdbError> {
    // All of it is checked before any of it is handed out.
    let mut count = 0usize;
    elements(code, bytes, &mut |_| count += 1)?;
    if count % 2 == 1 {
        return Err(RdbError::Packed("list of fields and values"));
    }
    if count == 0 {
        return Ok(());
    }
    keyed.begin(Type::Hash, sink)?;
    let (mut name, mut refused) = (None::<Element<'_>>, Ok(()));
    elements(code, bytes, &mut |element| {
        let Some(field) = name.take() else {
            name = Some(element);
            return;
        };
        if refused.is_ok() {
            refused = sink(RdbItem::Field {
                field: field.bytes(&mut Text::new()),
                value: element.bytes(&mut Text::new()),
            });
        }
    })?;
    refused
        .and_then(|()| sink(RdbItem::End))
        .map_err(RdbError::Refused)
}

fn elements<'a>(code: u8, bytes: &'a [u8], visit: Visit<'_, 'a>) -> Result<(), RdbError> {
    let (read, name) = match code {
        TYPE_HASH_LISTPACK => (packed::listpack(bytes, visit), "listpack"),
        TYPE_HASH_ZIPLIST => (packed::ziplist(bytes, visit), "ziplist"),
        _ => (packed::zipmap(bytes, visit), "zipmap"),
    };
    read.ok_or(RdbError::Packed(name))
}
