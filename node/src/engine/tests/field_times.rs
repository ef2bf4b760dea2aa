//! Fields that expire: what the stream and replicas get, and when they go.

use super::carried::{dump, restore};
use super::stream::streamed;
use super::{Client, Node};
use crate::config::{Config, Gate};
use crate::io::Output;

const CAPA: &str = "REPLCONF listening-port 1 capa eof capa psync2 capa slotkeeper-field-times";
const OLDER: &str = "REPLCONF listening-port 1 capa eof capa psync2";
const REDIS: &str = "REPLCONF capa eof capa psync2 capa rdb-channel-repl";
const VALKEY: &str = "REPLCONF capa eof capa psync2 version 9.1.2";

#[test]
fn fields_expire_by_themselves_and_replicas_delete_them() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(
        &mut client,
        "HSET h a 1 b 2 c 3\nHPEXPIRE h 5 FIELDS 1 b\nHPEXPIRE h 6 FIELDS 1 c",
    );
    let info = node.ask(&mut client, "INFO keyspace");
    assert!(
        info.contains("db0:keys=1,expires=0,avg_ttl=0,subexpiry=1\r\n"),
        "{info}"
    );
    node.engine.replication.stream.keep(1 << 20);
    let from = node.engine.replication.stream.offset() + 1;
    node.pass(300);
    assert_eq!(node.ask(&mut client, "HLEN h"), ":1\r\n");
    let stream = &node.engine.replication.stream;
    let bytes = stream.since(stream.id(), from).expect("it is kept");
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", " ");
    assert!(text.ends_with("*4 $4 HDEL $1 h $1 b $1 c "), "{text}");
    let info = node.ask(&mut client, "INFO");
    assert!(info.contains("expired_subkeys:2\r\n"), "{info}");
    assert!(
        info.contains("db0:keys=1,expires=0,avg_ttl=0\r\n"),
        "{info}"
    );
    node.ask(&mut client, "HPEXPIRE h 5 FIELDS 1 a");
    node.pass(300);
    assert_eq!(node.ask(&mut client, "EXISTS h"), ":0\r\n");
}

#[test]
fn what_expired_goes_first_and_times_are_absolute_in_the_stream() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.engine.active_expiry = false;
    let at = node.now.unix_ms() + 5;
    let stream = streamed(
        &mut node,
        &mut client,
        "HSET h a 1 b 2\nHPEXPIRE h 5 FIELDS 2 a x",
    );
    let told = format!("HPEXPIREAT h {at} FIELDS 1 a");
    assert_eq!(stream, ["SELECT 0", "HSET h a 1 b 2", &told]);
    node.pass(10);
    let stream = streamed(&mut node, &mut client, "HINCRBY h a 1");
    assert_eq!(stream, ["HDEL h a", "HINCRBY h a 1"]);
    node.ask(&mut client, "HPEXPIRE h 5 FIELDS 1 a");
    node.pass(10);
    let stream = streamed(&mut node, &mut client, "HGET h a");
    assert_eq!(stream, ["HDEL h a"]);
    let at = node.now.unix_ms() + 1000;
    let stream = streamed(&mut node, &mut client, "HSETEX h PX 1000 FIELDS 1 a 1");
    let told = format!("HPEXPIREAT h {at} FIELDS 1 a");
    assert_eq!(stream, ["MULTI", "HSET h a 1", &told, "EXEC"]);
}

#[test]
fn who_watches_a_hash_sees_that_a_field_expired() {
    let mut node = Node::standalone();
    let (mut client, mut other) = (node.client(), node.client());
    node.ask(
        &mut client,
        "HSET h a 1 b 2\nHPEXPIRE h 50 FIELDS 1 a\nWATCH h",
    );
    node.pass(300);
    assert_eq!(node.ask(&mut other, "HLEN h"), ":1\r\n");
    let reply = node.ask(&mut client, "MULTI\nPING\nEXEC");
    assert!(reply.ends_with("*-1\r\n"), "{reply}");
}

/// Whether the session was closed, and what the log says of replicas since this was asked last.
fn closed(node: &mut Node, client: &Client) -> (bool, String) {
    node.engine.on_turn(node.now);
    node.drain();
    let (mut closed, mut log) = (false, String::new());
    for output in node.outputs.drain(..) {
        match output {
            Output::Close { session, .. } => closed |= session == client.session,
            Output::Log(_, _, line) => log += &line,
            _ => {}
        }
    }
    (closed, log)
}

/// What a session was sent.
fn pushed(node: &Node, to: &Client) -> String {
    let pieces = node.outputs.iter().filter_map(|output| match output {
        Output::Push(session, bytes) if *session == to.session => Some(bytes.to_vec()),
        _ => None,
    });
    String::from_utf8_lossy(&pieces.collect::<Vec<_>>().concat()).into_owned()
}

#[test]
fn a_replica_that_cannot_hold_times_gets_no_sync_and_the_key_is_named() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "HSET h:1 a 1 b 2\nHEXPIRE h:1 100 FIELDS 1 a");
    for line in ["PSYNC ? -1", "SYNC"] {
        let mut older = node.client();
        let reply = node.ask(&mut older, &format!("{OLDER}\n{line}"));
        assert!(
            reply.contains("-ERR fields of the key 'h:1' expire"),
            "{reply}"
        );
    }
    let mut ours = node.client();
    node.ask(&mut ours, &format!("{CAPA}\nPSYNC ? -1"));
    node.pass(6000);
    let payload = pushed(&node, &ours);
    assert!(payload.contains("REDIS0012"), "{payload}");
    node.ask(&mut client, "HPERSIST h:1 FIELDS 1 a");
    let mut older = node.client();
    node.ask(&mut older, &format!("{OLDER}\nPSYNC ? -1"));
    node.pass(6000);
    let payload = pushed(&node, &older);
    assert!(payload.contains("REDIS0010"), "{payload}");
}

#[test]
fn a_replica_that_cannot_hold_times_is_left_alone_from_the_first_one_on() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "HSET h a 1");
    let (mut older, mut ours) = (node.client(), node.client());
    node.ask(&mut older, &format!("{OLDER}\nPSYNC ? -1"));
    node.ask(&mut ours, &format!("{CAPA}\nPSYNC ? -1"));
    node.pass(6000);
    assert!(!closed(&mut node, &older).0);
    let offset = node.engine.replication.stream.offset();
    node.ask(&mut client, "HEXPIRE h 100 FIELDS 1 a");
    let (is_closed, log) = closed(&mut node, &older);
    assert!(
        is_closed && log.contains("fields of the key 'h' expire"),
        "{log}"
    );
    assert!(node.engine.replication.replicas.of(ours.session).is_some());
    let mut again = node.client();
    let id = node.engine.replication.stream.id();
    let reply = node.ask(&mut again, &format!("{OLDER}\nPSYNC {id} {offset}"));
    assert!(
        reply.contains("-ERR fields of the key 'h' expire"),
        "{reply}"
    );
}

#[test]
fn each_replica_gets_the_times_as_it_reads_them_and_those_alike_share_a_sync() {
    let mut node = Node::with(Config {
        repl_diskless_sync_delay: 5,
        ..Config::default()
    });
    let mut client = node.client();
    node.ask(
        &mut client,
        "HSET h a 1 b 2\nHPEXPIREAT h 1999999999999 FIELDS 1 a",
    );
    let all = [VALKEY, CAPA, REDIS, VALKEY].map(|told| {
        let mut replica = node.client();
        node.ask(&mut replica, &format!("{told}\nPSYNC ? -1"));
        replica
    });
    node.pass(6000);
    node.pass(200);
    let starts = all.map(|replica| {
        let payload = pushed(&node, &replica);
        let known = ["VALKEY080", "REDIS0012"].into_iter();
        known.filter(|it| payload.contains(it)).collect::<String>()
    });
    let logs = node.outputs.iter().filter_map(|output| match output {
        Output::Log(_, _, line) if line.starts_with("Sending the data set") => Some(&line[..]),
        _ => None,
    });
    let logs: Vec<&str> = logs.collect();
    assert_eq!(starts, ["VALKEY080", "REDIS0012", "REDIS0012", "VALKEY080"]);
    assert!(
        logs.len() == 2 && logs.iter().all(|it| it.ends_with("to 2 replicas")),
        "{logs:?}"
    );
}

#[test]
fn a_replica_that_does_not_read_a_restored_payload_gets_a_full_sync_instead() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(
        &mut client,
        "HSET h a 1\nHPEXPIREAT h 1999999999999 FIELDS 1 a",
    );
    let all = [CAPA, REDIS, VALKEY].map(|told| {
        let mut replica = node.client();
        node.ask(&mut replica, &format!("{told}\nPSYNC ? -1"));
        replica
    });
    node.pass(6000);
    node.pass(200);
    let from = node.engine.replication.stream.offset() + 1;
    let id = node.engine.replication.stream.id();
    let payload = dump(&mut node, &mut client, "h");
    assert_eq!(restore(&mut node, &mut client, "copy", &payload), "+OK\r\n");
    let is_there = |node: &Node, client: &Client| {
        node.engine
            .replication
            .replicas
            .of(client.session)
            .is_some()
    };
    assert!(closed(&mut node, &all[2]).0);
    assert_eq!(
        [0, 1, 2].map(|at: usize| is_there(&node, &all[at])),
        [true, true, false]
    );
    let again = |node: &mut Node, told: &str, from: u64| {
        let mut replica = node.client();
        node.ask(&mut replica, &format!("{told}\nPSYNC {id} {from}"))
    };
    assert!(again(&mut node, CAPA, from).contains("+CONTINUE"));
    assert!(again(&mut node, REDIS, from).contains("+CONTINUE"));
    let end = node.engine.replication.stream.offset() + 1;
    assert!(again(&mut node, VALKEY, end).contains("+CONTINUE"));
    assert!(!again(&mut node, VALKEY, from).contains("+CONTINUE"));
}

#[test]
fn a_restored_hash_keeps_its_times_and_replicas_get_it_with_them() {
    let mut node = Node::with(Config {
        enable_debug_command: Gate::Yes,
        ..Config::default()
    });
    let mut client = node.client();
    node.ask(
        &mut client,
        "HSET h a 1 b 2\nHPEXPIREAT h 1999999999999 FIELDS 1 a\nCOPY h copy\nRENAME copy moved",
    );
    let reply = node.ask(
        &mut client,
        "HPEXPIRETIME moved FIELDS 2 a b\nMEMORY USAGE moved",
    );
    assert!(
        reply.starts_with("*2\r\n:1999999999999\r\n:-1\r\n:"),
        "{reply}"
    );
    let timed = node.ask(&mut client, "DEBUG DIGEST-VALUE h");
    node.ask(&mut client, "HPERSIST h FIELDS 1 a");
    assert_ne!(node.ask(&mut client, "DEBUG DIGEST-VALUE h"), timed);
    assert_eq!(node.ask(&mut client, "DEBUG DIGEST-VALUE moved"), timed);
}
