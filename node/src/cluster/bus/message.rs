//! Whole bus messages: header, body, extensions.

use slotkeeper_topology::{Epoch, NodeId};

use super::header::{FLAG_EXTENSIONS, HEADER_BYTES, Kind, announced_length};
use super::wire::{Reader, put_id};
use super::{BadFrame, Extension, Gossip, Header};

/// No frame is longer: PUBLISH carries at most what a client may send in one argument.
const MOST_BYTES: usize = 512 << 20;

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Message<'a> {
    pub header: Header<'a>,
    pub body: Body<'a>,
}

/// What follows the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Body<'a> {
    /// PING, PONG, MEET.
    Gossip {
        entries: Vec<Gossip>,
        extensions: Vec<Extension<'a>>,
    },
    /// FAIL: the node that failed.
    Fail(NodeId),
    /// PUBLISH and PUBLISHSHARD.
    Publish {
        channel: &'a [u8],
        message: &'a [u8],
    },
    /// UPDATE: the newer owner of slots.
    Update {
        epoch: Epoch,
        id: NodeId,
        slots: &'a [u8; 2048],
    },
    /// FAILOVER_AUTH_REQUEST, FAILOVER_AUTH_ACK, MFSTART have none; MODULE's is skipped.
    Empty,
}

/// The length of the frame at the front of the input; none while that is not known yet.
pub(in crate::cluster) fn frame_length(input: &[u8]) -> Result<Option<usize>, BadFrame> {
    match announced_length(input)? {
        Some(length) if !(HEADER_BYTES..=MOST_BYTES).contains(&length) => Err(BadFrame::NotTheBus),
        length => Ok(length),
    }
}

/// Whether the frame at the front of the input is a PUBLISH or PUBLISHSHARD; none while its type has
/// not arrived.
pub(in crate::cluster) fn is_publish(input: &[u8]) -> Option<bool> {
    let &[high, low] = input.get(12..14)? else {
        return None;
    };
    let number = u16::from_be_bytes([high, low]);
    Some([Kind::Publish as u16, Kind::PublishShard as u16].contains(&number))
}

/// Reads one frame, as long as [`frame_length`] said.
pub(in crate::cluster) fn decode(frame: &[u8]) -> Result<Message<'_>, BadFrame> {
    if frame_length(frame)? != Some(frame.len()) {
        return Err(BadFrame::NotTheBus);
    }
    let mut reader = Reader::new(frame);
    let (header, count, extensions) = Header::read(&mut reader)?;
    let body = match header.kind {
        Kind::Ping | Kind::Pong | Kind::Meet => {
            let extensions = if header.has(FLAG_EXTENSIONS) {
                extensions
            } else {
                0
            };
            read_gossip(&mut reader, count, extensions)?
        }
        Kind::Fail => Body::Fail(reader.id("failed node")?),
        Kind::Publish | Kind::PublishShard => read_publish(&mut reader)?,
        Kind::Update => Body::Update {
            epoch: Epoch(reader.u64("update")?),
            id: reader.id("update")?,
            slots: reader.array("update")?,
        },
        Kind::AuthRequest | Kind::AuthAck | Kind::ManualFailoverStart => Body::Empty,
        Kind::Module => {
            reader.take(reader.remaining(), "module data")?;
            Body::Empty
        }
    };
    match reader.remaining() {
        0 => Ok(Message { header, body }),
        _ => Err(BadFrame::Length("end")),
    }
}

fn read_gossip<'a>(
    reader: &mut Reader<'a>,
    count: u16,
    extensions: u16,
) -> Result<Body<'a>, BadFrame> {
    let entries = (0..count)
        .map(|_| Gossip::read(reader))
        .collect::<Result<_, _>>()?;
    let extensions = (0..extensions)
        .map(|_| Extension::read(reader))
        .collect::<Result<_, _>>()?;
    Ok(Body::Gossip {
        entries,
        extensions,
    })
}

fn read_publish<'a>(reader: &mut Reader<'a>) -> Result<Body<'a>, BadFrame> {
    let channel = reader.u32("channel")? as usize;
    let message = reader.u32("message")? as usize;
    Ok(Body::Publish {
        channel: reader.take(channel, "channel")?,
        message: reader.take(message, "message")?,
    })
}

/// Writes a frame.
pub(in crate::cluster) fn encode(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + 1024);
    let count = |length: usize| u16::try_from(length).expect("a message lists a few nodes");
    let (entries, extensions) = match &message.body {
        Body::Gossip {
            entries,
            extensions,
        } => (count(entries.len()), count(extensions.len())),
        _ => (0, 0),
    };
    message.header.write(&mut out, entries, extensions);
    debug_assert_eq!(out.len(), HEADER_BYTES);
    write_body(&mut out, &message.body);
    let total = u32::try_from(out.len()).expect("a frame is shorter than 4 GB");
    out[4..8].copy_from_slice(&total.to_be_bytes());
    out
}

fn write_body(out: &mut Vec<u8>, body: &Body<'_>) {
    match body {
        Body::Gossip {
            entries,
            extensions,
        } => {
            entries.iter().for_each(|entry| entry.write(out));
            extensions.iter().for_each(|extension| extension.write(out));
        }
        Body::Fail(id) => put_id(out, Some(id)),
        Body::Publish { channel, message } => {
            for part in [channel, message] {
                let length = u32::try_from(part.len()).expect("arguments are shorter than 4 GB");
                out.extend_from_slice(&length.to_be_bytes());
            }
            out.extend_from_slice(channel);
            out.extend_from_slice(message);
        }
        Body::Update { epoch, id, slots } => {
            out.extend_from_slice(&epoch.0.to_be_bytes());
            put_id(out, Some(id));
            out.extend_from_slice(*slots);
        }
        Body::Empty => {}
    }
}
