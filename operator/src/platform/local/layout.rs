//! Directories, ports and names of the pods of a local cluster.

use std::path::{Path, PathBuf};

use crate::model::{Address, PodIndex};

/// From the client port to the port of the cluster bus, as in Redis.
const BUS_OFFSET: u16 = 10_000;
/// From the client port to the health port.
const HEALTH_OFFSET: u16 = 1_000;

/// Directories, ports and names of the pods of a cluster on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The name of the cluster.
    pub name: String,
    /// The directory of the cluster; absolute.
    pub dir: PathBuf,
    /// The port of pod 0 of shard 0.
    pub base_port: u16,
    /// The number of shards.
    pub shards: u32,
}

impl Layout {
    /// The name of a pod: NAME-SHARD-ORDINAL.
    #[must_use]
    pub fn pod(&self, index: PodIndex) -> String {
        format!("{}-{index}", self.name)
    }

    /// The hostname that its node announces. It is never resolved.
    #[must_use]
    pub fn hostname(&self, index: PodIndex) -> String {
        format!("{}.local", self.pod(index))
    }

    /// Its directory.
    #[must_use]
    pub fn pod_dir(&self, index: PodIndex) -> PathBuf {
        self.dir.join(self.pod(index))
    }

    /// The configuration file of its node.
    #[must_use]
    pub fn config_file(&self, index: PodIndex) -> PathBuf {
        self.pod_dir(index).join("redis.conf")
    }

    /// The file with the output of its node.
    #[must_use]
    pub fn log_file(&self, index: PodIndex) -> PathBuf {
        self.pod_dir(index).join("node.log")
    }

    /// Its address. The first pods of all shards come first, so the masters of a new cluster have
    /// the first ports, and additional replicas change no ports.
    ///
    /// # Errors When there are not enough ports.
    pub fn address(&self, index: PodIndex) -> Result<Address, String> {
        let nth = index.ordinal * self.shards + index.shard;
        let port = u16::try_from(u32::from(self.base_port) + nth)
            .ok()
            .filter(|_| nth < u32::from(HEALTH_OFFSET));
        let ports = port.and_then(|port| Some((port, port.checked_add(BUS_OFFSET)?)));
        let Some((port, bus_port)) = ports else {
            return Err(format!(
                "no ports for {}: from base port {} on, every node takes one port, one {BUS_OFFSET} \
                 above and one {HEALTH_OFFSET} above, all below 65536",
                self.pod(index),
                self.base_port,
            ));
        };
        Ok(Address {
            ip: "127.0.0.1".to_owned(),
            port,
            bus_port,
        })
    }

    /// The health port of the node at an address.
    #[must_use]
    pub fn health_port(address: &Address) -> u16 {
        address.port + HEALTH_OFFSET
    }

    /// The file with the record of all processes.
    #[must_use]
    pub fn state_file(dir: &Path) -> PathBuf {
        dir.join("state.json")
    }

    /// The file with the last accepted RedisCluster and its status.
    #[must_use]
    pub fn cluster_file(dir: &Path) -> PathBuf {
        dir.join("cluster.json")
    }

    /// The file with the operator's memory.
    #[must_use]
    pub fn memory_file(dir: &Path) -> PathBuf {
        dir.join("memory.json")
    }

    /// The file with the path of the manifest.
    #[must_use]
    pub fn manifest_file(dir: &Path) -> PathBuf {
        dir.join("manifest")
    }

    /// The file with the password.
    #[must_use]
    pub fn password_file(dir: &Path) -> PathBuf {
        dir.join("password")
    }

    /// The file that a running `local up` keeps locked.
    #[must_use]
    pub fn lock_file(dir: &Path) -> PathBuf {
        dir.join("lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(base_port: u16) -> Layout {
        Layout {
            name: "tour".to_owned(),
            dir: PathBuf::from("/d"),
            base_port,
            shards: 3,
        }
    }

    #[test]
    fn first_pods_of_all_shards_have_the_first_ports() {
        let ports = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)].map(|(shard, ordinal)| {
            layout(6379)
                .address(PodIndex::new(shard, ordinal))
                .unwrap()
                .port
        });
        assert_eq!(ports, [6379, 6380, 6381, 6382, 6383, 6384]);
        assert_eq!(
            layout(6379).address(PodIndex::new(1, 1)).unwrap().bus_port,
            16383
        );
        assert_eq!(layout(6379).hostname(PodIndex::new(1, 0)), "tour-1-0.local");
    }

    #[test]
    fn ports_that_do_not_exist_are_an_error() {
        assert!(layout(55534).address(PodIndex::new(0, 0)).is_ok());
        let error = layout(55534).address(PodIndex::new(2, 0)).unwrap_err();
        assert!(error.starts_with("no ports for tour-2-0"), "{error}");
        assert!(layout(6379).address(PodIndex::new(0, 400)).is_err());
    }
}
