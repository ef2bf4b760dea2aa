//! Slots that another node owns now: their keys go at once, and replicas hear of it in steps.

use slotkeeper_topology::{Slot, SlotSet, key_slot};

use super::{Client, Node};
use crate::io::SessionState;
use crate::replication::master::ReplicaState;

const KEYS: usize = 5000;

fn slot() -> Slot {
    key_slot(b"{t}")
}

fn lost() -> SlotSet {
    let mut slots = SlotSet::new();
    slots.insert(slot());
    slots
}

/// A master with many keys in a slot and one in another, whose stream is read.
fn filled() -> (Node, Client) {
    let mut node = Node::master();
    let mut client = node.client();
    for number in 0..KEYS {
        node.ask(&mut client, &format!("SET {{t}}{number} x"));
    }
    node.ask(&mut client, "SET other x");
    node.engine.replication.stream.keep(1 << 20);
    (node, client)
}

/// The stream from an offset on.
fn streamed(node: &Node, from: u64) -> String {
    let stream = &node.engine.replication.stream;
    let bytes = stream.since(stream.id(), from + 1).expect("it is kept");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn lost_keys_are_out_of_sight_at_once_and_replicas_hear_of_them_in_steps() {
    let (mut node, mut client) = filled();
    let from = node.engine.replication.offset();
    node.engine.drop_slots(&lost());
    assert_eq!(
        node.engine.replication.offset(),
        from,
        "not in the same call"
    );
    let mut before = from;
    let reply = node.ask(&mut client, "DBSIZE\nKEYS {t}*\nSCAN 0 COUNT 100000");
    assert!(
        reply.starts_with(":1\r\n*0\r\n*2\r\n$1\r\n0\r\n*1\r\n"),
        "{reply}"
    );
    let mut turns = 0;
    while node.engine.data.is_dropping() {
        node.engine.on_turn(node.now);
        let now = node.engine.replication.offset();
        assert!(now - before < 200_000, "{} bytes in one turn", now - before);
        (before, turns) = (now, turns + 1);
    }
    assert!(turns > 3, "{turns}");
    let text = streamed(&node, from);
    assert_eq!(text.matches("DEL\r\n").count(), KEYS);
    for number in [0, 1, KEYS / 2, KEYS - 1] {
        assert_eq!(text.matches(&format!("\r\n{{t}}{number}\r\n")).count(), 1);
    }
    assert_eq!(node.engine.stats.slots_lost_keys, KEYS as u64);
    while node.engine.on_turn(node.now) {}
}

#[test]
fn a_slot_that_comes_back_takes_writes_once_its_old_keys_are_told() {
    let (mut node, mut client) = filled();
    let from = node.engine.replication.offset();
    node.engine.drop_slots(&lost());
    assert_eq!(
        node.ask(&mut client, "GET {t}7\nSET other y"),
        "$-1\r\n+OK\r\n"
    );
    // Of the steps, asking has taken one or two.
    node.ask(&mut client, "SET {t}7 new");
    assert_eq!(client.state, SessionState::Parked);
    while node.engine.data.is_dropping() {
        assert!(!node.resumed(client.session));
        node.engine.on_turn(node.now);
        node.drain();
    }
    assert!(node.resumed(client.session));
    assert_eq!(node.send(&mut client, b""), "+OK\r\n");
    assert_eq!(
        node.ask(&mut client, "GET {t}7\nDBSIZE"),
        "$3\r\nnew\r\n:2\r\n"
    );
    let text = streamed(&node, from);
    let deleted = text.find("DEL\r\n$4\r\n{t}7\r\n").expect("it is told");
    let set = text.find("SET\r\n$4\r\n{t}7\r\n").expect("it is told");
    assert!(deleted < set);
    // What repeats the stream has the same.
    let mut replica = Node::standalone();
    let mut reader = replica.client();
    replica.ask(&mut reader, "SET {t}7 x\nSET {t}8 x");
    assert_eq!(
        replica.engine.apply_stream(text.as_bytes(), replica.now),
        Ok(text.len())
    );
    assert_eq!(
        replica.ask(&mut reader, "GET {t}7\nGET {t}8"),
        "$3\r\nnew\r\n$-1\r\n"
    );
}

#[test]
fn nothing_enters_the_stream_while_clients_are_paused() {
    let (mut node, mut client) = filled();
    node.ask(&mut client, "CLIENT PAUSE 1000 WRITE");
    let from = node.engine.replication.offset();
    node.engine.drop_slots(&lost());
    node.pass(900);
    assert_eq!(node.engine.replication.offset(), from);
    assert!(node.engine.data.is_dropping());
    node.pass(300);
    while node.engine.data.is_dropping() {
        assert!(node.engine.on_turn(node.now), "it goes on by itself");
    }
    assert_eq!(streamed(&node, from).matches("DEL\r\n").count(), KEYS);
}

#[test]
fn without_a_stream_nobody_is_told() {
    let mut node = Node::master();
    let mut client = node.client();
    node.ask(&mut client, "SET {t}1 x\nSET {t}2 x");
    let before = node.engine.replication.offset();
    node.engine.drop_slots(&lost());
    assert!(!node.engine.data.is_dropping());
    assert!(
        node.engine.replication.offset() > before,
        "the data are not the same"
    );
    assert_eq!(node.ask(&mut client, "DBSIZE"), ":0\r\n");
}

#[test]
fn a_flush_needs_no_names() {
    let (mut node, mut client) = filled();
    node.engine.drop_slots(&lost());
    let from = node.engine.replication.offset();
    node.ask(&mut client, "FLUSHALL");
    assert!(!node.engine.data.is_dropping());
    let text = streamed(&node, from);
    assert!(
        text.ends_with("*1\r\n$8\r\nFLUSHALL\r\n") && !text.contains("DEL"),
        "{text}"
    );
}

#[test]
fn a_full_sync_begins_after_all_are_told() {
    let (mut node, _client) = filled();
    node.engine.drop_slots(&lost());
    let mut replica = node.client();
    node.ask(
        &mut replica,
        "REPLCONF listening-port 1\nREPLCONF capa eof capa psync2\nPSYNC ? -1",
    );
    let waits = |node: &Node| {
        let replicas = &node.engine.replication.replicas;
        !replicas.in_state(ReplicaState::WaitsForWalk).is_empty()
    };
    while node.engine.data.is_dropping() {
        assert!(waits(&node));
        node.engine.on_turn(node.now);
    }
    node.engine.on_turn(node.now);
    assert!(!waits(&node));
}
