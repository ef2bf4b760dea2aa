//! The Kubernetes platform: a StatefulSet for each shard, and what its pods need around them.

pub mod names;
pub mod objects;
