//! Values on their way in: which states each type goes through.
//!
//! A type is a number in [`ValueState::of`], a variant of [`ValueState`] and a small file with its
//! own states, as `hash.rs` is. Each state takes one thing from the input and names the next state.
//! What must be remembered meanwhile is in the state (counts) or in [`Keyed`] (the key, and the
//! first of two strings that belong together).

use std::borrow::Cow;

use super::cursor::{Step, take};
use super::hash::{self, HashState};
use super::input::Input;
use super::list::{ListForm, ListState};
use super::set::{self, SetState};
use super::stream::StreamState;
use super::timed_hash::{self, TimedForm, TimedState};
use super::zset::{self, ZsetState};
use super::{RdbItem, Sink, emit};
use crate::data::Type;
use crate::persistence::rdb::{
    RdbError, TYPE_HASH, TYPE_HASH_LISTPACK, TYPE_HASH_LISTPACK_EX, TYPE_HASH_LISTPACK_EX_PRE_GA,
    TYPE_HASH_METADATA, TYPE_HASH_METADATA_PRE_GA, TYPE_HASH_ZIPLIST, TYPE_HASH_ZIPMAP, TYPE_LIST,
    TYPE_LIST_QUICKLIST, TYPE_LIST_QUICKLIST_2, TYPE_LIST_ZIPLIST, TYPE_SET, TYPE_SET_INTSET,
    TYPE_SET_LISTPACK, TYPE_STREAM_LISTPACKS, TYPE_STREAM_LISTPACKS_2, TYPE_STREAM_LISTPACKS_3,
    TYPE_STRING, TYPE_VALKEY_HASH_2, TYPE_ZSET, TYPE_ZSET_2, TYPE_ZSET_LISTPACK, TYPE_ZSET_ZIPLIST,
};

/// The memory of a string that was kept is given back if it is more than this, in bytes.
const KEPT_MAX: usize = 64 * 1024;

/// What comes next of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueState {
    /// A string.
    Str,
    /// A hash, field by field.
    Hash(HashState),
    /// A hash whose fields expire, field by field.
    TimedHash(TimedState),
    /// When the first field of such a hash expires, which comes in one string.
    FirstTime,
    /// A set, member by member.
    Set(SetState),
    /// A list.
    List(ListState),
    /// A sorted set, member by member.
    Zset(ZsetState),
    /// A stream.
    Stream(StreamState),
    /// A collection of that type in one string.
    Packed(u8),
}

impl ValueState {
    /// The first state of a value of that type, by Valkey's own numbers or Redis's; none if this node
    /// does not hold such values.
    pub fn of(code: u8, is_valkey: bool) -> Option<ValueState> {
        let timed = |state| Some(ValueState::TimedHash(state));
        match code {
            TYPE_VALKEY_HASH_2 if is_valkey => timed(TimedState::Count(TimedForm::Behind)),
            TYPE_HASH_METADATA_PRE_GA..=TYPE_HASH_LISTPACK_EX if is_valkey => None,
            TYPE_HASH_METADATA_PRE_GA => timed(TimedState::Count(TimedForm::Absolute)),
            TYPE_HASH_METADATA => timed(TimedState::First),
            TYPE_HASH_LISTPACK_EX_PRE_GA => Some(ValueState::Packed(code)),
            TYPE_HASH_LISTPACK_EX => Some(ValueState::FirstTime),
            TYPE_STRING => Some(ValueState::Str),
            TYPE_HASH => Some(ValueState::Hash(HashState::Count)),
            TYPE_SET => Some(ValueState::Set(SetState::Count)),
            TYPE_ZSET => Some(ValueState::Zset(ZsetState::Count { as_text: true })),
            TYPE_ZSET_2 => Some(ValueState::Zset(ZsetState::Count { as_text: false })),
            TYPE_HASH_LISTPACK | TYPE_HASH_ZIPLIST | TYPE_HASH_ZIPMAP | TYPE_SET_INTSET
            | TYPE_SET_LISTPACK | TYPE_ZSET_LISTPACK | TYPE_ZSET_ZIPLIST => {
                Some(ValueState::Packed(code))
            }
            TYPE_LIST => Some(ValueState::List(ListState::Count)),
            TYPE_LIST_ZIPLIST => Some(ValueState::List(ListState::Ziplist)),
            TYPE_LIST_QUICKLIST => Some(ValueState::List(ListState::Nodes(ListForm::Ziplist))),
            TYPE_LIST_QUICKLIST_2 => Some(ValueState::List(ListState::Nodes(ListForm::Listpack))),
            TYPE_STREAM_LISTPACKS => Some(ValueState::Stream(StreamState::new(1))),
            TYPE_STREAM_LISTPACKS_2 => Some(ValueState::Stream(StreamState::new(2))),
            TYPE_STREAM_LISTPACKS_3 => Some(ValueState::Stream(StreamState::new(3))),
            _ => None,
        }
    }

    /// Takes one thing, no more, and gives the next state; in it none at the end of the value.
    pub fn step(
        self,
        input: &mut Input<'_>,
        keyed: &mut Keyed,
        sink: &mut Sink<'_>,
    ) -> Step<Option<ValueState>> {
        match self {
            ValueState::Str => {
                let item = RdbItem::Entry {
                    value: take!(input.string()),
                    key: keyed.key.bytes(),
                    expire_at: keyed.expire_at,
                };
                emit(sink, item)?;
                Ok(Some(None))
            }
            ValueState::Hash(state) => {
                let next = take!(state.step(input, keyed, sink));
                Ok(Some(next.map(ValueState::Hash)))
            }
            ValueState::TimedHash(state) => {
                let next = take!(state.step(input, keyed, sink));
                Ok(Some(next.map(ValueState::TimedHash)))
            }
            ValueState::FirstTime => {
                // Each field says when it expires.
                let _: [u8; 8] = take!(input.array());
                Ok(Some(Some(ValueState::Packed(TYPE_HASH_LISTPACK_EX))))
            }
            ValueState::Set(state) => {
                let next = take!(state.step(input, keyed, sink));
                Ok(Some(next.map(ValueState::Set)))
            }
            ValueState::List(state) => {
                let next = take!(state.step(input, keyed, sink));
                Ok(Some(next.map(ValueState::List)))
            }
            ValueState::Zset(state) => {
                let next = take!(state.step(input, keyed, sink));
                Ok(Some(next.map(ValueState::Zset)))
            }
            ValueState::Stream(state) => {
                let next = take!(state.step(input, keyed, sink));
                Ok(Some(next.map(ValueState::Stream)))
            }
            ValueState::Packed(code) => {
                let bytes = &take!(input.string());
                match code {
                    TYPE_SET_INTSET | TYPE_SET_LISTPACK => set::packed(code, bytes, keyed, sink)?,
                    TYPE_ZSET_LISTPACK | TYPE_ZSET_ZIPLIST => {
                        zset::packed(code, bytes, keyed, sink)?;
                    }
                    TYPE_HASH_LISTPACK_EX_PRE_GA | TYPE_HASH_LISTPACK_EX => {
                        timed_hash::packed(bytes, keyed, sink)?;
                    }
                    _ => hash::packed(code, bytes, keyed, sink)?,
                }
                Ok(Some(None))
            }
        }
    }
}

/// The key whose value is being read, and what belongs to it.
#[derive(Debug, Default)]
pub struct Keyed {
    pub key: Kept,
    /// In unix milliseconds. It stands before the key.
    pub expire_at: Option<i64>,
    /// The first of two strings that are handed out together: a field, the name of a remark.
    pub first: Kept,
}

impl Keyed {
    /// Begins a collection.
    pub fn begin(&self, kind: Type, sink: &mut Sink<'_>) -> Result<(), RdbError> {
        let item = RdbItem::Begin {
            kind,
            key: self.key.bytes(),
            expire_at: self.expire_at,
        };
        emit(sink, item)
    }

    /// The value is complete.
    pub fn end(&mut self) {
        self.expire_at = None;
        self.key.shrink();
        self.first.shrink();
    }

    /// The memory that it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.key.0.capacity() + self.first.0.capacity()
    }
}

/// A string that is kept until what follows has arrived. Its memory is used again.
#[derive(Debug, Default)]
pub struct Kept(Vec<u8>);

impl Kept {
    /// Keeps another one.
    pub fn keep(&mut self, bytes: Cow<'_, [u8]>) {
        match bytes {
            Cow::Owned(bytes) => self.0 = bytes,
            Cow::Borrowed(bytes) => {
                self.0.clear();
                self.0.extend_from_slice(bytes);
            }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn shrink(&mut self) {
        if self.0.capacity() > KEPT_MAX {
            self.0 = Vec::new();
        }
    }
}
