//! Writers during a full sync to a replica that takes little: they wait, and they go on.

mod beside;

use super::{Client, Node};
use crate::config::Config;
use crate::data::WalkWait;
use crate::io::{Level, Output, SessionId, SessionState, Unsent};

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
    warnings: Vec<String>,
}

impl Way {
    fn to(replica: &Client) -> Way {
        Way {
            replica: replica.session,
            unsent: 0,
            warnings: Vec::new(),
        }
    }
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
                Output::Log(_, Level::Warning, line) => self.warnings.push(line),
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
    let mut way = Way::to(&replica);
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
    assert_eq!(resumed, [writer.session]);
    let reply = node.send(&mut writer, b"");
    assert!(reply.starts_with(':'), "{reply}");
    assert_eq!(writer.state, SessionState::NeedInput);
}

#[test]
fn a_writer_that_needs_room_in_memory_waits_until_keys_may_go() {
    let (mut node, _replica, mut way) = start();
    let mut writer = node.client();
    let memory = node.engine.memory();
    let limit = memory.total() - memory.dataset / 2;
    let request = format!("CONFIG SET maxmemory-policy allkeys-random maxmemory {limit}");
    node.ask(&mut writer, &request);
    let replies = node.ask(&mut writer, &"SET new 1\n".repeat(3000));
    assert!(!replies.contains("OOM") && writer.state == SessionState::Parked);
    let mut resumed = Vec::new();
    for _ in 0..1000 {
        resumed = way.turn(&mut node, 100_000);
        if !resumed.is_empty() {
            break;
        }
    }
    assert_eq!(resumed, [writer.session]);
    while node.engine.is_walking() {
        let resumed = way.turn(&mut node, 1 << 20);
        if resumed.contains(&writer.session) {
            assert!(!node.send(&mut writer, b"").contains("OOM"));
        }
    }
    while node.engine.on_turn(node.now) {}
    let memory = node.engine.memory();
    let counted = memory.total() - memory.not_counted;
    assert!(counted <= limit, "{memory:?}, limit {limit}");
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
        goes_on = resumed.contains(&writer.session);
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
    assert_eq!(resumed, [writer.session]);
    let reply = node.send(&mut writer, b"");
    assert_eq!(reply, format!(":{}\r\n", LARGE + 1));
}

/// A walk saves keys under the number of the database where it finds them.
#[test]
fn databases_change_places_when_the_walk_is_over() {
    let (mut node, _replica, mut way) = start();
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "SET late 1\nSWAPDB 0 1"), "+OK\r\n");
    assert_eq!(client.state, SessionState::Parked);
    let mut resumed = Vec::new();
    for _ in 0..1000 {
        assert!(resumed.is_empty() || !node.engine.is_walking());
        resumed = way.turn(&mut node, 1 << 20);
        if !resumed.is_empty() {
            break;
        }
    }
    assert_eq!(resumed, [client.session]);
    assert_eq!(node.send(&mut client, b""), "+OK\r\n");
    assert_eq!(
        node.ask(&mut client, "DBSIZE\nSELECT 1\nGET late"),
        ":0\r\n+OK\r\n$1\r\n1\r\n"
    );
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
    assert!(node.resumed(writer.session));
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

fn closed(node: &mut Node, session: SessionId) -> bool {
    node.drain();
    let of =
        |output: &Output| matches!(output, Output::Close { session: id, .. } if *id == session);
    node.outputs.iter().any(of)
}

/// Seconds pass in which so much leaves, until the replica is dropped or the time is over; and
/// whenever a writer goes on, it writes until it is held again. For how many of them it was held.
fn seconds_held(node: &mut Node, way: &mut Way, writer: &mut Client, a_second: usize) -> usize {
    let (mut next, mut held) = (write_until_parked(node, writer, 0), 0);
    for _ in 0..1000 {
        node.pass(1000);
        if closed(node, way.replica) {
            return held;
        }
        held += usize::from(writer.state == SessionState::Parked);
        if way.turn(node, a_second).contains(&writer.session) {
            node.send(writer, b"");
            next = write_until_parked(node, writer, next);
        }
    }
    held
}

#[test]
fn a_replica_that_trickles_holds_writers_no_longer_than_repl_timeout() {
    for a_second in [10, 20_000] {
        let (mut node, replica, mut way) = start();
        let mut writer = node.client();
        let timeout = node.engine.config.repl_timeout as usize;
        let held = seconds_held(&mut node, &mut way, &mut writer, a_second);
        // The writer hears a second late that it may go on.
        assert!(
            held <= timeout * 11 / 10,
            "{a_second} a second: {held} seconds"
        );
        assert!(
            held >= timeout * 9 / 10,
            "{a_second} a second: {held} seconds"
        );
        node.engine.close(replica.session, node.now);
        way.turn(&mut node, 0);
        assert!(!node.engine.is_walking());
        node.send(&mut writer, b"");
        assert_eq!(writer.state, SessionState::NeedInput);
    }
}

#[test]
fn the_log_and_info_tell_who_held_writers_and_for_how_long() {
    let (mut node, _replica, mut way) = start();
    let (mut writer, mut other) = (node.client(), node.client());
    write_until_parked(&mut node, &mut writer, 0);
    node.pass(5000);
    let info = node.ask(&mut other, "INFO replication");
    assert!(info.contains("\r\nslotkeeper_sync_held_ms:5"), "{info}");
    seconds_held(&mut node, &mut way, &mut writer, 25_000);
    way.turn(&mut node, 0);
    let line = (way.warnings.iter()).find(|line| line.contains("has held writers for 60."));
    let line = line.unwrap_or_else(|| panic!("{:?}", way.warnings));
    assert!(
        line.starts_with("Replica 127.0.0.1:1 disconnected: "),
        "{line}"
    );
    assert!(line.contains(" bytes still wait for it."), "{line}");
    let info = node.ask(&mut other, "INFO everything");
    assert!(
        info.contains("\r\nslotkeeper_sync_slow_replicas:1\r\n"),
        "{info}"
    );
    assert!(
        info.contains("\r\nslotkeeper_sync_held_ms_total:60"),
        "{info}"
    );
}

#[test]
fn who_was_too_slow_rests_before_its_next_full_sync() {
    let (mut node, replica, mut way) = start();
    let mut writer = node.client();
    seconds_held(&mut node, &mut way, &mut writer, 20_000);
    node.engine.close(replica.session, node.now);
    node.engine.on_turn(node.now);
    let timeout = node.engine.config.repl_timeout * 1000;
    let _again = listen(&mut node);
    node.pass(timeout - 1000);
    assert!(!node.engine.is_walking(), "it asks, and has to wait");
    node.pass(2000);
    assert!(node.engine.is_walking());
}

#[test]
fn the_others_go_on_without_the_slow_one() {
    let mut node = filled();
    node.engine.config.repl_diskless_sync_delay = 1;
    let (slow, fast) = (listen(&mut node), listen(&mut node));
    node.pass(1000);
    assert!(node.engine.is_walking());
    let mut ways = [&slow, &fast].map(Way::to);
    let mut writer = node.client();
    let mut next = 0;
    for _ in 0..100_000 {
        node.pass(50);
        let outputs = std::mem::take(&mut node.outputs);
        for output in &outputs {
            match output {
                Output::Push(to, bytes) => {
                    let way = ways.iter_mut().find(|way| way.replica == *to);
                    way.expect("a replica").unsent += bytes.len();
                }
                Output::Resume(_) => {
                    node.send(&mut writer, b"");
                }
                Output::Close { session, .. } => {
                    assert_eq!(*session, slow.session, "the fast one stays");
                }
                _ => {}
            }
        }
        ways[0].unsent -= ways[0].unsent.min(1000);
        ways[1].unsent = 0;
        for way in &ways {
            node.engine
                .on_sent(way.replica, Unsent::of(way.unsent), node.now);
        }
        if writer.state == SessionState::NeedInput && next < KEYS {
            next = write_until_parked(&mut node, &mut writer, next);
        }
        if !node.engine.is_walking() {
            break;
        }
    }
    assert!(!node.engine.is_walking(), "the walk has come to its end");
    assert_eq!(node.engine.stats.sync_slow_replicas, 1);
    assert_eq!(node.engine.replication.replicas.count(), 1);
}

#[test]
fn one_who_waits_for_an_element_and_would_change_what_a_walk_holds_gets_it_later() {
    const PAIRS: usize = 40;
    let mut node = filled();
    let mut writer = node.client();
    let mut waiting = Vec::new();
    for pair in 0..PAIRS {
        node.ask(&mut writer, &format!("RPUSH to:{pair} a"));
        waiting.push(node.waiting(&format!("BLMOVE from:{pair} to:{pair} LEFT RIGHT 0")));
    }
    let replica = listen(&mut node);
    let mut way = Way::to(&replica);
    way.fill(&mut node);
    write_until_parked(&mut node, &mut writer, 0);
    let is_held = |pair: &usize| {
        let (from, to) = (format!("from:{pair}"), format!("to:{pair}"));
        let wait = |name: &str| {
            let data = &node.engine.data;
            data.walk_wait(0, &data.key(name.as_bytes()))
        };
        wait(&from).is_none() && wait(&to).is_some()
    };
    let pair = (0..PAIRS).find(is_held).expect("not all are saved by now");
    let client = &mut waiting[pair];
    let mut other = node.client();
    let lines = format!("RPUSH from:{pair} x\nLLEN from:{pair}");
    assert_eq!(node.ask(&mut other, &lines), ":1\r\n:1\r\n");
    assert_eq!(node.got(client), "");
    assert!(node.engine.holds_waiters());
    let served = (0..1000).any(|_| way.turn(&mut node, 50_000).contains(&client.session));
    assert!(served && !node.engine.holds_waiters());
    assert_eq!(node.send(client, b""), "$1\r\nx\r\n");
    let lines = format!("EXISTS from:{pair}\nLRANGE to:{pair} 0 -1");
    assert_eq!(
        node.ask(&mut other, &lines),
        ":0\r\n*2\r\n$1\r\na\r\n$1\r\nx\r\n"
    );
}
