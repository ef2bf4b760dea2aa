//! A RedisCluster on Kubernetes and its pods.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use slotkeeper_crds::{MemberStatus, RedisCluster, RedisClusterStatus};

use super::Story;
use crate::cli::Cli;
use crate::load::Load;
use crate::local::PASSWORD;
use crate::patience::within;

/// How long a cluster may take to be Ready on a busy machine.
const READY: Duration = Duration::from_secs(120);

/// A RedisCluster and its pods.
#[derive(Clone)]
pub struct Cluster<'a> {
    story: &'a Story,
    namespace: String,
    name: String,
}

impl<'a> Cluster<'a> {
    pub(super) fn new(story: &'a Story, namespace: &str, name: &str) -> Cluster<'a> {
        Cluster {
            story,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The object.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn object(&self) -> RedisCluster {
        let clusters: Api<RedisCluster> = self.story.api(&self.namespace);
        let object = self.story.wait(clusters.get(&self.name));
        object.expect("the RedisCluster is there")
    }

    /// Its status; empty before the first one was written.
    #[must_use]
    pub fn status(&self) -> RedisClusterStatus {
        self.object().status.unwrap_or_default()
    }

    /// A condition of the status as `Status/Reason: message`; empty where there is none.
    #[must_use]
    pub fn condition(&self, kind: &str) -> String {
        let conditions = self.status().conditions;
        let condition = conditions.iter().find(|condition| condition.type_ == kind);
        let text =
            |c: &slotkeeper_crds::Condition| format!("{}/{}: {}", c.status, c.reason, c.message);
        condition.map(text).unwrap_or_default()
    }

    /// Waits until it is Ready for its present generation.
    ///
    /// # Panics If that takes too long.
    pub fn wait_until_ready(&self) {
        within(READY, "the cluster is Ready", || {
            let object = self.object();
            let status = object.status.unwrap_or_default();
            let current = status.observed_generation == object.metadata.generation;
            let ready = |c: &&slotkeeper_crds::Condition| c.type_ == "Ready" && c.status == "True";
            if current && status.conditions.iter().any(|c| ready(&c)) {
                return Ok(());
            }
            Err(format!("{:?}: {:?}", status.phase, status.message))
        });
    }

    /// The pod whose name ends with this index, `SHARD-ORDINAL`.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn pod(&self, index: &str) -> Pod {
        let pod = self.find_pod(index);
        pod.unwrap_or_else(|| panic!("there is no pod {}-{index}", self.name))
    }

    /// The same, if the pod may be missing.
    ///
    /// # Panics When the API server does not answer.
    #[must_use]
    pub fn find_pod(&self, index: &str) -> Option<Pod> {
        let name = format!("{}-{index}", self.name);
        let found = self.story.wait(self.pods_api().get_opt(&name));
        found.expect("the API server answers")
    }

    /// All pods by name.
    ///
    /// # Panics
    /// When the API server does not say.
    #[must_use]
    pub fn pods(&self) -> BTreeMap<String, Pod> {
        let pods = self.story.wait(self.pods_api().list(&self.ours()));
        let pods = pods.expect("the API server answers").items.into_iter();
        pods.map(|pod| (pod.metadata.name.clone().unwrap_or_default(), pod))
            .collect()
    }

    /// Deletes a pod, with its grace period or without.
    ///
    /// # Panics
    /// When the API server refuses.
    pub fn delete_pod(&self, index: &str, params: &DeleteParams) {
        let name = format!("{}-{index}", self.name);
        let deleted = self.story.wait(self.pods_api().delete(&name, params));
        deleted.expect("the pod can be deleted");
    }

    /// Deletes all pods in one request.
    ///
    /// # Panics
    /// When the API server refuses.
    pub fn delete_pods(&self, params: &DeleteParams) {
        let (pods, ours) = (self.pods_api(), self.ours());
        let deleted = self.story.wait(pods.delete_collection(params, &ours));
        deleted.expect("the pods can be deleted");
    }

    /// The index, `SHARD-ORDINAL`, of the master of a shard.
    ///
    /// # Panics
    /// When the status names none.
    #[must_use]
    pub fn master_of(&self, shard: usize) -> String {
        let shards = self.status().shards;
        let master = shards[shard].master.as_ref();
        self.index(master.expect("the shard has a master"))
    }

    /// The index of the first replica of a shard.
    ///
    /// # Panics
    /// When the status names none.
    #[must_use]
    pub fn replica_of(&self, shard: usize) -> String {
        let shards = self.status().shards;
        let replica = shards[shard].replicas.first();
        self.index(replica.expect("the shard has a replica"))
    }

    fn index(&self, member: &MemberStatus) -> String {
        let index = member.pod.strip_prefix(&self.name);
        let index = index.and_then(|index| index.strip_prefix('-'));
        index.expect("a pod is named after its cluster").to_owned()
    }

    /// redis-cli for the node of a pod.
    #[must_use]
    pub fn node(&self, index: &str) -> Cli {
        Cli::on(&ip(&self.pod(index)), 6379).with_password(PASSWORD)
    }

    /// redis-cli for an address.
    #[must_use]
    pub fn at(&self, ip: &str) -> Cli {
        Cli::on(ip, 6379).with_password(PASSWORD)
    }

    /// The role that the node of a pod reports; empty if it does not answer.
    #[must_use]
    pub fn role(&self, index: &str) -> String {
        let field = self.node(index).info("role");
        field.unwrap_or_default()
    }

    /// A client that writes through all nodes.
    #[must_use]
    pub fn load(&self) -> Load {
        let pods = self.pods();
        let servers: Vec<String> = pods
            .values()
            .map(|pod| format!("{}:6379", ip(pod)))
            .collect();
        Load::start_at(&servers, Some(PASSWORD))
    }

    fn ours(&self) -> ListParams {
        ListParams::default().labels(&format!("slotkeeper.dev/cluster={}", self.name))
    }

    fn pods_api(&self) -> Api<Pod> {
        self.story.api(&self.namespace)
    }
}

/// The address of a pod.
///
/// # Panics
/// When it has none yet.
#[must_use]
pub fn ip(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let ip = status.and_then(|status| status.pod_ip.clone());
    ip.expect("the pod has an address")
}

/// The container of a pod's node.
///
/// # Panics
/// When it has none yet.
#[must_use]
pub fn container_id(pod: &Pod) -> String {
    let status = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    let id = status.and_then(|all| all.first()?.container_id.clone());
    id.expect("the container was started")
}
