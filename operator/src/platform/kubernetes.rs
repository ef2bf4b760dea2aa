//! The Kubernetes platform: a StatefulSet per shard, and the other objects that its pods need.
//!
//! It reads the cache of the watches, so a pass costs the API server nothing, and writes only
//! objects that differ, by server-side apply.

mod api;
mod cache;
#[cfg(test)]
pub(crate) mod fake_server;
mod fenced;
mod memory;
pub mod names;
pub mod objects;
mod pods;
mod secret;
mod status;
mod store;
mod validator;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::{Api, Client};
use slotkeeper_crds::{RedisCluster, RedisClusterStatus};
use tracing::info;

pub use cache::{Cache, Declared};
pub use fenced::Term;
pub use memory::load_memory;
pub use store::ClusterKey;

use api::Writer;
use fenced::FencedWriter;
use memory::MemoryWrite;
use names::Names;
use objects::{DesiredObject, Kind, Settings};
use pods::{PodInput, PodTracker};
use secret::Password;
use status::StatusWrite;
use validator::ConfigValidator;

use super::configure::{Configurator, Running};
use super::{Platform, PlatformError, Survey, created};
use crate::model::{Desired, Memory, ObjectState, Objects, PodIndex, PodUid, PodView, ShardObject};
use crate::wall_clock::now;

/// Whether this operator is the leader.
pub type Leads = Arc<dyn Fn() -> bool + Send + Sync>;

/// One RedisCluster on Kubernetes.
pub struct KubernetesPlatform {
    client: Client,
    cache: Arc<Cache>,
    settings: Arc<Settings>,
    key: ClusterKey,
    uid: String,
    clusters: Api<RedisCluster>,
    writer: Arc<Writer>,
    password: Password,
    /// None if it only reads.
    config_sync: Option<ConfigSync>,
    leads: Option<Leads>,
    term: Option<Term>,
    memory: FencedWriter,
    status: FencedWriter,
    tracker: Mutex<PodTracker>,
}

/// Checks the directives of the manifest and applies them to the nodes.
#[derive(Debug)]
struct ConfigSync {
    validator: ConfigValidator,
    configurator: Configurator,
}

impl KubernetesPlatform {
    /// The platform of a declared cluster. It does not change the directives of nodes.
    #[must_use]
    pub fn new(
        client: Client,
        cache: Arc<Cache>,
        settings: Arc<Settings>,
        key: ClusterKey,
        uid: String,
    ) -> KubernetesPlatform {
        let namespace = key.namespace.clone();
        KubernetesPlatform {
            cache,
            settings,
            uid,
            clusters: Api::namespaced(client.clone(), &namespace),
            password: Password::in_secrets_of(client.clone(), &namespace),
            writer: Arc::new(Writer::new(client.clone(), namespace)),
            client,
            config_sync: None,
            leads: None,
            term: None,
            memory: FencedWriter::default(),
            status: FencedWriter::default(),
            tracker: Mutex::default(),
            key,
        }
    }

    /// The same, with this password instead of the one in the Secret.
    #[must_use]
    pub fn given(mut self, password: String) -> KubernetesPlatform {
        self.password = Password::Given(password);
        self
    }

    /// The same, while `leads` says so, in that term. Afterwards no step reaches a node any more,
    /// and nothing that a successor has written is overwritten.
    #[must_use]
    pub fn leading(mut self, leads: Leads, term: Term) -> KubernetesPlatform {
        let writer = Writer::new(self.client.clone(), self.key.namespace.clone());
        self.writer = Arc::new(writer.leading(leads.clone()));
        for fenced in [&mut self.memory, &mut self.status] {
            fenced.leads = Some(leads.clone());
        }
        (self.leads, self.term) = (Some(leads), Some(term));
        self
    }

    /// The same, and it applies changed directives to the nodes, after the node's program has
    /// checked them.
    #[must_use]
    pub fn configuring(mut self, node_program: PathBuf) -> KubernetesPlatform {
        let cluster = self.key.clone();
        let say = move |node, text: &str| info!(%cluster, %node, "{text}");
        self.config_sync = Some(ConfigSync {
            validator: ConfigValidator::new(node_program),
            configurator: Configurator::start(say),
        });
        self
    }

    /// The settings of the operator that runs a cluster, if it does already.
    #[must_use]
    pub fn settings_of(cache: &Cache, key: &ClusterKey) -> Option<Settings> {
        let maps = cache.objects(key, Kind::ConfigMap);
        let mut settings = maps.values().filter_map(|map| {
            let annotations = &map.value["metadata"]["annotations"];
            let settings = annotations[objects::SETTINGS_ANNOTATION].as_str()?;
            serde_json::from_str(settings).ok()
        });
        settings.next()
    }

    fn names(&self) -> Names<'_> {
        Names {
            name: &self.key.name,
            namespace: &self.key.namespace,
            domain: &self.settings.cluster_domain,
        }
    }

    /// Compares the objects with the manifest.
    fn objects(&self, cluster: &RedisCluster, refused: Option<String>) -> Objects {
        let sets = self.cache.objects(&self.key, Kind::StatefulSet);
        let shards = sets.values().filter_map(|set| {
            let name = set.value["metadata"]["name"].as_str()?;
            let shard = name.strip_prefix(&self.key.name)?.strip_prefix('-')?;
            let shard = shard.parse().ok()?;
            let pods = set.value["spec"]["replicas"].as_u64()?;
            let pods = u32::try_from(pods).ok()?;
            let wanted = objects::shard(cluster, &self.settings, shard, pods);
            let state = self.compare(&wanted);
            Some((shard, ShardObject { pods, state }))
        });
        let common = objects::common(cluster, &self.settings);
        let mut unwanted = objects::unwanted(cluster).into_iter();
        let common = match self.compare(&common) {
            ObjectState::Current if unwanted.any(|(kind, name)| self.exists(kind, &name)) => {
                ObjectState::Stale
            }
            state => state,
        };
        Objects {
            common,
            shards: shards.collect(),
            refused,
        }
    }

    /// The worst state counts.
    fn compare(&self, wanted: &[DesiredObject]) -> ObjectState {
        let mut state = ObjectState::Current;
        for wanted in wanted {
            let live = self.cache.objects(&self.key, wanted.kind);
            match live.get(&wanted.name) {
                None => return ObjectState::Missing,
                Some(live) if !self.writer.is_current(live, wanted) => state = ObjectState::Stale,
                Some(_) => {}
            }
        }
        state
    }

    fn exists(&self, kind: Kind, name: &str) -> bool {
        self.cache.objects(&self.key, kind).contains_key(name)
    }

    fn pods(&self, cluster: &RedisCluster) -> BTreeMap<PodIndex, PodView> {
        let names = self.names();
        let pods = self.cache.pods(&self.key);
        let desired = Desired::from(cluster);
        let there = pods.keys().filter_map(|name| names.index_of(name));
        let indexes: BTreeSet<PodIndex> = desired.pod_indexes().chain(there).collect();
        let mut tracker = self.tracker();
        tracker.keep(|index| indexes.contains(&index));
        let now = now();
        let mut views = BTreeMap::new();
        for index in indexes {
            let name = names.pod(index);
            let input = PodInput {
                index,
                hostname: names.hostname(index),
                pod: pods.get(&name).map(|pod| &**pod),
                storage: cluster.spec.storage.is_some(),
                name,
            };
            let ready = |host: &str| self.cache.is_ready(host);
            let view = tracker.view(input, now, ready);
            let config_sync = self.config_sync.as_ref();
            let restart_for = config_sync
                .and_then(|config_sync| config_sync.configurator.restart_for(index, &view.uid));
            views.insert(
                index,
                PodView {
                    restart_for: restart_for.unwrap_or_default(),
                    ..view
                },
            );
        }
        views
    }

    async fn apply(&self, wanted: Vec<DesiredObject>) -> Result<(), PlatformError> {
        for wanted in wanted {
            let live = self.cache.objects(&self.key, wanted.kind);
            let current =
                (live.get(&wanted.name)).is_some_and(|live| self.writer.is_current(live, &wanted));
            if !current {
                self.writer.apply(wanted).await?;
            }
        }
        Ok(())
    }

    fn tracker(&self) -> MutexGuard<'_, PodTracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConfigSync {
    /// Checks the manifest's directives and starts applying them to the nodes, or says what is
    /// wrong.
    async fn configure(
        &self,
        cluster: &RedisCluster,
        pods: &BTreeMap<PodIndex, PodView>,
        password: Option<String>,
    ) -> Result<(), String> {
        let values = self.validator.of(cluster).await?;
        let running = Running::of(pods, password, values, &cluster.spec);
        self.configurator.update(running);
        Ok(())
    }
}

impl Platform for KubernetesPlatform {
    fn as_created(&self, cluster: &RedisCluster) -> RedisCluster {
        let maps = self.cache.objects(&self.key, Kind::ConfigMap);
        // The operator's memory is a ConfigMap as well, and exists before the cluster.
        let map = maps.get(&self.names().config_map());
        let sets = self.cache.objects(&self.key, Kind::StatefulSet);
        let objects = map.into_iter().chain(sets.values());
        let percent = created::noted_in(objects.map(|live| &live.value), &self.uid);
        created::with_defaults(cluster, percent)
    }

    async fn survey(&self, cluster: &RedisCluster) -> Result<Survey, PlatformError> {
        let auth = cluster.spec.auth.as_ref();
        let key = auth.map(|auth| &auth.password_secret_ref);
        let known = self.password.get(key, &self.writer).await?;
        let pods = self.pods(cluster);
        let validated = match &self.config_sync {
            Some(config_sync) => {
                config_sync
                    .configure(cluster, &pods, known.password.clone())
                    .await
            }
            None => Ok(()),
        };
        let refused = known.trouble.or(validated.err());
        Ok(Survey {
            objects: self.objects(cluster, refused),
            pods,
            password: known.password,
        })
    }

    async fn pod_uid(&self, index: PodIndex) -> Option<PodUid> {
        if self.leads.as_ref().is_some_and(|leads| !leads()) {
            return None;
        }
        let pods = self.cache.pods(&self.key);
        let pod = pods.get(&self.names().pod(index))?;
        pod.metadata.uid.clone().map(PodUid)
    }

    async fn ensure_common(&self, cluster: &RedisCluster) -> Result<(), PlatformError> {
        self.apply(objects::common(cluster, &self.settings)).await?;
        for (kind, name) in objects::unwanted(cluster) {
            if self.exists(kind, &name) {
                self.writer.delete(kind, name).await?;
            }
        }
        Ok(())
    }

    async fn ensure_shard(
        &self,
        cluster: &RedisCluster,
        shard: u32,
        pods: u32,
    ) -> Result<(), PlatformError> {
        self.apply(objects::shard(cluster, &self.settings, shard, pods))
            .await
    }

    async fn remove_shard(&self, shard: u32) -> Result<(), PlatformError> {
        let names = self.names();
        self.writer
            .delete(Kind::StatefulSet, names.shard(shard))
            .await?;
        self.writer
            .delete(Kind::PodDisruptionBudget, names.budget(shard))
            .await
    }

    async fn remember(&self, memory: &Memory) -> Result<(), PlatformError> {
        let (client, term) = (self.client.clone(), self.term.clone());
        let write = MemoryWrite::new(client, &self.names(), &self.uid, memory, term);
        let fenced = self.memory.clone();
        let request = async move { fenced.write(write).await };
        let what = format!("ConfigMap {}", self.names().memory());
        self.writer.write_fenced(what, request).await
    }

    fn selector(&self) -> Option<String> {
        Some(self.names().selector())
    }

    async fn publish(&self, status: &RedisClusterStatus) -> Result<(), PlatformError> {
        let write = StatusWrite {
            clusters: self.clusters.clone(),
            name: self.key.name.clone(),
            uid: self.uid.clone(),
            status: status.clone(),
        };
        let fenced = self.status.clone();
        let request = async move { fenced.write(write).await };
        self.writer
            .write_fenced("the status".to_owned(), request)
            .await
    }
}
