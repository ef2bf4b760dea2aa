//! RDB files and snapshots.

pub mod rdb;
pub mod snapshot;
pub mod snapshot_file;
