//! Several sorted sets and sets to compute with.

use slotkeeper_tree::element::{Element, Text};

use crate::command::{Exec, Refused};
use crate::data::{Key, Reader, Set, Type, Value, WrongType, Zset};

/// A set of members; those of a plain set all have the score 1.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Zset(Zset<'a>),
    Set(Set<'a>),
}

impl<'a> Source<'a> {
    /// What is at a key, if anything is.
    pub(super) fn read(
        reader: &Reader<'a>,
        db: usize,
        key: &Key<'_>,
    ) -> Result<Option<Source<'a>>, WrongType> {
        let Some(entry) = reader.get(db, key) else {
            return Ok(None);
        };
        match entry.value() {
            Value::Zset(zset) => Ok(Some(Source::Zset(zset))),
            Value::Set(set) => Ok(Some(Source::Set(set))),
            _ => Err(WrongType),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
        }
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Zset(zset) => zset.score(member),
            Source::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Shows members with their scores, until `visit` returns false.
    pub(super) fn for_each_while(&self, mut visit: impl FnMut(&[u8], f64) -> bool) {
        let mut each = |member: Element<'_>, score| visit(member.bytes(&mut Text::new()), score);
        match self {
            Source::Zset(zset) => zset.for_each_while(|record| each(record.member, record.score)),
            Source::Set(set) => set.for_each_while(|member| each(member, 1.0)),
        }
    }
}

/// Refuses a request of which a key holds something else. Counts hits and misses.
pub(super) fn check(exec: &mut Exec<'_>, keys: &[Key<'_>]) -> Result<(), Refused> {
    for key in keys {
        match exec
            .data
            .get(exec.session.db, key)
            .map(|entry| entry.kind())
        {
            None | Some(Type::Set | Type::Zset) => {}
            Some(_) => return Err(WrongType.into()),
        }
    }
    Ok(())
}
