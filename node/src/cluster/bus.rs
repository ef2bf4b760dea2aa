//! The cluster bus protocol of Redis 7.0, byte for byte (Redis Cluster specification, "Cluster
//! bus"; the layout was read off frames of a real redis-server, see `bus/golden.rs`).
//!
//! All numbers are big-endian. A frame is a header of 2256 bytes and a body that belongs to its
//! type; it is decoded as slices of the input, every length checked.

mod extension;
#[cfg(test)]
mod golden;
mod gossip;
mod header;
mod message;
mod wire;

pub(super) use extension::{Extension, FORGOTTEN_BYTES, SENDER_BYTES};
pub(super) use gossip::{ENTRY_BYTES, Gossip};
pub(super) use header::{FLAG_EXTENSIONS, FLAG_FORCE_ACK, FLAG_PAUSED, Header, KNOWS_EXTENSIONS};
pub(super) use header::{HEADER_BYTES, KINDS, Kind};
pub(super) use message::{Body, Message, decode, encode, frame_length, is_publish};

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadFrame {
    /// Not the signature, or a length that no frame has: the link is of no use any more.
    #[error("bad message length or signature received on the cluster bus")]
    NotTheBus,
    /// Longer than any gossip, and not from a member.
    #[error("a bus message of {0} bytes from a sender that is not a member")]
    TooLong(usize),
    /// Another version of the protocol.
    #[error("a bus message of protocol version {0}")]
    Version(u16),
    /// A type that is not known.
    #[error("a bus message of unknown type {0}")]
    Type(u16),
    /// The parts do not add up to the whole.
    #[error("a bus message whose {0} does not fit its length")]
    Length(&'static str),
    /// A field does not hold what belongs there.
    #[error("a bus message whose {0} is malformed")]
    Field(&'static str),
}
