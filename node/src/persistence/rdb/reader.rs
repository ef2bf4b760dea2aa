//! Reads an RDB file or payload as it arrives: bytes in any split go in, entries come out.

use slotkeeper_tree::element::{Element, Text};

use super::packed::{self, Visit};
use super::parse::{Cursor, Step, take};
use super::{NEWEST_REDIS, OLDEST_VALKEY, RdbError, TYPE_STRING, crc64, opcode};
use super::{TYPE_HASH, TYPE_HASH_LISTPACK, TYPE_HASH_ZIPLIST, TYPE_HASH_ZIPMAP};

/// How much of a key an error shows, in bytes.
const SHOWN_MAX: usize = 200;

/// One thing that the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        /// The value.
        value: &'a [u8],
        /// When it expires, in unix milliseconds.
        expire_at: Option<i64>,
    },
    /// A key with a hash; its fields follow, one or more, and then [`RdbItem::HashEnd`].
    Hash {
        /// The key.
        key: &'a [u8],
        /// When it expires, in unix milliseconds.
        expire_at: Option<i64>,
    },
    /// A field of the hash.
    Field {
        /// Its name.
        field: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// The hash is complete.
    HashEnd,
}

/// Takes what is read, and may refuse it.
type Sink<'s> = dyn FnMut(RdbItem<'_>) -> Result<(), String> + 's;

/// What a call of [`RdbReader::feed`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// How many bytes of the input belonged to the file; less than all only at its end.
    pub consumed: usize,
    /// The file is complete and its checksum right.
    pub done: bool,
}

/// The state of reading. It keeps at most one unfinished element (of a hash, a field with its value),
/// so it never holds more than has arrived.
#[derive(Debug, Default)]
pub struct RdbReader {
    state: ReaderState,
    /// The beginning of an element whose end has not arrived.
    partial: Vec<u8>,
    checksum: u64,
    version: u32,
    expire_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ReaderState {
    #[default]
    Header,
    Body,
    /// So many fields of a hash are still to come.
    Fields(u64),
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
        self.state == ReaderState::Done
    }

    /// Takes the next bytes and hands what they complete to `sink`, whose refusal ends the
    /// reading.
    ///
    /// # Errors
    /// When the bytes are no RDB file, hold what this node does not know, or are damaged; the
    /// reader is of no use afterwards.
    pub fn feed(&mut self, input: &[u8], sink: &mut Sink<'_>) -> Result<Fed, RdbError> {
        let held = self.partial.len();
        let mut work = std::mem::take(&mut self.partial);
        if held > 0 {
            work.extend_from_slice(input);
        }
        let bytes = if held > 0 { &work } else { input };
        let position = self.read(bytes, sink)?;
        if self.state == ReaderState::Done {
            return Ok(Fed {
                consumed: position - held.min(position),
                done: true,
            });
        }
        if held > 0 {
            work.drain(..position);
        } else {
            work.extend_from_slice(&input[position..]);
        }
        if work.len() < work.capacity() / 4 {
            work.shrink_to(64 * 1024);
        }
        self.partial = work;
        Ok(Fed {
            consumed: input.len(),
            done: false,
        })
    }

    /// Reads whole elements from the front; how many bytes they took.
    fn read(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<usize, RdbError> {
        let (mut position, mut summed) = (0, 0);
        while self.state != ReaderState::Done {
            let mut cursor = Cursor::new(&bytes[position..]);
            let step = match self.state {
                ReaderState::Header => self.header(&mut cursor),
                ReaderState::Body => self.element(&mut cursor, sink),
                ReaderState::Fields(left) => self.field(&mut cursor, left, sink),
                ReaderState::Checksum => self.verify(&mut cursor),
                ReaderState::Done => break,
            };
            if step?.is_none() {
                break;
            }
            position += cursor.consumed();
            if self.state == ReaderState::Checksum {
                self.checksum = crc64(self.checksum, &bytes[summed..position]);
                summed = position;
            }
        }
        if matches!(
            self.state,
            ReaderState::Header | ReaderState::Body | ReaderState::Fields(_)
        ) {
            self.checksum = crc64(self.checksum, &bytes[summed..position]);
        }
        Ok(position)
    }

    fn header(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        let magic: [u8; 9] = take!(cursor.array());
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
        let known = if valkey {
            version >= OLDEST_VALKEY
        } else {
            (1..=NEWEST_REDIS).contains(&version)
        };
        if !known {
            return Err(RdbError::Version(version));
        }
        self.version = version;
        self.state = ReaderState::Body;
        Ok(Some(()))
    }

    fn element(&mut self, cursor: &mut Cursor<'_>, sink: &mut Sink<'_>) -> Step<()> {
        match take!(cursor.byte()) {
            opcode::EOF => {
                let checked = self.version >= 5;
                self.state = if checked {
                    ReaderState::Checksum
                } else {
                    ReaderState::Done
                };
                return Ok(Some(()));
            }
            opcode::EXPIRETIME => {
                let seconds = i32::from_le_bytes(take!(cursor.array()));
                self.expire_at = Some(i64::from(seconds) * 1000);
                return Ok(Some(()));
            }
            opcode::EXPIRETIME_MS => {
                self.expire_at = Some(i64::from_le_bytes(take!(cursor.array())));
                return Ok(Some(()));
            }
            opcode::FREQ => return Ok(cursor.byte()?.map(drop)),
            opcode::IDLE => return Ok(cursor.length()?.map(drop)),
            opcode::SLOT_INFO => {
                for _ in 0..3 {
                    take!(cursor.length());
                }
                return Ok(Some(()));
            }
            opcode::AUX => {
                let (name, value) = (take!(cursor.string()), take!(cursor.string()));
                sink(RdbItem::Aux {
                    name: &name,
                    value: &value,
                })
            }
            opcode::SELECTDB => sink(RdbItem::Database(take!(cursor.length()))),
            opcode::RESIZEDB => {
                let (keys, expires) = (take!(cursor.length()), take!(cursor.length()));
                sink(RdbItem::Sizes { keys, expires })
            }
            TYPE_STRING => {
                let (key, value) = (take!(cursor.string()), take!(cursor.string()));
                let expire_at = self.expire_at.take();
                sink(RdbItem::Entry {
                    key: &key,
                    value: &value,
                    expire_at,
                })
            }
            TYPE_HASH => {
                let (key, count) = (take!(cursor.string()), take!(cursor.length()));
                let expire_at = self.expire_at.take();
                if count == 0 {
                    // As in Redis: a hash without fields is no key.
                    return Ok(Some(()));
                }
                self.state = ReaderState::Fields(count);
                sink(RdbItem::Hash {
                    key: &key,
                    expire_at,
                })
            }
            code @ (TYPE_HASH_LISTPACK | TYPE_HASH_ZIPLIST | TYPE_HASH_ZIPMAP) => {
                let (key, bytes) = (take!(cursor.string()), take!(cursor.string()));
                let expire_at = self.expire_at.take();
                return packed_hash(code, &key, expire_at, &bytes, sink).map(Some);
            }
            code => return unknown(code, cursor),
        }
        .map_err(RdbError::Refused)?;
        Ok(Some(()))
    }

    fn field(&mut self, cursor: &mut Cursor<'_>, left: u64, sink: &mut Sink<'_>) -> Step<()> {
        let (field, value) = (take!(cursor.string()), take!(cursor.string()));
        sink(RdbItem::Field {
            field: &field,
            value: &value,
        })
        .map_err(RdbError::Refused)?;
        self.state = ReaderState::Fields(left - 1);
        if left == 1 {
            self.state = ReaderState::Body;
            sink(RdbItem::HashEnd).map_err(RdbError::Refused)?;
        }
        Ok(Some(()))
    }

    fn verify(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        let expected = u64::from_le_bytes(take!(cursor.array()));
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

/// A hash whose fields are packed in one string.
fn packed_hash(
    code: u8,
    key: &[u8],
    expire_at: Option<i64>,
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<(), RdbError> {
    // All of it is checked before any of it is handed out.
    let mut count = 0usize;
    elements(code, bytes, &mut |_| count += 1)?;
    if count % 2 == 1 {
        return Err(RdbError::Packed("list of fields and values"));
    }
    if count == 0 {
        return Ok(());
    }
    sink(RdbItem::Hash { key, expire_at }).map_err(RdbError::Refused)?;
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
        .and_then(|()| sink(RdbItem::HashEnd))
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

/// The error for what this node cannot read. A value is named with its key, so the key must have
/// arrived.
fn unknown(code: u8, cursor: &mut Cursor<'_>) -> Step<()> {
    let section = match code {
        243 => Some("slot import"),
        245 => Some("functions"),
        246 => Some("functions of a release candidate"),
        247 => Some("module data"),
        242.. => Some("unknown section"),
        _ => None,
    };
    if let Some(name) = section {
        return Err(RdbError::Opcode { code, name });
    }
    let name = match code {
        1 | 10 | 14 | 18 => "list",
        2 | 11 | 20 => "set",
        3 | 5 | 12 | 17 => "sorted set",
        6 | 7 => "module value",
        15 | 19 | 21 => "stream",
        22..=25 => "hash with expiring fields",
        _ => "unknown type",
    };
    // A key may have any length; who reads the log needs its beginning.
    let key = take!(cursor.string());
    let rest = if key.len() > SHOWN_MAX { "..." } else { "" };
    let shown = &key[..key.len().min(SHOWN_MAX)];
    let key = format!("{}{rest}", shown.escape_ascii());
    Err(RdbError::Type { code, name, key })
}

#[cfg(test)]
mod tests;
