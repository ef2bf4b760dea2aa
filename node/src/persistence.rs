//! RDB files and snapshots.

pub mod rdb;
