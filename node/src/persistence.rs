//! RDB files and snapshots.

pub mod rdb;
pub mod snapshot;
