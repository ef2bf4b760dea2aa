//! What becomes of writes when a snapshot fails, or is given up; and what is told of it.

use super::Node;
use crate::io::{DiskEvent, DiskOp, Output};

impl Node {
    pub(super) fn disk(&mut self, event: DiskEvent<'_>) {
        self.engine.on_disk(event, self.now);
        self.engine.on_turn(self.now);
        self.drain();
    }

    fn begins_a_snapshot(&self) -> bool {
        let begins = |output: &Output| matches!(output, Output::Disk(DiskOp::SnapshotBegin));
        self.outputs.iter().any(begins)
    }
}

#[test]
fn a_snapshot_that_fails_refuses_writes_until_one_succeeds() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "SET key value"), "+OK\r\n");
    node.ask(&mut client, "BGSAVE");
    node.disk(DiskEvent::SnapshotFailed("No space left on device"));
    assert!(node.ask(&mut client, "SET key other").contains("MISCONF"));
    let info = node.ask(&mut client, "INFO persistence");
    for line in [
        "rdb_last_bgsave_status:err",
        "rdb_changes_since_last_save:1",
        "slotkeeper_snapshot_failures:1",
        "slotkeeper_snapshot_error:No space left on device",
    ] {
        assert!(info.contains(&format!("\r\n{line}\r\n")), "{line}: {info}");
    }
    let metrics = node.engine.metrics(node.now);
    assert!(
        metrics.contains("\nslotkeeper_snapshot_ok 0\n"),
        "{metrics}"
    );
    assert!(node.engine.health(node.now).ready.is_ok());
}

#[test]
fn a_shutdown_that_is_aborted_while_it_saves_leaves_writes_as_they_were() {
    let mut node = Node::standalone();
    let (mut client, mut other) = (node.client(), node.client());
    node.ask(&mut client, "SHUTDOWN SAVE");
    assert!(node.begins_a_snapshot());
    assert_eq!(node.ask(&mut other, "SHUTDOWN ABORT"), "+OK\r\n");
    assert_eq!(node.ask(&mut other, "SET key value"), "+OK\r\n");
    let info = node.ask(&mut other, "INFO persistence");
    assert!(info.contains("rdb_last_bgsave_status:ok\r\n"), "{info}");
}

#[test]
fn a_replica_cannot_write_lines_into_info() {
    let mut node = Node::standalone();
    let mut replica = node.client();
    let request = b"*3\r\n$8\r\nREPLCONF\r\n$10\r\nip-address\r\n$13\r\na\r\nrole:slave\r\n";
    assert!(node.send(&mut replica, request).contains("malformed"));
}

#[test]
fn info_tells_how_far_a_snapshot_is() {
    let mut node = Node::standalone();
    let mut client = node.client();
    for key in ["a", "b", "c"] {
        node.ask(&mut client, &format!("SET {key} value"));
    }
    let progress = |node: &mut Node, client: &mut _| {
        let info = node.ask(client, "INFO persistence");
        let fields = ["fork_perc", "save_keys_processed", "save_keys_total"].map(|name| {
            let name = format!("current_{name}:");
            let line = info.lines().find_map(|line| line.strip_prefix(&name));
            line.expect("the field is there").to_owned()
        });
        fields.join(" ")
    };
    assert_eq!(progress(&mut node, &mut client), "0.00 0 0");
    node.ask(&mut client, "BGSAVE");
    node.disk(DiskEvent::SnapshotWritten(0));
    assert_eq!(progress(&mut node, &mut client), "100.00 3 3");
    node.disk(DiskEvent::SnapshotSaved);
    assert_eq!(progress(&mut node, &mut client), "0.00 0 0");
}
