use std::fs;
use std::io;

use slotkeeper_crds::RedisCluster;

use super::layout::Layout;
use super::node_config;
use super::state::{State, save};
use crate::model::{ObjectState, Objects, Place, ShardObject};

/// The files that the operator keeps for a cluster: what a ConfigMap and a Secret are elsewhere.
#[derive(Clone, Debug)]
pub struct Files {
    /// Where they are.
    pub layout: Layout,
    /// The password of the manifest.
    pub password: Option<String>,
}

impl Files {
    /// How they compare with the manifest; the record says which shards there are.
    #[must_use]
    pub fn objects(&self, cluster: &RedisCluster, state: &State) -> Objects {
        let shards = state.shards.iter().map(|(&shard, &pods)| {
            let current =
                (0..pods).all(|ordinal| self.is_current(cluster, Place::new(shard, ordinal)));
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
    /// # Errors
    /// When there is no port for it, or the disk refuses it.
    pub fn write_config(&self, cluster: &RedisCluster, place: Place) -> Result<(), String> {
        let text = self.config(cluster, place)?;
        let failed = |error: io::Error| format!("{}: {error}", self.layout.pod(place));
        fs::create_dir_all(self.layout.pod_dir(place)).map_err(failed)?;
        save(&self.layout.config_file(place), &text).map_err(failed)
    }

    /// Writes the password.
    ///
    /// # Errors
    /// When the disk refuses it.
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

    fn is_current(&self, cluster: &RedisCluster, place: Place) -> bool {
        let on_disk = fs::read_to_string(self.layout.config_file(place));
        on_disk.is_ok_and(|text| self.config(cluster, place) == Ok(text))
    }

    fn config(&self, cluster: &RedisCluster, place: Place) -> Result<String, String> {
        let address = self.layout.address(place)?;
        let password = self.password.as_deref();
        Ok(node_config::render(
            &self.layout,
            place,
            &address,
            &cluster.spec,
            password,
        ))
    }

    fn password_text(&self) -> &str {
        self.password.as_deref().unwrap_or_default()
    }
}
