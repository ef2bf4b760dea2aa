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
use supervisor::Life;
pub use supervisor::{GRACE, Supervisor, Tell};

use super::configure::{Configurator, Running};
use super::manifest::Manifest;
use super::{Platform, PlatformError, Survey};
use crate::model::{Memory, Place, PodUid, PodView};

/// How long nodes that are about to be left alone may take to be told their directives.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A cluster of processes in a directory.
pub struct LocalPlatform {
    supervisor: Arc<Supervisor>,
    files: Files,
    cluster: Mutex<RedisCluster>,
    /// Every directive with its value, as the node's program understands the manifest.
    values: Mutex<BTreeMap<String, String>>,
    configurator: Configurator,
}

impl LocalPlatform {
    /// The cluster of a manifest in the directory of `layout`. Pods that the directory's record
    /// names are kept running from now on; no other process is touched or started. `values` is
    /// what [`check_config`] said of the manifest.
    ///
    /// # Errors
    /// When a port that is needed is taken, or the record cannot be read.
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
        let recorded: Vec<Place> = supervisor.record(|state| state.places().collect());
        let places = places(&manifest.cluster).chain(recorded.iter().copied());
        for place in places {
            if supervisor.left_over(place).is_none() {
                check_ports(supervisor.layout(), place)?;
            }
        }
        if !recorded.is_empty() {
            let failed = |error: std::io::Error| format!("cannot write the password: {error}");
            files.write_password().map_err(failed)?;
        }
        for place in recorded {
            // What is started now is started with the manifest of now.
            if supervisor.left_over(place).is_none() {
                files.write_config(&manifest.cluster, place)?;
            }
            supervisor.keep(place);
        }
        let layout = files.layout.clone();
        let say = move |place, text: &str| tell(&format!("{}: {text}", layout.pod(place)));
        Ok(LocalPlatform {
            files,
            supervisor,
            cluster: Mutex::new(manifest.cluster.clone()),
            values: Mutex::new(values),
            configurator: Configurator::start(say),
        })
    }

    /// Takes a changed manifest and what [`check_config`] said of it.
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

    /// Stops the supervisor and then the nodes: replicas first, so that no master hands over to
    /// one that is about to end, too.
    pub async fn stop(&self) {
        let masters = self.masters();
        let (masters, replicas): (Vec<_>, Vec<_>) = (self.supervisor.let_go().await)
            .into_iter()
            .partition(|(place, _)| masters.contains(&self.layout().pod(*place)));
        for group in [replicas, masters] {
            let ending = group.into_iter().map(|(place, mut process)| async move {
                process.end(GRACE).await;
                self.supervisor
                    .record(|state| state.pod(place).process = None);
            });
            join_all(ending).await;
        }
    }

    /// Stops the supervisor and leaves the nodes running, told what the manifest says.
    pub async fn leave(&self) {
        // Who does not answer now is told by the next run.
        let _ = tokio::time::timeout(LAST_WORDS, self.configurator.all_told()).await;
        self.noted(&self.supervisor.lives());
        self.supervisor.let_go().await;
    }

    fn masters(&self) -> Vec<String> {
        let cluster = lock(&self.cluster);
        let shards = cluster.status.iter().flat_map(|status| &status.shards);
        let masters = shards.filter_map(|shard| shard.master.as_ref());
        masters.map(|master| master.pod.clone()).collect()
    }

    fn prepare(&self, cluster: &RedisCluster, place: Place) -> Result<(), String> {
        if !self.supervisor.keeps(place) && self.supervisor.left_over(place).is_none() {
            check_ports(self.layout(), place)?;
        }
        self.files.write_config(cluster, place)
    }

    /// The record, with what is known by now of directives that wait for a restart.
    fn noted(&self, lives: &BTreeMap<Place, Life>) -> State {
        self.supervisor.record(|state| {
            for (place, life) in lives {
                // While a node was not asked, what the run before has found holds.
                if let Some(names) = self.configurator.restart_for(*place, &life.uid) {
                    state.note_restart_for(*place, &life.uid, names);
                }
            }
            state.clone()
        })
    }

    /// Ends a pod; without storage its data goes with it.
    fn remove(&self, place: Place) {
        let cluster = lock(&self.cluster);
        let keep = cluster.spec.storage.is_some();
        let dir = self.layout().pod_dir(place);
        self.supervisor.remove(place, move || {
            if !keep {
                // What is left of it is overwritten by the next pod of the place.
                let _ = fs::remove_dir_all(dir);
            }
        });
    }
}

impl Platform for LocalPlatform {
    async fn survey(&self, cluster: &RedisCluster) -> Result<Survey, PlatformError> {
        let lives = self.supervisor.lives();
        let mut state = self.noted(&lives);
        let objects = self.files.objects(cluster, &state);
        let mut pods = BTreeMap::new();
        for place in places(cluster).chain(lives.keys().copied()) {
            let life = lives.get(&place).cloned().unwrap_or_default();
            let address = self
                .layout()
                .address(place)
                .map_err(PlatformError::Refused)?;
            let view = PodView {
                name: self.layout().pod(place),
                uid: life.uid,
                hostname: self.layout().hostname(place),
                phase: life.phase,
                address: Some(address),
                // All are on this one, which is what the user asked for.
                machine: None,
                ended: life.ended,
                volume_mounted: true,
                restart_for: state.pod(place).restart_for.clone(),
            };
            pods.insert(place, view);
        }
        let password = self.files.password.clone();
        let values = lock(&self.values).clone();
        self.configurator
            .see(Running::of(&pods, password.clone(), values));
        Ok(Survey {
            objects,
            pods,
            password,
        })
    }

    async fn life(&self, place: Place) -> Option<PodUid> {
        let life = self.supervisor.lives().remove(&place)?;
        life.phase.may_run().then_some(life.uid)
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
        let places = (0..pods).map(|ordinal| Place::new(shard, ordinal));
        for place in places.clone() {
            self.prepare(cluster, place)
                .map_err(PlatformError::Refused)?;
        }
        self.supervisor
            .record(|state| state.shards.insert(shard, pods));
        places.for_each(|place| self.supervisor.keep(place));
        for place in self.supervisor.lives().into_keys() {
            if place.shard == shard && place.ordinal >= pods {
                self.remove(place);
            }
        }
        Ok(())
    }

    async fn remove_shard(&self, shard: u32) -> Result<(), PlatformError> {
        self.supervisor.record(|state| state.shards.remove(&shard));
        for place in self.supervisor.lives().into_keys() {
            if place.shard == shard {
                self.remove(place);
            }
        }
        Ok(())
    }

    async fn remember(&self, memory: &Memory) -> Result<(), PlatformError> {
        save_memory(&self.layout().dir, memory)
            .map_err(|error| PlatformError::Refused(format!("cannot write the memory: {error}")))
    }

    fn selector(&self) -> Option<String> {
        None
    }

    async fn publish(&self, status: &RedisClusterStatus) -> Result<(), PlatformError> {
        let mut cluster = lock(&self.cluster);
        cluster.status = Some(status.clone());
        let places: BTreeMap<String, Place> = (self.supervisor.lives().into_keys())
            .map(|place| (self.layout().pod(place), place))
            .collect();
        self.supervisor.record(|state| {
            for MemberStatus { pod, node_id, .. } in members(status) {
                if let (Some(place), Some(_)) = (places.get(pod), node_id) {
                    state.pod(*place).node_id.clone_from(node_id);
                }
            }
        });
        save_cluster(&self.layout().dir, &cluster)
            .map_err(|error| PlatformError::Refused(error.to_string()))
    }
}

/// Every place that the manifest asks for.
fn places(cluster: &RedisCluster) -> impl Iterator<Item = Place> + use<> {
    let (shards, ordinals) = (cluster.spec.shards, cluster.spec.replicas_per_shard + 1);
    (0..u32::from(shards)).flat_map(move |shard| {
        (0..u32::from(ordinals)).map(move |ordinal| Place::new(shard, ordinal))
    })
}

fn members(status: &RedisClusterStatus) -> impl Iterator<Item = &MemberStatus> {
    let shards = status.shards.iter();
    shards.flat_map(|shard| shard.master.iter().chain(&shard.replicas))
}

fn check_ports(layout: &Layout, place: Place) -> Result<(), String> {
    let address = layout.address(place)?;
    for port in [
        address.port,
        address.bus_port,
        Layout::health_port(&address),
    ] {
        ports::check_free(&address.ip, port)
            .map_err(|error| format!("{}: {error}", layout.pod(place)))?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The directory of a cluster where the user names none.
#[must_use]
pub fn default_dir(name: &str) -> PathBuf {
    Path::new(".slotkeeper").join(name)
}
