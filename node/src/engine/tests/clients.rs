//! CLIENT commands and sessions.

use super::Node;
use crate::config::Config;
use crate::io::{Output, SessionState, Unsent};

#[test]
fn the_list_shows_everyone() {
    let mut node = Node::standalone();
    let (mut one, mut two) = (node.client(), node.client());
    node.ask(&mut two, "CLIENT SETNAME worker\nSELECT 3\nGET a");
    let list = node.ask(&mut one, "CLIENT LIST");
    assert!(list.contains("id=1 addr=127.0.0.1:40000 "), "{list}");
    assert!(list.contains(" cmd=client|list "), "{list}");
    let line = list
        .lines()
        .find(|line| line.starts_with("id=2 "))
        .expect("it is listed");
    assert!(
        line.contains(" name=worker ") && line.contains(" db=3 "),
        "{line}"
    );
    assert!(line.contains(" cmd=get "), "{line}");
}

#[test]
fn a_killed_client_executes_nothing_more() {
    let mut node = Node::standalone();
    let (mut one, mut two) = (node.client(), node.client());
    let id = two.session;
    assert_eq!(
        node.ask(&mut one, &format!("CLIENT KILL ID {}", id.number())),
        ":1\r\n"
    );
    let closed =
        |output: &Output| matches!(output, Output::Close { session, .. } if *session == id);
    assert!(node.outputs.iter().any(closed));
    assert_eq!(node.ask(&mut two, "SET a 1"), "");
    assert_eq!(two.state, SessionState::Close);
    assert_eq!(node.ask(&mut one, "GET a"), "$-1\r\n");
    assert_eq!(
        node.ask(&mut one, "CLIENT KILL 1.2.3.4:5"),
        "-ERR No such client\r\n"
    );
    assert_eq!(
        node.ask(&mut one, "CLIENT KILL SKIPME no TYPE normal"),
        ":1\r\n"
    );
    assert_eq!(one.state, SessionState::Close);
}

#[test]
fn idle_clients_are_closed() {
    let mut node = Node::with(Config {
        timeout: 2,
        ..Config::default()
    });
    let (mut busy, idle) = (node.client(), node.client());
    for _ in 0..4 {
        node.pass(1000);
        node.ask(&mut busy, "PING");
    }
    let closed: Vec<u64> = (node.outputs.iter())
        .filter_map(|output| match output {
            Output::Close { session, .. } => Some(session.number()),
            _ => None,
        })
        .collect();
    assert_eq!(closed, [idle.session.number()]);
}

#[test]
fn config_set_is_all_or_nothing_and_reaches_the_engine() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let refused = node.ask(&mut client, "CONFIG SET timeout 5 maxclients no");
    assert!(refused.starts_with("-ERR CONFIG SET failed"), "{refused}");
    assert_eq!(
        node.ask(&mut client, "CONFIG GET timeout"),
        "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"
    );
    assert_eq!(
        node.ask(&mut client, "CONFIG SET slowlog-log-slower-than 0"),
        "+OK\r\n"
    );
    node.ask(&mut client, "SLOWLOG RESET\nPING");
    assert!(node.ask(&mut client, "SLOWLOG LEN").starts_with(":"));
    assert_eq!(
        node.ask(&mut client, "CONFIG REWRITE"),
        "-ERR The server is running without a config file\r\n"
    );
}

#[test]
fn info_has_its_sections() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "SET a 1\nGET a\nGET b\nNOSUCH");
    let info = node.ask(&mut client, "INFO");
    for line in [
        "# Server\r\nredis_version:7.",
        "\r\n# Clients\r\nconnected_clients:1\r\n",
        "\r\nused_memory:",
        "\r\n# Persistence\r\n",
        "\r\nkeyspace_hits:1\r\nkeyspace_misses:1\r\n",
        "\r\nslotkeeper_withholding:0\r\n",
        "\r\n# CPU\r\nused_cpu_sys:0.000000\r\n",
        "\r\nerrorstat_ERR:count=1\r\n",
        "\r\n# Cluster\r\ncluster_enabled:0\r\n",
        "\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n",
    ] {
        assert!(info.contains(line), "{line} in {info}");
    }
    assert!(!info.contains("cmdstat_"));
    let stats = node.ask(&mut client, "INFO commandstats");
    assert!(stats.contains("cmdstat_get:calls=2,usec=0,"), "{stats}");
    node.ask(&mut client, "CONFIG RESETSTAT");
    let stats = node.ask(&mut client, "INFO commandstats");
    assert!(!stats.contains("cmdstat_get:"), "{stats}");
}

#[test]
fn a_client_that_takes_too_little_is_closed() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let set = "CONFIG SET client-output-buffer-limit";
    let closed = |node: &mut Node, id| {
        let is_close =
            |output: &Output| matches!(output, Output::Close { session, .. } if *session == id);
        node.drain();
        node.outputs.iter().any(is_close)
    };
    assert_eq!(
        node.ask(&mut client, &format!("{set} \"normal 1000 100 5\"")),
        "+OK\r\n"
    );
    let (slow, slower) = (node.client().session, node.client().session);
    node.engine.on_sent(slow, Unsent::of(1000), node.now);
    node.engine.on_sent(slower, Unsent::of(1001), node.now);
    assert!(closed(&mut node, slower) && !closed(&mut node, slow));
    node.pass(4500);
    assert!(!closed(&mut node, slow));
    node.engine.on_sent(slow, Unsent::of(100), node.now);
    node.engine.on_sent(slow, Unsent::of(101), node.now);
    node.pass(4500);
    assert!(!closed(&mut node, slow), "it had taken enough meanwhile");
    node.pass(2000);
    assert!(closed(&mut node, slow));
}

#[test]
fn a_pipeline_of_large_replies_is_executed_in_portions() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "SETRANGE a 700000 x");
    let requests = "GET a\n".repeat(5);
    let mut reply = crate::resp::Reply::new();
    let progress = node.engine.on_bytes(
        client.session,
        requests.as_bytes(),
        node.now,
        &mut reply,
        &mut super::NoHeartbeat,
    );
    assert_eq!(progress.state, SessionState::MoreToDo);
    assert_eq!(progress.consumed, 12);
    let rest = node.send(&mut client, &requests.as_bytes()[12..]);
    assert_eq!(rest.matches("$700001").count(), 3);
}
