//! How the program stops.

use rustix::process::Signal;

use crate::support::{Directory, Node};

#[test]
fn saves_on_sigterm_and_serves_the_data_again() {
    let directory = Directory::new();
    let mut node = Node::start(&directory, &["--save", "3600 1"]);
    assert_eq!(node.client().text(&["SET", "hello", "world"]), "OK");
    node.signal(Signal::TERM);
    assert_eq!(node.exit_code(), Some(0));
    assert!(directory.path().join("dump.rdb").exists());
    let node = Node::start(&directory, &["--save", ""]);
    assert_eq!(node.client().text(&["GET", "hello"]), "world");
}

#[test]
fn leaves_without_a_file_when_no_save_point_is_set() {
    let directory = Directory::new();
    let mut node = Node::start(&directory, &["--save", "", "--pidfile", "pid"]);
    assert!(directory.path().join("pid").exists());
    assert_eq!(node.client().text(&["SET", "hello", "world"]), "OK");
    node.signal(Signal::INT);
    assert_eq!(node.exit_code(), Some(0));
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "the log only: {left:?}");
}

#[test]
fn each_signal_asks_for_what_it_is_told() {
    let directory = Directory::new();
    let told = ["--save", "", "--shutdown-on-sigterm", "save"];
    let mut node = Node::start(&directory, &told);
    assert_eq!(node.client().text(&["SET", "hello", "world"]), "OK");
    node.signal(Signal::TERM);
    assert_eq!(node.exit_code(), Some(0));
    let told = ["--save", "3600 1", "--shutdown-on-sigint", "nosave force"];
    let mut node = Node::start(&directory, &told);
    assert_eq!(node.client().text(&["GET", "hello"]), "world");
    assert_eq!(node.client().text(&["SET", "hello", "again"]), "OK");
    node.signal(Signal::INT);
    assert_eq!(node.exit_code(), Some(0));
    let node = Node::start(&directory, &["--save", ""]);
    assert_eq!(node.client().text(&["GET", "hello"]), "world");
}

#[test]
fn hangups_are_ignored() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    node.signal(Signal::HUP);
    node.signal(Signal::PIPE);
    for _ in 0..20 {
        assert_eq!(node.client().text(&["PING"]), "PONG");
    }
}

#[test]
fn keeps_its_id_and_its_slots() {
    let directory = Directory::new();
    let cluster = ["--cluster-enabled", "yes", "--save", ""];
    let mut node = Node::start(&directory, &cluster);
    let mut client = node.client();
    let id = client.text(&["CLUSTER", "MYID"]);
    assert_eq!(
        client.text(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]),
        "OK"
    );
    node.kill();
    assert!(directory.read("nodes.conf").contains(&id));
    let node = Node::start(&directory, &cluster);
    let mut client = node.client();
    assert_eq!(client.text(&["CLUSTER", "MYID"]), id);
    let info = client.text(&["CLUSTER", "INFO"]);
    assert!(info.contains("cluster_slots_assigned:16384"), "{info}");
}

#[test]
fn a_snapshot_is_made_in_the_background() {
    let directory = Directory::new();
    let node = Node::start(&directory, &["--save", ""]);
    let mut client = node.client();
    let value = "v".repeat(1000);
    for i in 0..2000 {
        assert_eq!(client.text(&["SET", &format!("key:{i}"), &value]), "OK");
    }
    assert_eq!(client.text(&["BGSAVE"]), "Background saving started");
    node.wait_for("saved", || {
        let info = client.text(&["INFO", "persistence"]);
        info.contains("rdb_bgsave_in_progress:0").then_some(())
    });
    let length = std::fs::metadata(directory.path().join("dump.rdb"))
        .unwrap()
        .len();
    assert!(length > 20_000, "{length}");
    drop(node);
    let node = Node::start(&directory, &["--save", ""]);
    assert_eq!(node.client().text(&["DBSIZE"]), "2000");
    assert_eq!(node.client().text(&["GET", "key:1999"]), value);
}
