//! The container of a master is killed. The kubelet starts it again at once, and empty.

use std::time::{Duration, Instant};

use slotkeeper_stories::kubernetes::cluster::{container_id, ip};
use slotkeeper_stories::kubernetes::{Cluster, Story, kill_container};
use slotkeeper_stories::patience::{until, within};

const MINUTE: Duration = Duration::from_secs(60);

fn offset(cluster: &Cluster<'_>, index: &str, name: &str) -> Option<String> {
    cluster.node(index).info(name).ok()
}

#[test]
fn its_replica_takes_over_before_gossip_acts_and_no_key_is_lost() {
    // Node timeout 15 s, as in the example: only the operator can act within 3 s.
    let story = Story::begin("killed_container");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let load = cluster.load();
    until(MINUTE, "the load writes", || load.acknowledged() > 200);
    let (master, replica) = (cluster.master_of(0), cluster.replica_of(0));
    load.pause();
    until(MINUTE, "the replica has everything", || {
        let (replica_field, master_field) = ("slave_repl_offset", "master_repl_offset");
        offset(&cluster, &replica, replica_field) == offset(&cluster, &master, master_field)
    });
    let heir = cluster.at(&ip(&cluster.pod(&replica)));
    let container = container_id(&cluster.pod(&master));

    kill_container(&container);
    let killed = Instant::now();
    within(
        Duration::from_secs(3),
        "the replica is promoted",
        || match heir.info("role")?.as_str() {
            "master" => Ok(()),
            other => Err(other.to_owned()),
        },
    );
    load.check("the container was killed");
    load.resume();
    let before = load.acknowledged();
    until(MINUTE, "writes go on", || load.acknowledged() > before);
    println!(
        "first accepted write {} ms after the kill",
        killed.elapsed().as_millis()
    );

    until(MINUTE, "the old master is a replica", || {
        cluster.role(&master) == "slave"
    });
    cluster.wait_until_ready();
    assert_eq!(cluster.master_of(0), replica);
    let before = load.acknowledged();
    until(MINUTE, "writes go on", || {
        load.acknowledged() > before + 200
    });
    load.pause();
    load.check("the cluster was whole again");
}
