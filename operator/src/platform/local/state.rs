//! The files that outlive a run of `slotkeeper local up`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slotkeeper_crds::RedisCluster;

use super::layout::Layout;
use super::process::{ProcessId, find};
use crate::model::{Memory, PodIndex, PodUid};

/// The record that outlives a run of `local up`: the shards, and the processes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The port of pod 0 of shard 0.
    pub base_port: u16,
    /// The shards and their numbers of pods.
    pub shards: BTreeMap<u32, u32>,
    /// The pods, by SHARD-ORDINAL.
    pub pods: BTreeMap<String, PodState>,
}

/// One pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PodState {
    /// Counts its processes; the counterpart of a pod UID on Kubernetes.
    pub incarnation: u64,
    /// Its process, if it has one.
    pub process: Option<ProcessId>,
    /// The last known id of its node.
    pub node_id: Option<String>,
    /// The directives that wait for a restart of its process, as last observed. `local status`
    /// reads them here, because it does not ask nodes for their directives.
    #[serde(default)]
    pub restart_for: Vec<String>,
}

impl PodState {
    /// Its present incarnation, or the last one.
    #[must_use]
    pub fn uid(&self) -> PodUid {
        PodUid(self.incarnation.to_string())
    }
}

impl State {
    /// The record of a pod.
    pub fn pod(&mut self, index: PodIndex) -> &mut PodState {
        self.pods.entry(index.to_string()).or_default()
    }

    /// Notes the directives that wait for a restart of a pod's process, unless it has been
    /// replaced.
    pub fn note_restart_for(&mut self, index: PodIndex, uid: &PodUid, names: Vec<String>) {
        let pod = self.pods.get_mut(&index.to_string());
        if let Some(pod) = pod.filter(|pod| pod.uid() == *uid) {
            pod.restart_for = names;
        }
    }

    /// The index of every pod in the record.
    pub fn pod_indexes(&self) -> impl Iterator<Item = PodIndex> + '_ {
        let shards = self.shards.iter();
        shards.flat_map(|(shard, pods)| (0..*pods).map(|ordinal| PodIndex::new(*shard, ordinal)))
    }

    /// Whether any process of the cluster's pods runs. `dir` is the absolute path of the directory.
    #[must_use]
    pub fn runs(&self, dir: &Path, cluster: &RedisCluster) -> bool {
        let layout = Layout {
            name: cluster.metadata.name.clone().unwrap_or_default(),
            dir: dir.to_owned(),
            base_port: self.base_port,
            shards: u32::from(cluster.spec.shards),
        };
        let recorded = |pod: &PodState| pod.process.is_some_and(ProcessId::runs);
        self.pods.values().any(recorded)
            || (self.pod_indexes()).any(|index| find(&layout.config_file(index)).is_some())
    }

    /// Reads the record of a directory; none if there is no cluster in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(dir: &Path) -> Result<Option<State>, String> {
        load(&Layout::state_file(dir))
    }

    /// Writes the record.
    ///
    /// # Errors
    /// When the disk refuses it.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        save(&Layout::state_file(dir), to_json(self))
    }
}

/// Reads the last accepted RedisCluster of a directory, with its status.
///
/// # Errors
/// When it cannot be read.
pub fn load_cluster(dir: &Path) -> Result<Option<RedisCluster>, String> {
    load(&Layout::cluster_file(dir))
}

/// Writes it.
///
/// # Errors
/// When the disk refuses it.
pub fn save_cluster(dir: &Path, cluster: &RedisCluster) -> io::Result<()> {
    save(&Layout::cluster_file(dir), to_json(cluster))
}

/// The manifest of the cluster of a directory, if it is known.
#[must_use]
pub fn load_manifest(dir: &Path) -> Option<PathBuf> {
    let name = fs::read(Layout::manifest_file(dir)).ok()?;
    Some(PathBuf::from(OsString::from_vec(name)))
}

/// Writes the absolute path of the manifest.
///
/// # Errors
/// When the disk refuses it.
pub fn save_manifest(dir: &Path, manifest: &Path) -> io::Result<()> {
    save(&Layout::manifest_file(dir), manifest.as_os_str().as_bytes())
}

/// Reads the operator's memory of a directory.
///
/// # Errors
/// When it cannot be read.
pub fn load_memory(dir: &Path) -> Result<Option<Memory>, String> {
    load(&Layout::memory_file(dir))
}

/// Writes it.
///
/// # Errors
/// When the disk refuses it.
pub fn save_memory(dir: &Path, memory: &Memory) -> io::Result<()> {
    save(&Layout::memory_file(dir), to_json(memory))
}

/// Replaces a file as a whole, readable only for its owner, because it may contain a password.
///
/// # Errors When the file cannot be written; the text names it.
pub fn save(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    let new = path.with_extension("new");
    let write = || {
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&new)?.write_all(text.as_ref())?;
        fs::rename(&new, path)
    };
    write().map_err(|error| {
        let text = format!("cannot write {}: {error}", path.display());
        io::Error::new(error.kind(), text)
    })
}

fn load<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let value = serde_json::from_str(&text);
    value
        .map(Some)
        .map_err(|error| format!("{} is damaged: {error}", path.display()))
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("plain data with text keys always serialises")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_restart_is_noted_for_the_process_that_was_asked() {
        let index = PodIndex::new(0, 1);
        let (first, second) = (PodUid("1".to_owned()), PodUid("2".to_owned()));
        let names = vec!["tcp-backlog".to_owned()];
        let mut state = State::default();
        state.note_restart_for(index, &first, names.clone());
        assert_eq!(state, State::default());
        state.pod(index).incarnation = 2;
        state.note_restart_for(index, &first, names.clone());
        assert!(state.pod(index).restart_for.is_empty());
        state.note_restart_for(index, &second, names.clone());
        assert_eq!(state.pod(index).restart_for, names);
    }

    #[test]
    fn a_record_with_the_directives_of_the_processes_is_still_read() {
        let text = r#"{"base_port": 6379, "shards": {"0": 1}, "pods": {"0-0": {
            "incarnation": 3, "process": null, "node_id": null, "written": {"maxmemory": "1gb"},
            "config": {"maxmemory": "1gb"}, "at_start": ["databases"]}}}"#;
        let mut state: State = serde_json::from_str(text).unwrap();
        assert_eq!(state.pod(PodIndex::new(0, 0)).incarnation, 3);
    }

    #[test]
    fn the_record_round_trips_and_damage_is_named() {
        let dir = std::env::temp_dir().join(format!("slotkeeper-state-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        assert_eq!(State::load(&dir), Ok(None));
        let mut state = State {
            base_port: 6379,
            ..State::default()
        };
        state.shards.insert(1, 2);
        state.pod(PodIndex::new(1, 0)).incarnation = 3;
        state.save(&dir).unwrap();
        let read = State::load(&dir).unwrap().unwrap();
        assert_eq!(read, state);
        assert_eq!(
            read.pod_indexes().collect::<Vec<_>>(),
            [PodIndex::new(1, 0), PodIndex::new(1, 1)]
        );
        save(&Layout::state_file(&dir), "{").unwrap();
        assert!(
            State::load(&dir)
                .unwrap_err()
                .contains("state.json is damaged")
        );
        fs::remove_dir_all(&dir).unwrap();
    }
}
