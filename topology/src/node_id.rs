//! The id of a node or of a shard.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The id of a node: 40 lowercase hexadecimal characters, chosen once at its first start and kept
/// in nodes.conf (Redis Cluster specification, "Cluster node attributes").
///
/// Shard ids have the same form and use the same type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; NodeId::LEN]);

/// The text is not 40 lowercase hexadecimal characters.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a node id is 40 hexadecimal characters, not {0:?}")]
pub struct InvalidNodeId(pub String);

impl NodeId {
    /// Length in bytes, on the wire and as text.
    pub const LEN: usize = 40;

    /// The id whose hexadecimal digits spell the given 20 random bytes.
    #[must_use]
    pub fn from_random(random: [u8; 20]) -> NodeId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut id = [0; NodeId::LEN];
        for (i, byte) in random.into_iter().enumerate() {
            id[2 * i] = DIGITS[usize::from(byte >> 4)];
            id[2 * i + 1] = DIGITS[usize::from(byte & 15)];
        }
        NodeId(id)
    }

    /// Parses the 40 characters as they stand on the wire.
    ///
    /// # Errors
    /// When a byte is not a lowercase hexadecimal digit or the length is not 40.
    pub fn from_bytes(bytes: &[u8]) -> Result<NodeId, InvalidNodeId> {
        let invalid = || InvalidNodeId(String::from_utf8_lossy(bytes).into_owned());
        let id: [u8; NodeId::LEN] = bytes.try_into().map_err(|_| invalid())?;
        if id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(NodeId(id))
        } else {
            Err(invalid())
        }
    }

    /// The 40 characters.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; NodeId::LEN] {
        &self.0
    }

    /// The 40 characters as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("every constructor admits hexadecimal digits only")
    }
}

impl FromStr for NodeId {
    type Err = InvalidNodeId;

    fn from_str(text: &str) -> Result<NodeId, InvalidNodeId> {
        NodeId::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_spell_hexadecimal_digits() {
        let mut random = [0; 20];
        random[0] = 0xa7;
        random[19] = 0x0f;
        let id = NodeId::from_random(random);
        assert!(id.as_str().starts_with("a700"));
        assert!(id.as_str().ends_with("000f"));
        assert_eq!(id.as_str().parse(), Ok(id));
    }

    #[test]
    fn refuses_what_is_not_forty_lowercase_digits() {
        for text in [
            "",
            "07c37df",
            &"g".repeat(40),
            &"A".repeat(40),
            &"0".repeat(41),
        ] {
            assert!(text.parse::<NodeId>().is_err(), "{text:?}");
        }
    }
}
