//! RDB files and snapshots.
