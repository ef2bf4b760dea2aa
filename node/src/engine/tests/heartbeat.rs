//! Commands that take long, under a heartbeat that the test plants.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::config::Gate;
use crate::engine::{Heartbeat, Meanwhile};
use crate::io::{LinkEvent, LinkId, LinkOp, Progress};

/// How much time passes from beat to beat, in milliseconds.
const STEP_MS: u64 = 50;

/// Calls that at each beat, with the milliseconds since the first.
struct Beats<F> {
    now: Now,
    passed_ms: u64,
    each: F,
}

impl<F: FnMut(&mut Meanwhile<'_>, u64)> Heartbeat for Beats<F> {
    fn beat(&mut self, node: &mut Meanwhile<'_>, _: Duration) -> Option<Now> {
        self.passed_ms += STEP_MS;
        self.now.mono_us += STEP_MS * 1000;
        self.now.unix_us += STEP_MS.cast_signed() * 1000;
        node.begin(self.now);
        (self.each)(node, self.passed_ms);
        Some(self.now)
    }
}

fn config() -> Config {
    Config {
        enable_debug_command: Gate::Yes,
        busy_reply_threshold: 100,
        ..Config::default()
    }
}

impl Node {
    /// Sends lines that take long, and does that meanwhile; what is replied.
    fn long(
        &mut self,
        client: &Client,
        lines: &str,
        each: impl FnMut(&mut Meanwhile<'_>, u64),
    ) -> String {
        let mut beats = Beats {
            now: self.now,
            passed_ms: 0,
            each,
        };
        let mut reply = Reply::new();
        let input = format!("{lines}\n");
        let session = client.session;
        let progress =
            (self.engine).on_bytes(session, input.as_bytes(), self.now, &mut reply, &mut beats);
        assert_eq!(progress.consumed, input.len());
        self.now = beats.now;
        self.engine.on_turn(self.now);
        self.drain();
        String::from_utf8_lossy(&reply.bytes()).into_owned()
    }
}

/// What a client is answered meanwhile.
fn ask(node: &mut Meanwhile<'_>, client: &Client, lines: &str) -> (String, SessionState) {
    let mut reply = Reply::new();
    let Progress { state, .. } =
        node.on_bytes(client.session, format!("{lines}\n").as_bytes(), &mut reply);
    (String::from_utf8_lossy(&reply.bytes()).into_owned(), state)
}

const BUSY: &str = "-BUSY Redis is busy running a command. You can only call CLIENT KILL or \
                    SHUTDOWN NOSAVE.\r\n";

#[test]
fn others_wait_for_a_while_and_are_told_then() {
    let mut node = Node::with(config());
    let (sleeper, other) = (node.client(), node.client());
    let mut beats = 0;
    let reply = node.long(&sleeper, "DEBUG SLEEP 0.5\nSET a 1", |node, passed_ms| {
        beats += 1;
        assert_eq!(node.serves_clients(), passed_ms >= 100, "{passed_ms}");
        if passed_ms == 300 {
            let (reply, _) = ask(node, &other, "GET a\nPING\nNOSUCH\nCLIENT SETNAME other");
            let expected = format!("{BUSY}{BUSY}-ERR unknown command 'NOSUCH', with args");
            assert!(reply.starts_with(&expected), "{reply}");
            assert!(reply.ends_with("+OK\r\n"), "{reply}");
        }
    });
    assert_eq!(reply, "+OK\r\n+OK\r\n");
    assert_eq!(beats, 500 / STEP_MS);
    let mut other = other;
    assert_eq!(
        node.ask(&mut other, "CLIENT GETNAME\nGET a"),
        "$5\r\nother\r\n$1\r\n1\r\n"
    );
    let info = node.ask(&mut other, "INFO errorstats");
    assert!(info.contains("errorstat_BUSY:count=2\r\n"), "{info}");
}

#[test]
fn without_a_threshold_nobody_is_told() {
    let mut node = Node::with(Config {
        busy_reply_threshold: 0,
        ..config()
    });
    let sleeper = node.client();
    node.long(&sleeper, "DEBUG SLEEP 60", |node, _| {
        assert!(!node.serves_clients());
    });
}

#[test]
fn whoever_connects_meanwhile_authenticates_and_stays() {
    let mut node = Node::with(Config {
        requirepass: Some(b"pw".to_vec()),
        ..config()
    });
    let mut sleeper = node.client();
    node.ask(&mut sleeper, "AUTH pw");
    let mut opened = None;
    node.long(&sleeper, "DEBUG SLEEP 0.2", |node, passed_ms| {
        if passed_ms > STEP_MS {
            return;
        }
        let peer = Peer {
            remote: ([127, 0, 0, 1], 50_000).into(),
            local: ([127, 0, 0, 1], 6379).into(),
        };
        let client = Client {
            session: node.open(peer).expect("this machine is admitted"),
            unread: Vec::new(),
            state: SessionState::NeedInput,
        };
        let denied = "-NOAUTH Authentication required.\r\n";
        assert_eq!(ask(node, &client, "CLIENT LIST").0, denied);
        assert_eq!(ask(node, &client, "AUTH no").0[..10], *"-WRONGPASS");
        let hello = ask(node, &client, "HELLO 3 AUTH default pw SETNAME late").0;
        assert!(hello.starts_with("%7\r\n"), "{hello}");
        let list = ask(node, &client, "CLIENT LIST").0;
        let lines: Vec<&str> = list.lines().collect();
        assert!(lines[1].contains("id=1 ") && lines[1].contains(" cmd=debug "));
        assert!(lines[2].contains("name=late ") && lines[2].contains(" cmd=client|list "));
        opened = Some(client);
    });
    let mut client = opened.expect("it has connected");
    assert_eq!(node.ask(&mut client, "GET a"), "_\r\n");
}

#[test]
fn the_client_of_a_long_command_can_be_killed_which_ends_it() {
    let mut node = Node::with(config());
    let (sleeper, other) = (node.client(), node.client());
    let id = sleeper.session;
    let mut beats = 0;
    node.long(&sleeper, "DEBUG SLEEP 1000", |node, _| {
        beats += 1;
        let kill = format!("CLIENT KILL ID {}", id.number());
        assert_eq!(ask(node, &other, &kill).0, ":1\r\n");
        assert!(node.poll_output().is_none(), "it is closed when it is done");
    });
    assert_eq!(beats, 1);
    let is_close =
        |output: &Output| matches!(output, Output::Close { session, .. } if *session == id);
    assert!(node.outputs.iter().any(is_close));
    let mut sleeper = sleeper;
    assert_eq!(node.ask(&mut sleeper, "PING"), "");
    assert_eq!(sleeper.state, SessionState::Close);
}

#[test]
fn a_client_that_is_killed_or_gone_meanwhile_leaves_nothing_behind() {
    let mut node = Node::with(config());
    let (sleeper, mut killed, mut gone) = (node.client(), node.client(), node.client());
    node.ask(&mut killed, "WATCH a");
    node.ask(&mut gone, "WATCH a");
    let memory = node.engine.memory().clients;
    node.long(&sleeper, "DEBUG SLEEP 0.1", |node, passed_ms| {
        if passed_ms == STEP_MS {
            node.close(gone.session);
            let kill = format!("CLIENT KILL ID {}", killed.session.number());
            let (reply, state) = ask(node, &killed, &format!("{kill} SKIPME no"));
            assert_eq!((&*reply, state), (":1\r\n", SessionState::Close));
            node.close(killed.session);
        }
    });
    assert_eq!(node.engine.sessions.len(), 1);
    assert!(node.engine.memory().clients < memory / 2);
    let mut sleeper = sleeper;
    assert_eq!(
        node.ask(&mut sleeper, "WATCH a\nSET a 1\nMULTI\nEXEC"),
        "+OK\r\n+OK\r\n+OK\r\n*-1\r\n"
    );
}

#[test]
fn a_transaction_that_ends_meanwhile_is_discarded() {
    let mut node = Node::with(config());
    let (sleeper, mut one, two) = (node.client(), node.client(), node.client());
    node.ask(&mut one, "WATCH a\nMULTI\nSET a 1");
    node.long(&sleeper, "DEBUG SLEEP 0.1", |node, passed_ms| {
        if passed_ms == STEP_MS {
            let aborted = format!(
                "-EXECABORT Transaction discarded because of: {}",
                &BUSY[1..]
            );
            assert_eq!(ask(node, &one, "EXEC").0, aborted);
            let (reply, state) = ask(node, &two, "MULTI\nPING\nDISCARD\nRESET\nQUIT");
            let expected = format!("+OK\r\n{BUSY}+OK\r\n+RESET\r\n+OK\r\n");
            assert_eq!((reply, state), (expected, SessionState::Close));
        }
    });
    assert_eq!(
        node.ask(&mut one, "GET a\nEXEC"),
        "$-1\r\n-ERR EXEC without MULTI\r\n"
    );
}

#[test]
fn what_redis_answers_meanwhile_is_answered_where_it_needs_no_keys() {
    let mut node = Node::with(config());
    let (sleeper, mut watcher, other) = (node.client(), node.client(), node.client());
    node.ask(&mut watcher, "WATCH a");
    node.long(&sleeper, "DEBUG SLEEP 0.1", |node, passed_ms| {
        if passed_ms == STEP_MS {
            for name in ["WATCH b", "REPLCONF capa eof", "EXEC"] {
                assert!(ask(node, &other, name).0.contains("BUSY"), "{name}");
            }
            for name in ["MULTI", "DISCARD", "HELLO", "UNWATCH", "CLIENT ID"] {
                assert_ne!(ask(node, &other, name).0, BUSY, "{name}");
            }
            assert_eq!(ask(node, &watcher, "UNWATCH").0, "+OK\r\n");
        }
    });
    assert_eq!(
        node.ask(&mut watcher, "SET a 1\nMULTI\nEXEC"),
        "+OK\r\n+OK\r\n*0\r\n"
    );
}

#[test]
fn a_node_can_be_ended_meanwhile_but_not_saved() {
    let mut node = Node::with(config());
    let (sleeper, other) = (node.client(), node.client());
    let mut beats = 0;
    node.long(&sleeper, "DEBUG SLEEP 1000", |node, _| {
        beats += 1;
        for save in ["SHUTDOWN", "SHUTDOWN SAVE", "SHUTDOWN ABORT"] {
            assert_eq!(ask(node, &other, save).0, BUSY, "{save}");
        }
        assert_eq!(ask(node, &other, "SHUTDOWN NOSAVE").0, "");
    });
    assert_eq!(beats, 1);
    let exits = |output: &Output| matches!(output, Output::Exit(0));
    assert!(node.outputs.iter().any(exits));
}

#[test]
fn a_transaction_may_take_long() {
    let mut node = Node::with(config());
    let sleeper = node.client();
    let mut beats = 0;
    let reply = node.long(
        &sleeper,
        "MULTI\nSET a 1\nDEBUG SLEEP 0.1\nGET a\nEXEC",
        |_, _| beats += 1,
    );
    assert!(
        reply.ends_with("*3\r\n+OK\r\n+OK\r\n$1\r\n1\r\n"),
        "{reply}"
    );
    assert_eq!(beats, 2);
}

#[test]
fn a_time_that_is_none_is_refused() {
    let mut node = Node::with(config());
    let mut client = node.client();
    for seconds in ["x", "-1", "nan", "inf", "1e300"] {
        let line = format!("DEBUG SLEEP {seconds}");
        let refused = "-ERR value is not a valid float\r\n";
        assert_eq!(node.ask(&mut client, &line), refused, "{seconds}");
    }
}

#[test]
fn replicas_that_could_not_be_heard_meanwhile_stay() {
    let mut node = Node::with(config());
    let (sleeper, mut replica) = (node.client(), node.client());
    node.engine.replication.stream.keep(1 << 20);
    let stream = &node.engine.replication.stream;
    let psync = format!("PSYNC {} {}", stream.id(), stream.offset() + 1);
    let reply = node.ask(&mut replica, &psync);
    assert!(reply.starts_with("+CONTINUE"), "{reply}");
    let closed = |node: &Node| {
        let id = replica.session;
        let is_close =
            |output: &Output| matches!(output, Output::Close { session, .. } if *session == id);
        node.outputs.iter().any(is_close)
    };
    node.long(&sleeper, "DEBUG SLEEP 100", |node, _| {
        assert!(!node.serves(replica.session));
    });
    node.pass(50_000);
    assert!(!closed(&node), "repl-timeout begins at the end");
    node.pass(15_000);
    assert!(closed(&node));
}

/// The second of three masters, which opens its links to the first.
struct Peer2 {
    node: Node,
    /// Its links to the first, and what they are there.
    links: BTreeMap<LinkId, LinkId>,
}

impl Peer2 {
    /// What it has to say at that time, and what it is answered.
    fn talk(&mut self, first: &mut Meanwhile<'_>) {
        self.node.pass(STEP_MS);
        for output in std::mem::take(&mut self.node.outputs) {
            match output {
                Output::Link(link, LinkOp::Open { to, .. }) if to.port() == 17_001 => {
                    let local = ([127, 0, 0, 1], 40_000).into();
                    let peer = Peer {
                        remote: local,
                        local: to,
                    };
                    let far = first.accept_bus(peer).expect("it is in a cluster");
                    self.links.insert(link, far);
                    let opened = LinkEvent::Opened { local };
                    self.node.engine.on_link(link, opened, self.node.now);
                }
                Output::Link(link, LinkOp::Send(bytes)) if self.links.contains_key(&link) => {
                    first.on_link(self.links[&link], LinkEvent::Bytes(&bytes));
                }
                _ => {}
            }
        }
        while let Some(output) = first.poll_output() {
            if let Output::Link(far, LinkOp::Send(bytes)) = output
                && let Some((&link, _)) = self.links.iter().find(|(_, known)| **known == far)
            {
                let bytes = LinkEvent::Bytes(&bytes);
                self.node.engine.on_link(link, bytes, self.node.now);
                self.node.drain();
            }
        }
    }

    fn suspects_the_first(&mut self) -> bool {
        let mut client = self.node.client();
        let nodes = self.node.ask(&mut client, "CLUSTER NODES");
        let line = nodes.lines().find(|line| line.starts_with("1111"));
        line.expect("it is known").contains("fail")
    }
}

/// For how many milliseconds the first of three masters is busy, longer than the node timeout, and
/// for how many of those it talks to the second. Whether the second suspects it, and it takes itself
/// for asleep.
fn busy_for(talks_ms: u64) -> (bool, bool) {
    let mut node = sleep::nth_of_three(1, config());
    let mut peer = Peer2 {
        node: sleep::nth_of_three(2, config()),
        links: BTreeMap::new(),
    };
    peer.node.now = node.now;
    let sleeper = node.client();
    node.long(&sleeper, "DEBUG SLEEP 40", |first, passed_ms| {
        if passed_ms <= talks_ms {
            peer.talk(first);
        } else {
            peer.node.pass(STEP_MS);
        }
    });
    let suspects = peer.suspects_the_first();
    node.engine.look_at_clock(node.now);
    (suspects, node.engine.holds() > 0)
}

#[test]
fn a_master_that_talks_meanwhile_is_not_suspected_and_has_not_slept() {
    assert_eq!(busy_for(40_000), (false, false));
}

#[test]
fn a_master_that_nobody_hears_meanwhile_is_suspected_and_asks_whether_it_was_replaced() {
    assert_eq!(busy_for(1000), (true, true));
}
