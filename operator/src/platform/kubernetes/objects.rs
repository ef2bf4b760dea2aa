//! The objects that a cluster consists of on Kubernetes, out of its manifest. Pure: what is
//! applied, and how a live object compares with it.

pub mod compare;

mod budget;
mod config_map;
mod container;
mod network_policy;
mod scheduling;
mod services;
mod stateful_set;
mod wanted;

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::ApiResource;
use serde::{Deserialize, Serialize};
use slotkeeper_crds::{PullPolicy, RedisCluster, RedisClusterSpec};

pub use wanted::{APPLIED_ANNOTATION, Wanted, owner_reference};

use super::names::Names;
use crate::platform::directives::complete;

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

/// The annotation with the [`Settings`] of the operator that keeps the cluster, as JSON, for those
/// who want to know what it would make of a manifest.
pub const SETTINGS_ANNOTATION: &str = "slotkeeper.dev/settings";

/// What the operator knows of its surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The image with `slotkeeper-node` for manifests that name none.
    pub node_image: String,
    /// When that image is pulled, unless the manifest says it; Kubernetes' own rule if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

/// What the whole cluster shares.
#[must_use]
pub fn common(cluster: &RedisCluster, settings: &Settings) -> Vec<Wanted> {
    let maker = Maker::new(cluster, settings);
    let mut objects = vec![
        Wanted::of(Kind::Service, &services::headless(&maker)),
        Wanted::of(Kind::Service, &services::client(&maker)),
        Wanted::of(Kind::ConfigMap, &config_map::config_map(&maker)),
    ];
    if maker.spec().network_policy.enabled {
        let policy = network_policy::network_policy(&maker);
        objects.push(Wanted::of(Kind::NetworkPolicy, &policy));
    }
    objects
}

/// What one shard has for itself, with that many pods.
#[must_use]
pub fn shard(cluster: &RedisCluster, settings: &Settings, shard: u32, pods: u32) -> Vec<Wanted> {
    let maker = Maker::new(cluster, settings);
    vec![
        Wanted::of(Kind::PodDisruptionBudget, &budget::budget(&maker, shard)),
        Wanted::of(
            Kind::StatefulSet,
            &stateful_set::stateful_set(&maker, shard, pods),
        ),
    ]
}

/// What must not be there, though an earlier manifest may have asked for it.
#[must_use]
pub fn unwanted(cluster: &RedisCluster) -> Vec<(Kind, String)> {
    if cluster.spec.network_policy.enabled {
        return Vec::new();
    }
    let name = Names::of(cluster, "").network_policy();
    vec![(Kind::NetworkPolicy, name)]
}

/// The directives that the nodes of a manifest shall have, beside those that the operator owns.
#[must_use]
pub fn directives(spec: &RedisClusterSpec) -> BTreeMap<String, String> {
    complete(&spec.config)
}

/// What every object is made from.
struct Maker<'a> {
    cluster: &'a RedisCluster,
    settings: &'a Settings,
    names: Names<'a>,
}

impl<'a> Maker<'a> {
    fn new(cluster: &'a RedisCluster, settings: &'a Settings) -> Maker<'a> {
        Maker {
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
