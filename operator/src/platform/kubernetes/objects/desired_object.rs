//! An object to apply, with the hash of what is applied.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Kind, RenderContext};

/// The annotation with the hash of what was applied. An object with surplus fields still contains
/// every desired field, so only this hash shows that it must be applied again, which removes them.
pub const APPLIED_ANNOTATION: &str = "slotkeeper.dev/applied";

/// An object as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredObject {
    /// Its kind.
    pub kind: Kind,
    /// Its name, in the namespace of the cluster.
    pub name: String,
    /// All fields that the operator owns, as applied.
    pub body: Value,
}

impl DesiredObject {
    /// The object, which has metadata, with its hash.
    pub(super) fn of(kind: Kind, object: &impl Serialize) -> DesiredObject {
        let mut body = serde_json::to_value(object).expect("objects of the API serialise");
        let hash = format!("{:016x}", hash(body.to_string().as_bytes()));
        body["metadata"]["annotations"][APPLIED_ANNOTATION] = json!(hash);
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        DesiredObject {
            kind,
            name: name.to_owned(),
            body,
        }
    }
}

/// The owner reference that deletes an object together with its RedisCluster. It does not block the
/// deletion of its owner, which would need one more permission and gain nothing.
#[must_use]
pub fn owner_reference(name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "slotkeeper.dev/v1alpha1".to_owned(),
        kind: "RedisCluster".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

impl RenderContext<'_> {
    /// The metadata of an object of this cluster.
    pub(super) fn metadata(&self, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
        let uid = self.cluster.metadata.uid.as_deref().unwrap_or_default();
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.names.namespace.to_owned()),
            labels: Some(labels),
            owner_references: Some(vec![owner_reference(self.names.name, uid)]),
            ..ObjectMeta::default()
        }
    }
}

/// 64-bit FNV-1a: stable across builds, unlike the hashes of the standard library.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_fnv_does() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn what_says_more_or_less_has_another_hash() {
        let applied = |object: Value| {
            let wanted = DesiredObject::of(Kind::ConfigMap, &object);
            wanted.body["metadata"]["annotations"][APPLIED_ANNOTATION].clone()
        };
        let less = applied(json!({"metadata": {"name": "a"}}));
        let more = applied(json!({"metadata": {"name": "a"}, "data": {"b": "c"}}));
        assert_ne!(less, more);
        assert_eq!(less, applied(json!({"metadata": {"name": "a"}})));
    }
}
