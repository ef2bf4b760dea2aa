//! Values as they stand in a file, and in what DUMP replies.

use slotkeeper_tree::Part;
use slotkeeper_tree::element::{Element, Text};

use crate::data::{Entry, Head, Type, Value};
use crate::persistence::rdb::lzf::Packer;
use crate::persistence::rdb::{
    TYPE_HASH, TYPE_HASH_METADATA, TYPE_LIST_QUICKLIST_2, TYPE_SET, TYPE_STREAM_LISTPACKS_2,
    TYPE_STRING, TYPE_ZSET_2, encode,
};

/// As what a value is written: in a form that every version loads, and packs again if it is small.
pub fn written_type(of: Type) -> u8 {
    match of {
        Type::String => TYPE_STRING,
        Type::Set => TYPE_SET,
        Type::Hash => TYPE_HASH,
        Type::List => TYPE_LIST_QUICKLIST_2,
        Type::Zset => TYPE_ZSET_2,
        Type::Stream => TYPE_STREAM_LISTPACKS_2,
    }
}

/// As what a value is written that is handed out in parts.
pub fn type_of(head: Head) -> u8 {
    match head.first_time {
        Some(_) => TYPE_HASH_METADATA,
        None => written_type(head.kind),
    }
}

/// Appends what stands before its parts.
pub fn head(out: &mut Vec<u8>, head: Head) {
    if let Some(first) = head.first_time {
        out.extend_from_slice(&first.to_le_bytes());
    }
    encode::length(out, head.len as usize);
}

/// When a field expires, counted from one millisecond before the first one; 0 if it does not.
fn since(first: Option<i64>, at: Option<i64>) -> usize {
    match (first, at) {
        (Some(first), Some(at)) => at.abs_diff(first) as usize + 1,
        _ => 0,
    }
}

/// Appends the value of an entry that is written as a whole.
pub fn whole(out: &mut Vec<u8>, entry: &Entry<'_>, mut packer: Option<&mut Packer>) {
    match entry.value() {
        Value::Str(string) => encode::string(out, string, packer),
        Value::Hash(hash) => {
            encode::length(out, hash.len());
            hash.for_each(|field, value| {
                element(out, field, packer.as_deref_mut());
                element(out, value, packer.as_deref_mut());
            });
        }
        Value::List(list) => {
            // One that does not fit into a node is written in parts.
            encode::length(out, 1);
            list.with_listpack(|elements, count| {
                encode::listpack_node(out, elements, count, packer);
            });
        }
        Value::Set(set) => {
            encode::length(out, set.len());
            set.for_each(|member| element(out, member, packer.as_deref_mut()));
        }
        Value::Zset(zset) => {
            encode::length(out, zset.len());
            zset.for_each(|record| {
                element(out, record.member, packer.as_deref_mut());
                out.extend_from_slice(&record.score.to_le_bytes());
            });
        }
        Value::Stream(_) => unreachable!("a stream is written in parts"),
    }
}

/// Appends a part of a big value. `first`: when the first field of a hash expires.
pub fn part(out: &mut Vec<u8>, part: Part<'_>, first: Option<i64>, packer: Option<&mut Packer>) {
    match part {
        Part::FieldTime(at) => encode::length(out, since(first, at)),
        Part::Whole(whole) => element(out, whole, packer),
        Part::Begin(len) => encode::length(out, len),
        Part::Piece(bytes) | Part::Fixed(bytes) => out.extend_from_slice(bytes),
        Part::Length(number) => encode::length(out, number as usize),
        Part::Score(score) => out.extend_from_slice(&score.to_le_bytes()),
        Part::Packed { elements, count } => {
            encode::listpack_node(out, elements, count, packer);
        }
        Part::Plain(len) => {
            encode::length(out, encode::PLAIN_NODE);
            encode::length(out, len);
        }
    }
}

fn element(out: &mut Vec<u8>, element: Element<'_>, packer: Option<&mut Packer>) {
    encode::string(out, element.bytes(&mut Text::new()), packer);
}
