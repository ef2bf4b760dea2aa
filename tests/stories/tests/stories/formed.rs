//! A manifest becomes a cluster that serves, and Ctrl-C ends it.

use std::net::TcpListener;
use std::time::Duration;

use slotkeeper_stories::local::Local;
use slotkeeper_stories::patience::within;

#[test]
fn a_manifest_becomes_a_serving_cluster() {
    let mut local = Local::new("formed", &[]);
    local.up();
    local.wait_until_ready();
    let status = local.status();
    assert!(
        status.contains("3 masters, 3 replicas, 16384 slots"),
        "{status}"
    );
    for range in ["0-5461", "5462-10922", "10923-16383"] {
        assert!(status.contains(range), "{status}");
    }
    // It is printed a moment after the status is stored, and then how to go on.
    let connect = format!("redis-cli -c -p {}\n", local.port(0));
    within(Duration::from_secs(60), "the log says so, too", || {
        let log = local.log();
        let says = log.contains("Ready=True") && log.contains(&connect);
        says.then_some(()).ok_or(log)
    });

    assert_eq!(local.node(0).say(&["-c", "SET", "hello", "world"]), "OK");
    assert_eq!(local.node(5).say(&["-c", "GET", "hello"]), "world");
    let nodes = local.node(0).say(&["CLUSTER", "NODES"]);
    assert_eq!(nodes.lines().count(), 6, "{nodes}");
    assert!(nodes.contains("tour-0-0.local"), "{nodes}");

    assert_eq!(local.interrupt(), Some(0));
    for nth in 0..6 {
        let bound = TcpListener::bind(("127.0.0.1", local.port(nth)));
        assert!(bound.is_ok(), "node {nth} still listens after Ctrl-C");
    }
}

#[test]
fn one_shard_forms_as_well() {
    let mut local = Local::new("one-shard", &[("shards: 3", "shards: 1")]);
    local.up();
    local.wait_until_ready();
    let status = local.status();
    assert!(
        status.contains("1 master, 1 replica, 16384 slots"),
        "{status}"
    );
    assert!(status.contains("NoQuorum=True"), "{status}");
    assert_eq!(local.interrupt(), Some(0));
}
