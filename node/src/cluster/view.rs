//! What the cluster looks like, for CLUSTER's read-only subcommands, probes and metrics.

mod endpoint;
mod health;
mod info;
mod nodes;
mod shards;
mod slots;

pub use health::{ClusterHealth, MessageCount};
