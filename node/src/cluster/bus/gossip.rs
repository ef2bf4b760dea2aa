//! Gossip entries of bus messages.

use std::net::IpAddr;

use slotkeeper_topology::NodeId;

use super::BadFrame;
use super::wire::{Reader, put_id, put_ip};
use crate::cluster::node::Flags;

/// Bytes of a [`Gossip`].
pub(in crate::cluster) const ENTRY_BYTES: usize = 104;

/// What a message says about a third node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) struct Gossip {
    pub id: NodeId,
    /// Unix seconds; 0 for none.
    pub ping_sent: u32,
    /// Unix seconds; 0 for never.
    pub pong_received: u32,
    pub ip: Option<IpAddr>,
    pub port: u16,
    pub bus_port: u16,
    pub flags: Flags,
    pub plain_port: u16,
}

impl Gossip {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_id(out, Some(&self.id));
        out.extend_from_slice(&self.ping_sent.to_be_bytes());
        out.extend_from_slice(&self.pong_received.to_be_bytes());
        put_ip(out, self.ip);
        out.extend_from_slice(&self.port.to_be_bytes());
        out.extend_from_slice(&self.bus_port.to_be_bytes());
        out.extend_from_slice(&self.flags.0.to_be_bytes());
        out.extend_from_slice(&self.plain_port.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Gossip, BadFrame> {
        const PART: &str = "gossip section";
        let gossip = Gossip {
            id: reader.id(PART)?,
            ping_sent: reader.u32(PART)?,
            pong_received: reader.u32(PART)?,
            ip: reader.ip(PART)?,
            port: reader.u16(PART)?,
            bus_port: reader.u16(PART)?,
            flags: Flags(reader.u16(PART)?),
            plain_port: reader.u16(PART)?,
        };
        reader.take(2, PART)?;
        Ok(gossip)
    }
}
