//! What contradicts itself is noticed at the end of the turn.

use super::Node;
use crate::engine::parking::Parked;
use crate::replication::ReplId;

/// A node that is about to end a turn, with a client.
fn node() -> (Node, super::Client) {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "SET key value"), "+OK\r\n");
    (node, client)
}

fn end_turn(node: &mut Node) {
    node.engine.on_turn(node.now);
}

#[test]
#[should_panic(expected = "as many sessions are parked as say so")]
fn a_session_that_is_parked_and_does_not_say_so() {
    let (mut node, client) = node();
    end_turn(&mut node);
    node.engine.parking.park(client.session, Parked::Reply);
    end_turn(&mut node);
}

#[test]
#[should_panic(expected = "waits for what is over: Pause")]
fn a_session_that_waits_for_what_does_not_end() {
    let (mut node, client) = node();
    node.engine.park(client.session, Parked::Pause);
    end_turn(&mut node);
}

#[test]
#[should_panic(expected = "each watch has its session")]
fn a_watch_without_a_session() {
    let (mut node, _client) = node();
    let key = node.engine.data.key(b"key");
    node.engine.data.watch(0, &key);
    end_turn(&mut node);
}

#[test]
#[should_panic(expected = "session 1")]
fn memory_that_is_not_counted() {
    let (mut node, client) = node();
    node.engine.sessions.at_mut(client.session).name = vec![b'n'; 100];
    end_turn(&mut node);
}

#[test]
#[should_panic(expected = "the offset went from 5 to 4")]
fn an_offset_that_goes_back() {
    let (mut node, _client) = node();
    let id = ReplId::from_bits([7; 20]);
    node.engine.replication.stream.adopt(id, None, 5);
    end_turn(&mut node);
    node.engine.replication.stream.adopt(id, None, 4);
    end_turn(&mut node);
}

#[test]
#[should_panic(expected = "changes were not drained")]
fn changes_that_nobody_was_told_of() {
    let (mut node, mut client) = node();
    node.ask(&mut client, "WATCH key");
    let key = node.engine.data.key(b"key");
    node.engine.data.remove(0, &key);
    end_turn(&mut node);
}
