//! The objects that a cluster consists of on Kubernetes, out of its manifest. Pure: what is
//! applied, and how a live object compares with it.

pub mod compare;

use kube::core::ApiResource;
use serde_json::Value;
use slotkeeper_crds::{PullPolicy, RedisCluster};

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

/// The port for clients.
pub const CLIENT_PORT: u16 = 6379;
/// The port of the cluster bus: Redis's own offset above the client port.
pub const BUS_PORT: u16 = CLIENT_PORT + 10_000;
/// The port of probes and metrics.
pub const HEALTH_PORT: u16 = 9121;
/// The container of the node in its pod.
pub const CONTAINER: &str = "node";
/// The volume of the node's data in its pod.
pub const DATA_VOLUME: &str = "data";

/// The reference by which an object goes with its RedisCluster.
#[must_use]
pub fn owner_reference(name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "slotkeeper.dev/v1alpha1".to_owned(),
        kind: "RedisCluster".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// What the operator knows of its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The image with `slotkeeper-node` for manifests that name none.
    pub node_image: String,
    /// When that image is pulled, unless the manifest says it; Kubernetes' own rule if none does.
    pub node_image_pull_policy: Option<PullPolicy>,
    /// The domain of the Kubernetes cluster, such as `cluster.local`.
    pub cluster_domain: String,
}

/// The kinds of objects that a cluster consists of, in the order in which they are applied: pods
/// find their names, their configuration and their walls when they start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A name for pods.
    Service,
    /// redis.conf.
    ConfigMap,
    /// Who may talk to the nodes.
    NetworkPolicy,
    /// How many pods of a shard may leave at once.
    PodDisruptionBudget,
    /// The pods of a shard.
    StatefulSet,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [
        Kind::Service,
        Kind::ConfigMap,
        Kind::NetworkPolicy,
        Kind::PodDisruptionBudget,
        Kind::StatefulSet,
    ];

    /// Where the API server has it.
    #[must_use]
    pub fn api_resource(self) -> ApiResource {
        match self {
            Kind::Service => ApiResource::erase::<Service>(&()),
            Kind::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Kind::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Kind::PodDisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
            Kind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        }
    }
}

/// An object as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its kind.
    pub kind: Kind,
    /// Its name, in the namespace of the cluster.
    pub name: String,
    /// All of it that is ours to say, as it is applied.
    pub body: Value,
}

/// What the whole cluster shares.
#[must_use]
pub fn common(_cluster: &RedisCluster, _settings: &Settings) -> Vec<Wanted> {
    Vec::new()
}

/// What one shard has for itself, with that many pods.
#[must_use]
pub fn shard(
    _cluster: &RedisCluster,
    _settings: &Settings,
    _shard: u32,
    _pods: u32,
) -> Vec<Wanted> {
    Vec::new()
}

/// What must not be there, though an earlier manifest may have asked for it.
#[must_use]
pub fn unwanted(_cluster: &RedisCluster) -> Vec<(Kind, String)> {
    Vec::new()
}
