//! The defaults that a cluster was created with. They are for new clusters: one that an earlier
//! operator has created keeps what it has, until its manifest says otherwise.

use std::collections::BTreeMap;

use serde_json::Value;
use slotkeeper_crds::RedisCluster;

/// The annotation with the `maxmemoryPercent` of manifests that say none. On Kubernetes, the
/// ConfigMap with redis.conf and the StatefulSets have it; locally, the stored RedisCluster.
pub const PERCENT_ANNOTATION: &str = "slotkeeper.dev/default-maxmemory-percent";

/// The default of `maxmemoryPercent` for clusters that are created now: no fork needs the rest.
pub const MAXMEMORY_PERCENT: u8 = 80;

/// The manifest with the defaults of its cluster: `percent`, as it was noted, in its annotation and
/// where the manifest says none.
#[must_use]
pub fn with_defaults(cluster: &RedisCluster, percent: Option<u8>) -> RedisCluster {
    let mut cluster = cluster.clone();
    let annotations = cluster.metadata.annotations.get_or_insert_default();
    annotations.remove(PERCENT_ANNOTATION);
    if let Some(percent) = percent {
        annotations.insert(PERCENT_ANNOTATION.to_owned(), percent.to_string());
        cluster.spec.maxmemory_percent.get_or_insert(percent);
    }
    cluster
}

/// What the stored RedisCluster has noted.
#[must_use]
pub fn noted_on(cluster: &RedisCluster) -> Option<u8> {
    let annotations = cluster.metadata.annotations.as_ref()?;
    annotations.get(PERCENT_ANNOTATION)?.parse().ok()
}

/// The annotation for the objects of a cluster; empty where nothing is noted.
#[must_use]
pub fn note(cluster: &RedisCluster) -> BTreeMap<String, String> {
    let percent = noted_on(cluster).map(|percent| percent.to_string());
    let noted = percent.map(|percent| (PERCENT_ANNOTATION.to_owned(), percent));
    noted.into_iter().collect()
}

/// What the live objects of the cluster with that UID have noted. One without objects is new. Any
/// of them is enough, so the note outlives each, and a watch that is behind the others.
#[must_use]
pub fn noted_in<'a>(objects: impl Iterator<Item = &'a Value>, uid: &str) -> Option<u8> {
    let is_ours = |object: &&Value| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
    };
    let mut ours = objects.filter(is_ours).peekable();
    if ours.peek().is_none() {
        return Some(MAXMEMORY_PERCENT);
    }
    ours.find_map(|object| {
        let noted = object["metadata"]["annotations"][PERCENT_ANNOTATION].as_str()?;
        noted.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use slotkeeper_crds::RedisClusterSpec;

    use super::*;

    fn object(uid: &str, noted: Option<&str>) -> Value {
        json!({"metadata": {
            "ownerReferences": [{"uid": uid}],
            "annotations": noted.map(|noted| json!({PERCENT_ANNOTATION: noted})),
        }})
    }

    fn noted(objects: &[Value]) -> Option<u8> {
        noted_in(objects.iter(), "u")
    }

    #[test]
    fn only_a_cluster_without_objects_is_new() {
        assert_eq!(noted(&[]), Some(80));
        // The objects of an earlier cluster of this name, which are being deleted.
        assert_eq!(noted(&[object("v", None)]), Some(80));
        assert_eq!(noted(&[object("v", Some("70"))]), Some(80));
        assert_eq!(noted(&[object("u", None)]), None);
    }

    #[test]
    fn what_was_noted_stays_while_any_object_has_it() {
        let (with, without) = (object("u", Some("70")), object("u", None));
        assert_eq!(noted(std::slice::from_ref(&with)), Some(70));
        assert_eq!(noted(&[without.clone(), with]), Some(70));
        assert_eq!(noted(&[without, object("u", Some("much"))]), None);
    }

    #[test]
    fn the_manifest_comes_before_what_was_noted() {
        let percent = |said, noted| {
            let spec = RedisClusterSpec {
                maxmemory_percent: said,
                ..RedisClusterSpec::default()
            };
            let cluster = with_defaults(&RedisCluster::new("tour", spec), noted);
            let again = with_defaults(&cluster, noted_on(&cluster));
            assert_eq!((noted_on(&cluster), &again), (noted, &cluster));
            cluster.spec.maxmemory_percent
        };
        assert_eq!(percent(None, Some(80)), Some(80));
        assert_eq!(percent(Some(60), Some(80)), Some(60));
        assert_eq!(percent(Some(60), None), Some(60));
        assert_eq!(percent(None, None), None);
    }

    #[test]
    fn what_a_user_writes_into_the_annotation_means_nothing() {
        let mut cluster = RedisCluster::new("tour", RedisClusterSpec::default());
        let note = (PERCENT_ANNOTATION.to_owned(), "50".to_owned());
        cluster.metadata.annotations = Some(BTreeMap::from([note]));
        let taken = with_defaults(&cluster, None);
        assert_eq!(
            (noted_on(&taken), taken.spec.maxmemory_percent),
            (None, None)
        );
    }
}
