//! A key with what finds it: what requests and the keyspace both speak of.

use slotkeeper_topology::Slot;

/// A key with what is needed to find it: made by [`Locate::key`], once per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Its name.
    pub bytes: &'a [u8],
    /// The keyspace's hash of the name.
    pub hash: u64,
    /// Its hash slot; slot 0 when the node is not in cluster mode.
    pub slot: Slot,
}

/// What knows the hash and the slot of a name.
pub trait Locate {
    /// The key of that name.
    fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a>;
}
