//! The RedisCluster custom resource: its types, schema and validation rules.
//!
//! The types here are the only source of the schema: `crds/rediscluster.yaml` and `docs/crd.md`
//! are generated from them, and a test fails when either is stale.

pub mod check;
mod cluster;
mod generate;
pub mod owned;
mod status;

pub use check::{Violation, check};
pub use cluster::{
    Auth, DEFAULT_REPLICAS_PER_SHARD, DEFAULT_SHARDS, NetworkPolicy, Persistence, PullPolicy,
    RedisCluster, RedisClusterSpec, SavePoint, Scheduling, SecretKey, Spread, Storage,
};
pub use generate::{crd_yaml, reference_markdown};
pub use status::{Condition, MemberStatus, RedisClusterStatus, Role, ShardStatus};
