//! Writes the status of a cluster.

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use slotkeeper_crds::{RedisCluster, RedisClusterStatus};

use super::fenced::{FencedObject, Version, Written};
use super::names::MANAGER;

/// A write of a status.
pub(super) struct StatusWrite {
    pub clusters: Api<RedisCluster>,
    pub name: String,
    pub uid: String,
    pub status: RedisClusterStatus,
}

impl FencedObject for StatusWrite {
    async fn read_version(&self) -> Written<Version> {
        let cluster = self.clusters.get_opt(&self.name).await?;
        let ours = cluster.filter(|cluster| cluster.metadata.uid.as_ref() == Some(&self.uid));
        Ok(ours.map_or_else(
            || Err("the RedisCluster is gone".to_owned()),
            |cluster| Ok(cluster.metadata.resource_version),
        ))
    }

    async fn replace(&self, version: &Version) -> kube::Result<Version> {
        // With the UID, so that the status of one cluster never reaches a successor with the same
        // name.
        let patch = json!({
            "apiVersion": "slotkeeper.dev/v1alpha1",
            "kind": "RedisCluster",
            "metadata": {"name": self.name, "uid": self.uid, "resourceVersion": version},
            "status": self.status,
        });
        let params = PatchParams::apply(MANAGER).force();
        let patch = Patch::Apply(&patch);
        let cluster = self.clusters.patch_status(&self.name, &params, &patch);
        Ok(cluster.await?.metadata.resource_version)
    }
}
