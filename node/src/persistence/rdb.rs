//! The RDB format: what a snapshot and the payload of a full sync consist of.
//!
//! Written is version 10, which Redis 7.0 and everything after it reads; but where fields of a hash
//! expire version 12, which Redis reads since 7.4, or for a replica that is Valkey version 80, which it
//! reads since 9.0. Read is every version of Redis up to 12 and Valkey's own; of the types all but
//! modules.

mod crc64;
mod dump;
mod encode;
mod format;
mod lzf;
mod packed;
mod partial;
mod reader;
#[cfg(test)]
mod streams;
mod writer;

pub use crc64::crc64;
pub use dump::{BadDump, DumpReader, DumpWriter, dump_version};
pub use format::{Format, WRITTEN_VERSION};
use format::{OLDEST_VALKEY, is_known};
pub use reader::{Fed, PackedPairs, RdbItem, RdbReader};
pub use writer::{History, RdbWriter, SECOND_ID};

const TYPE_STRING: u8 = 0;
const TYPE_SET: u8 = 2;
const TYPE_LIST: u8 = 1;
const TYPE_ZSET: u8 = 3;
const TYPE_LIST_ZIPLIST: u8 = 10;
const TYPE_LIST_QUICKLIST: u8 = 14;
const TYPE_LIST_QUICKLIST_2: u8 = 18;
const TYPE_HASH: u8 = 4;
const TYPE_ZSET_2: u8 = 5;
const TYPE_HASH_ZIPMAP: u8 = 9;
const TYPE_SET_INTSET: u8 = 11;
const TYPE_ZSET_ZIPLIST: u8 = 12;
const TYPE_HASH_ZIPLIST: u8 = 13;
const TYPE_HASH_LISTPACK: u8 = 16;
const TYPE_ZSET_LISTPACK: u8 = 17;
const TYPE_SET_LISTPACK: u8 = 20;
const TYPE_STREAM_LISTPACKS: u8 = 15;
const TYPE_STREAM_LISTPACKS_2: u8 = 19;
const TYPE_STREAM_LISTPACKS_3: u8 = 21;
/// Valkey's hash whose fields expire, in its own files; Redis's release candidates used the number for
/// theirs.
const TYPE_VALKEY_HASH_2: u8 = 22;
const TYPE_HASH_METADATA_PRE_GA: u8 = 22;
const TYPE_HASH_LISTPACK_EX_PRE_GA: u8 = 23;
const TYPE_HASH_METADATA: u8 = 24;
const TYPE_HASH_LISTPACK_EX: u8 = 25;

mod opcode {
    pub const SLOT_INFO: u8 = 244;
    pub const IDLE: u8 = 248;
    pub const FREQ: u8 = 249;
    pub const AUX: u8 = 250;
    pub const RESIZEDB: u8 = 251;
    pub const EXPIRETIME_MS: u8 = 252;
    pub const EXPIRETIME: u8 = 253;
    pub const SELECTDB: u8 = 254;
    pub const EOF: u8 = 255;
}

/// Why a file or payload cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RdbError {
    /// It does not begin as an RDB file does.
    #[error("Wrong signature trying to load DB from file")]
    Signature,
    /// Written by a newer server.
    #[error("Can't handle RDB format version {0}")]
    Version(u32),
    /// A value of a type that this node does not hold.
    #[error("The key '{key}' has the type {name} ({code}), which this node does not hold")]
    Type {
        /// The type's number.
        code: u8,
        /// Its name.
        name: &'static str,
        /// The key, made printable.
        key: String,
    },
    /// A section that this node does not know.
    #[error("The file has a section that this node does not know: {name} ({code})")]
    Opcode {
        /// The opcode.
        code: u8,
        /// Its name.
        name: &'static str,
    },
    /// A string or length in an encoding that does not exist.
    #[error("Unknown RDB encoding {0:#04x}")]
    Encoding(u8),
    /// A compressed string that does not unpack to its announced length.
    #[error("Invalid LZF compressed string")]
    Compression,
    /// A small collection in one string that is not what it must be.
    #[error("A {0} is damaged")]
    Packed(&'static str),
    /// A string that is longer than a value can be.
    #[error("An RDB length of {0} is too large")]
    TooLarge(u64),
    /// The system gives no memory for a string.
    #[error("There is no memory for a string of {0} bytes")]
    NoMemory(usize),
    /// The checksum at the end is not that of the content.
    #[error("Wrong RDB checksum expected: ({expected:x}) but got ({found:x})")]
    Checksum {
        /// What the file says.
        expected: u64,
        /// What its content gives.
        found: u64,
    },
    /// The content ended early.
    #[error("Unexpected end of the RDB data")]
    Truncated,
    /// An entry was refused by the keyspace.
    #[error("{0}")]
    Refused(String),
}
