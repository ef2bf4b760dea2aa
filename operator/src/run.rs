//! `slotkeeper run`: keeps every RedisCluster of a Kubernetes cluster.

pub mod health;
mod kinds;
pub mod logs;
pub mod metrics;
pub mod serve;
