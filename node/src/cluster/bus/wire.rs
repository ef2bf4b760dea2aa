//! Fields of bus messages as bytes, read and written.

use std::net::IpAddr;

use slotkeeper_topology::NodeId;

use super::BadFrame;

/// Bytes of an address as text, ended by a NUL.
const IP_BYTES: usize = 46;

/// Takes fields off the front of a frame.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub fn take(&mut self, length: usize, part: &'static str) -> Result<&'a [u8], BadFrame> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(BadFrame::Length(part))?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self, part: &'static str) -> Result<&'a [u8; N], BadFrame> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(BadFrame::Length(part))?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn u16(&mut self, part: &'static str) -> Result<u16, BadFrame> {
        self.array(part).map(|bytes| u16::from_be_bytes(*bytes))
    }

    pub fn u32(&mut self, part: &'static str) -> Result<u32, BadFrame> {
        self.array(part).map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub fn u64(&mut self, part: &'static str) -> Result<u64, BadFrame> {
        self.array(part).map(|bytes| u64::from_be_bytes(*bytes))
    }

    pub fn id(&mut self, part: &'static str) -> Result<NodeId, BadFrame> {
        NodeId::from_bytes(self.take(NodeId::LEN, part)?).map_err(|_| BadFrame::Field(part))
    }

    /// An id, or none for 40 zero bytes.
    pub fn optional_id(&mut self, part: &'static str) -> Result<Option<NodeId>, BadFrame> {
        let bytes = self.take(NodeId::LEN, part)?;
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        NodeId::from_bytes(bytes)
            .map(Some)
            .map_err(|_| BadFrame::Field(part))
    }

    /// An address; none when empty or no address.
    pub fn ip(&mut self, part: &'static str) -> Result<Option<IpAddr>, BadFrame> {
        let bytes = self.take(IP_BYTES, part)?;
        Ok(text_until_nul(bytes).and_then(|text| text.parse().ok()))
    }
}

/// The text before the first NUL, if it is ASCII.
pub(super) fn text_until_nul(bytes: &[u8]) -> Option<&str> {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end])
        .ok()
        .filter(|text| text.is_ascii())
}

/// Appends an address as it stands in frames.
pub(super) fn put_ip(out: &mut Vec<u8>, ip: Option<IpAddr>) {
    let text = ip.map(|ip| ip.to_string()).unwrap_or_default();
    put_padded(out, text.as_bytes(), IP_BYTES);
}

/// Appends an id, or zero bytes.
pub(super) fn put_id(out: &mut Vec<u8>, id: Option<&NodeId>) {
    out.extend_from_slice(id.map_or(&[0; NodeId::LEN], |id| id.as_bytes()));
}

/// Appends bytes and fills up with zeros to `length`.
pub(super) fn put_padded(out: &mut Vec<u8>, bytes: &[u8], length: usize) {
    let end = out.len() + length;
    out.extend_from_slice(&bytes[..bytes.len().min(length)]);
    out.resize(end, 0);
}
