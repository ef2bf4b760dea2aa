//! Replication: the stream, its masters and its replicas.

use std::fmt;

pub mod field_times;
pub mod master;
pub mod slow;
pub mod stream;
pub mod upstream;
pub mod withhold;

/// Names one history of the data: two nodes with the same id and offset hold the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplId([u8; 40]);

impl ReplId {
    /// What stands for no id.
    pub const NONE: ReplId = ReplId([b'0'; 40]);

    /// An id out of 160 random bits.
    #[must_use]
    pub fn from_bits(bits: [u8; 20]) -> ReplId {
        let mut text = [0; 40];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bits) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        ReplId(text)
    }

    /// An id as it was sent: 40 printable characters (masters choose what they are).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<ReplId> {
        let id: [u8; 40] = text.try_into().ok()?;
        id.iter().all(u8::is_ascii_graphic).then_some(ReplId(id))
    }

    /// The 40 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an id is printable ASCII")
    }

    /// Whether it stands for none.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == ReplId::NONE
    }
}

impl fmt::Display for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
