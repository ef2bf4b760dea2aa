//! `slotkeeper run`: keeps every RedisCluster of a Kubernetes cluster.

pub mod client;
pub mod events;
pub mod health;
mod kinds;
pub mod leader;
pub mod logs;
pub mod metrics;
pub mod serve;
pub mod teller;
