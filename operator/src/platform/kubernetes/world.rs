//! Everything that the operator watches of a Kubernetes cluster, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::DynamicObject;
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::Value;
use slotkeeper_crds::RedisCluster;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::names::{CLUSTER_LABEL, MANAGED_BY_LABEL, MANAGER};
use super::objects::Kind;
use super::watched::{ClusterKey, Entry, Watched, keep};
use crate::text;

/// The watches of one operator. They end with it.
#[derive(Debug)]
pub struct World {
    scopes: Vec<Scope>,
    /// Whether each machine is Ready; under the empty key.
    machines: Arc<Watched<bool>>,
    wakes: Arc<Wakes>,
    tasks: JoinSet<()>,
}

/// What is watched in one namespace, or in all of them.
#[derive(Debug)]
struct Scope {
    /// None: all.
    namespace: Option<String>,
    declared: Arc<Watched<Declared>>,
    pods: Arc<Watched<Pod>>,
    objects: BTreeMap<Kind, Arc<Watched<Live>>>,
}

/// A RedisCluster as it is declared now.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its UID: another one is another cluster.
    pub uid: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The object, or why it cannot be read: the definition on the server is of another version.
    pub cluster: Result<RedisCluster, String>,
}

/// A status, or who wrote what when, is no news: the operator writes it itself.
impl PartialEq for Declared {
    fn eq(&self, other: &Declared) -> bool {
        let spec = |declared: &Declared| declared.cluster.clone().map(|cluster| cluster.spec);
        self.uid == other.uid && self.deleting == other.deleting && spec(self) == spec(other)
    }
}

/// An object of the operator's as the API server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// The whole object.
    pub value: Value,
    /// Changes with what it says: the generation where there is one, else the resource version.
    pub version: String,
}

/// Who is woken when something changes.
#[derive(Debug, Default)]
struct Wakes {
    clusters: Mutex<BTreeMap<ClusterKey, Arc<Notify>>>,
    roster: Notify,
}

impl World {
    /// Starts to watch these namespaces, or all where none is named.
    #[must_use]
    pub fn watch(client: &Client, namespaces: &[String]) -> World {
        let wakes = Arc::new(Wakes::default());
        let machines = Arc::new(Watched::default());
        let mut tasks = JoinSet::new();
        let scopes = match namespaces {
            [] => vec![Scope::watch(client, None, &wakes, &mut tasks)],
            some => (some.iter())
                .map(|namespace| Scope::watch(client, Some(namespace), &wakes, &mut tasks))
                .collect(),
        };
        let changed = {
            let wakes = wakes.clone();
            move |_: &ClusterKey| wakes.wake_all()
        };
        let config = watcher::Config::default();
        let nodes = Api::<Node>::all(client.clone());
        tasks.spawn(keep(nodes, config, machines.clone(), machine, changed));
        World {
            scopes,
            machines,
            wakes,
            tasks,
        }
    }

    /// Whether everything that there is has been read once.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.machines.is_synced() && self.scopes.iter().all(Scope::is_synced)
    }

    /// Waits until it is.
    pub async fn synced(&self) {
        while !self.is_synced() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a watch has ended, which none does by itself.
    pub async fn ended(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Err(error)) => format!("a watch has ended: {error}"),
            Some(Ok(())) | None => "a watch has ended".to_owned(),
        }
    }

    /// Every RedisCluster.
    #[must_use]
    pub fn clusters(&self) -> Vec<ClusterKey> {
        let scopes = self.scopes.iter();
        scopes.flat_map(|scope| scope.declared.keys()).collect()
    }

    /// Waits until a RedisCluster comes, changes, or goes.
    pub async fn roster_changed(&self) {
        self.wakes.roster.notified().await;
    }

    /// A RedisCluster as it is declared now.
    #[must_use]
    pub fn declared(&self, key: &ClusterKey) -> Option<Arc<Declared>> {
        self.scope(key)?.declared.get(key, &key.name)
    }

    /// The pods of a cluster, by name.
    #[must_use]
    pub fn pods(&self, key: &ClusterKey) -> BTreeMap<String, Arc<Pod>> {
        let scope = self.scope(key);
        scope.map(|scope| scope.pods.of(key)).unwrap_or_default()
    }

    /// The objects of that kind that a cluster has, by name.
    #[must_use]
    pub fn objects(&self, key: &ClusterKey, kind: Kind) -> BTreeMap<String, Arc<Live>> {
        let watched = self.scope(key).and_then(|scope| scope.objects.get(&kind));
        watched.map(|watched| watched.of(key)).unwrap_or_default()
    }

    /// Whether a machine is there and Ready.
    #[must_use]
    pub fn is_ready(&self, machine: &str) -> bool {
        let ready = self.machines.get(&ClusterKey::default(), machine);
        ready.is_some_and(|ready| *ready)
    }

    /// Is notified of everything that changes for a cluster.
    #[must_use]
    pub fn wake_of(&self, key: &ClusterKey) -> Arc<Notify> {
        self.wakes.lock().entry(key.clone()).or_default().clone()
    }

    /// Nobody waits for changes of that cluster any more.
    pub fn let_go(&self, key: &ClusterKey) {
        self.wakes.lock().remove(key);
    }

    fn scope(&self, key: &ClusterKey) -> Option<&Scope> {
        self.scopes.iter().find(|scope| {
            let namespace = scope.namespace.as_ref();
            namespace.is_none_or(|namespace| *namespace == key.namespace)
        })
    }
}

impl Scope {
    fn watch(
        client: &Client,
        namespace: Option<&String>,
        wakes: &Arc<Wakes>,
        tasks: &mut JoinSet<()>,
    ) -> Scope {
        let scope = Scope {
            namespace: namespace.cloned(),
            declared: Arc::default(),
            pods: Arc::default(),
            objects: Kind::ALL.map(|kind| (kind, Arc::default())).into(),
        };
        let changed = || {
            let wakes = wakes.clone();
            move |key: &ClusterKey| wakes.wake(key)
        };
        let ours = || {
            let labels = format!("{MANAGED_BY_LABEL}={MANAGER}");
            watcher::Config::default().labels(&labels)
        };
        let declared = dynamic(client, namespace, &ApiResource::erase::<RedisCluster>(&()));
        let roster = {
            let wakes = wakes.clone();
            move |key: &ClusterKey| {
                wakes.wake(key);
                wakes.roster.notify_one();
            }
        };
        let config = watcher::Config::default();
        let into = scope.declared.clone();
        tasks.spawn(keep(declared, config, into, declaration, roster));
        let pods = match namespace {
            Some(namespace) => Api::<Pod>::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        };
        tasks.spawn(keep(pods, ours(), scope.pods.clone(), pod, changed()));
        for (kind, into) in &scope.objects {
            let api = dynamic(client, namespace, &kind.api_resource());
            tasks.spawn(keep(api, ours(), into.clone(), live, changed()));
        }
        scope
    }

    fn is_synced(&self) -> bool {
        let mut objects = self.objects.values();
        let objects = objects.all(|watched| watched.is_synced());
        objects && self.declared.is_synced() && self.pods.is_synced()
    }
}

impl Wakes {
    fn wake(&self, key: &ClusterKey) {
        if let Some(wake) = self.lock().get(key) {
            wake.notify_one();
        }
    }

    fn wake_all(&self) {
        self.lock().values().for_each(|wake| wake.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterKey, Arc<Notify>>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dynamic(
    client: &Client,
    namespace: Option<&String>,
    resource: &ApiResource,
) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

fn declaration(object: DynamicObject) -> Option<Entry<Declared>> {
    let name = object.name_any();
    let key = ClusterKey {
        namespace: object.namespace()?,
        name: name.clone(),
    };
    let uid = object.uid().unwrap_or_default();
    let deleting = object.metadata.deletion_timestamp.is_some();
    let cluster = object
        .try_parse()
        .map_err(|error| text::line(&error.to_string()));
    let value = Declared {
        uid,
        deleting,
        cluster,
    };
    Some(Entry { key, name, value })
}

fn pod(mut pod: Pod) -> Option<Entry<Pod>> {
    pod.metadata.managed_fields = None;
    let (key, name) = owner(&pod)?;
    Some(Entry {
        key,
        name,
        value: pod,
    })
}

/// The generation does not move with the status; a Service or a ConfigMap has none.
fn live(mut object: DynamicObject) -> Option<Entry<Live>> {
    object.metadata.managed_fields = None;
    let (key, name) = owner(&object)?;
    let generation = object.metadata.generation.map(|number| number.to_string());
    let version = generation.or_else(|| object.resource_version());
    let value = Live {
        version: version.unwrap_or_default(),
        value: serde_json::to_value(object).ok()?,
    };
    Some(Entry { key, name, value })
}

/// The cluster that an object is of, by its label, and the object's name.
fn owner<K: Resource>(object: &K) -> Option<(ClusterKey, String)> {
    let key = ClusterKey {
        namespace: object.namespace()?,
        name: object.labels().get(CLUSTER_LABEL)?.clone(),
    };
    Some((key, object.name_any()))
}

#[expect(clippy::needless_pass_by_value, reason = "a watch hands objects over")]
fn machine(node: Node) -> Option<Entry<bool>> {
    let conditions = node.status.as_ref().and_then(|s| s.conditions.as_ref());
    let ready = conditions.is_some_and(|conditions| {
        let mut conditions = conditions.iter();
        conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    Some(Entry {
        key: ClusterKey::default(),
        name: node.name_any(),
        value: ready,
    })
}
