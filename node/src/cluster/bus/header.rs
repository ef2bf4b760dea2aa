//! The header of bus messages.

use std::net::IpAddr;

use slotkeeper_topology::{Epoch, NodeId};

use super::BadFrame;
use super::wire::{Reader, put_id, put_ip};
use crate::cluster::node::Flags;

/// Bytes before the body.
pub(in crate::cluster) const HEADER_BYTES: usize = 2256;
const SIGNATURE: &[u8; 4] = b"RCmb";
const VERSION: u16 = 1;

/// `mflags[0]`: the master has paused its clients; its offset is final.
pub(in crate::cluster) const FLAG_PAUSED: u8 = 1;
/// `mflags[0]`: vote even though the master is not failing (manual failover).
pub(in crate::cluster) const FLAG_FORCE_ACK: u8 = 1 << 1;
/// `mflags[0]`: extensions may follow the gossip.
pub(in crate::cluster) const FLAG_EXTENSIONS: u8 = 1 << 2;
/// `mflags[2]`: ours. The sender understands the extensions that came after Redis 7.0. Redis
/// writes zero there and reads nothing, so it is neither disturbed nor mistaken for one of us.
pub(in crate::cluster) const KNOWS_EXTENSIONS: u8 = 1 << 7;

/// The types of messages, in the order of their numbers.
pub(in crate::cluster) const KINDS: [Kind; 11] = [
    Kind::Ping,
    Kind::Pong,
    Kind::Meet,
    Kind::Fail,
    Kind::Publish,
    Kind::AuthRequest,
    Kind::AuthAck,
    Kind::Update,
    Kind::ManualFailoverStart,
    Kind::Module,
    Kind::PublishShard,
];

/// The type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Kind {
    Ping,
    Pong,
    Meet,
    Fail,
    Publish,
    AuthRequest,
    AuthAck,
    Update,
    ManualFailoverStart,
    Module,
    PublishShard,
}

impl Kind {
    /// The name in CLUSTER INFO.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ping => "ping",
            Kind::Pong => "pong",
            Kind::Meet => "meet",
            Kind::Fail => "fail",
            Kind::Publish => "publish",
            Kind::AuthRequest => "auth-req",
            Kind::AuthAck => "auth-ack",
            Kind::Update => "update",
            Kind::ManualFailoverStart => "mfstart",
            Kind::Module => "module",
            Kind::PublishShard => "publishshard",
        }
    }

    /// Whether its body is gossip: PING, PONG and MEET.
    pub fn is_gossip(self) -> bool {
        matches!(self, Kind::Ping | Kind::Pong | Kind::Meet)
    }
}

/// What every message says about its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Header<'a> {
    pub kind: Kind,
    /// The client port.
    pub port: u16,
    /// The port without TLS, if `port` is one with TLS.
    pub plain_port: u16,
    pub bus_port: u16,
    pub current_epoch: Epoch,
    /// Its own, or its master's.
    pub config_epoch: Epoch,
    /// The replication offset.
    pub offset: u64,
    pub sender: NodeId,
    /// The slots that it owns, or that its master owns.
    pub slots: &'a [u8; 2048],
    pub master: Option<NodeId>,
    /// The announced address; without one the receiver takes that of the connection.
    pub ip: Option<IpAddr>,
    pub flags: Flags,
    /// Whether it considers the cluster to be down.
    pub state_fail: bool,
    pub message_flags: [u8; 3],
}

impl<'a> Header<'a> {
    /// Appends the header; the total length is filled in at the end by `encode`.
    pub(super) fn write(&self, out: &mut Vec<u8>, count: u16, extensions: u16) {
        out.extend_from_slice(SIGNATURE);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&self.port.to_be_bytes());
        out.extend_from_slice(&(self.kind as u16).to_be_bytes());
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&self.current_epoch.0.to_be_bytes());
        out.extend_from_slice(&self.config_epoch.0.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        put_id(out, Some(&self.sender));
        out.extend_from_slice(self.slots);
        put_id(out, self.master.as_ref());
        put_ip(out, self.ip);
        out.extend_from_slice(&extensions.to_be_bytes());
        out.extend_from_slice(&[0; 30]);
        out.extend_from_slice(&self.plain_port.to_be_bytes());
        out.extend_from_slice(&self.bus_port.to_be_bytes());
        out.extend_from_slice(&self.flags.0.to_be_bytes());
        out.push(u8::from(self.state_fail));
        out.extend_from_slice(&self.message_flags);
    }

    /// Reads a header whose signature and length were checked: it, and how many gossip entries and
    /// extensions follow.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<(Header<'a>, u16, u16), BadFrame> {
        const PART: &str = "header";
        reader.take(8, PART)?;
        let version = reader.u16(PART)?;
        if version != VERSION {
            return Err(BadFrame::Version(version));
        }
        let port = reader.u16(PART)?;
        let number = reader.u16(PART)?;
        let kind = *KINDS
            .get(usize::from(number))
            .ok_or(BadFrame::Type(number))?;
        let count = reader.u16(PART)?;
        let current_epoch = Epoch(reader.u64(PART)?);
        let config_epoch = Epoch(reader.u64(PART)?);
        let offset = reader.u64(PART)?;
        let sender = reader.id("sender")?;
        let slots = reader.array(PART)?;
        let master = reader.optional_id("master")?;
        let ip = reader.ip(PART)?;
        let extensions = reader.u16(PART)?;
        reader.take(30, PART)?;
        let plain_port = reader.u16(PART)?;
        let bus_port = reader.u16(PART)?;
        let flags = Flags(reader.u16(PART)?);
        let &[state, m0, m1, m2] = reader.array(PART)?;
        let header = Header {
            kind,
            port,
            plain_port,
            bus_port,
            current_epoch,
            config_epoch,
            offset,
            sender,
            slots,
            master,
            ip,
            flags,
            state_fail: state != 0,
            message_flags: [m0, m1, m2],
        };
        Ok((header, count, extensions))
    }

    /// Whether a flag of `mflags[0]` is set.
    pub fn has(&self, flag: u8) -> bool {
        self.message_flags[0] & flag != 0
    }
}

/// The length that the first bytes of a frame announce; none while they have not all arrived.
pub(super) fn announced_length(bytes: &[u8]) -> Result<Option<usize>, BadFrame> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] != SIGNATURE[..known] {
        return Err(BadFrame::NotTheBus);
    }
    let Some(&length) = bytes.get(4..).and_then(<[u8]>::first_chunk) else {
        return Ok(None);
    };
    Ok(Some(u32::from_be_bytes(length) as usize))
}
