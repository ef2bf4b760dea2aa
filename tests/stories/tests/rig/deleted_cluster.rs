//! A RedisCluster is deleted: nothing is left of it but its volumes.

use std::time::Duration;

use slotkeeper_stories::kubernetes::Story;
use slotkeeper_stories::patience::within;

const KINDS: &str = "rdc,statefulsets,pods,services,endpointslices,configmaps,\
    poddisruptionbudgets,networkpolicies,controllerrevisions";

#[test]
fn nothing_is_left_but_its_volumes() {
    let story = Story::begin("deleted_cluster");
    let storage = "  storage:\n    size: 1Gi\n    storageClassName: local\n  auth:\n";
    let cluster = story.apply(&[("  auth:\n", storage)]);
    cluster.wait_until_ready();

    let _ = story.kubectl(&["delete", "rdc", "tour", "--timeout=60s"]);
    within(Duration::from_secs(60), "all objects are gone", || {
        let left = story.kubectl(&["get", KINDS, "-o", "name"]);
        let ours = |line: &&str| !line.contains("kube-root-ca.crt");
        match left.lines().filter(ours).count() {
            0 => Ok(()),
            _ => Err(left),
        }
    });
    let volumes = story.kubectl(&["get", "persistentvolumeclaims", "-o", "name"]);
    assert_eq!(volumes.lines().count(), 6, "{volumes}");
    // The Secret is the user's own.
    let secret = story.kubectl(&["get", "secret", "tour-password", "-o", "name"]);
    assert_eq!(secret.trim(), "secret/tour-password");
    let _ = story.kubectl(&["delete", "persistentvolumeclaims", "--all"]);
}
