//! A host loses its power. Nothing proves that its nodes have ended, so the nodes elect a successor
//! themselves; the operator does the rest.

use std::time::{Duration, Instant};

use slotkeeper_stories::kubernetes::Story;
use slotkeeper_stories::kubernetes::cluster::ip;
use slotkeeper_stories::patience::{until, within};

const MINUTES: Duration = Duration::from_secs(180);

#[test]
fn its_masters_are_replaced_and_it_comes_back() {
    let story = Story::alone("lost_host");
    let cluster = story.apply(&[]);
    cluster.wait_until_ready();
    let host_of = |shard: usize| {
        let spec = cluster.pod(&cluster.master_of(shard)).spec;
        let host = spec.and_then(|spec| spec.node_name);
        host.expect("it runs somewhere")
    };
    // The masters that are left have to be a majority.
    let hosts: Vec<String> = (0..3).map(host_of).collect();
    let alone = |shard: &usize| {
        let here = hosts.iter().filter(|host| **host == hosts[*shard]);
        here.count() == 1
    };
    let shard = (0..3)
        .find(alone)
        .expect("three masters are not all on one host");
    let host = &hosts[shard];
    let load = cluster.load();
    until(MINUTES, "the load writes", || load.acknowledged() > 200);
    load.pause();
    let heir = cluster.at(&ip(&cluster.pod(&cluster.replica_of(shard))));

    let number = host.trim_start_matches(|c: char| !c.is_ascii_digit());
    story.rig(&["kill-node", number]);
    let lost = Instant::now();
    within(MINUTES, "the replica is elected", || {
        match heir.info("role")?.as_str() {
            "master" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    println!(
        "elected {} ms after the power was lost",
        lost.elapsed().as_millis()
    );
    within(MINUTES, "all slots are served", || {
        let slots = cluster.status().slots_covered;
        if slots == 16384 {
            Ok(())
        } else {
            Err(format!("{slots}"))
        }
    });
    load.check("the host was lost");
    load.resume();
    let before = load.acknowledged();
    until(MINUTES, "writes go on", || {
        load.acknowledged() > before + 200
    });
    assert!(cluster.condition("Ready").starts_with("False"));

    story.rig(&["start-node", number]);
    cluster.wait_until_ready();
    until(MINUTES, "writes go on", || {
        load.acknowledged() > before + 400
    });
    load.pause();
    load.check("the host came back");
}
