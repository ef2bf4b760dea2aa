//! A copy of all objects of one kind, kept current by a watch and sorted by cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use crate::text;

/// Identifies a RedisCluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The objects of one kind, each as an `E`, by cluster and name.
#[derive(Debug)]
pub struct Store<E> {
    inner: RwLock<Inner<E>>,
}

type Entries<E> = BTreeMap<ClusterKey, BTreeMap<String, Arc<E>>>;

#[derive(Debug)]
struct Inner<E> {
    entries: Entries<E>,
    synced: bool,
}

/// The cluster and name of an object, and what is stored of it.
#[derive(Debug)]
pub struct Entry<E> {
    /// Its cluster.
    pub key: ClusterKey,
    /// Its name.
    pub name: String,
    /// What is stored.
    pub value: E,
}

impl<E> Default for Store<E> {
    fn default() -> Self {
        let entries = BTreeMap::new();
        Store {
            inner: RwLock::new(Inner {
                entries,
                synced: false,
            }),
        }
    }
}

impl<E: PartialEq> Store<E> {
    /// Whether the initial list has been read.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.read().synced
    }

    /// The objects of a cluster, by name.
    #[must_use]
    pub fn of(&self, key: &ClusterKey) -> BTreeMap<String, Arc<E>> {
        self.read().entries.get(key).cloned().unwrap_or_default()
    }

    /// One object.
    #[must_use]
    pub fn get(&self, key: &ClusterKey, name: &str) -> Option<Arc<E>> {
        self.read().entries.get(key)?.get(name).cloned()
    }

    /// Every cluster with an object of this kind.
    #[must_use]
    pub fn keys(&self) -> Vec<ClusterKey> {
        self.read().entries.keys().cloned().collect()
    }

    /// Replaces all entries with a list; returns the clusters that changed.
    fn replace(&self, entries: Entries<E>) -> BTreeSet<ClusterKey> {
        let mut inner = self.write();
        inner.synced = true;
        let old = std::mem::replace(&mut inner.entries, entries);
        let keys = old.keys().chain(inner.entries.keys());
        let differs = |key: &&ClusterKey| old.get(*key) != inner.entries.get(*key);
        keys.filter(differs).cloned().collect()
    }

    /// Stores an entry; returns whether it changed.
    fn put(&self, entry: Entry<E>) -> bool {
        let mut inner = self.write();
        let objects = inner.entries.entry(entry.key).or_default();
        let value = Arc::new(entry.value);
        objects.insert(entry.name, value.clone()) != Some(value)
    }

    fn remove(&self, key: &ClusterKey, name: &str) -> bool {
        let mut inner = self.write();
        let Some(objects) = inner.entries.get_mut(key) else {
            return false;
        };
        let removed = objects.remove(name).is_some();
        if objects.is_empty() {
            inner.entries.remove(key);
        }
        removed
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner<E>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner<E>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps `into` current until cancelled. `entry` says what is stored of an object, or none to skip
/// it. `changed` is called for every cluster that changed.
pub async fn reflect<K, E>(
    api: Api<K>,
    config: watcher::Config,
    into: Arc<Store<E>>,
    entry: impl Fn(K) -> Option<Entry<E>>,
    changed: impl Fn(&ClusterKey),
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    E: PartialEq,
{
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listing: Entries<E> = BTreeMap::new();
    let mut trouble = None;
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let error = text::line(&error.to_string());
                // The same error is logged once.
                if trouble.as_ref() != Some(&error) {
                    warn!(error, "a watch has failed; it is tried again");
                }
                trouble = Some(error);
                continue;
            }
        };
        // The start of a list is no success yet.
        if !matches!(event, Event::Init) && trouble.take().is_some() {
            info!("the watch works again");
        }
        match event {
            Event::Init => listing = BTreeMap::new(),
            Event::InitApply(object) => {
                if let Some(Entry { key, name, value }) = entry(object) {
                    let objects = listing.entry(key).or_default();
                    objects.insert(name, Arc::new(value));
                }
            }
            Event::InitDone => {
                let fresh = std::mem::take(&mut listing);
                into.replace(fresh).iter().for_each(&changed);
            }
            Event::Apply(object) => {
                if let Some(entry) = entry(object) {
                    let key = entry.key.clone();
                    if into.put(entry) {
                        changed(&key);
                    }
                }
            }
            Event::Delete(object) => {
                if let Some(Entry { key, name, .. }) = entry(object)
                    && into.remove(&key, &name)
                {
                    changed(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ClusterKey {
        ClusterKey {
            namespace: "ns".to_owned(),
            name: name.to_owned(),
        }
    }

    fn entry(cluster: &str, name: &str, value: u8) -> Entry<u8> {
        Entry {
            key: key(cluster),
            name: name.to_owned(),
            value,
        }
    }

    #[test]
    fn only_what_differs_is_news() {
        let store = Store::default();
        assert!(store.put(entry("a", "pod", 1)));
        assert!(!store.put(entry("a", "pod", 1)));
        assert!(store.put(entry("a", "pod", 2)));
        assert!(store.put(entry("b", "pod", 1)));
        assert!(!store.remove(&key("a"), "other"));
        assert_eq!(store.get(&key("a"), "pod").as_deref(), Some(&2));
        assert!(store.remove(&key("a"), "pod"));
        assert_eq!(store.keys(), [key("b")]);
    }

    #[test]
    fn a_list_replaces_everything_and_names_who_is_concerned() {
        let store = Store::default();
        for cluster in ["same", "other", "gone"] {
            store.put(entry(cluster, "pod", 1));
        }
        assert!(!store.is_synced());
        let list = [("same", 1), ("other", 2), ("new", 1)].map(|(cluster, value)| {
            let objects = BTreeMap::from([("pod".to_owned(), Arc::new(value))]);
            (key(cluster), objects)
        });
        let changed = store.replace(BTreeMap::from(list));
        assert!(store.is_synced());
        let names: Vec<_> = changed.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["gone", "new", "other"]);
        assert!(store.of(&key("gone")).is_empty());
    }
}
