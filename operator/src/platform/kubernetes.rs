//! The Kubernetes platform: a StatefulSet for each shard, and what its pods need around them.
//!
//! It looks at what the watches have in memory, so that a pass costs the API server nothing, and
//! writes by server-side apply only what is not as it should be.

mod api;
mod fenced;
mod judge;
mod memory;
pub mod names;
pub mod objects;
mod pods;
mod secret;
mod status;
mod watched;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::{Api, Client};
use slotkeeper_crds::{RedisCluster, RedisClusterStatus};
use tracing::info;

pub use fenced::Term;
pub use memory::load_memory;
pub use watched::ClusterKey;
pub use world::{Declared, World};

use api::Writer;
use fenced::Fenced;
use judge::Judge;
use memory::Memo;
use names::Names;
use objects::{Kind, Settings, Wanted};
use pods::{Lives, Look};
use secret::Password;
use status::Told;

use super::configure::{Configurator, Running};
use super::{Platform, PlatformError, Survey};
use crate::model::{Desired, Memory, ObjectState, Objects, Place, PodUid, PodView, ShardObject};
use crate::observe::now;

/// Says whether this operator is the one that acts.
pub type Leads = Arc<dyn Fn() -> bool + Send + Sync>;

/// One RedisCluster on Kubernetes.
pub struct KubernetesPlatform {
    client: Client,
    world: Arc<World>,
    settings: Arc<Settings>,
    key: ClusterKey,
    uid: String,
    clusters: Api<RedisCluster>,
    writer: Arc<Writer>,
    password: Password,
    /// None where it only looks.
    hands: Option<Hands>,
    leads: Option<Leads>,
    term: Option<Term>,
    memory: Fenced,
    status: Fenced,
    lives: Mutex<Lives>,
}

/// What the nodes are configured with.
#[derive(Debug)]
struct Hands {
    judge: Judge,
    configurator: Configurator,
}

impl KubernetesPlatform {
    /// The platform of a declared cluster, which leaves the nodes' directives as they are.
    #[must_use]
    pub fn new(
        client: Client,
        world: Arc<World>,
        settings: Arc<Settings>,
        key: ClusterKey,
        uid: String,
    ) -> KubernetesPlatform {
        let namespace = key.namespace.clone();
        KubernetesPlatform {
            world,
            settings,
            uid,
            clusters: Api::namespaced(client.clone(), &namespace),
            password: Password::in_secrets_of(client.clone(), &namespace),
            writer: Arc::new(Writer::new(client.clone(), namespace)),
            client,
            hands: None,
            leads: None,
            term: None,
            memory: Fenced::default(),
            status: Fenced::default(),
            lives: Mutex::default(),
            key,
        }
    }

    /// The same, with that password, whatever the Secret says.
    #[must_use]
    pub fn given(mut self, password: String) -> KubernetesPlatform {
        self.password = Password::Given(password);
        self
    }

    /// The same, for as long as `leads` says so, in that term: after that no step reaches a node
    /// any more, and nothing that a successor has written is written over.
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

    /// The same, which brings changed directives to the nodes; the node's program judges them.
    #[must_use]
    pub fn configuring(mut self, node_program: PathBuf) -> KubernetesPlatform {
        let cluster = self.key.clone();
        let say = move |node, text: &str| info!(%cluster, %node, "{text}");
        self.hands = Some(Hands {
            judge: Judge::new(node_program),
            configurator: Configurator::start(say),
        });
        self
    }

    /// What the operator that keeps a cluster was told, where it keeps it already.
    #[must_use]
    pub fn settings_of(world: &World, key: &ClusterKey) -> Option<Settings> {
        let maps = world.objects(key, Kind::ConfigMap);
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

    /// How the objects compare with the manifest.
    fn objects(&self, cluster: &RedisCluster, refused: Option<String>) -> Objects {
        let sets = self.world.objects(&self.key, Kind::StatefulSet);
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

    /// The worst of them counts.
    fn compare(&self, wanted: &[Wanted]) -> ObjectState {
        let mut state = ObjectState::Current;
        for wanted in wanted {
            let live = self.world.objects(&self.key, wanted.kind);
            match live.get(&wanted.name) {
                None => return ObjectState::Missing,
                Some(live) if !self.writer.is_current(live, wanted) => state = ObjectState::Stale,
                Some(_) => {}
            }
        }
        state
    }

    fn exists(&self, kind: Kind, name: &str) -> bool {
        self.world.objects(&self.key, kind).contains_key(name)
    }

    fn pods(&self, cluster: &RedisCluster) -> BTreeMap<Place, PodView> {
        let names = self.names();
        let pods = self.world.pods(&self.key);
        let desired = Desired::from(cluster);
        let there = pods.keys().filter_map(|name| names.place_of(name));
        let places: BTreeSet<Place> = desired.places().chain(there).collect();
        let mut lives = self.lives();
        lives.keep(|place| places.contains(&place));
        let now = now();
        let mut views = BTreeMap::new();
        for place in places {
            let name = names.pod(place);
            let look = Look {
                place,
                hostname: names.hostname(place),
                pod: pods.get(&name).map(|pod| &**pod),
                storage: cluster.spec.storage.is_some(),
                name,
            };
            let ready = |machine: &str| self.world.is_ready(machine);
            let view = lives.view(look, now, ready);
            let hands = self.hands.as_ref();
            let restart_for =
                hands.and_then(|hands| hands.configurator.restart_for(place, &view.uid));
            views.insert(
                place,
                PodView {
                    restart_for: restart_for.unwrap_or_default(),
                    ..view
                },
            );
        }
        views
    }

    async fn apply(&self, wanted: Vec<Wanted>) -> Result<(), PlatformError> {
        for wanted in wanted {
            let live = self.world.objects(&self.key, wanted.kind);
            let current =
                (live.get(&wanted.name)).is_some_and(|live| self.writer.is_current(live, &wanted));
            if !current {
                self.writer.apply(wanted).await?;
            }
        }
        Ok(())
    }

    fn lives(&self) -> MutexGuard<'_, Lives> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    /// Says what is wrong with the manifest's directives, or has them brought to the nodes.
    async fn configure(
        &self,
        cluster: &RedisCluster,
        pods: &BTreeMap<Place, PodView>,
        password: Option<String>,
    ) -> Result<(), String> {
        let values = self.judge.of(cluster).await?;
        self.configurator.see(Running::of(pods, password, values));
        Ok(())
    }
}

impl Platform for KubernetesPlatform {
    async fn survey(&self, cluster: &RedisCluster) -> Result<Survey, PlatformError> {
        let auth = cluster.spec.auth.as_ref();
        let key = auth.map(|auth| &auth.password_secret_ref);
        let known = self.password.get(key, &self.writer).await?;
        let pods = self.pods(cluster);
        let judged = match &self.hands {
            Some(hands) => {
                hands
                    .configure(cluster, &pods, known.password.clone())
                    .await
            }
            None => Ok(()),
        };
        let refused = known.trouble.or(judged.err());
        Ok(Survey {
            objects: self.objects(cluster, refused),
            pods,
            password: known.password,
        })
    }

    async fn life(&self, place: Place) -> Option<PodUid> {
        if self.leads.as_ref().is_some_and(|leads| !leads()) {
            return None;
        }
        let pods = self.world.pods(&self.key);
        let pod = pods.get(&self.names().pod(place))?;
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
        let memo = Memo::new(client, &self.names(), &self.uid, memory, term);
        let fenced = self.memory.clone();
        let request = async move { fenced.write(memo).await };
        let what = format!("ConfigMap {}", self.names().memory());
        self.writer.fencedly(what, request).await
    }

    fn selector(&self) -> Option<String> {
        Some(self.names().selector())
    }

    async fn publish(&self, status: &RedisClusterStatus) -> Result<(), PlatformError> {
        let told = Told {
            clusters: self.clusters.clone(),
            name: self.key.name.clone(),
            uid: self.uid.clone(),
            status: status.clone(),
        };
        let fenced = self.status.clone();
        let request = async move { fenced.write(told).await };
        self.writer.fencedly("the status".to_owned(), request).await
    }
}
