//! MIGRATE between two nodes, and to one that goes.

use super::{Client, Node};
use crate::io::{LinkEvent, LinkId, LinkOp, Output, SessionState};

/// Two nodes, and what a move between them uses.
struct Pair {
    from: Node,
    to: Node,
    client: Client,
    /// The other server's end of the link.
    other: Option<(LinkId, Client)>,
    /// Writes are paused for so long, in milliseconds, before the first answer is heard.
    pauses_ms: u64,
}

impl Pair {
    fn new() -> Pair {
        let (mut from, mut to) = (Node::standalone(), Node::standalone());
        let client = from.client();
        to.engine.config.save = Vec::new();
        from.engine.config.save = Vec::new();
        Pair {
            from,
            to,
            client,
            other: None,
            pauses_ms: 0,
        }
    }

    fn ask(&mut self, line: &str) -> String {
        self.from.ask(&mut self.client, line)
    }

    /// Carries up to so many bytes there, and all answers back. Returns how many bytes went there.
    fn carry(&mut self, mut budget: usize) -> usize {
        let mut carried = 0;
        for _ in 0..20 {
            self.from.engine.on_turn(self.from.now);
            self.from.drain();
            let outputs = std::mem::take(&mut self.from.outputs);
            for output in outputs {
                let Output::Link(link @ LinkId::Migrate(_), op) = output else {
                    self.from.outputs.push(output);
                    continue;
                };
                match op {
                    LinkOp::Open { .. } | LinkOp::OpenNamed { .. } => {
                        self.other = Some((link, self.to.client()));
                        let local = ([127, 0, 0, 1], 5).into();
                        let event = LinkEvent::Opened { local };
                        self.from.engine.on_link(link, event, self.from.now);
                    }
                    LinkOp::Send(bytes) => {
                        let Some((_, other)) = &mut self.other else {
                            continue;
                        };
                        let part = &bytes[..bytes.len().min(budget)];
                        budget -= part.len();
                        carried += part.len();
                        let mut answer = self.to.send(other, part);
                        while other.state == SessionState::Parked {
                            self.to.resumed(other.session);
                            answer += &self.to.send(other, b"");
                        }
                        if self.pauses_ms > 0 {
                            let until = self.from.now.mono_ms() + self.pauses_ms;
                            self.from.engine.pause.begin(until, true);
                        }
                        let event = LinkEvent::Bytes(answer.as_bytes());
                        self.from.engine.on_link(link, event, self.from.now);
                    }
                    LinkOp::Close => self.other = None,
                }
            }
        }
        carried
    }

    fn cut(&mut self) {
        if let Some((link, client)) = self.other.take() {
            self.to.engine.close(client.session, self.to.now);
            let event = LinkEvent::Closed { reason: "cut" };
            self.from.engine.on_link(link, event, self.from.now);
            self.from.engine.on_turn(self.from.now);
            self.from.drain();
        }
    }

    fn reply(&mut self) -> String {
        assert!(self.from.resumed(self.client.session));
        self.from.send(&mut self.client, b"")
    }

    fn there(&mut self, line: &str) -> String {
        let mut client = self.to.client();
        self.to.ask(&mut client, line)
    }
}

const MOVE: &str = "MIGRATE 127.0.0.1 7000 \"\" 0 1000 KEYS a b c missing";

#[test]
fn keys_move_with_their_time_to_live_and_replicas_hear_of_del() {
    let mut pair = Pair::new();
    pair.ask("SET a 1\nRPUSH b x y\nSET c 3 EX 100");
    pair.from.engine.replication.stream.keep(1 << 20);
    let offset = pair.from.engine.replication.stream.offset() + 1;
    assert_eq!(pair.ask(MOVE), "");
    assert_eq!(pair.client.state, SessionState::Parked);
    pair.carry(usize::MAX);
    assert_eq!(pair.reply(), "+OK\r\n");
    assert_eq!(pair.ask("DBSIZE"), ":0\r\n");
    assert_eq!(
        pair.there("GET a\nLLEN b\nTTL c"),
        "$1\r\n1\r\n:2\r\n:100\r\n"
    );
    let stream = &pair.from.engine.replication.stream;
    let heard = stream.since(stream.id(), offset).expect("it is kept");
    assert_eq!(String::from_utf8_lossy(&heard).matches("DEL").count(), 1);
    // The connection is kept for the next ones, and goes after ten seconds.
    pair.ask("SET a 2");
    assert_eq!(pair.ask(MOVE), "");
    pair.carry(usize::MAX);
    let busy =
        "-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n";
    assert_eq!(pair.reply(), busy);
    assert_eq!(pair.ask("GET a"), "$1\r\n2\r\n");
    assert_eq!(pair.ask("MIGRATE 127.0.0.1 7000 a 0 1000 COPY REPLACE"), "");
    pair.carry(usize::MAX);
    assert_eq!(pair.reply(), "+OK\r\n");
    assert_eq!(pair.ask("GET a"), "$1\r\n2\r\n");
    assert_eq!(pair.there("GET a"), "$1\r\n2\r\n");
    assert_eq!(pair.to.engine.stats.connections, 3);
    pair.from.pass(11_000);
    pair.carry(0);
    assert!(pair.other.is_none());
}

#[test]
fn who_changes_a_key_waits_until_it_has_gone() {
    let mut pair = Pair::new();
    pair.ask("SET a 1\nSET other 1");
    pair.ask(MOVE);
    let mut writer = pair.from.client();
    assert_eq!(
        pair.from.ask(&mut writer, "GET a\nSET other 2"),
        "$1\r\n1\r\n+OK\r\n"
    );
    assert_eq!(pair.from.ask(&mut writer, "INCR a"), "");
    assert_eq!(writer.state, SessionState::Parked);
    pair.carry(usize::MAX);
    assert!(pair.from.resumed(writer.session));
    assert_eq!(pair.from.send(&mut writer, b""), ":1\r\n");
    assert_eq!(pair.there("GET a"), "$1\r\n1\r\n");
}

#[test]
fn a_move_that_is_cut_anywhere_loses_nothing() {
    let mut whole = Pair::new();
    whole.ask("SET a 1\nRPUSH b x y\nSET c 3");
    whole.ask(MOVE);
    let len = whole.carry(usize::MAX);
    for cut in 0..len {
        let mut pair = Pair::new();
        pair.ask("SET a 1\nRPUSH b x y\nSET c 3");
        pair.ask(MOVE);
        pair.carry(cut);
        pair.cut();
        let reply = pair.reply();
        assert!(reply.starts_with("-IOERR"), "{cut}: {reply}");
        let mut both = 0;
        for (read, value) in [
            ("GET a", "$1\r\n1\r\n"),
            ("LLEN b", ":2\r\n"),
            ("GET c", "$1\r\n3\r\n"),
        ] {
            let (here, there) = (pair.ask(read), pair.there(read));
            assert!(here == value || there == value, "{cut}: {read}");
            both += usize::from(here == value && there == value);
        }
        assert!(both <= 1, "{cut}");
        // It can be tried again.
        pair.ask("MIGRATE 127.0.0.1 7000 \"\" 0 1000 REPLACE KEYS a b c");
        pair.carry(usize::MAX);
        pair.reply();
        assert_eq!(pair.ask("DBSIZE"), ":0\r\n", "{cut}");
        assert_eq!(
            pair.there("GET a\nLLEN b\nGET c"),
            "$1\r\n1\r\n:2\r\n$1\r\n3\r\n"
        );
    }
}

#[test]
fn one_that_nothing_comes_of_ends_at_its_timeout() {
    let mut pair = Pair::new();
    pair.ask("SET a 1");
    pair.ask("MIGRATE 127.0.0.1 7000 a 0 500");
    pair.from.pass(490);
    assert!(!pair.from.resumed(pair.client.session));
    pair.from.pass(20);
    assert_eq!(
        pair.reply(),
        "-IOERR error or timeout connecting to the client\r\n"
    );
    pair.from.outputs.clear();
    pair.ask("MIGRATE 127.0.0.1 7000 a 0 500");
    pair.carry(3);
    pair.from.pass(600);
    assert!(pair.reply().starts_with("-IOERR error or timeout"));
    assert_eq!(pair.ask("INCR a"), ":2\r\n");
}

#[test]
fn a_password_is_said_first_and_a_wrong_one_moves_nothing() {
    let mut pair = Pair::new();
    pair.to.engine.config.requirepass = Some(b"secret".to_vec());
    pair.ask("SET a 1");
    pair.ask("MIGRATE 127.0.0.1 7000 a 0 500 AUTH wrong");
    pair.carry(usize::MAX);
    let reply = pair.reply();
    assert!(
        reply.starts_with("-ERR Target instance replied with error: WRONGPASS"),
        "{reply}"
    );
    pair.ask("MIGRATE 127.0.0.1 7000 a 0 500 AUTH2 default secret");
    pair.carry(usize::MAX);
    assert_eq!(pair.reply(), "+OK\r\n");
    assert_eq!(pair.ask("EXISTS a"), ":0\r\n");
}

#[test]
fn who_names_a_key_on_its_way_from_another_database_waits_as_well() {
    let mut pair = Pair::new();
    pair.ask("SET a 1\nSELECT 1\nSET a other\nSET x new\nSELECT 0");
    pair.ask("MIGRATE 127.0.0.1 7000 a 0 1000");
    let (mut swapper, mut copier) = (pair.from.client(), pair.from.client());
    assert_eq!(pair.from.ask(&mut swapper, "SWAPDB 0 1"), "");
    assert_eq!(
        pair.from
            .ask(&mut copier, "SELECT 1\nCOPY x a DB 0 REPLACE"),
        "+OK\r\n"
    );
    pair.carry(usize::MAX);
    assert_eq!(pair.reply(), "+OK\r\n");
    assert!(pair.from.resumed(copier.session) && pair.from.resumed(swapper.session));
    assert_eq!(pair.from.send(&mut copier, b""), ":1\r\n");
    assert_eq!(pair.from.send(&mut swapper, b""), "+OK\r\n");
    assert_eq!(
        pair.ask("GET a\nSELECT 1\nGET a"),
        "$5\r\nother\r\n+OK\r\n$3\r\nnew\r\n"
    );
}

#[test]
fn nothing_is_removed_while_writes_are_paused() {
    let mut pair = Pair::new();
    pair.ask("SET a 1\nSET b 2");
    pair.ask(MOVE);
    pair.pauses_ms = 300;
    let offset = pair.from.engine.replication.offset();
    pair.carry(usize::MAX);
    assert_eq!(pair.there("DBSIZE"), ":2\r\n");
    let mut other = pair.from.client();
    assert_eq!(pair.from.ask(&mut other, "DBSIZE"), ":2\r\n");
    assert_eq!(pair.from.engine.replication.offset(), offset);
    pair.from.pass(301);
    assert_eq!(pair.reply(), "+OK\r\n");
    assert_eq!(pair.ask("DBSIZE"), ":0\r\n");
}

#[test]
fn it_is_no_part_of_a_transaction() {
    let mut pair = Pair::new();
    pair.ask("SET a 1\nMULTI");
    let refused = "-ERR Command not allowed inside a transaction\r\n";
    assert_eq!(pair.ask("MIGRATE 127.0.0.1 7000 a 0 1000"), refused);
    assert!(pair.ask("EXEC").starts_with("-EXECABORT"));
    assert_eq!(pair.ask("GET a"), "$1\r\n1\r\n");
}

#[test]
fn a_node_that_becomes_a_replica_or_loses_the_slots_ends_its_moves() {
    let mut pair = Pair::new();
    pair.ask("SET a 1");
    pair.ask("MIGRATE 127.0.0.1 7000 a 0 1000");
    pair.carry(10);
    let all = slotkeeper_topology::SlotSet::full();
    pair.from.engine.end_migrations_of(&all);
    pair.carry(0);
    assert!(pair.reply().starts_with("-UNBLOCKED the hash slot"));
    assert_eq!(pair.ask("INCR a"), ":2\r\n");
    pair.ask("MIGRATE 127.0.0.1 7000 a 0 1000");
    pair.carry(10);
    let follow = crate::cluster::ClusterEvent::FollowMaster {
        id: "b".repeat(40).parse().expect("an id"),
        address: None,
    };
    let now = pair.from.now;
    pair.from.engine.cluster_event(follow, now);
    pair.carry(0);
    assert!(pair.other.is_none(), "the connection is closed");
    assert!(pair.reply().starts_with("-UNBLOCKED force unblock"));
    assert_eq!(pair.from.engine.migrations.connections(), 0);
    assert_eq!(pair.from.engine.data.first_held(), None);
}

#[test]
fn no_more_keys_of_a_client_that_has_gone_are_sent() {
    let mut pair = Pair::new();
    pair.ask("SET a 1\nSET b 2");
    pair.ask(MOVE);
    let (session, now) = (pair.client.session, pair.from.now);
    pair.from.engine.close(session, now);
    pair.client = pair.from.client();
    pair.carry(usize::MAX);
    assert_eq!(pair.ask("DBSIZE"), ":2\r\n");
    assert_eq!(pair.ask("INCR a"), ":2\r\n", "nobody waits for it");
    assert_eq!(pair.there("DBSIZE"), ":0\r\n");
}

#[test]
fn a_host_is_named_to_those_who_can_find_it() {
    let mut pair = Pair::new();
    pair.ask("SET a 1");
    pair.ask("MIGRATE redis.example 7000 a 0 1000");
    let named = |output: &Output| matches!(output, Output::Link(_, LinkOp::OpenNamed { host, port: 7000, .. }) if host == "redis.example");
    assert!(pair.from.outputs.iter().any(named));
    pair.carry(usize::MAX);
    assert_eq!(pair.reply(), "+OK\r\n");
    assert_eq!(
        pair.ask("INFO stats")
            .matches("migrate_cached_sockets:1")
            .count(),
        1
    );
}

#[test]
fn only_so_many_are_under_way_at_once_and_the_rest_waits_in_line() {
    let mut pair = Pair::new();
    let mut clients: Vec<Client> = (0..70).map(|_| pair.from.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        pair.from.ask(client, &format!("SET key:{number} 1"));
        let line = format!("MIGRATE 127.0.0.1 7000 key:{number} 0 500");
        assert_eq!(pair.from.ask(client, &line), "");
        assert_eq!(client.state, SessionState::Parked);
    }
    assert_eq!(pair.from.engine.migrations.connections(), 64);
    // Nothing comes of those: then the others have their turn.
    pair.from.pass(501);
    for client in &mut clients[..64] {
        assert!(pair.from.resumed(client.session));
        assert!(pair.from.send(client, b"").starts_with("-IOERR"));
    }
    for client in &mut clients[64..] {
        assert!(pair.from.resumed(client.session));
        assert_eq!(pair.from.send(client, b""), "");
    }
    assert_eq!(pair.from.engine.migrations.connections(), 6);
}

#[test]
fn what_is_on_its_way_counts_as_memory_of_clients() {
    let mut pair = Pair::new();
    pair.ask("SETRANGE big 5000000 x");
    let before = pair.from.engine.memory().clients;
    pair.ask("MIGRATE 127.0.0.1 7000 big 0 5000");
    pair.carry(1000);
    let (link, _) = pair.other.as_ref().expect("it is open");
    (pair.from.engine).on_link_sent(*link, 5_000_000, 5_000_000);
    pair.from.pass(200);
    let during = pair.from.engine.memory().clients;
    assert!(during > before + 5_000_000, "{before} {during}");
    pair.cut();
    pair.reply();
    pair.from.pass(200);
    let after = pair.from.engine.memory().clients;
    assert!(after < before + 100_000, "{before} {after}");
}

#[test]
fn many_keys_move_in_parts_and_all_of_them() {
    let mut pair = Pair::new();
    let mut line = "MIGRATE 127.0.0.1 7000 \"\" 0 1000 KEYS".to_owned();
    for number in 0..3000 {
        pair.ask(&format!("SET key:{number} {number}"));
        line += &format!(" key:{number} key:{number}");
    }
    pair.ask(&line);
    for _ in 0..10 {
        pair.carry(usize::MAX);
    }
    assert_eq!(pair.reply(), "+OK\r\n");
    assert_eq!(pair.ask("DBSIZE"), ":0\r\n");
    assert_eq!(
        pair.there("DBSIZE\nGET key:2999"),
        ":3000\r\n$4\r\n2999\r\n"
    );
}
