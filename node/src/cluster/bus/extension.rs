//! Extensions of PING messages: hostname, shard id, forgotten node.

use slotkeeper_topology::NodeId;

use super::BadFrame;
use super::wire::{Reader, put_id, put_padded, text_until_nul};

/// Bytes before an extension's data: its length, its type, two unused.
const EXTENSION_HEADER: usize = 8;
/// Bytes of an [`Extension::Forgotten`].
pub(in crate::cluster) const FORGOTTEN_BYTES: usize = EXTENSION_HEADER + NodeId::LEN + 8;
/// The most that a sender says of itself: a hostname and another name, of 255 letters and a NUL
/// each, and its shard.
pub(in crate::cluster) const SENDER_BYTES: usize =
    2 * (EXTENSION_HEADER + 256) + EXTENSION_HEADER + NodeId::LEN;
const PART: &str = "extension";

/// What stands behind the gossip of a PING, PONG or MEET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Extension<'a> {
    /// Type 0, the only one of Redis 7.0: the announced hostname; empty takes it back.
    Hostname(&'a str),
    /// Type 1, since 7.2: a name for logs.
    HumanName(&'a str),
    /// Type 2, since 7.2: a node that was forgotten, and for how many seconds.
    Forgotten { id: NodeId, seconds: u64 },
    /// Type 3, since 7.2: the shard of the sender.
    Shard(NodeId),
    /// Of a type that is not known here: skipped.
    Unknown(u16),
}

impl<'a> Extension<'a> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.number().to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        match self {
            Extension::Hostname(text) | Extension::HumanName(text) => {
                let padded = (text.len() + 1).next_multiple_of(8);
                put_padded(out, text.as_bytes(), padded);
            }
            Extension::Forgotten { id, seconds } => {
                put_id(out, Some(id));
                out.extend_from_slice(&seconds.to_be_bytes());
            }
            Extension::Shard(id) => put_id(out, Some(id)),
            Extension::Unknown(_) => {}
        }
        let length = u32::try_from(out.len() - start).expect("names are short");
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn number(&self) -> u16 {
        match self {
            Extension::Hostname(_) => 0,
            Extension::HumanName(_) => 1,
            Extension::Forgotten { .. } => 2,
            Extension::Shard(_) => 3,
            Extension::Unknown(number) => *number,
        }
    }

    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Extension<'a>, BadFrame> {
        let length = reader.u32(PART)? as usize;
        let number = reader.u16(PART)?;
        reader.take(2, PART)?;
        if length < EXTENSION_HEADER || !length.is_multiple_of(8) {
            return Err(BadFrame::Length(PART));
        }
        let data = reader.take(length - EXTENSION_HEADER, PART)?;
        let text = || text_until_nul(data).ok_or(BadFrame::Field(PART));
        let mut inner = Reader::new(data);
        Ok(match number {
            0 => Extension::Hostname(text()?),
            1 => Extension::HumanName(text()?),
            2 => Extension::Forgotten {
                id: inner.id(PART)?,
                seconds: inner.u64(PART)?,
            },
            3 => Extension::Shard(inner.id(PART)?),
            other => Extension::Unknown(other),
        })
    }
}
