//! `RedisCluster`: the spec, its schema and its rules.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, ResourceRequirements, Toleration, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::owned::config_schema;
use crate::status::RedisClusterStatus;

/// The default of `spec.shards`.
pub const DEFAULT_SHARDS: u16 = 3;

/// The default of `spec.replicasPerShard`.
pub const DEFAULT_REPLICAS_PER_SHARD: u8 = 1;

/// The desired state of a Redis Cluster.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[kube(
    group = "slotkeeper.dev",
    version = "v1alpha1",
    kind = "RedisCluster",
    plural = "redisclusters",
    shortname = "rdc",
    namespaced,
    doc = "A Redis Cluster: shards of one master and its replicas, kept running by the operator.",
    status = "RedisClusterStatus",
    derive = "PartialEq",
    scale(
        spec_replicas_path = ".spec.shards",
        status_replicas_path = ".status.shardCount",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Shards", type_ = "integer", json_path = ".spec.shards"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".spec.replicasPerShard",
        description = "Replicas of each master"),
    printcolumn(name = "Ready nodes", type_ = "string", json_path = ".status.readyNodes"),
    printcolumn(name = "Slots", type_ = "integer", json_path = ".status.slotsCovered"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    // No field path in these two: the API server takes only paths into the schema, and metadata has
    // none there.
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must start with a letter and contain only lower-case letters, digits and hyphens: it becomes part of Service names and hostnames"),
    validation = Rule::new("size(self.metadata.name) <= 40")
        .message("metadata.name must have at most 40 characters: it becomes part of the names of StatefulSets and pods")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.storage) == has(oldSelf.storage) && (!has(self.storage) || self.storage == oldSelf.storage)")
        .message("storage cannot be changed: the volumes of a cluster stay as they were created")
        .field_path(".storage"),
    validation = Rule::new("!has(self.persistence) || !has(self.persistence.snapshots) || !has(self.config) || !('save' in self.config)")
        .message("config.save and persistence.snapshots say the same: use one of them")
        .field_path(".persistence.snapshots"),
    validation = Rule::new("!has(self.maxmemoryPercent) || !has(self.config) || !('maxmemory' in self.config)")
        .message("config.maxmemory and maxmemoryPercent say the same: use one of them")
        .field_path(".maxmemoryPercent"),
    validation = Rule::new("!has(self.maxmemoryPercent) || has(self.resources) && has(self.resources.limits) && 'memory' in self.resources.limits")
        .message("maxmemoryPercent is a part of resources.limits.memory, which is not set")
        .field_path(".maxmemoryPercent")
)]
pub struct RedisClusterSpec {
    /// The number of shards that share the 16384 slots. With fewer than three, the masters cannot
    /// elect a new one by themselves; the operator then fails over. It cannot be changed yet.
    #[serde(default = "default_shards")]
    #[schemars(range(min = 1, max = 1000), extend("format" = "int32"))]
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("shards cannot be changed yet: scaling comes in a later version")
    )]
    pub shards: u16,

    /// The number of replicas of each master.
    #[serde(default = "default_replicas_per_shard")]
    #[schemars(range(min = 0, max = 5), extend("format" = "int32"))]
    pub replicas_per_shard: u8,

    /// The image with `slotkeeper-node`. Default: the image that the operator is set up with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,

    /// When the image is pulled, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<PullPolicy>,

    /// Secrets for the registry of the image, as in a pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// How clients and nodes authenticate. Without it there is no password, and only the network
    /// protects the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,

    /// Directives of redis.conf by name, such as `maxmemory: 1gb`. Values are strings. Directives
    /// that the operator sets itself are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "config_schema")]
    pub config: BTreeMap<String, String>,

    /// The directive `maxmemory` in per cent of `resources.limits.memory`. Default: 80, where `config`
    /// does not set `maxmemory`; none for clusters that were created before this field existed. A
    /// running node follows the limit of its own pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100), extend("format" = "int32"))]
    pub maxmemory_percent: Option<u8>,

    /// CPU and memory of each node, as in a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// A volume for each node. Without it, the data lives only as long as the pod. It cannot be
    /// changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,

    /// When the nodes write their data to files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Persistence>,

    /// Where the pods may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<Scheduling>,

    /// Who may connect to the nodes.
    #[serde(default)]
    pub network_policy: NetworkPolicy,

    /// Additional labels of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(
        validation = Rule::new("self.all(name, !name.startsWith('slotkeeper.dev/') && !name.startsWith('app.kubernetes.io/'))")
            .message("podLabels must not begin with slotkeeper.dev/ or app.kubernetes.io/: the operator finds its pods by them")
    )]
    pub pod_labels: BTreeMap<String, String>,

    /// Additional annotations of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(
        validation = Rule::new("self.all(name, !name.startsWith('slotkeeper.dev/'))")
            .message("podAnnotations must not begin with slotkeeper.dev/: the operator uses that prefix itself")
    )]
    pub pod_annotations: BTreeMap<String, String>,

    /// If true, the operator observes and reports, and changes nothing.
    #[serde(default)]
    pub paused: bool,
}

/// How clients and nodes authenticate.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// The Secret with the password, in the namespace of the RedisCluster.
    pub password_secret_ref: SecretKey,
}

/// One key of a Secret.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// The name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[allow(missing_docs, reason = "the words of the pod API")]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

/// A volume for each node.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("string(self.size).matches('^[1-9][0-9]*([.][0-9]+)?([kMGTPE]|[KMGTPE]i)?$')")
        .message("storage.size must be an amount of bytes such as 10Gi")
        .field_path(".size")
)]
pub struct Storage {
    /// Its size, such as `10Gi`.
    pub size: Quantity,
    /// Its StorageClass. Default: the default StorageClass of the Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
}

/// When the nodes write their data to files.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Persistence {
    /// When a node makes an RDB snapshot by itself: at the first of these points that is reached.
    /// An empty list means never. Default: with `spec.storage`, after an hour with a change, and
    /// after five minutes with 10000 changes; without it, as `redis-server` does. With
    /// `spec.storage`, a node also makes a snapshot before it stops, whatever this says: after a
    /// restart it asks its shard only for what it missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub snapshots: Option<Vec<SavePoint>>,
}

/// A snapshot is due when both have passed since the last one.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavePoint {
    /// Seconds since the last snapshot.
    #[schemars(range(min = 1, max = 2_147_483_647), extend("format" = "int32"))]
    pub seconds: u32,
    /// Changes of keys since the last snapshot.
    #[schemars(range(min = 0, max = 2_147_483_647), extend("format" = "int32"))]
    pub changes: u32,
}

/// Where the pods may run.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scheduling {
    /// Whether the pods of one shard must run on different hosts (Kubernetes nodes), or only should.
    #[serde(default)]
    pub spread: Spread,
    /// Labels that a host must have, as in a pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the pods tolerate, as in a pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Affinity in addition to the spread, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Additional topology spread constraints, as in a pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// The PriorityClass of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
}

/// Whether the pods of one shard must run on different hosts, or only should.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
pub enum Spread {
    /// They should; one host is enough to try a cluster.
    #[default]
    Preferred,
    /// They must; a pod that finds no host of its own stays Pending.
    Required,
}

/// Who may connect to the nodes.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Whether a NetworkPolicy allows only the nodes of the cluster to reach the cluster bus.
    /// Clients and probes may connect from anywhere. Turn it off if other policies decide this.
    #[serde(default = "default_enabled")]
    pub enabled: bool,
}

impl Default for NetworkPolicy {
    fn default() -> NetworkPolicy {
        NetworkPolicy {
            enabled: default_enabled(),
        }
    }
}

fn default_enabled() -> bool {
    true
}

fn default_shards() -> u16 {
    DEFAULT_SHARDS
}

fn default_replicas_per_shard() -> u8 {
    DEFAULT_REPLICAS_PER_SHARD
}
