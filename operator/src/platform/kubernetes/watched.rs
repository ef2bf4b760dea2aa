//! A copy of what the API server has of one kind, kept fresh by a watch and sorted by cluster.

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

/// A RedisCluster by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterKey {
    /// The namespace that it is in.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The objects of one kind, each as an `E`, by cluster and name.
#[derive(Debug)]
pub struct Watched<E> {
    inner: RwLock<Inner<E>>,
}

type Entries<E> = BTreeMap<ClusterKey, BTreeMap<String, Arc<E>>>;

#[derive(Debug)]
struct Inner<E> {
    entries: Entries<E>,
    synced: bool,
}

/// Where an object belongs, and what is kept of it.
#[derive(Debug)]
pub struct Entry<E> {
    /// The cluster that it is of.
    pub key: ClusterKey,
    /// Its name.
    pub name: String,
    /// What is kept.
    pub value: E,
}

impl<E> Default for Watched<E> {
    fn default() -> Self {
        let entries = BTreeMap::new();
        Watched {
            inner: RwLock::new(Inner {
                entries,
                synced: false,
            }),
        }
    }
}

impl<E: PartialEq> Watched<E> {
    /// Whether everything that there is has been read once.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.read().synced
    }

    /// What a cluster has of this kind, by name.
    #[must_use]
    pub fn of(&self, key: &ClusterKey) -> BTreeMap<String, Arc<E>> {
        self.read().entries.get(key).cloned().unwrap_or_default()
    }

    /// One object.
    #[must_use]
    pub fn get(&self, key: &ClusterKey, name: &str) -> Option<Arc<E>> {
        self.read().entries.get(key)?.get(name).cloned()
    }

    /// Every cluster that has something of this kind.
    #[must_use]
    pub fn keys(&self) -> Vec<ClusterKey> {
        self.read().entries.keys().cloned().collect()
    }

    /// Takes a whole list in place of what was known; the clusters for which it differs.
    fn replace(&self, entries: Entries<E>) -> BTreeSet<ClusterKey> {
        let mut inner = self.write();
        inner.synced = true;
        let old = std::mem::replace(&mut inner.entries, entries);
        let keys = old.keys().chain(inner.entries.keys());
        let differs = |key: &&ClusterKey| old.get(*key) != inner.entries.get(*key);
        keys.filter(differs).cloned().collect()
    }

    /// Whether it is news.
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

/// Keeps `into` fresh without end. `entry` says what is kept of an object; one that it has no use
/// for is passed over. `changed` hears of every cluster for which something has changed.
pub async fn keep<K, E>(
    api: Api<K>,
    config: watcher::Config,
    into: Arc<Watched<E>>,
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
                // The same again is no news.
                if trouble.as_ref() != Some(&error) {
                    warn!(error, "a watch was broken off; it is tried again");
                }
                trouble = Some(error);
                continue;
            }
        };
        // A list that begins has brought nothing yet.
        if !matches!(event, Event::Init) && trouble.take().is_some() {
            info!("the watch goes on");
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
        let watched = Watched::default();
        assert!(watched.put(entry("a", "pod", 1)));
        assert!(!watched.put(entry("a", "pod", 1)));
        assert!(watched.put(entry("a", "pod", 2)));
        assert!(watched.put(entry("b", "pod", 1)));
        assert!(!watched.remove(&key("a"), "other"));
        assert_eq!(watched.get(&key("a"), "pod").as_deref(), Some(&2));
        assert!(watched.remove(&key("a"), "pod"));
        assert_eq!(watched.keys(), [key("b")]);
    }

    #[test]
    fn a_list_replaces_everything_and_names_who_is_concerned() {
        let watched = Watched::default();
        for cluster in ["same", "other", "gone"] {
            watched.put(entry(cluster, "pod", 1));
        }
        assert!(!watched.is_synced());
        let list = [("same", 1), ("other", 2), ("new", 1)].map(|(cluster, value)| {
            let objects = BTreeMap::from([("pod".to_owned(), Arc::new(value))]);
            (key(cluster), objects)
        });
        let changed = watched.replace(BTreeMap::from(list));
        assert!(watched.is_synced());
        let names: Vec<_> = changed.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["gone", "new", "other"]);
        assert!(watched.of(&key("gone")).is_empty());
    }
}
