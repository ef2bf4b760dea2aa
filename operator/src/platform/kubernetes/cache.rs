//! Everything that the operator watches in a Kubernetes cluster, in memory.

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
use super::store::{ClusterKey, Entry, Store, reflect};
use crate::text;

/// The watches of one operator. They end when it is dropped.
#[derive(Debug)]
pub struct Cache {
    scopes: Vec<Scope>,
    /// Whether each host (a Kubernetes Node) is Ready; under the empty key.
    hosts: Arc<Store<bool>>,
    notifiers: Arc<Notifiers>,
    tasks: JoinSet<()>,
}

/// What is watched in one namespace, or in all of them.
#[derive(Debug)]
struct Scope {
    /// None: all namespaces.
    namespace: Option<String>,
    declared: Arc<Store<Declared>>,
    pods: Arc<Store<Pod>>,
    objects: BTreeMap<Kind, Arc<Store<Live>>>,
}

/// A RedisCluster as it is declared now.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its UID; another UID is another cluster.
    pub uid: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The object, or why it cannot be parsed: the definition on the server has another version.
    pub cluster: Result<RedisCluster, String>,
}

/// Changes of the status or of managed fields do not count: the operator writes them itself.
impl PartialEq for Declared {
    fn eq(&self, other: &Declared) -> bool {
        let spec = |declared: &Declared| declared.cluster.clone().map(|cluster| cluster.spec);
        self.uid == other.uid && self.deleting == other.deleting && spec(self) == spec(other)
    }
}

/// One of the operator's objects on the API server.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// The whole object.
    pub value: Value,
    /// Changes with its content: the generation if there is one, else the resource version.
    pub version: String,
}

/// What is notified when something changes.
#[derive(Debug, Default)]
struct Notifiers {
    clusters: Mutex<BTreeMap<ClusterKey, Arc<Notify>>>,
    cluster_list: Notify,
}

impl Cache {
    /// Starts to watch these namespaces, or all where none is named.
    #[must_use]
    pub fn watch(client: &Client, namespaces: &[String]) -> Cache {
        let notifiers = Arc::new(Notifiers::default());
        let hosts = Arc::new(Store::default());
        let mut tasks = JoinSet::new();
        let scopes = match namespaces {
            [] => vec![Scope::watch(client, None, &notifiers, &mut tasks)],
            some => (some.iter())
                .map(|namespace| Scope::watch(client, Some(namespace), &notifiers, &mut tasks))
                .collect(),
        };
        let changed = {
            let notifiers = notifiers.clone();
            move |_: &ClusterKey| notifiers.wake_all()
        };
        let config = watcher::Config::default();
        let nodes = Api::<Node>::all(client.clone());
        tasks.spawn(reflect(nodes, config, hosts.clone(), host, changed));
        Cache {
            scopes,
            hosts,
            notifiers,
            tasks,
        }
    }

    /// Whether all initial lists have been read.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.hosts.is_synced() && self.scopes.iter().all(Scope::is_synced)
    }

    /// Waits until all initial lists have been read.
    pub async fn synced(&self) {
        while !self.is_synced() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a watch has ended, which is always an error.
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

    /// Waits until a RedisCluster is added, changed or deleted.
    pub async fn cluster_list_changed(&self) {
        self.notifiers.cluster_list.notified().await;
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
        let store = self.scope(key).and_then(|scope| scope.objects.get(&kind));
        store.map(|store| store.of(key)).unwrap_or_default()
    }

    /// Whether a host exists and is Ready.
    #[must_use]
    pub fn is_ready(&self, host: &str) -> bool {
        let ready = self.hosts.get(&ClusterKey::default(), host);
        ready.is_some_and(|ready| *ready)
    }

    /// A `Notify` for all changes of a cluster.
    #[must_use]
    pub fn subscribe(&self, key: &ClusterKey) -> Arc<Notify> {
        self.notifiers
            .lock()
            .entry(key.clone())
            .or_default()
            .clone()
    }

    /// Drops the `Notify` of a cluster.
    pub fn unsubscribe(&self, key: &ClusterKey) {
        self.notifiers.lock().remove(key);
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
        notifiers: &Arc<Notifiers>,
        tasks: &mut JoinSet<()>,
    ) -> Scope {
        let scope = Scope {
            namespace: namespace.cloned(),
            declared: Arc::default(),
            pods: Arc::default(),
            objects: Kind::ALL.map(|kind| (kind, Arc::default())).into(),
        };
        let changed = || {
            let notifiers = notifiers.clone();
            move |key: &ClusterKey| notifiers.wake(key)
        };
        let ours = || {
            let labels = format!("{MANAGED_BY_LABEL}={MANAGER}");
            watcher::Config::default().labels(&labels)
        };
        let declared = dynamic(client, namespace, &ApiResource::erase::<RedisCluster>(&()));
        let cluster_list = {
            let notifiers = notifiers.clone();
            move |key: &ClusterKey| {
                notifiers.wake(key);
                notifiers.cluster_list.notify_one();
            }
        };
        let config = watcher::Config::default();
        let into = scope.declared.clone();
        tasks.spawn(reflect(declared, config, into, declaration, cluster_list));
        let pods = match namespace {
            Some(namespace) => Api::<Pod>::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        };
        tasks.spawn(reflect(pods, ours(), scope.pods.clone(), pod, changed()));
        for (kind, into) in &scope.objects {
            let api = dynamic(client, namespace, &kind.api_resource());
            tasks.spawn(reflect(api, ours(), into.clone(), live, changed()));
        }
        scope
    }

    fn is_synced(&self) -> bool {
        let mut objects = self.objects.values();
        let objects = objects.all(|store| store.is_synced());
        objects && self.declared.is_synced() && self.pods.is_synced()
    }
}

impl Notifiers {
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

/// The generation does not change with the status; Services and ConfigMaps have none.
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

/// The cluster of an object, from its label, and the object's name.
fn owner<K: Resource>(object: &K) -> Option<(ClusterKey, String)> {
    let key = ClusterKey {
        namespace: object.namespace()?,
        name: object.labels().get(CLUSTER_LABEL)?.clone(),
    };
    Some((key, object.name_any()))
}

#[expect(clippy::needless_pass_by_value, reason = "a watch hands objects over")]
fn host(node: Node) -> Option<Entry<bool>> {
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
