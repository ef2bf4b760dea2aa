//! The configuration and password files of a local cluster.

use std::fs;
use std::io;

use slotkeeper_crds::RedisCluster;

use super::layout::Layout;
use super::node_config;
use super::state::{State, save};
use crate::model::{ObjectState, Objects, PodIndex, ShardObject};

/// The files of a cluster: the counterpart of the ConfigMap and the Secret on Kubernetes.
#[derive(Clone, Debug)]
pub struct Files {
    /// Where they are.
    pub layout: Layout,
    /// The password of the manifest.
    pub password: Option<String>,
}

impl Files {
    /// Compares them with the manifest; the record says which shards exist.
    #[must_use]
    pub fn objects(&self, cluster: &RedisCluster, state: &State) -> Objects {
        let shards = state.shards.iter().map(|(&shard, &pods)| {
            let current =
                (0..pods).all(|ordinal| self.is_current(cluster, PodIndex::new(shard, ordinal)));
            let state = if current {
                ObjectState::Current
            } else {
                ObjectState::Stale
            };
            (shard, ShardObject { pods, state })
        });
        Objects {
            common: self.common(),
            shards: shards.collect(),
            refused: None,
        }
    }

    /// Writes the configuration of a pod.
    ///
    /// # Errors When there is no port for it, or the file cannot be written.
    pub fn write_config(&self, cluster: &RedisCluster, index: PodIndex) -> Result<(), String> {
        let text = self.config(cluster, index)?;
        let dir = self.layout.pod_dir(index);
        fs::create_dir_all(&dir)
            .map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        save(&self.layout.config_file(index), &text).map_err(|error| error.to_string())
    }

    /// Writes the password.
    ///
    /// # Errors When the file cannot be written.
    pub fn write_password(&self) -> io::Result<()> {
        save(
            &Layout::password_file(&self.layout.dir),
            self.password_text(),
        )
    }

    fn common(&self) -> ObjectState {
        match fs::read_to_string(Layout::password_file(&self.layout.dir)) {
            Err(_) => ObjectState::Missing,
            Ok(text) if text == self.password_text() => ObjectState::Current,
            Ok(_) => ObjectState::Stale,
        }
    }

    fn is_current(&self, cluster: &RedisCluster, index: PodIndex) -> bool {
        let on_disk = fs::read_to_string(self.layout.config_file(index));
        on_disk.is_ok_and(|text| self.config(cluster, index) == Ok(text))
    }

    fn config(&self, cluster: &RedisCluster, index: PodIndex) -> Result<String, String> {
        let address = self.layout.address(index)?;
        let password = self.password.as_deref();
        Ok(node_config::render(
            &self.layout,
            index,
            &address,
            &cluster.spec,
            password,
        ))
    }

    fn password_text(&self) -> &str {
        self.password.as_deref().unwrap_or_default()
    }
}
