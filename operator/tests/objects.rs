//! The objects of manifests on Kubernetes: each manifest in `tests/objects` has a file with its
//! objects. `UPDATE=1 cargo test -p slotkeeper --test objects` updates these files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/defaulted.rs"]
mod defaulted;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use slotkeeper::platform::created::{MAXMEMORY_PERCENT, with_defaults};
use slotkeeper::platform::kubernetes::objects::compare::says;
use slotkeeper::platform::kubernetes::objects::{
    DesiredObject, Kind, Settings, common, shard, unwanted,
};
use slotkeeper::platform::manifest::read;
use slotkeeper_crds::{PullPolicy, RedisCluster};

use defaulted::{change, defaulted, leaves};

/// `full` as it is created now, `minimal` as an earlier operator has created it.
const MANIFESTS: [&str; 2] = ["minimal", "full"];

fn path(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects");
    dir.join(name).with_extension("yaml")
}

fn cluster(manifest: &str) -> RedisCluster {
    let cluster = read(&path(manifest), None).unwrap().cluster;
    let percent = (manifest == "full").then_some(MAXMEMORY_PERCENT);
    with_defaults(&cluster, percent)
}

fn settings() -> Settings {
    Settings {
        node_image: "registry.example/operator:2".to_owned(),
        node_image_pull_policy: Some(PullPolicy::Never),
        cluster_domain: "cluster.local".to_owned(),
    }
}

/// The common objects, and those of one shard.
fn objects(cluster: &RedisCluster) -> Vec<DesiredObject> {
    let pods = u32::from(cluster.spec.replicas_per_shard) + 1;
    let mut objects = common(cluster, &settings());
    objects.extend(shard(cluster, &settings(), 1, pods));
    objects
}

/// All objects of all manifests.
static ALL: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let objects = MANIFESTS.iter().flat_map(|name| objects(&cluster(name)));
    objects.map(|wanted| wanted.body).collect()
});

#[test]
fn every_manifest_makes_what_stands_beside_it() {
    for name in MANIFESTS {
        let objects = objects(&cluster(name)).into_iter();
        let documents = objects.map(|wanted| serde_norway::to_string(&wanted.body).unwrap());
        let fresh = documents.collect::<Vec<_>>().join("---\n");
        let file = path(&format!("{name}-objects"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &fresh).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        let mut lines = golden.lines().zip(fresh.lines());
        let differs = lines.find(|(golden, fresh)| golden != fresh);
        assert!(golden == fresh, "{name}: UPDATE=1 accepts {differs:?}");
    }
}

#[test]
fn every_object_belongs_to_its_cluster() {
    for name in MANIFESTS {
        let cluster = cluster(name);
        for DesiredObject { kind, name, body } in objects(&cluster) {
            let resource = kind.api_resource();
            assert_eq!(body["apiVersion"], *resource.api_version);
            assert_eq!(body["kind"], *resource.kind);
            let metadata = &body["metadata"];
            assert_eq!(metadata["name"], *name);
            assert_eq!(metadata["namespace"], "shop");
            let owner = &metadata["ownerReferences"][0];
            assert_eq!(owner["uid"], *cluster.metadata.uid.as_ref().unwrap());
            let labels = &metadata["labels"];
            assert_eq!(labels["app.kubernetes.io/managed-by"], "slotkeeper");
        }
    }
}

/// Services, budgets, policies and affinities that select nothing have no effect and cause no
/// error.
#[test]
fn whatever_selects_selects_the_pods() {
    fn selectors(value: &Value, found: &mut Vec<Value>) {
        let children: Vec<(&str, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(name, value)| (&**name, value)).collect(),
            Value::Array(list) => list.iter().map(|value| ("", value)).collect(),
            _ => return,
        };
        for (name, child) in children {
            match name {
                "matchLabels" => found.push(child.clone()),
                "selector" if child.get("matchLabels").is_none() => found.push(child.clone()),
                _ => selectors(child, found),
            }
        }
    }
    let objects = objects(&cluster("minimal"));
    let set = objects.iter().find(|o| o.kind == Kind::StatefulSet);
    let labels = &set.unwrap().body["spec"]["template"]["metadata"]["labels"];
    for wanted in &objects {
        let mut found = Vec::new();
        selectors(&wanted.body, &mut found);
        assert_eq!(found.is_empty(), wanted.kind == Kind::ConfigMap);
        for selector in found {
            assert!(says(labels, &selector), "{:?}: {selector}", wanted.kind);
        }
    }
}

#[test]
fn the_policy_is_either_wanted_or_unwanted() {
    let mut cluster = cluster("minimal");
    for enabled in [true, false] {
        cluster.spec.network_policy.enabled = enabled;
        let objects = common(&cluster, &settings());
        let mut wanted = objects.iter().map(|o| (o.kind, o.name.clone()));
        let policy = (Kind::NetworkPolicy, "tour".to_owned());
        assert_eq!(wanted.any(|object| object == policy), enabled);
        assert_eq!(unwanted(&cluster).contains(&policy), !enabled);
    }
}

proptest! {
    #[test]
    fn what_the_server_adds_is_no_difference(of: Index, seed: u64) {
        let wanted = of.get(&ALL);
        prop_assert!(says(wanted, wanted));
        let live = defaulted(wanted, seed);
        prop_assert!(says(&live, wanted), "{live:#} {wanted:#}");
    }

    #[test]
    fn any_leaf_that_differs_is_one(of: Index, leaf: Index, seed: u64) {
        let object = of.get(&ALL);
        let leaf = leaf.get(&leaves(object)).clone();
        let mut changed = object.clone();
        change(changed.pointer_mut(&leaf).unwrap());
        prop_assert!(!says(&defaulted(object, seed), &changed), "wanted otherwise: {leaf}");
        prop_assert!(!says(&defaulted(&changed, seed), object), "live otherwise: {leaf}");
    }
}
