//! What has to outlive the operator, in a ConfigMap beside the cluster.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use serde_json::json;
use tracing::warn;

use super::names::Names;
use super::objects::{Kind, Wanted, owner_reference};
use super::watched::ClusterKey;
use crate::model::Memory;

/// The key in the ConfigMap.
const KEY: &str = "memory.json";

/// The object that holds it.
pub(super) fn object(names: &Names<'_>, uid: &str, memory: &Memory) -> Wanted {
    let text = serde_json::to_string(memory).expect("a memory is plain data and serialises");
    let body = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.memory(),
            "namespace": names.namespace,
            "labels": names.labels(),
            "ownerReferences": [owner_reference(names.name, uid)],
        },
        "data": {KEY: text},
    });
    Wanted {
        kind: Kind::ConfigMap,
        name: names.memory(),
        body,
    }
}

/// Reads what an earlier operator has left to be remembered of the cluster with that UID. What
/// cannot be read counts as none, which delays and permits nothing.
///
/// # Errors
/// When the API server does not say.
pub async fn load_memory(
    client: &Client,
    key: &ClusterKey,
    uid: &str,
) -> Result<Option<Memory>, String> {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &key.namespace);
    let names = Names {
        name: &key.name,
        namespace: &key.namespace,
        domain: "",
    };
    let name = names.memory();
    let map = maps.get_opt(&name).await;
    let map = map.map_err(|error| format!("ConfigMap {name}: {error}"))?;
    // That of an earlier cluster of this name, until it is collected, says nothing of this one.
    let ours = map.filter(|map| {
        let mut owners = map.metadata.owner_references.iter().flatten();
        owners.any(|owner| owner.uid == uid)
    });
    let text = ours.and_then(|map| map.data?.remove(KEY));
    let memory = text.as_deref().map(serde_json::from_str).transpose();
    Ok(memory.unwrap_or_else(|error| {
        warn!(%error, "ConfigMap {name} cannot be read; its votes are unknown");
        None
    }))
}
