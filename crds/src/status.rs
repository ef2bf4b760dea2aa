//! The status of a RedisCluster.

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the last pass observed of a Redis Cluster. Nothing in it steers the next pass.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RedisClusterStatus {
    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One word for people: Forming, Ready, Degraded, Outage or Paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// One sentence for people: what is happening, or what the operator waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The shards, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardStatus>,
    /// The number of shards that a master serves; the scale subresource reads it.
    #[serde(default)]
    pub shard_count: i32,
    /// Ready nodes and desired nodes, such as `5/6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_nodes: Option<String>,
    /// The number of slots that are served, of 16384.
    #[serde(default)]
    #[schemars(range(min = 0, max = 16384), extend("format" = "int32"))]
    pub slots_covered: u16,
    /// The label selector of the cluster's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// For programs: Ready, MembersJoined, SlotsCovered, ReplicasAttached, Progressing, DataLost,
    /// and the warnings SharedHost, NoQuorum, NoSafeReplica, SnapshotsFailing, NodesConfFailing,
    /// MemoryOvercommitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// One shard.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// Its name: NAME-INDEX.
    pub name: String,
    /// Its slots, such as `0-5461`.
    #[serde(default)]
    pub slots: String,
    /// The node that owns them, if one was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<MemberStatus>,
    /// The other pods of the shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<MemberStatus>,
}

/// One pod of a shard and the node in it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// The name of the pod.
    pub pod: String,
    /// Where it serves clients, `ip:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The id of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The role that the node reported.
    #[serde(default)]
    pub role: Role,
    /// The replication link of a replica to its master: `up`, `down` or `sync`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The replication offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
}

/// The role that a node reported.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// It did not answer in this pass.
    #[default]
    Unknown,
    /// A master, with slots or without.
    Master,
    /// A replica.
    Replica,
}
