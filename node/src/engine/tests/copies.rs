//! Copies of big values: made in steps, and as if at once for everybody.

use super::{Client, Node};
use crate::config::Config;
use crate::io::SessionState;

/// Enough for many steps.
const ELEMENTS: usize = 30_000;

fn node() -> Node {
    Node::with(Config {
        save: Vec::new(),
        ..Config::default()
    })
}

/// Fills a key with what `element` says of each number.
fn fill(node: &mut Node, command: &str, element: fn(usize) -> String) {
    let mut client = node.client();
    for first in (0..ELEMENTS).step_by(100) {
        let elements: String = (first..first + 100).map(element).collect();
        let reply = node.ask(&mut client, &format!("{command}{elements}"));
        assert!(reply.starts_with(':'), "{reply}");
    }
}

/// A node with a big hash, and a client that waits for a copy of it.
fn copying(request: &str) -> (Node, Client) {
    let mut node = node();
    fill(&mut node, "HSET a", |n| format!(" field:{n} value:{n}"));
    let client = waiting(&mut node, request);
    (node, client)
}

/// A client that has asked for a copy, and waits.
fn waiting(node: &mut Node, request: &str) -> Client {
    let mut client = node.client();
    let reply = node.ask(&mut client, request);
    assert!(!reply.contains(':'), "{reply}");
    assert_eq!(client.state, SessionState::Parked);
    client
}

fn turns(node: &mut Node, count: usize) {
    for _ in 0..count {
        node.engine.on_turn(node.now);
        node.drain();
    }
}

/// Turns until the client has its reply: it may go on twice, first when it comes to its turn.
fn until_resumed(node: &mut Node, client: &mut Client) -> String {
    for _ in 0..1000 {
        if node.resumed(client.session) {
            let reply = node.send(client, b"");
            if !reply.is_empty() {
                return reply;
            }
        }
        turns(node, 1);
    }
    panic!("it does not end");
}

fn is_whole(node: &mut Node, key: &str) -> bool {
    let mut client = node.client();
    node.ask(&mut client, &format!("HLEN {key}")) == format!(":{ELEMENTS}\r\n")
        && (0..ELEMENTS).step_by(499).all(|n| {
            let value = format!("value:{n}");
            let expected = format!("${}\r\n{value}\r\n", value.len());
            node.ask(&mut client, &format!("HGET {key} field:{n}")) == expected
        })
}

#[test]
fn a_big_hash_is_copied_in_steps_while_others_are_served() {
    let (mut node, mut client) = copying("COPY a b");
    let (mut reader, mut writer) = (node.client(), node.client());
    assert_eq!(
        node.ask(&mut reader, "HGET a field:7\nEXISTS b"),
        "$7\r\nvalue:7\r\n:0\r\n"
    );
    assert_eq!(node.ask(&mut reader, "SET other 1"), "+OK\r\n");
    assert_eq!(node.ask(&mut writer, "HSET a field:0 changed"), "");
    assert_eq!(
        writer.state,
        SessionState::Parked,
        "the copy is of one moment"
    );
    assert_eq!(until_resumed(&mut node, &mut client), ":1\r\n");
    assert!(node.resumed(writer.session));
    assert_eq!(node.send(&mut writer, b""), ":0\r\n");
    assert_eq!(node.ask(&mut reader, "HGET a field:0"), "$7\r\nchanged\r\n");
    assert!(is_whole(&mut node, "b"));
}

#[test]
fn big_values_of_every_type_are_copied_in_steps() {
    let mut node = node();
    fill(&mut node, "RPUSH list", |n| format!(" element:{n}"));
    fill(&mut node, "SADD set", |n| format!(" member:{n}"));
    fill(&mut node, "ZADD zset", |n| {
        format!(" {} member:{n}", n % 100)
    });
    let mut reader = node.client();
    for (key, reads) in [
        ("list", &["LRANGE KEY 0 -1", "LINDEX KEY 20000"][..]),
        ("set", &["SMEMBERS KEY", "SISMEMBER KEY member:777"]),
        (
            "zset",
            &["ZRANGE KEY 0 -1 WITHSCORES", "ZRANK KEY member:777"],
        ),
    ] {
        let mut client = waiting(&mut node, &format!("COPY {key} copy"));
        assert_eq!(until_resumed(&mut node, &mut client), ":1\r\n");
        for read in reads {
            let [first, second] =
                [key, "copy"].map(|key| node.ask(&mut reader, &read.replace("KEY", key)));
            assert!(first == second && first.len() > 3, "{key}");
        }
        assert_eq!(node.ask(&mut reader, "DEL copy"), ":1\r\n");
    }
}

#[test]
fn a_transaction_that_copies_waits_as_a_whole() {
    let (mut node, mut client) = copying("MULTI\nSET x 1\nCOPY a b\nHGET b field:3\nEXEC");
    let mut reader = node.client();
    assert_eq!(node.ask(&mut reader, "EXISTS x b"), ":0\r\n");
    let reply = until_resumed(&mut node, &mut client);
    assert!(reply.ends_with("+OK\r\n:1\r\n$7\r\nvalue:3\r\n"), "{reply}");
    assert!(is_whole(&mut node, "b"));
}

#[test]
fn a_transaction_that_changes_what_it_copies_copies_the_change() {
    let (mut node, mut client) = copying("COPY a other");
    assert_eq!(until_resumed(&mut node, &mut client), ":1\r\n");
    let reply = node.ask(
        &mut client,
        "MULTI\nHSET a field:0 new\nCOPY a b\nHGET b field:0\nEXEC",
    );
    assert!(reply.ends_with(":0\r\n:1\r\n$3\r\nnew\r\n"), "{reply}");
}

#[test]
fn what_is_flushed_is_not_copied() {
    let (mut node, mut client) = copying("COPY a b");
    let mut other = node.client();
    assert_eq!(node.ask(&mut other, "FLUSHALL"), "+OK\r\n");
    assert!(node.resumed(client.session));
    assert_eq!(node.send(&mut client, b""), ":0\r\n");
    assert_eq!(node.ask(&mut other, "DBSIZE"), ":0\r\n");
    assert!(!node.engine.data.is_copying());
}

#[test]
fn writers_go_on_when_the_client_that_wanted_a_copy_is_gone() {
    let (mut node, client) = copying("COPY a b");
    let mut writer = node.client();
    assert_eq!(node.ask(&mut writer, "HSET a field:0 changed"), "");
    node.engine.close(client.session, node.now);
    turns(&mut node, 1);
    assert!(node.resumed(writer.session));
    assert_eq!(node.send(&mut writer, b""), ":0\r\n");
    assert_eq!(node.ask(&mut writer, "EXISTS b"), ":0\r\n");
    assert!(!node.engine.data.is_copying());
}

#[test]
fn writers_go_on_when_a_copy_is_not_taken() {
    let (mut node, client) = copying("COPY a b");
    let mut writer = node.client();
    assert_eq!(node.ask(&mut writer, "HSET a field:0 changed"), "");
    // It is told to go on, and does not.
    turns(&mut node, 100);
    assert!(node.resumed(client.session));
    assert!(!node.resumed(writer.session), "it is kept for a while");
    node.pass(2000);
    assert!(node.resumed(writer.session));
    assert_eq!(node.send(&mut writer, b""), ":0\r\n");
}

#[test]
fn a_writer_goes_on_between_two_copies_of_one_client() {
    let (mut node, mut client) = copying("COPY a b\nCOPY a c");
    let mut writer = node.client();
    assert_eq!(node.ask(&mut writer, "HSET a field:0 changed"), "");
    assert_eq!(until_resumed(&mut node, &mut client), ":1\r\n");
    assert_eq!(client.state, SessionState::Parked, "for the second one");
    assert!(node.resumed(writer.session));
    assert_eq!(node.send(&mut writer, b""), ":0\r\n");
    assert_eq!(until_resumed(&mut node, &mut client), ":1\r\n");
    let values = node.ask(&mut writer, "HGET b field:0\nHGET c field:0");
    assert_eq!(values, "$7\r\nvalue:0\r\n$7\r\nchanged\r\n");
}

#[test]
fn copies_for_several_clients_are_made_one_after_the_other() {
    let (mut node, mut first) = copying("COPY a b");
    let mut others = ["COPY a c", "COPY a d"].map(|request| waiting(&mut node, request));
    let gone = waiting(&mut node, "COPY a e");
    let memory = node.engine.data.stats().memory;
    node.engine.close(gone.session, node.now);
    assert_eq!(until_resumed(&mut node, &mut first), ":1\r\n");
    assert!(node.engine.data.stats().memory < memory * 3);
    for other in &mut others {
        assert_eq!(until_resumed(&mut node, other), ":1\r\n");
    }
    assert!(["b", "c", "d"].iter().all(|key| is_whole(&mut node, key)));
    assert!(!node.engine.data.is_copying());
}

#[test]
fn a_name_that_is_taken_costs_no_copy() {
    let (mut node, mut client) = copying("COPY a b");
    assert_eq!(until_resumed(&mut node, &mut client), ":1\r\n");
    assert_eq!(node.ask(&mut client, "COPY a b"), ":0\r\n");
    assert_eq!(node.ask(&mut client, "COPY a b REPLACE"), "");
    assert_eq!(until_resumed(&mut node, &mut client), ":1\r\n");
}
