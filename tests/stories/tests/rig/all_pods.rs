//! Every pod is killed at once; the new ones have other addresses.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::DeleteParams;
use slotkeeper_stories::kubernetes::cluster::{container_id, ip};
use slotkeeper_stories::kubernetes::{Cluster, Story, finish_container, freeze_container};
use slotkeeper_stories::patience::until;

const MINUTE: Duration = Duration::from_secs(60);
const PLACES: [&str; 6] = ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"];

/// Deletes all pods in one request and without grace, and waits for their successors. They end at
/// the same moment: a master that was asked to stop before its replica would hand over to it.
fn delete_all(cluster: &Cluster<'_>) {
    let old = cluster.pods();
    old.values()
        .for_each(|pod| freeze_container(&container_id(pod)));
    cluster.delete_pods(&DeleteParams::default().grace_period(0));
    old.values()
        .for_each(|pod| finish_container(&container_id(pod)));
    until(MINUTE, "every pod has a successor with an address", || {
        let pods = cluster.pods();
        pods.len() == old.len()
            && pods.iter().all(|(name, pod)| {
                let status = pod.status.as_ref();
                let addressed = status.is_some_and(|status| status.pod_ip.is_some());
                addressed && pod.metadata.uid != old[name].metadata.uid
            })
    });
}

fn ids(cluster: &Cluster<'_>) -> BTreeMap<&'static str, String> {
    let id = |index: &&'static str| (*index, cluster.node(index).say(&["CLUSTER", "MYID"]));
    PLACES.iter().map(id).collect()
}

/// The slots that the nodes of each shard serve. Which of the two is the master may change: one that
/// is back late, on a busy machine by seconds, is rightly replaced.
fn slots(cluster: &Cluster<'_>, ids: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
    let nodes = cluster.node("0-0").say(&["CLUSTER", "NODES"]);
    let masters = nodes.lines().filter(|line| line.contains("master"));
    let words = masters.map(|line| line.split(' ').collect::<Vec<_>>());
    let shard = |id: &str| {
        let place = ids.iter().find(|(_, known)| *known == id);
        place.map_or(id.to_owned(), |(index, _)| index[..1].to_owned())
    };
    words
        .map(|words| (shard(words[0]), words[8..].join(" ")))
        .collect()
}

#[test]
fn with_volumes_the_same_nodes_come_back_with_their_data() {
    let story = Story::begin("all_pods_kept");
    let storage = "  auth:\n";
    let with_storage = "  storage:\n    size: 1Gi\n    storageClassName: local\n  auth:\n";
    let cluster = story.apply(&[(storage, with_storage)]);
    cluster.wait_until_ready();
    let load = cluster.load();
    until(MINUTE, "the load writes", || load.acknowledged() > 300);
    load.pause();
    // Either node of a shard may serve it again, so both have all of it on their disks.
    let keys = |index: &str| cluster.node(index).say(&["DBSIZE"]);
    until(MINUTE, "the replicas have every key", || {
        let mut shards = [["0-0", "0-1"], ["1-0", "1-1"], ["2-0", "2-1"]].iter();
        shards.all(|[one, other]| keys(one) == keys(other))
    });
    for index in ["0-1", "1-1", "2-1", "0-0", "1-0", "2-0"] {
        assert_eq!(cluster.node(index).say(&["SAVE"]), "OK");
    }
    let ids_before = ids(&cluster);
    let slots_before = slots(&cluster, &ids_before);
    let addresses =
        |cluster: &Cluster<'_>| -> Vec<String> { cluster.pods().values().map(ip).collect() };
    let before = addresses(&cluster);

    delete_all(&cluster);
    cluster.wait_until_ready();
    assert_ne!(addresses(&cluster), before);
    assert_eq!(ids(&cluster), ids_before);
    assert_eq!(slots(&cluster, &ids_before), slots_before);
    assert!(cluster.condition("DataLost").starts_with("False"));
    drop(load);
    let again = cluster.load();
    again.pause();
    for number in 0..300 {
        let key = format!("load:{number}");
        let got = cluster.node("0-0").say(&["-c", "GET", &key]);
        assert_eq!(got, number.to_string(), "{key}");
    }
}

#[test]
fn without_volumes_a_new_cluster_is_formed_that_says_what_was_lost() {
    let story = Story::begin("all_pods_lost");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    assert_eq!(
        cluster.node("0-0").say(&["-c", "SET", "hello", "world"]),
        "OK"
    );
    assert!(cluster.condition("DataLost").starts_with("False"));

    delete_all(&cluster);
    cluster.wait_until_ready();
    let lost = cluster.condition("DataLost");
    assert!(lost.starts_with("True"), "{lost}");
    assert_eq!(cluster.node("0-0").say(&["-c", "GET", "hello"]), "");
    assert_eq!(
        cluster.node("0-0").say(&["-c", "SET", "hello", "again"]),
        "OK"
    );
}
