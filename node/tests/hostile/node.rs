//! A whole node, without its sockets, and valid examples of what reaches one.

use std::net::SocketAddr;

use bytes::Bytes;
use slotkeeper_node::config::Config;
use slotkeeper_node::engine::{Boot, Engine, NoHeartbeat};
use slotkeeper_node::io::{
    DiskEvent, DiskOp, LinkEvent, LinkId, LinkOp, Output, Peer, SessionId, SessionState,
};
use slotkeeper_node::resp::{Reply, ReplyParser};
use slotkeeper_node::time::{Now, Stopwatch};

struct Still;

impl Stopwatch for Still {
    fn nanos(&self) -> u64 {
        0
    }
}

pub struct Node {
    pub engine: Engine,
    pub now: Now,
    session: Option<SessionId>,
    /// Links that the engine has asked for, and not closed yet.
    pub opened: Vec<LinkId>,
    /// What it has written into a snapshot.
    pub written: Vec<u8>,
    /// What it has written for a full sync.
    payload: Vec<u8>,
}

/// A small one, so that no command can be asked to make much.
pub fn config() -> Config {
    Config {
        proto_max_bulk_len: 1 << 20,
        ..Config::default()
    }
}

impl Node {
    /// # Errors
    /// When the engine refuses its nodes.conf.
    pub fn start(config: Config, nodes_conf: Option<String>) -> Result<Node, String> {
        let mut node = Node::make(config, nodes_conf)?;
        node.load(&[]);
        Ok(node)
    }

    /// One whose data file was not given yet.
    pub fn starting(config: Config) -> Node {
        Node::make(config, None).expect("a fresh node")
    }

    /// Gives it its data file.
    pub fn load(&mut self, pieces: &[&[u8]]) {
        for piece in pieces {
            self.engine.on_disk(DiskEvent::LoadBytes(piece), self.now);
        }
        self.engine.on_disk(DiskEvent::LoadEnd, self.now);
        self.drain();
    }

    fn make(config: Config, nodes_conf: Option<String>) -> Result<Node, String> {
        let now = Now {
            unix_us: 1_700_000_000_000_000,
            mono_us: 1_000_000,
        };
        let boot = Boot {
            nodes_conf,
            run_id: [b'a'; 40],
            ..Boot::default()
        };
        Ok(Node {
            engine: Engine::start(config, boot, Box::new(Still), now)?,
            now,
            session: None,
            opened: Vec::new(),
            written: Vec::new(),
            payload: Vec::new(),
        })
    }

    pub fn peer() -> Peer {
        Peer {
            remote: SocketAddr::from(([127, 0, 0, 1], 50_000)),
            local: SocketAddr::from(([127, 0, 0, 1], 7000)),
        }
    }

    pub fn pass(&mut self, millis: u64) {
        self.now.mono_us += millis * 1000;
        self.now.unix_us += millis.cast_signed() * 1000;
        self.engine.on_timer(self.now);
        self.engine.on_turn(self.now);
        self.drain();
    }

    /// Carries out what is asked for, as far as the engine can tell.
    pub fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Link(link, LinkOp::Open { .. }) => self.opened.push(link),
                Output::Link(link, LinkOp::Close) => self.opened.retain(|open| *open != link),
                Output::Close { session, .. } => {
                    self.session.take_if(|own| *own == session);
                    self.engine.close(session, self.now);
                }
                Output::Disk(DiskOp::SaveNodesConf(_)) => {
                    self.engine.on_disk(DiskEvent::NodesConfSaved, self.now);
                }
                Output::Disk(DiskOp::SnapshotBegin) => {
                    self.engine.on_disk(DiskEvent::SnapshotWritten(0), self.now);
                }
                Output::Disk(DiskOp::SnapshotWrite(bytes)) => {
                    self.written.extend_from_slice(&bytes);
                    self.engine
                        .on_disk(DiskEvent::SnapshotWritten(bytes.len()), self.now);
                }
                Output::Disk(DiskOp::SnapshotCommit) => {
                    self.engine.on_disk(DiskEvent::SnapshotSaved, self.now);
                }
                Output::Disk(DiskOp::PayloadBegin) => {
                    self.payload.clear();
                    self.engine.on_disk(DiskEvent::PayloadWritten(0), self.now);
                }
                Output::Disk(DiskOp::PayloadWrite(bytes)) => {
                    self.payload.extend_from_slice(&bytes);
                    let written = DiskEvent::PayloadWritten(bytes.len());
                    self.engine.on_disk(written, self.now);
                }
                Output::Disk(DiskOp::PayloadRead { session, from, len }) => {
                    let bytes = &self.payload[from as usize..][..len];
                    let bytes = &Bytes::copy_from_slice(bytes);
                    let read = DiskEvent::PayloadRead { session, bytes };
                    self.engine.on_disk(read, self.now);
                }
                _ => {}
            }
        }
    }

    /// Ends the connection that requests are sent on.
    pub fn hang_up(&mut self) {
        if let Some(session) = self.session.take() {
            self.engine.close(session, self.now);
        }
        self.drain();
    }

    /// Sends bytes on the connection that there is, or a new one; what comes back at once, which
    /// is whole replies.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        let session = match self.session.take() {
            Some(session) => session,
            None => match self.engine.open(Node::peer(), self.now) {
                Ok(session) => session,
                Err(_) => return Vec::new(),
            },
        };
        let (mut reply, mut at) = (Reply::new(), 0);
        self.engine.look_ahead([(session, bytes); 2].into_iter());
        let ended = loop {
            let progress = self.engine.on_bytes(
                session,
                &bytes[at..],
                self.now,
                &mut reply,
                &mut NoHeartbeat,
            );
            at += progress.consumed;
            assert!(at <= bytes.len());
            match progress.state {
                SessionState::MoreToDo => {}
                SessionState::NeedInput => break at < bytes.len(),
                // A client that waits is not waited for here.
                SessionState::Parked | SessionState::Close => break true,
            }
        };
        let resp3 = reply.resp3();
        if ended {
            self.engine.close(session, self.now);
        } else {
            self.session = Some(session);
        }
        self.drain();
        if !resp3 {
            whole_replies(&reply.bytes());
        }
        reply.take()
    }

    /// Bytes on a link of the cluster bus that a stranger has opened.
    pub fn bus(&mut self, pieces: &[&[u8]]) {
        let link = self.engine.accept_bus(Node::peer(), self.now);
        for piece in pieces {
            self.engine.on_link(link, LinkEvent::Bytes(piece), self.now);
        }
        let closed = LinkEvent::Closed { reason: "it ends" };
        self.engine.on_link(link, closed, self.now);
        self.drain();
    }
}

fn whole_replies(bytes: &[u8]) {
    let mut parser = ReplyParser::new(1 << 30);
    parser.feed(bytes);
    loop {
        match parser.next() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => panic!("{error}: {}", bytes.escape_ascii()),
        }
    }
    let rest = parser.take_rest();
    assert!(rest.is_empty(), "half a reply: {}", rest.escape_ascii());
}

/// A data file with every form that strings, hashes and times have in ours.
pub fn data_file() -> Vec<u8> {
    let mut node = Node::start(config(), None).expect("a fresh node");
    let long = "packed ".repeat(100);
    let texts = ["", "1", "-70000", "2147483647", "text", "0x", &long];
    for (number, text) in texts.iter().cycle().take(40).enumerate() {
        let db = number % 3;
        node.send(format!("SELECT {db}\r\nSET key:{number}{text} \"{text}\"\r\n").as_bytes());
        node.send(format!("PEXPIREAT key:{number} 1900000000{number:03}\r\n").as_bytes());
    }
    node.send(b"HSET hash a 1 text -70000 \"\" 0x\r\nPEXPIREAT hash 1900000000000\r\n");
    node.send(b"HSET timed a 1 b 2 c 3\r\nHPEXPIREAT timed 1900000000000 FIELDS 2 a b\r\n");
    node.send(b"SADD set a 1 text -70000 \"\" 0x\r\nSADD numbers 1 2 -70000\r\n");
    for field in 0..150 {
        node.send(format!("SADD members member:{field} \"{field}{long}\"\r\n").as_bytes());
        node.send(format!("HSET big field:{field} \"{long}\"\r\n").as_bytes());
        node.send(format!("HSET later field:{field} \"{long}\"\r\n").as_bytes());
        let at = 1_900_000_000_000u64 + field;
        node.send(format!("HPEXPIREAT later {at} FIELDS 1 field:{field}\r\n").as_bytes());
    }
    node.send(b"RPUSH few a 1 -70000 \"\"\r\nPEXPIREAT few 1900000000000\r\n");
    for element in 0..150 {
        node.send(format!("RPUSH many element:{element} \"{long}\"\r\n").as_bytes());
    }
    node.send(b"ZADD scores 1 a -0.5 b inf c 1e300 \"\"\r\n");
    node.send(b"XGROUP CREATE stream readers 0 MKSTREAM\r\n");
    for number in 1..=150 {
        node.send(format!("ZADD ranking {number}.25 \"{number}{long}\"\r\n").as_bytes());
        node.send(format!("XADD stream {number}-1 field {number} other \"{long}\"\r\n").as_bytes());
    }
    node.send(b"XREADGROUP GROUP readers one COUNT 9 STREAMS stream >\r\n");
    node.send(b"XREADGROUP GROUP readers two COUNT 9 STREAMS stream >\r\n");
    node.send(b"XDEL stream 3-1 40-1 150-1\r\n");
    node.send(b"SELECT 0\r\nSETRANGE large 20000 x\r\nBGSAVE\r\n");
    for _ in 0..200 {
        node.pass(1);
    }
    let file = std::mem::take(&mut node.written);
    assert!(file.starts_with(b"REDIS"), "the node has saved");
    file
}

/// Frames of a real redis-server.
pub fn frames() -> Vec<Vec<u8>> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/bus/golden");
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("the frames are part of the repository")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| unhex(&std::fs::read_to_string(path).expect("it is text")))
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits are text");
        u8::from_str_radix(pair, 16).expect("digits are digits")
    };
    digits.chunks(2).map(byte).collect()
}

/// The nodes.conf of a replica that knows who has sent the frames.
pub fn nodes_conf() -> String {
    let sender = |frame: &Vec<u8>| String::from_utf8_lossy(&frame[40..80]).into_owned();
    let senders: std::collections::BTreeSet<String> = frames().iter().map(sender).collect();
    let first = senders.first().expect("there are frames").clone();
    let me = "f".repeat(40);
    let mut text = format!("{me} 127.0.0.1:7000@17000 myself,slave {first} 0 0 3 connected\n");
    for (number, id) in senders.iter().enumerate() {
        let port = 7001 + number;
        let (low, high) = (number * 2000, number * 2000 + 1999);
        text += &format!(
            "{id} 127.0.0.1:{port}@1{port},host-{number},shard-id={id} master - 0 \
             1700000000000 {} connected {low}-{high}\n",
            number + 1
        );
    }
    text + "vars currentEpoch 9 lastVoteEpoch 2\n"
}
