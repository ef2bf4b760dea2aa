//! What `check` accepts and refuses: bounds, rules, and rules that compare.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::owned::OWNED;

fn manifest() -> Value {
    json!({
        "apiVersion": "slotkeeper.dev/v1alpha1",
        "kind": "RedisCluster",
        "metadata": { "name": "tour" },
        "spec": {
            "shards": 3,
            "auth": { "passwordSecretRef": { "name": "tour-password", "key": "password" } },
            "config": { "maxclients": "100", "cluster-node-timeout": "2000" },
            "resources": { "limits": { "memory": "1Gi" } },
            "maxmemoryPercent": 80,
            "storage": { "size": "1Gi" },
            "persistence": { "snapshots": [{ "seconds": 900, "changes": 1 }] },
            "podLabels": { "team": "a" },
            "podAnnotations": { "note": "b" },
        },
    })
}

/// The manifest with the value at a JSON pointer replaced; null takes the field away.
fn edited(pointer: &str, value: Value) -> Value {
    let mut manifest = manifest();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = manifest
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    let name = name.replace("~1", "/");
    match value {
        Value::Null => parent.remove(&name),
        value => parent.insert(name, value),
    };
    manifest
}

fn violations(manifest: &Value, old: Option<&RedisCluster>) -> Vec<String> {
    match check(manifest, old) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn accepts_a_manifest_and_fills_the_defaults() {
    let cluster = check(&manifest(), None).unwrap();
    assert_eq!(cluster.spec.replicas_per_shard, 1);
    assert_eq!(cluster.spec.config["maxclients"], "100");
    assert_eq!(cluster.spec.maxmemory_percent, Some(80));
    let empty = check(&edited("/spec", json!({})), None).unwrap();
    assert_eq!((empty.spec.shards, empty.spec.replicas_per_shard), (3, 1));
    // A default in the schema would reach clusters that exist already.
    assert_eq!(empty.spec.maxmemory_percent, None);
}

#[test]
fn names_the_field_that_is_out_of_bounds_or_misspelt() {
    let cases = [
        (
            "/spec/shards",
            json!(0),
            "spec.shards: must be from 1 to 1000, not 0",
        ),
        (
            "/spec/shards",
            json!("3"),
            "spec.shards: must be an integer, not a string",
        ),
        (
            "/spec/shards",
            json!(2.5),
            "spec.shards: must be an integer, not a fraction",
        ),
        (
            "/spec/maxmemoryPercent",
            json!(101),
            "spec.maxmemoryPercent: must be from 1 to 100, not 101",
        ),
        (
            "/spec/replicasPerShard",
            json!(6),
            "spec.replicasPerShard: must be from 0 to 5, not 6",
        ),
        (
            "/spec/shard",
            json!(3),
            "spec.shard: is not a field of a RedisCluster",
        ),
        (
            "/spec/auth",
            json!({}),
            "spec.auth.passwordSecretRef: is required",
        ),
        (
            "/spec/auth/passwordSecretRef/name",
            json!(""),
            "spec.auth.passwordSecretRef.name: must have at least 1 characters, not 0",
        ),
        (
            "/spec/config/maxmemory",
            json!(5),
            "spec.config.maxmemory: must be a string, not an integer: put it in quotes, \"5\"",
        ),
        (
            "/spec/scheduling",
            json!({ "spread": "Never" }),
            r#"spec.scheduling.spread: must be one of "Preferred", "Required", not "Never""#,
        ),
        (
            "/spec/scheduling",
            json!({ "tolerations": [{ "key": 1 }] }),
            "spec.scheduling.tolerations[0].key: must be a string, not an integer: put it in quotes, \"1\"",
        ),
        ("/spec", Value::Null, "spec: is required"),
    ];
    for (pointer, value, message) in cases {
        assert_eq!(
            violations(&edited(pointer, value), None),
            [message],
            "{pointer}"
        );
    }
    assert!(!violations(&json!([]), None).is_empty());
    assert!(!violations(&Value::Null, None).is_empty());
}

/// One refused example for every rule: the field as a pointer, its value, the message.
fn refused() -> Vec<(String, Value, String)> {
    let mut cases: Vec<(String, Value, String)> = [
        ("/metadata/name", json!("3tour"), "metadata.name must start with a letter and contain only lower-case letters, digits and hyphens: it becomes part of Service names and hostnames"),
        ("/metadata/name", json!("t".repeat(41)), "metadata.name must have at most 40 characters: it becomes part of the names of StatefulSets and pods"),
        ("/spec/storage", json!({ "size": "2Gi" }), "storage cannot be changed: the volumes of a cluster stay as they were created"),
        ("/spec/storage/size", json!("lots"), "storage.size must be an amount of bytes such as 10Gi"),
        ("/spec/config/save", json!("3600 1"), "config.save and persistence.snapshots say the same: use one of them"),
        ("/spec/config/maxmemory", json!("1gb"), "config.maxmemory and maxmemoryPercent say the same: use one of them"),
        ("/spec/resources/limits", Value::Null, "maxmemoryPercent is a part of resources.limits.memory, which is not set"),
        ("/spec/shards", json!(4), "shards cannot be changed yet: scaling comes in a later version"),
        ("/spec/config/Maxmemory", json!("1"), "names of directives contain only lower-case letters, digits and hyphens"),
        ("/spec/config/maxclients", json!("1\nport 1"), "the value of a directive must be a single line"),
        ("/spec/config/cluster-node-timeout", json!("15s"), "cluster-node-timeout must be a number of milliseconds from 100 to 9999999"),
        ("/spec/podLabels/slotkeeper.dev~1cluster", json!("x"), "podLabels must not begin with slotkeeper.dev/ or app.kubernetes.io/: the operator finds its pods by them"),
        ("/spec/podAnnotations/slotkeeper.dev~1note", json!("x"), "podAnnotations must not begin with slotkeeper.dev/: the operator uses that prefix itself"),
    ]
    .map(|(pointer, value, message)| (pointer.to_owned(), value, message.to_owned()))
    .into();
    cases.extend(OWNED.iter().map(|owned| {
        (
            format!("/spec/config/{}", owned.directive),
            json!("x"),
            format!(
                "{} is set by the operator: {}",
                owned.directive, owned.reason
            ),
        )
    }));
    cases
}

fn messages(schema: &Value, found: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        found.push(rule["message"].as_str().unwrap().to_owned());
    }
    for child in schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|p| p.values())
    {
        messages(child, found);
    }
    for child in [&schema["items"], &schema["additionalProperties"]] {
        if child.is_object() {
            messages(child, found);
        }
    }
}

#[test]
fn every_rule_accepts_one_example_and_refuses_one() {
    let mut rules = Vec::new();
    messages(schema(), &mut rules);
    let distinct: BTreeSet<&String> = rules.iter().collect();
    assert_eq!(distinct.len(), rules.len(), "two rules with one message");
    let cases = refused();
    let shown: BTreeSet<&String> = cases.iter().map(|(_, _, message)| message).collect();
    assert_eq!(
        shown, distinct,
        "a rule without a refused example, or an example without a rule"
    );

    let old = check(&manifest(), None).unwrap();
    assert_eq!(
        violations(&manifest(), Some(&old)),
        [""; 0],
        "every rule accepts this one"
    );
    for (pointer, value, message) in &cases {
        let manifest = edited(pointer, value.clone());
        let found = check(&manifest, None).err();
        let found = found.unwrap_or_else(|| check(&manifest, Some(&old)).unwrap_err());
        let said: Vec<&String> = found.iter().map(|violation| &violation.message).collect();
        assert_eq!(said, [message], "{pointer}");
    }
}

#[test]
fn rules_that_compare_hold_only_against_an_old_object() {
    let old = check(&manifest(), None).unwrap();
    let other = edited("/spec/shards", json!(4));
    assert!(violations(&other, None).is_empty());
    assert_eq!(
        violations(&other, Some(&old)),
        ["spec.shards: shards cannot be changed yet: scaling comes in a later version"]
    );
    let removed = violations(&edited("/spec/storage", Value::Null), Some(&old));
    assert!(
        removed[0].starts_with("spec.storage: storage cannot be changed"),
        "{removed:?}"
    );
}

#[test]
fn an_object_with_a_status_is_still_read() {
    let mut manifest = manifest();
    manifest["status"] = json!({ "phase": "Ready", "conditions": [] });
    assert!(check(&manifest, None).unwrap().status.is_some());
}
