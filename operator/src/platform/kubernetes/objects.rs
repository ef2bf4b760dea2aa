//! The objects of a cluster on Kubernetes, from its manifest. Pure: what is applied, and how a live
//! object compares with it.

pub mod compare;

mod budget;
mod config_map;
mod container;
mod desired_object;
mod network_policy;
mod scheduling;
mod services;
mod stateful_set;

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::ApiResource;
use serde::{Deserialize, Serialize};
use slotkeeper_crds::{PullPolicy, RedisCluster, RedisClusterSpec};

pub use desired_object::{APPLIED_ANNOTATION, DesiredObject, owner_reference};

use super::names::Names;

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

/// The annotation with the [`Settings`] of the operator that runs the cluster, as JSON, for
/// `slotkeeper plan`.
pub const SETTINGS_ANNOTATION: &str = "slotkeeper.dev/settings";

/// What the operator was told about its environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The image with `slotkeeper-node` for manifests without an image.
    pub node_image: String,
    /// When that image is pulled, unless the manifest says it. None: the default of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_image_pull_policy: Option<PullPolicy>,
    /// The domain of the Kubernetes cluster, such as `cluster.local`.
    pub cluster_domain: String,
}

/// The kinds of objects of a cluster, in the order in which they are applied: names, configuration
/// and network rules exist before the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// DNS names for pods, and an address for clients.
    Service,
    /// redis.conf.
    ConfigMap,
    /// Who may connect to the nodes.
    NetworkPolicy,
    /// How many pods of a shard may be evicted at once.
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

    /// Its resource on the API server.
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

/// The common objects of the cluster.
#[must_use]
pub fn common(cluster: &RedisCluster, settings: &Settings) -> Vec<DesiredObject> {
    let context = RenderContext::new(cluster, settings);
    let mut objects = vec![
        DesiredObject::of(Kind::Service, &services::headless(&context)),
        DesiredObject::of(Kind::Service, &services::client(&context)),
        DesiredObject::of(Kind::ConfigMap, &config_map::config_map(&context)),
    ];
    if context.spec().network_policy.enabled {
        let policy = network_policy::network_policy(&context);
        objects.push(DesiredObject::of(Kind::NetworkPolicy, &policy));
    }
    objects
}

/// The objects of one shard with that number of pods.
#[must_use]
pub fn shard(
    cluster: &RedisCluster,
    settings: &Settings,
    shard: u32,
    pods: u32,
) -> Vec<DesiredObject> {
    let context = RenderContext::new(cluster, settings);
    vec![
        DesiredObject::of(Kind::PodDisruptionBudget, &budget::budget(&context, shard)),
        DesiredObject::of(
            Kind::StatefulSet,
            &stateful_set::stateful_set(&context, shard, pods),
        ),
    ]
}

/// Objects that must not exist, though an earlier manifest may have asked for them.
#[must_use]
pub fn unwanted(cluster: &RedisCluster) -> Vec<(Kind, String)> {
    if cluster.spec.network_policy.enabled {
        return Vec::new();
    }
    let name = Names::of(cluster, "").network_policy();
    vec![(Kind::NetworkPolicy, name)]
}

/// The input of every object.
struct RenderContext<'a> {
    cluster: &'a RedisCluster,
    settings: &'a Settings,
    names: Names<'a>,
}

impl<'a> RenderContext<'a> {
    fn new(cluster: &'a RedisCluster, settings: &'a Settings) -> RenderContext<'a> {
        RenderContext {
            cluster,
            settings,
            names: Names::of(cluster, &settings.cluster_domain),
        }
    }

    fn spec(&self) -> &'a RedisClusterSpec {
        &self.cluster.spec
    }
}

fn matching(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        ..LabelSelector::default()
    }
}
