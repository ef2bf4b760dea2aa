//! Reads an RDB file or payload as it arrives: bytes in any split go in, entries come out.
//!
//! It is a state machine that resumes inside an element. Each step takes one thing from the input (a
//! byte, a length, a string) and goes to another state; what is not whole yet is kept by the input
//! (`reader/input.rs`). The states of values are in `reader/value.rs`.

mod cursor;
mod hash;
mod input;
mod list;
mod set;
mod single;
mod stream;
mod timed_hash;
mod value;
mod zset;

use std::borrow::Cow;

use self::cursor::{Step, take};
use self::input::{Held, Input};
pub use self::single::ValueReader;
pub use self::stream::PackedPairs;
use self::value::{Keyed, ValueState};
use super::{RdbError, crc64, is_known, opcode};
use slotkeeper_tree::StreamId;

use crate::data::{Encoding, Type};

/// How much of a key an error shows, in bytes.
const SHOWN_MAX: usize = 200;

/// Numbers from here on are sections, below they are types of values.
const FIRST_OPCODE: u8 = 242;

/// One thing that the file says.
#[derive(Clone, Debug, PartialEq)]
pub enum RdbItem<'a> {
    /// A remark about the file or its history.
    Aux {
        /// Its name.
        name: &'a [u8],
        /// What it says.
        value: &'a [u8],
    },
    /// The entries that follow belong to this database.
    Database(u64),
    /// How many keys the database has, and how many of them have a time to live.
    Sizes {
        /// Keys.
        keys: u64,
        /// Of them with a time to live.
        expires: u64,
    },
    /// A key with a string.
    Entry {
        /// The key.
        key: &'a [u8],
        /// The value; owned if it had to be put together.
        value: Cow<'a, [u8]>,
        /// When it expires, in unix milliseconds.
        expire_at: Option<i64>,
    },
    /// A key with a collection; its elements follow, one or more, and then [`RdbItem::End`].
    Begin {
        /// What kind of collection.
        kind: Type,
        /// The key.
        key: &'a [u8],
        /// When it expires, in unix milliseconds.
        expire_at: Option<i64>,
    },
    /// A member of the sorted set.
    Scored {
        /// The member.
        member: &'a [u8],
        /// Its score; no NaN.
        score: f64,
    },
    /// A field of the hash.
    Field {
        /// Its name.
        field: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// When a field of the hash expires, which has come.
    FieldTime {
        /// Its name.
        field: &'a [u8],
        /// In unix milliseconds.
        at: i64,
    },
    /// How a set was held, and how many members it has: before the first of them.
    Form {
        /// As OBJECT ENCODING named it.
        encoding: Encoding,
        /// How many.
        len: u64,
    },
    /// A member of the set.
    Member(&'a [u8]),
    /// An element of the list.
    Element(&'a [u8]),
    /// Several elements of the list, as they lie in a listpack: whole ones, with right lengths.
    Elements(&'a [u8]),
    /// A message of the stream.
    Message {
        /// Its id, above those before.
        id: StreamId,
        /// Its fields with their values.
        pairs: PackedPairs<'a>,
    },
    /// The counters of the stream: behind its messages.
    Counters {
        /// The id that was given last.
        last_id: StreamId,
        /// The highest id that was deleted.
        max_deleted: StreamId,
        /// How many messages were ever added.
        entries_added: u64,
    },
    /// A group of the stream; what belongs to it follows.
    Group {
        /// Its name.
        name: &'a [u8],
        /// The message that was delivered last.
        last_id: StreamId,
        /// How many were delivered; none if that is not known.
        entries_read: Option<u64>,
        /// The file is older than that number, which is to be estimated.
        is_old: bool,
    },
    /// An entry that is pending in the group.
    Pending {
        /// The message.
        id: StreamId,
        /// When it was delivered, in unix milliseconds.
        time: i64,
        /// How often.
        count: u64,
    },
    /// A consumer of the group; which entries are its own follows.
    Consumer {
        /// Its name.
        name: &'a [u8],
        /// When it was there last, in unix milliseconds.
        seen: i64,
        /// When it got a message last, if ever.
        active: Option<i64>,
    },
    /// An entry that belongs to the consumer.
    Owned(StreamId),
    /// The group is complete.
    GroupEnd,
    /// The collection is complete.
    End,
}

/// Takes what is read, and may refuse it.
pub type Sink<'s> = dyn FnMut(RdbItem<'_>) -> Result<(), String> + 's;

/// What a call of [`RdbReader::feed`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// How many bytes of the input belonged to the file; less than all only at its end.
    pub consumed: usize,
    /// The file is complete and its checksum right.
    pub done: bool,
}

/// The state of reading. Beside the key it keeps at most one pair of strings of a collection, of
/// which no more than has arrived, so it never holds more than that (unpacked).
#[derive(Debug, Default)]
pub struct RdbReader {
    held: Held,
    machine: Machine,
    position: u64,
}

/// All but what is held of the input.
#[derive(Debug, Default)]
struct Machine {
    state: ReaderState,
    checksum: u64,
    version: u32,
    /// The file has Valkey's own signature.
    is_valkey: bool,
    /// The key whose value is being read.
    keyed: Keyed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ReaderState {
    #[default]
    Header,
    Opcode,
    /// When the next key expires, in seconds (4 bytes).
    Seconds,
    /// When the next key expires, in milliseconds (8 bytes).
    Milliseconds,
    /// How often the next key was used.
    Frequency,
    /// Lengths of which nothing is wanted: so many.
    Lengths(u8),
    Database,
    Keys,
    /// So many keys, and how many of them expire.
    Expires(u64),
    AuxName,
    AuxValue,
    /// The key of a value of that type.
    Key(u8),
    Value(ValueState),
    Checksum,
    Done,
}

impl RdbReader {
    /// At the beginning of a file.
    #[must_use]
    pub fn new() -> RdbReader {
        RdbReader::default()
    }

    /// Whether the whole file was read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.machine.state == ReaderState::Done
    }

    /// The version of the format, once it is known.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.machine.version
    }

    /// How many bytes were taken up; after an error, about where it lies.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The memory of what is not whole yet, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.held.memory() + self.machine.keyed.memory()
    }

    /// Takes the next bytes and hands what they complete to `sink`, whose refusal ends the
    /// reading.
    ///
    /// # Errors
    /// When the bytes are no RDB file, hold what this node does not know, or are damaged; the
    /// reader is of no use afterwards.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<Fed, RdbError> {
        let (mut input, machine) = (Input::new(bytes, &mut self.held), &mut self.machine);
        let mut summed = 0;
        let before = self.position;
        while machine.state != ReaderState::Done {
            let stepped = machine.step(&mut input, sink);
            self.position = before + input.consumed() as u64;
            if stepped?.is_none() {
                break;
            }
            if machine.state == ReaderState::Checksum {
                summed = input.consumed();
                machine.checksum = crc64(machine.checksum, &bytes[..summed]);
            }
        }
        if !matches!(machine.state, ReaderState::Checksum | ReaderState::Done) {
            machine.checksum = crc64(machine.checksum, &bytes[summed..input.consumed()]);
        }
        Ok(Fed {
            consumed: input.consumed(),
            done: machine.state == ReaderState::Done,
        })
    }
}

impl Machine {
    /// Takes one thing, no more, and goes to the next state; none if it is not whole yet.
    fn step(&mut self, input: &mut Input<'_>, sink: &mut Sink<'_>) -> Step<()> {
        self.state = match self.state {
            ReaderState::Header => return self.header(input),
            ReaderState::Opcode => self.after_opcode(take!(input.byte()))?,
            ReaderState::Seconds => {
                let seconds = i32::from_le_bytes(take!(input.array()));
                self.keyed.expire_at = Some(i64::from(seconds) * 1000);
                ReaderState::Opcode
            }
            ReaderState::Milliseconds => {
                self.keyed.expire_at = Some(i64::from_le_bytes(take!(input.array())));
                ReaderState::Opcode
            }
            ReaderState::Frequency => {
                take!(input.byte());
                ReaderState::Opcode
            }
            ReaderState::Lengths(left) => {
                take!(input.length());
                match left {
                    0 | 1 => ReaderState::Opcode,
                    _ => ReaderState::Lengths(left - 1),
                }
            }
            ReaderState::Database => {
                let number = take!(input.length());
                emit(sink, RdbItem::Database(number))?;
                ReaderState::Opcode
            }
            ReaderState::Keys => ReaderState::Expires(take!(input.length())),
            ReaderState::Expires(keys) => {
                let expires = take!(input.length());
                emit(sink, RdbItem::Sizes { keys, expires })?;
                ReaderState::Opcode
            }
            ReaderState::AuxName => {
                self.keyed.first.keep(take!(input.string()));
                ReaderState::AuxValue
            }
            ReaderState::AuxValue => {
                let value = take!(input.string());
                let name = self.keyed.first.bytes();
                let value = &value;
                emit(sink, RdbItem::Aux { name, value })?;
                ReaderState::Opcode
            }
            ReaderState::Key(code) => {
                let key = take!(input.string());
                let value = ValueState::of(code, self.is_valkey);
                let value = value.ok_or_else(|| unknown_type(code, &key))?;
                self.keyed.key.keep(key);
                ReaderState::Value(value)
            }
            ReaderState::Value(value) => match take!(value.step(input, &mut self.keyed, sink)) {
                Some(next) => ReaderState::Value(next),
                None => {
                    self.keyed.end();
                    ReaderState::Opcode
                }
            },
            ReaderState::Checksum => return self.verify(input),
            ReaderState::Done => return Ok(None),
        };
        Ok(Some(()))
    }

    fn header(&mut self, input: &mut Input<'_>) -> Step<()> {
        let magic: [u8; 9] = take!(input.array());
        let (valkey, digits) = match magic.split_at(5) {
            (b"REDIS", digits) => (false, digits),
            _ => match magic.split_at(6) {
                (b"VALKEY", digits) => (true, digits),
                _ => return Err(RdbError::Signature),
            },
        };
        let mut version = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return Err(RdbError::Signature);
            }
            version = version * 10 + u32::from(digit - b'0');
        }
        if !is_known(version, valkey) {
            return Err(RdbError::Version(version));
        }
        (self.version, self.is_valkey) = (version, valkey);
        self.state = ReaderState::Opcode;
        Ok(Some(()))
    }

    fn after_opcode(&self, code: u8) -> Result<ReaderState, RdbError> {
        Ok(match code {
            opcode::EOF if self.version >= 5 => ReaderState::Checksum,
            opcode::EOF => ReaderState::Done,
            opcode::EXPIRETIME => ReaderState::Seconds,
            opcode::EXPIRETIME_MS => ReaderState::Milliseconds,
            opcode::FREQ => ReaderState::Frequency,
            opcode::IDLE => ReaderState::Lengths(1),
            opcode::SLOT_INFO => ReaderState::Lengths(3),
            opcode::AUX => ReaderState::AuxName,
            opcode::SELECTDB => ReaderState::Database,
            opcode::RESIZEDB => ReaderState::Keys,
            FIRST_OPCODE.. => return Err(unknown_section(code)),
            code => ReaderState::Key(code),
        })
    }

    fn verify(&mut self, input: &mut Input<'_>) -> Step<()> {
        let expected = u64::from_le_bytes(take!(input.array()));
        if expected != 0 && expected != self.checksum {
            return Err(RdbError::Checksum {
                expected,
                found: self.checksum,
            });
        }
        self.state = ReaderState::Done;
        Ok(Some(()))
    }
}

/// Hands an item out.
fn emit(sink: &mut Sink<'_>, item: RdbItem<'_>) -> Result<(), RdbError> {
    sink(item).map_err(RdbError::Refused)
}

/// The error for a section that this node cannot read.
fn unknown_section(code: u8) -> RdbError {
    let name = match code {
        243 => "slot import",
        245 => "functions",
        246 => "functions of a release candidate",
        247 => "module data",
        _ => "unknown section",
    };
    RdbError::Opcode { code, name }
}

/// The error for a value that this node cannot hold.
fn unknown_type(code: u8, key: &[u8]) -> RdbError {
    let name = match code {
        6 | 7 => "module value",
        _ => "unknown type",
    };
    // A key may have any length; who reads the log needs its beginning.
    let rest = if key.len() > SHOWN_MAX { "..." } else { "" };
    let shown = &key[..key.len().min(SHOWN_MAX)];
    let key = format!("{}{rest}", shown.escape_ascii());
    RdbError::Type { code, name, key }
}

#[cfg(test)]
mod tests;
