//! The local platform: nodes as child processes on 127.0.0.1, files in one directory.

mod backoff;
mod layout;
mod node_config;
mod objects;
pub mod ports;
mod process;
mod state;
mod supervisor;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use slotkeeper_crds::{MemberStatus, RedisCluster, RedisClusterStatus};
use tokio::sync::Notify;

pub use layout::Layout;
pub use objects::Files;
pub use process::{Process, ProcessId};
pub use state::{
    PodState, State, load_cluster, load_manifest, load_memory, save_cluster, save_manifest,
    save_memory,
};
use supervisor::PodProcess;
pub use supervisor::{GRACE, Supervisor, Tell};

use super::configure::{Configurator, Running};
use super::manifest::Manifest;
use super::{Platform, PlatformError, Survey};
use crate::model::{Memory, PodIndex, PodUid, PodView};

/// How long the last directives may take before the nodes are left running.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A cluster of processes in a directory.
pub struct LocalPlatform {
    supervisor: Arc<Supervisor>,
    files: Files,
    cluster: Mutex<RedisCluster>,
    /// Every directive with its value, as the node's program reports it for the manifest.
    values: Mutex<BTreeMap<String, String>>,
    configurator: Configurator,
}

impl LocalPlatform {
    /// The cluster of a manifest in the directory of `layout`. Pods in the record of the directory
    /// are supervised from now on; no other process is touched or started. `values` is the result
    /// of [`check_config`] for the manifest.
    ///
    /// # Errors When a needed port is taken, or the record cannot be read.
    pub fn open(
        layout: Layout,
        binary: PathBuf,
        manifest: &Manifest,
        values: BTreeMap<String, String>,
        wake: Arc<Notify>,
        tell: Tell,
    ) -> Result<LocalPlatform, String> {
        let mut state = State::load(&layout.dir)?.unwrap_or_default();
        state.base_port = layout.base_port;
        let supervisor = Arc::new(Supervisor::new(layout, binary, state, wake, tell.clone()));
        let files = Files {
            layout: supervisor.layout().clone(),
            password: manifest.password.clone(),
        };
        let recorded: Vec<PodIndex> = supervisor.record(|state| state.pod_indexes().collect());
        let indexes = pod_indexes(&manifest.cluster).chain(recorded.iter().copied());
        for index in indexes {
            if supervisor.left_over(index).is_none() {
                check_ports(supervisor.layout(), index)?;
            }
        }
        if !recorded.is_empty() {
            let written = files.write_password();
            written.map_err(|error| error.to_string())?;
        }
        for index in recorded {
            // A process that starts now gets the present manifest.
            if supervisor.left_over(index).is_none() {
                files.write_config(&manifest.cluster, index)?;
            }
            supervisor.keep(index);
        }
        let layout = files.layout.clone();
        let say = move |index, text: &str| tell(&format!("{}: {text}", layout.pod(index)));
        Ok(LocalPlatform {
            files,
            supervisor,
            cluster: Mutex::new(manifest.cluster.clone()),
            values: Mutex::new(values),
            configurator: Configurator::start(say),
        })
    }

    /// Takes a changed manifest and the result of [`check_config`] for it.
    pub fn apply(&self, cluster: &RedisCluster, values: BTreeMap<String, String>) {
        *lock(&self.values) = values;
        let mut known = lock(&self.cluster);
        let status = known.status.take();
        known.clone_from(cluster);
        known.status = status;
    }

    /// Where the pods are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        self.supervisor.layout()
    }

    /// Stops the supervisor and then the nodes: replicas first, so that no master hands over to a
    /// replica that is about to stop as well.
    pub async fn stop(&self) {
        let masters = self.masters();
        let (masters, replicas): (Vec<_>, Vec<_>) = (self.supervisor.release().await)
            .into_iter()
            .partition(|(index, _)| masters.contains(&self.layout().pod(*index)));
        for group in [replicas, masters] {
            let ending = group.into_iter().map(|(index, mut process)| async move {
                process.end(GRACE).await;
                self.supervisor
                    .record(|state| state.pod(index).process = None);
            });
            join_all(ending).await;
        }
    }

    /// Stops the supervisor and leaves the nodes running, with the directives of the manifest.
    pub async fn leave(&self) {
        // The next run configures nodes that do not answer now.
        let _ = tokio::time::timeout(LAST_WORDS, self.configurator.all_applied()).await;
        self.noted(&self.supervisor.pods());
        self.supervisor.release().await;
    }

    fn masters(&self) -> Vec<String> {
        let cluster = lock(&self.cluster);
        let shards = cluster.status.iter().flat_map(|status| &status.shards);
        let masters = shards.filter_map(|shard| shard.master.as_ref());
        masters.map(|master| master.pod.clone()).collect()
    }

    fn prepare(&self, cluster: &RedisCluster, index: PodIndex) -> Result<(), String> {
        if !self.supervisor.keeps(index) && self.supervisor.left_over(index).is_none() {
            check_ports(self.layout(), index)?;
        }
        self.files.write_config(cluster, index)
    }

    /// The record, updated with the directives that wait for a restart.
    fn noted(&self, pods: &BTreeMap<PodIndex, PodProcess>) -> State {
        self.supervisor.record(|state| {
            for (index, pod) in pods {
                // Until a node was asked, the result of the previous run holds.
                if let Some(names) = self.configurator.restart_for(*index, &pod.uid) {
                    state.note_restart_for(*index, &pod.uid, names);
                }
            }
            state.clone()
        })
    }

    /// Ends a pod; without storage its data goes with it.
    fn remove(&self, index: PodIndex) {
        let cluster = lock(&self.cluster);
        let keep = cluster.spec.storage.is_some();
        let dir = self.layout().pod_dir(index);
        self.supervisor.remove(index, move || {
            if !keep {
                // Remaining files are overwritten by the next pod with this index.
                let _ = fs::remove_dir_all(dir);
            }
        });
    }
}

impl Platform for LocalPlatform {
    async fn survey(&self, cluster: &RedisCluster) -> Result<Survey, PlatformError> {
        let supervised = self.supervisor.pods();
        let mut state = self.noted(&supervised);
        let objects = self.files.objects(cluster, &state);
        let mut pods = BTreeMap::new();
        for index in pod_indexes(cluster).chain(supervised.keys().copied()) {
            let pod = supervised.get(&index).cloned().unwrap_or_default();
            let address = self
                .layout()
                .address(index)
                .map_err(PlatformError::Refused)?;
            let view = PodView {
                name: self.layout().pod(index),
                uid: pod.uid,
                hostname: self.layout().hostname(index),
                phase: pod.phase,
                address: Some(address),
                // All run on this machine, as the user wants.
                host: None,
                ended: pod.ended,
                volume_mounted: true,
                memory_limit: None,
                restart_for: state.pod(index).restart_for.clone(),
            };
            pods.insert(index, view);
        }
        let password = self.files.password.clone();
        let values = lock(&self.values).clone();
        self.configurator
            .update(Running::of(&pods, password.clone(), values, &cluster.spec));
        Ok(Survey {
            objects,
            pods,
            password,
        })
    }

    async fn pod_uid(&self, index: PodIndex) -> Option<PodUid> {
        let pod = self.supervisor.pods().remove(&index)?;
        pod.phase.may_run().then_some(pod.uid)
    }

    async fn ensure_common(&self, _: &RedisCluster) -> Result<(), PlatformError> {
        self.files
            .write_password()
            .map_err(|error| PlatformError::Refused(error.to_string()))
    }

    async fn ensure_shard(
        &self,
        cluster: &RedisCluster,
        shard: u32,
        pods: u32,
    ) -> Result<(), PlatformError> {
        let indexes = (0..pods).map(|ordinal| PodIndex::new(shard, ordinal));
        for index in indexes.clone() {
            self.prepare(cluster, index)
                .map_err(PlatformError::Refused)?;
        }
        self.supervisor
            .record(|state| state.shards.insert(shard, pods));
        indexes.for_each(|index| self.supervisor.keep(index));
        for index in self.supervisor.pods().into_keys() {
            if index.shard == shard && index.ordinal >= pods {
                self.remove(index);
            }
        }
        Ok(())
    }

    async fn remove_shard(&self, shard: u32) -> Result<(), PlatformError> {
        self.supervisor.record(|state| state.shards.remove(&shard));
        for index in self.supervisor.pods().into_keys() {
            if index.shard == shard {
                self.remove(index);
            }
        }
        Ok(())
    }

    async fn remember(&self, memory: &Memory) -> Result<(), PlatformError> {
        save_memory(&self.layout().dir, memory)
            .map_err(|error| PlatformError::Refused(error.to_string()))
    }

    fn selector(&self) -> Option<String> {
        None
    }

    async fn publish(&self, status: &RedisClusterStatus) -> Result<(), PlatformError> {
        let mut cluster = lock(&self.cluster);
        cluster.status = Some(status.clone());
        let indexes: BTreeMap<String, PodIndex> = (self.supervisor.pods().into_keys())
            .map(|index| (self.layout().pod(index), index))
            .collect();
        self.supervisor.record(|state| {
            for MemberStatus { pod, node_id, .. } in members(status) {
                if let (Some(index), Some(_)) = (indexes.get(pod), node_id) {
                    state.pod(*index).node_id.clone_from(node_id);
                }
            }
        });
        save_cluster(&self.layout().dir, &cluster)
            .map_err(|error| PlatformError::Refused(error.to_string()))
    }
}

/// The index of every pod that the manifest asks for.
fn pod_indexes(cluster: &RedisCluster) -> impl Iterator<Item = PodIndex> + use<> {
    let (shards, ordinals) = (cluster.spec.shards, cluster.spec.replicas_per_shard + 1);
    (0..u32::from(shards)).flat_map(move |shard| {
        (0..u32::from(ordinals)).map(move |ordinal| PodIndex::new(shard, ordinal))
    })
}

fn members(status: &RedisClusterStatus) -> impl Iterator<Item = &MemberStatus> {
    let shards = status.shards.iter();
    shards.flat_map(|shard| shard.master.iter().chain(&shard.replicas))
}

fn check_ports(layout: &Layout, index: PodIndex) -> Result<(), String> {
    let address = layout.address(index)?;
    for port in [
        address.port,
        address.bus_port,
        Layout::health_port(&address),
    ] {
        ports::check_free(&address.ip, port)
            .map_err(|error| format!("{}: {error}", layout.pod(index)))?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the directories of clusters are, by default.
pub const CLUSTERS: &str = ".slotkeeper";

/// The default directory of a cluster.
#[must_use]
pub fn default_dir(name: &str) -> PathBuf {
    Path::new(CLUSTERS).join(name)
}
