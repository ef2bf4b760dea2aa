//! Commands in cluster mode: redirections and state.

use super::Node;
use crate::config::Config;

fn cluster() -> Config {
    Config {
        cluster_enabled: true,
        ..Config::default()
    }
}

#[test]
fn a_cluster_without_all_slots_serves_nothing() {
    let mut node = Node::with(cluster());
    let mut client = node.client();
    assert_eq!(
        node.ask(&mut client, "GET hello"),
        "-CLUSTERDOWN Hash slot not served\r\n"
    );
    node.ask(&mut client, "CLUSTER ADDSLOTS 866");
    node.pass(5000);
    assert_eq!(
        node.ask(&mut client, "GET hello"),
        "-CLUSTERDOWN The cluster is down\r\n"
    );
    node.ask(&mut client, "CONFIG SET cluster-allow-reads-when-down yes");
    assert_eq!(
        node.ask(&mut client, "GET hello\nSET hello x"),
        "$-1\r\n-CLUSTERDOWN The cluster is down and only accepts read commands\r\n"
    );
}

#[test]
fn keys_must_share_their_slot() {
    let mut node = Node::master();
    let mut client = node.client();
    let cross = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    assert_eq!(node.ask(&mut client, "MGET a b"), cross);
    assert_eq!(node.ask(&mut client, "MSET {t}a 1 {t}b 2"), "+OK\r\n");
    assert_eq!(
        node.ask(&mut client, "MULTI\nSET a 1\nSET b 1\nEXEC\nPING"),
        format!("+OK\r\n+QUEUED\r\n+QUEUED\r\n{cross}+PONG\r\n")
    );
    assert_eq!(
        node.ask(&mut client, "SELECT 1"),
        "-ERR SELECT is not allowed in cluster mode\r\n"
    );
}

#[test]
fn counts_and_names_keys_of_a_slot() {
    let mut node = Node::master();
    let mut client = node.client();
    node.ask(&mut client, "SET hello 1\nSET {hello}2 1");
    assert_eq!(
        node.ask(&mut client, "CLUSTER COUNTKEYSINSLOT 866"),
        ":2\r\n"
    );
    let keys = node.ask(&mut client, "CLUSTER GETKEYSINSLOT 866 1");
    assert!(keys.starts_with("*1\r\n"), "{keys}");
}

#[test]
fn one_that_serves_is_ready() {
    let mut node = Node::master();
    assert_eq!(node.engine.health(node.now).ready, Ok(()));
    let mut client = node.client();
    node.ask(&mut client, "CLUSTER DELSLOTS 0");
    let why = node.engine.health(node.now).ready.unwrap_err();
    assert_eq!(why, "knows no other node");
    node.ask(&mut client, "CLUSTER FLUSHSLOTS");
    let why = node.engine.health(node.now).ready.unwrap_err();
    assert_eq!(why, "neither slots nor a master");
}

#[test]
fn metrics_speak_of_slots_commands_and_hits() {
    let mut node = Node::master();
    let mut client = node.client();
    node.ask(&mut client, "SET a 1\nGET a");
    let metrics = node.engine.metrics(node.now);
    for line in [
        "slotkeeper_ready 1\n",
        "slotkeeper_cluster_slots_owned 16384\n",
        "slotkeeper_keyspace_hits_total 1\n",
        "slotkeeper_evicted_clients_total 0\n",
        "slotkeeper_sync_held_seconds_total 0\n",
        "slotkeeper_unexpected_error_replies_total 0\n",
        "slotkeeper_keys{db=\"0\"} 1\n",
        "slotkeeper_command_calls_total{command=\"get\"} 1\n",
        "# TYPE slotkeeper_commands_total counter\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[test]
fn beside_other_commands_of_a_transaction_what_waits_for_the_disk_is_refused() {
    let mut node = Node::master();
    let mut client = node.client();
    assert_eq!(
        node.ask(
            &mut client,
            "MULTI\nPING\nCLUSTER SETSLOT 7 STABLE\nCLUSTER DELSLOTS 7\nCLUSTER SETSLOT 7 MIGRATING x\nEXEC"
        ),
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n+PONG\r\n+OK\r\n-ERR CLUSTER waits for nodes.conf here: \
         not inside a transaction\r\n-ERR I don't know about node x\r\n"
    );
}

#[test]
fn a_transaction_that_asks_only_the_cluster_is_stored_as_one() {
    let mut node = Node::master();
    let mut client = node.client();
    let request = "HELLO 3\nMULTI\nCLUSTER DELSLOTS 7\nCLUSTER DELSLOTS 7\nCLUSTER ADDSLOTS x\nCLUSTER ADDSLOTS \
                   7\nCLUSTER SETSLOT 7 STABLE\nCLUSTER BUMPEPOCH\nCLUSTER LINKS\nEXEC";
    let reply = node.ask(&mut client, request);
    let (_, reply) = reply.split_once("+OK\r\n").expect("MULTI");
    let queued = "+QUEUED\r\n".repeat(7);
    assert_eq!(
        reply,
        format!(
            "{queued}*7\r\n+OK\r\n-ERR Slot 7 is already unassigned\r\n-ERR Invalid or out of range \
             slot\r\n+OK\r\n+OK\r\n+BUMPED 1\r\n*0\r\n"
        )
    );
    let info = node.ask(&mut client, "INFO commandstats errorstats");
    for line in [
        "errorstat_ERR:count=2\r\n",
        "cluster|delslots:calls=2,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=1\r\n",
        "cluster|addslots:calls=2,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=1\r\n",
    ] {
        assert!(info.contains(line), "{line} in {info}");
    }
    let shards = node.ask(
        &mut client,
        "MULTI\nCLUSTER DELSLOTS 7\nCLUSTER SHARDS\nEXEC",
    );
    assert!(shards.contains("*2\r\n+OK\r\n*1\r\n%2\r\n"), "{shards}");
}
