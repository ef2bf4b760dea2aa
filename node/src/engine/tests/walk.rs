//! Writers during a full sync to a replica that takes little: they wait, and they go on.

use super::{Client, Node};
use crate::config::Config;
use crate::data::WalkWait;
use crate::io::{Output, SessionId, SessionState, Unsent};

/// Far more than may be unsent.
const KEYS: usize = 20_000;
/// A few, so that one of them comes early.
const LARGE_KEYS: usize = 8;
const LARGE: usize = 2 << 20;

/// A node with many keys, and some that are sent in many pieces.
fn filled() -> Node {
    let mut node = Node::with(Config {
        save: Vec::new(),
        // These tests count bytes.
        rdbcompression: false,
        ..Config::default()
    });
    let mut client = node.client();
    let value = "v".repeat(200);
    for number in 0..KEYS {
        node.ask(&mut client, &format!("SET key:{number} {value}"));
    }
    for number in 0..LARGE_KEYS {
        node.ask(&mut client, &format!("SETRANGE large:{number} {LARGE} x"));
    }
    node
}

/// Asks for a full sync.
fn listen(node: &mut Node) -> Client {
    let mut replica = node.client();
    let lines = "REPLCONF listening-port 1\nREPLCONF capa eof capa psync2\nPSYNC ? -1";
    node.ask(&mut replica, lines);
    replica
}

/// What is on its way to the replica, and the payload's end.
struct Way {
    replica: SessionId,
    unsent: usize,
}

impl Way {
    /// A turn, and at most `len` bytes leave. The sessions that were named for resumption.
    fn turn(&mut self, node: &mut Node, len: usize) -> Vec<SessionId> {
        node.engine.on_turn(node.now);
        node.drain();
        let mut resumed = Vec::new();
        for output in node.outputs.drain(..) {
            match output {
                Output::Push(to, bytes) if to == self.replica => self.unsent += bytes.len(),
                Output::Resume(session) => resumed.push(session),
                _ => {}
            }
        }
        let before = self.unsent;
        self.unsent -= len.min(before);
        if self.unsent < before {
            node.engine
                .on_sent(self.replica, Unsent::of(self.unsent), node.now);
        }
        resumed
    }

    /// Turns until the large value is on its way.
    fn until_large(&mut self, node: &mut Node) {
        while node.engine.data.walk_value().is_none() {
            assert!(node.engine.is_walking(), "it comes");
            self.turn(node, 30_000);
        }
    }

    /// Turns in which nothing leaves, until nothing more comes.
    fn fill(&mut self, node: &mut Node) {
        let mut before = usize::MAX;
        while self.unsent != before {
            before = self.unsent;
            self.turn(node, 0);
        }
    }
}

/// Appends to key after key until the client is parked; the number of the next key.
fn write_until_parked(node: &mut Node, client: &mut Client, from: usize) -> usize {
    for number in from..KEYS {
        node.ask(client, &format!("APPEND key:{number} +"));
        if client.state == SessionState::Parked {
            return number + 1;
        }
    }
    KEYS
}

fn start() -> (Node, Client, Way) {
    let mut node = filled();
    let replica = listen(&mut node);
    let mut way = Way {
        replica: replica.session.id,
        unsent: 0,
    };
    way.fill(&mut node);
    (node, replica, way)
}

#[test]
fn a_writer_without_room_goes_on_when_there_is_room_and_not_before() {
    let (mut node, _replica, mut way) = start();
    let mut writer = node.client();
    write_until_parked(&mut node, &mut writer, 0);
    assert_eq!(writer.state, SessionState::Parked);
    for _ in 0..100 {
        assert_eq!(way.turn(&mut node, 0), [], "nothing has left");
    }
    let mut resumed = Vec::new();
    for _ in 0..1000 {
        resumed = way.turn(&mut node, 1000);
        if !resumed.is_empty() {
            break;
        }
    }
    assert_eq!(resumed, [writer.session.id]);
    let reply = node.send(&mut writer, b"");
    assert!(reply.starts_with(':'), "{reply}");
    assert_eq!(writer.state, SessionState::NeedInput);
}

#[test]
fn all_keys_change_while_a_large_value_is_sent_and_the_sync_ends() {
    let (mut node, _replica, mut way) = start();
    way.until_large(&mut node);
    let mut writer = node.client();
    let (mut next, mut turns, mut goes_on, mut held) = (0, 0, true, false);
    while node.engine.is_walking() {
        if goes_on && next < KEYS {
            node.send(&mut writer, b"");
            next = write_until_parked(&mut node, &mut writer, next);
        }
        held |= writer.state == SessionState::Parked && node.engine.data.walk_value().is_some();
        let resumed = way.turn(&mut node, 30_000);
        goes_on = resumed.contains(&writer.session.id);
        assert!(
            way.unsent <= (1 << 20) + (1 << 16),
            "{} bytes wait",
            way.unsent
        );
        turns += 1;
        assert!(turns < 10_000, "the sync does not end: {next} keys changed");
    }
    assert!(held, "more was put aside than there is room for");
    assert!(goes_on || writer.state == SessionState::NeedInput);
}

#[test]
fn a_writer_of_the_value_that_is_being_sent_waits_for_its_end() {
    let (mut node, _replica, mut way) = start();
    let mut writer = node.client();
    way.until_large(&mut node);
    let value = node.engine.data.walk_value().map(WalkWait::Value);
    let mut names = (0..LARGE_KEYS).map(|number| format!("large:{number}"));
    let wait = |name: &String| {
        let data = &node.engine.data;
        data.walk_wait(0, &data.key(name.as_bytes()))
    };
    let sent = names.find(|name| wait(name) == value).expect("one of them");
    let lines = format!("STRLEN {sent}\nSETRANGE {sent} 0 y");
    let reply = node.ask(&mut writer, &lines);
    assert_eq!(reply, format!(":{}\r\n", LARGE + 1));
    assert_eq!(writer.state, SessionState::Parked);
    let mut resumed = Vec::new();
    while node.engine.data.walk_value().map(WalkWait::Value) == value {
        assert!(resumed.is_empty(), "not before its end");
        resumed = way.turn(&mut node, 30_000);
    }
    assert_eq!(resumed, [writer.session.id]);
    let reply = node.send(&mut writer, b"");
    assert_eq!(reply, format!(":{}\r\n", LARGE + 1));
}

#[test]
fn a_replica_that_takes_nothing_is_dropped_and_its_writers_go_on() {
    let (mut node, _replica, mut way) = start();
    let mut writer = node.client();
    write_until_parked(&mut node, &mut writer, 0);
    let timeout = node.engine.config.repl_timeout * 1000;
    node.pass(timeout / 2);
    assert!(node.engine.is_walking());
    node.pass(timeout);
    assert!(!node.engine.is_walking());
    assert!(node.resumed(writer.session.id));
    assert!(way.turn(&mut node, 0).is_empty());
}

#[test]
fn a_replica_may_load_for_long_if_it_says_that_it_lives() {
    let mut node = Node::with(Config {
        save: Vec::new(),
        ..Config::default()
    });
    let mut replica = listen(&mut node);
    while node.engine.is_walking() {
        node.engine.on_turn(node.now);
    }
    let timeout = node.engine.config.repl_timeout * 1000;
    for _ in 0..5 {
        node.pass(timeout / 2);
        node.send(&mut replica, b"\n");
    }
    assert_eq!(node.engine.replication.replicas.count(), 1);
    node.pass(timeout + 1000);
    assert_eq!(node.engine.replication.replicas.count(), 0);
}
