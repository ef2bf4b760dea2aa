//! Values as they stand in a file, and in what DUMP replies.

use slotkeeper_tree::Part;
use slotkeeper_tree::element::{Element, Text};

use crate::data::{Entry, Head, Type, Value};
use crate::persistence::rdb::lzf::Packer;
use crate::persistence::rdb::{
    Format, TYPE_HASH, TYPE_HASH_METADATA, TYPE_LIST_QUICKLIST_2, TYPE_SET,
    TYPE_STREAM_LISTPACKS_2, TYPE_STRING, TYPE_VALKEY_HASH_2, TYPE_ZSET_2, encode,
};

/// How Valkey writes that a field does not expire.
const NEVER: i64 = -1;

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

/// A value that is written in parts.
#[derive(Debug)]
pub struct Parts(Times);

/// Of the hash that is being written, when its fields expire.
#[derive(Debug)]
enum Times {
    /// None of them does.
    None,
    /// As Redis writes it: before the field, counted from one millisecond before this time, when the
    /// first one does; 0 if it does not.
    Since(i64),
    /// As Valkey writes it: behind the value, -1 if it does not. Here it waits for its place.
    Behind(Option<i64>),
}

impl Parts {
    /// The type as which it is written.
    pub fn type_of(format: Format, head: Head) -> u8 {
        match (head.first_time, format) {
            (None, _) => written_type(head.kind),
            (Some(_), Format::Valkey) => TYPE_VALKEY_HASH_2,
            (Some(_), _) => TYPE_HASH_METADATA,
        }
    }

    /// Appends what stands before the parts.
    pub fn begin(out: &mut Vec<u8>, format: Format, head: Head) -> Parts {
        let times = match (head.first_time, format) {
            (None, _) => Times::None,
            (Some(_), Format::Valkey) => Times::Behind(None),
            (Some(first), _) => {
                out.extend_from_slice(&first.to_le_bytes());
                Times::Since(first)
            }
        };
        encode::length(out, head.len as usize);
        Parts(times)
    }

    /// Appends the next part.
    pub fn part(&mut self, out: &mut Vec<u8>, part: Part<'_>, packer: Option<&mut Packer>) {
        match part {
            Part::FieldTime(at) => self.time(out, at),
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

    /// When the field expires that comes next.
    fn time(&mut self, out: &mut Vec<u8>, at: Option<i64>) {
        match &mut self.0 {
            Times::None => unreachable!("a hash with such fields says so in its head"),
            Times::Since(first) => {
                let since = at.map_or(0, |at| at.abs_diff(*first) as usize + 1);
                encode::length(out, since);
            }
            Times::Behind(waiting) => {
                // Behind the field before it, if there was one.
                if let Some(at) = waiting.replace(at.unwrap_or(NEVER)) {
                    out.extend_from_slice(&at.to_le_bytes());
                }
            }
        }
    }

    /// Appends what stands behind the parts.
    pub fn end(self, out: &mut Vec<u8>) {
        if let Times::Behind(Some(at)) = self.0 {
            out.extend_from_slice(&at.to_le_bytes());
        }
    }
}

fn element(out: &mut Vec<u8>, element: Element<'_>, packer: Option<&mut Packer>) {
    encode::string(out, element.bytes(&mut Text::new()), packer);
}
