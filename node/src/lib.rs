//! A Redis Cluster server that never forks.
