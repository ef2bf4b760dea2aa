//! A quota prevents new pods, and a master is gone for good: its replica takes over all the same.

use std::time::Duration;

use kube::api::DeleteParams;
use slotkeeper_stories::kubernetes::Story;
use slotkeeper_stories::patience::{until, within};

const QUOTA: &str = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\n\
    spec: {hard: {count/pods: \"0\", count/configmaps: \"0\", count/services: \"0\"}}\n";

#[test]
fn no_quota_stands_between_a_dead_master_and_its_successor() {
    let story = Story::begin("starved");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let (master, replica) = (cluster.master_of(2), cluster.replica_of(2));
    let applied = story.try_apply(story.namespace(), QUOTA);
    applied.unwrap_or_else(|error| panic!("{error}"));

    cluster.delete_pod(&master, &DeleteParams::default().grace_period(0));
    within(
        Duration::from_secs(10),
        "the replica is promoted",
        || match cluster.role(&replica).as_str() {
            "master" => Ok(()),
            other => Err(other.to_owned()),
        },
    );
    until(
        Duration::from_secs(30),
        "the status says that a node is missing",
        || cluster.status().ready_nodes.as_deref() == Some("5/6"),
    );
    assert!(cluster.find_pod(&master).is_none());

    let _ = story.kubectl(&["delete", "resourcequota", "none"]);
    cluster.wait_until_ready();
}
