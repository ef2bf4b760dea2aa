//! The keyspace: every key this node holds, found by hash, expired, watched and walked.
//!
//! [`Partition`] is the only way in. Every change goes through the `Store`, which serialises what a
//! walk has not saved yet, logs changes that have a subscriber, and keeps the counts.

mod changes;
mod collection;
mod database;
mod dropping;
mod entry;
mod event;
mod fields;
pub mod hash;
mod items;
mod members;
mod partition;
mod scores;
mod store;
mod stream;
mod table;
mod usage;
mod value;
mod waits;
mod walk;
mod watch;

use slotkeeper_topology::{Slot, key_slot};

pub use crate::key::Key;
pub use changes::{Change, Keys, Scope};
pub use entry::{Entry, HeapUse};
pub use event::Event;
pub use fields::{Hash, HashLimits, HashMut};
pub use items::{End, List, ListElements, ListLimits, ListMut};
pub use members::{Set, SetLimits, SetMut};
pub use partition::{Evicted, Eviction, Expired, Partition, Reader};
pub use scores::{Direction, Zset, ZsetLimits, ZsetMut};
pub use store::Portrait;
pub use stream::{Consumer, Facts, Group, GroupMut, Pending, Stream, StreamLimits, StreamMut};
pub use usage::Frequency;
pub use value::{Encoding, Type, Value, WrongType};
pub use waits::Waiter;
pub use walk::{Head, Saver, WalkId, WalkState, WalkWait};
pub use watch::Watched;

/// How often a test does something, or less often: Miri takes a thousand times as long.
#[cfg(test)]
pub(crate) const fn rounds(often: u64, under_miri: u64) -> u64 {
    if cfg!(miri) { under_miri } else { often }
}

/// How the keys are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Database 0 only, a table per hash slot.
    Cluster,
    /// So many databases, a table each.
    Databases(usize),
}

/// What becomes of a key's time to live when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expire {
    /// It stays as it was.
    Keep,
    /// The key does not expire.
    Never,
    /// The key expires at this unix time in milliseconds.
    At(i64),
}

/// What an access does with a key whose time has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiryPolicy {
    /// It is removed and put on the list of [`Partition::take_expired`]: a master.
    #[default]
    Delete,
    /// It stays, but is not found: a replica, which waits for its master's DEL.
    Hide,
    /// It is found as if it lived: the stream of a master, and loading.
    Keep,
}

/// Counters of INFO. Those of accesses and expiry are reset by [`Partition::reset_stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataStats {
    /// Look-ups that found their key.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Keys removed because their time had come.
    pub expired: u64,
    /// Fields of hashes removed because their time had come.
    pub expired_fields: u64,
    /// Bytes that entries and tables take, those that wait to be freed included.
    pub memory: usize,
    /// The part of it that tables and the times of keys take, beyond what a database takes without
    /// a key.
    pub tables: usize,
}

/// The slot of every key outside of cluster mode: it indexes the only table.
fn only_slot() -> Slot {
    key_slot(b"")
}

#[cfg(test)]
mod tests;
