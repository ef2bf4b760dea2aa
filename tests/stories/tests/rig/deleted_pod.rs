//! The pod of a master is deleted while clients write: it hands over before it leaves.

use std::time::{Duration, Instant};

use kube::api::DeleteParams;
use slotkeeper_stories::kubernetes::{Cluster, Story};
use slotkeeper_stories::patience::until;

const MINUTE: Duration = Duration::from_secs(60);

/// Waits until the pod's successor is there and the cluster is ready.
fn wait_for_the_next(cluster: &Cluster<'_>, index: &str, uid: Option<&str>) {
    // With an address: until it has one, the status may still be the one from before.
    until(MINUTE, "there is another pod with an address", || {
        cluster.find_pod(index).is_some_and(|pod| {
            let address = pod.status.and_then(|status| status.pod_ip);
            pod.metadata.uid.as_deref() != uid && address.is_some()
        })
    });
    cluster.wait_until_ready();
}

#[test]
fn no_acknowledged_write_is_lost() {
    let story = Story::begin("deleted_pod");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let load = cluster.load();
    until(MINUTE, "the load writes", || load.acknowledged() > 200);
    let (master, replica) = (cluster.master_of(1), cluster.replica_of(1));
    let uid = cluster.pod(&master).metadata.uid;

    cluster.delete_pod(&master, &DeleteParams::default());
    let deleted = Instant::now();
    until(MINUTE, "the replica is the master", || {
        cluster.role(&replica) == "master"
    });
    println!(
        "promoted {} ms after the deletion",
        deleted.elapsed().as_millis()
    );
    wait_for_the_next(&cluster, &master, uid.as_deref());
    assert_eq!(cluster.role(&master), "slave");
    let before = load.acknowledged();
    until(MINUTE, "writes go on", || {
        load.acknowledged() > before + 200
    });
    load.pause();
    load.check("the pod was deleted");
}

/// A number out of INFO.
fn number(cluster: &Cluster<'_>, index: &str, field: &str) -> u64 {
    let value = cluster.node(index).info(field).unwrap();
    value.parse().unwrap()
}

#[test]
fn with_a_volume_it_asks_only_for_what_it_missed() {
    let story = Story::begin("deleted_pod_kept");
    // No snapshots by themselves: the one that counts is made when the node leaves.
    let cluster = story.apply(&[
        (
            "  auth:\n",
            "  storage:\n    size: 1Gi\n    storageClassName: local\n  persistence:\n    snapshots: []\n  auth:\n",
        ),
        ("  config:\n", "  config:\n    rdbcompression: \"no\"\n"),
    ]);
    cluster.wait_until_ready();
    for number in 0..12 {
        let key = format!("large:{number}");
        let length = cluster
            .node("0-0")
            .say(&["-c", "SETRANGE", &key, "4000000", "."]);
        assert_eq!(length, "4000001");
    }
    let load = cluster.load();
    until(MINUTE, "the load writes", || load.acknowledged() > 200);
    let (master, replica) = (cluster.master_of(1), cluster.replica_of(1));
    let uid = cluster.pod(&master).metadata.uid;

    cluster.delete_pod(&master, &DeleteParams::default());
    wait_for_the_next(&cluster, &master, uid.as_deref());
    assert_eq!(cluster.role(&master), "slave");
    let held = number(&cluster, &replica, "used_memory_dataset");
    let sent = number(&cluster, &replica, "total_net_repl_output_bytes");
    println!("{sent} bytes of replication for {held} bytes of data");
    assert_eq!(number(&cluster, &replica, "sync_full"), 0);
    // Once before the process left, once when the next one had started.
    assert!(number(&cluster, &replica, "sync_partial_ok") > 0);
    assert!(held > 4_000_000 && sent < held / 4, "{sent} of {held}");
    load.pause();
    load.check("the pod was deleted");
}
