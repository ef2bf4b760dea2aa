//! The keyspace.

/// All keys that this node holds, and what belongs to them.
pub struct Partition;
