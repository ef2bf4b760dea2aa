//! A disk that takes no nodes.conf any more.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::support::{Client, Directory, Node, is_error};

/// Where the node writes a file before that takes the name.
fn temporary(directory: &Directory, node: &Node, name: &str) -> PathBuf {
    directory
        .path()
        .join(format!("{name}.tmp-{}", node.process_id()))
}

fn field(client: &mut Client, name: &str) -> String {
    let info = client.text(&["INFO", "cluster"]);
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim_start_matches(':').to_owned()
}

#[test]
fn a_node_that_cannot_store_its_promises_makes_none_and_serves_on() {
    let directory = Directory::new();
    let mut node = Node::start(&directory, &["--cluster-enabled", "yes"]);
    let mut client = node.client();
    let all = ["CLUSTER", "ADDSLOTSRANGE", "0", "16383"];
    assert_eq!(client.text(&all), "OK");
    node.wait_for("serving its slots", || {
        (client.text(&["SET", "a", "1"]) == "OK").then_some(())
    });
    assert_eq!(field(&mut client, "slotkeeper_nodes_conf_status"), "ok");
    // A directory where the file is to be written stops root, too.
    let blocked = temporary(&directory, &node, "nodes.conf");
    fs::create_dir(&blocked).unwrap();
    let before = directory.read("nodes.conf");
    let refused = "ERR error saving the cluster node config";
    assert!(is_error(&client.call(&["CLUSTER", "BUMPEPOCH"]), refused));
    assert!(is_error(
        &client.call(&["CLUSTER", "DELSLOTS", "1"]),
        refused
    ));
    assert_eq!(directory.read("nodes.conf"), before);
    assert_eq!(field(&mut client, "slotkeeper_nodes_conf_status"), "err");
    let why = field(&mut client, "slotkeeper_nodes_conf_error");
    assert!(why.contains("directory"), "{why}");
    assert_eq!(client.text(&["SET", "a", "2"]), "OK");
    assert_eq!(client.text(&["GET", "a"]), "2");
    let info = client.text(&["CLUSTER", "INFO"]);
    assert!(info.contains("cluster_slots_assigned:16384"), "{info}");
    assert!(info.contains("cluster_my_epoch:0"), "{info}");
    let log = directory.read("log");
    assert_eq!(log.matches("Can't store nodes.conf").count(), 1, "{log}");
    fs::remove_dir(&blocked).unwrap();
    node.wait_for("storing again", || {
        (field(&mut client, "slotkeeper_nodes_conf_status") == "ok").then_some(())
    });
    assert_eq!(client.text(&["CLUSTER", "BUMPEPOCH"]), "BUMPED 1");
    assert!(directory.read("nodes.conf").contains("currentEpoch 1 "));
    node.kill();
}

#[test]
fn a_node_that_cannot_save_its_data_does_not_leave_on_sigterm() {
    let directory = Directory::new();
    let mut node = Node::start(&directory, &["--save", "3600 1"]);
    let mut client = node.client();
    assert_eq!(client.text(&["SET", "a", "1"]), "OK");
    let blocked = temporary(&directory, &node, "dump.rdb");
    fs::create_dir(&blocked).unwrap();
    node.signal(Signal::TERM);
    node.wait_for("refusing to leave", || {
        let log = directory.read("log");
        (log.contains("Error trying to save the DB, can't exit.")).then_some(())
    });
    assert_eq!(client.text(&["GET", "a"]), "1");
    assert!(is_error(&client.call(&["SHUTDOWN"]), "ERR Errors trying"));
    assert!(is_error(&client.call(&["SET", "a", "2"]), "MISCONF"));
    fs::remove_dir(&blocked).unwrap();
    node.wait_for("taking writes again", || {
        (client.text(&["SET", "a", "3"]) == "OK").then_some(())
    });
    node.signal(Signal::TERM);
    assert_eq!(node.exit_code(), Some(0));
    let node = Node::start(&directory, &["--save", ""]);
    assert_eq!(node.client().text(&["GET", "a"]), "3");
}

#[test]
fn a_node_that_is_told_not_to_save_leaves_a_full_disk() {
    for how in ["NOSAVE", "FORCE"] {
        let directory = Directory::new();
        let mut node = Node::start(&directory, &["--save", "3600 1"]);
        let mut client = node.client();
        assert_eq!(client.text(&["SET", "a", "1"]), "OK");
        fs::create_dir(temporary(&directory, &node, "dump.rdb")).unwrap();
        client.send(&["SHUTDOWN", how]);
        assert_eq!(node.exit_code(), Some(0), "{how}");
    }
}
