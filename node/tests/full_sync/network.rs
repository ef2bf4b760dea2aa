//! Engines in one process, with a network between them that carries so many bytes a step.

mod disk;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use slotkeeper_node::config::Config;
use slotkeeper_node::engine::{Boot, Engine, NoHeartbeat};
use slotkeeper_node::io::{
    DiskEvent, LinkEvent, LinkId, LinkOp, Output, Peer, SessionId, SessionState, Unsent,
};
use slotkeeper_node::resp::{Reply, encode_command};
use slotkeeper_node::time::{Now, Stopwatch};

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Link(usize, LinkId),
    Session(usize, SessionId),
    Test,
}

struct Connection {
    input: Vec<u8>,
    output: Vec<u8>,
    other: End,
    parked: bool,
    closing: bool,
}

pub struct Host {
    pub engine: Engine,
    pub address: SocketAddr,
    bus: SocketAddr,
    connections: BTreeMap<SessionId, Connection>,
    links: BTreeMap<LinkId, End>,
    /// What the data file holds, and what is being written.
    pub file: Option<Vec<u8>>,
    writing: Vec<u8>,
    /// The file of a full sync, while there is one.
    pub payload: Option<Vec<u8>>,
    pub nodes_conf: Option<String>,
    pub log: Vec<String>,
    pub exited: Option<i32>,
}

pub struct Network {
    pub hosts: Vec<Host>,
    pub now: Now,
    /// How many bytes a session may send in a step.
    pub bandwidth: usize,
    /// A node whose snapshots are never in place.
    pub stuck_disk: Option<usize>,
    /// A node that has no room for the file of a full sync.
    pub full_disk: Option<usize>,
    next_port: u32,
    /// What clients were sent that a node has closed since.
    pub last_words: BTreeMap<(usize, SessionId), Vec<u8>>,
    /// The largest amount that a walk serialised in one call of an engine.
    pub most_serialised: u64,
    /// The most bytes that waited for one connection.
    pub most_unsent: usize,
}

struct NoWatch;

impl Stopwatch for NoWatch {
    fn nanos(&self) -> u64 {
        0
    }
}

fn boot(number: u16, nodes_conf: Option<String>) -> Boot {
    Boot {
        nodes_conf,
        config_file: None,
        config_text: None,
        run_id: [b'a' + (number % 20) as u8; 40],
        hash_key: [1, u64::from(number)],
        random_seed: u64::from(number),
        pid: 1,
        executable: String::new(),
        os: String::new(),
    }
}

impl Network {
    pub fn new() -> Network {
        Network {
            hosts: Vec::new(),
            now: Now {
                unix_us: 1_700_000_000_000_000,
                mono_us: 1_000_000,
            },
            bandwidth: 1 << 20,
            stuck_disk: None,
            full_disk: None,
            next_port: 1,
            last_words: BTreeMap::new(),
            most_serialised: 0,
            most_unsent: 0,
        }
    }

    /// Starts a node with this configuration; its number.
    pub fn start(&mut self, config: Config, file: Option<Vec<u8>>) -> usize {
        self.hosts
            .push(self.make(config, file, None, self.hosts.len() as u16 + 1));
        self.hosts.len() - 1
    }

    /// A node that was killed starts again, with what its disk holds.
    pub fn restart(&mut self, host: usize, config: Config, file: Option<Vec<u8>>) {
        self.cut(host);
        let nodes_conf = self.hosts[host].nodes_conf.clone();
        let address = self.hosts[host].address;
        self.next_port += 1;
        let mut fresh = self.make(config, file, nodes_conf, 100 + self.next_port as u16);
        fresh.address = address;
        self.hosts[host] = fresh;
    }

    fn make(&self, config: Config, file: Option<Vec<u8>>, conf: Option<String>, n: u16) -> Host {
        let port = config.port;
        let watch = Box::new(NoWatch);
        let mut engine =
            Engine::start(config, boot(n, conf.clone()), watch, self.now).expect("it starts");
        if let Some(file) = &file {
            engine.on_disk(DiskEvent::LoadBytes(&[]), self.now);
            for piece in file.chunks(1000) {
                engine.on_disk(DiskEvent::LoadBytes(piece), self.now);
            }
        }
        engine.on_disk(DiskEvent::LoadEnd, self.now);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Host {
            engine,
            address,
            bus: SocketAddr::from(([127, 0, 0, 1], port + 10_000)),
            connections: BTreeMap::new(),
            links: BTreeMap::new(),
            file,
            writing: Vec::new(),
            payload: None,
            nodes_conf: conf,
            log: Vec::new(),
            exited: None,
        }
    }

    /// Ends all connections of a node, as its death or a cut cable does.
    pub fn cut(&mut self, host: usize) {
        let links: Vec<_> = self.hosts[host].links.keys().copied().collect();
        for link in links {
            self.close_link(host, link, true);
        }
        let sessions: Vec<_> = self.hosts[host].connections.keys().copied().collect();
        for session in sessions {
            self.close_session(host, session);
        }
    }

    /// A client of the test.
    pub fn connect(&mut self, host: usize) -> SessionId {
        self.open(host, End::Test)
    }

    fn open(&mut self, host: usize, other: End) -> SessionId {
        self.next_port += 1;
        let remote = SocketAddr::from(([127, 0, 0, 1], 40_000 + (self.next_port % 20_000) as u16));
        let local = self.hosts[host].address;
        let peer = Peer { remote, local };
        let id = self.hosts[host]
            .engine
            .open(peer, self.now)
            .expect("admitted");
        let connection = Connection {
            input: Vec::new(),
            output: Vec::new(),
            other,
            parked: false,
            closing: false,
        };
        self.hosts[host].connections.insert(id, connection);
        id
    }

    /// Sends requests without waiting.
    pub fn send(&mut self, host: usize, session: SessionId, bytes: &[u8]) {
        let connection = self.hosts[host]
            .connections
            .get_mut(&session)
            .expect("open");
        connection.input.extend_from_slice(bytes);
        self.serve(host, session);
    }

    /// What has come back so far.
    pub fn received(&mut self, host: usize, session: SessionId) -> Vec<u8> {
        let connection = self.hosts[host].connections.get_mut(&session);
        connection
            .map(|connection| std::mem::take(&mut connection.output))
            .unwrap_or_default()
    }

    /// What has come back so far, but no more than that, and tells the node so.
    pub fn take(&mut self, host: usize, session: SessionId, len: usize) -> Vec<u8> {
        let Some(connection) = self.hosts[host].connections.get_mut(&session) else {
            return Vec::new();
        };
        let len = len.min(connection.output.len());
        let bytes = connection.output.drain(..len).collect();
        let left = connection.output.len();
        self.hosts[host]
            .engine
            .on_sent(session, Unsent::of(left), self.now);
        bytes
    }

    /// Whether the session waits for something.
    pub fn is_parked(&self, host: usize, session: SessionId) -> bool {
        self.hosts[host]
            .connections
            .get(&session)
            .is_some_and(|connection| connection.parked)
    }

    /// One command, and what it answers at once.
    pub fn call(&mut self, host: usize, session: SessionId, words: &[&str]) -> String {
        let mut request = Vec::new();
        encode_command(&mut request, words);
        self.received(host, session);
        self.send(host, session, &request);
        self.drain(host);
        String::from_utf8_lossy(&self.received(host, session)).into_owned()
    }

    /// A field of INFO.
    pub fn info(&mut self, host: usize, name: &str) -> String {
        let session = self.connect(host);
        let text = self.call(host, session, &["INFO", "everything"]);
        self.close_session(host, session);
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().to_owned()
    }

    /// Gives the engine what has arrived of a session, until it wants more or pauses.
    fn serve(&mut self, host: usize, session: SessionId) {
        while let Some(connection) = self.hosts[host].connections.get(&session) {
            if connection.parked || connection.closing || connection.input.is_empty() {
                return;
            }
            match self.execute(host, session) {
                Some(SessionState::MoreToDo) => {}
                _ => break,
            }
        }
        self.drain(host);
    }

    /// One call of the engine with the input of a session.
    fn execute(&mut self, host: usize, session: SessionId) -> Option<SessionState> {
        let now = self.now;
        let Host {
            engine,
            connections,
            ..
        } = &mut self.hosts[host];
        let connection = connections.get_mut(&session)?;
        let before = engine.walk_serialised();
        let mut reply = Reply::new();
        let progress = engine.on_bytes(
            session,
            &connection.input,
            now,
            &mut reply,
            &mut NoHeartbeat,
        );
        connection.input.drain(..progress.consumed);
        connection.output.extend_from_slice(&reply.bytes());
        connection.parked = progress.state == SessionState::Parked;
        connection.closing |= progress.state == SessionState::Close;
        if let (Some(before), Some(after)) = (before, engine.walk_serialised()) {
            self.most_serialised = self.most_serialised.max(after - before);
        }
        Some(progress.state)
    }

    /// Carries out what the engine wants.
    fn drain(&mut self, host: usize) {
        while let Some(output) = self.hosts[host].engine.poll_output() {
            match output {
                Output::Push(session, bytes) => {
                    if let Some(connection) = self.hosts[host].connections.get_mut(&session) {
                        connection.output.extend_from_slice(&bytes);
                        self.most_unsent = self.most_unsent.max(connection.output.len());
                    }
                }
                Output::Resume(session) => {
                    if let Some(connection) = self.hosts[host].connections.get_mut(&session) {
                        connection.parked = false;
                        self.resume(host, session);
                    }
                }
                Output::Close { session, flush } => {
                    if flush {
                        let sent = self.received(host, session);
                        self.last_words.insert((host, session), sent);
                    }
                    self.close_session(host, session);
                }
                Output::Link(link, op) => self.on_link_op(host, link, op),
                Output::Disk(op) => self.on_disk_op(host, op),
                Output::Log(_, _, text) => self.hosts[host].log.push(text),
                Output::Reconfigure(_) => {}
                Output::Acquire { session, .. } => {
                    let now = self.now;
                    self.hosts[host].engine.on_acquired(session, Ok(()), now);
                }
                Output::Exit(code) => self.hosts[host].exited = Some(code),
            }
        }
    }

    /// A parked session goes on, also without further input.
    fn resume(&mut self, host: usize, session: SessionId) {
        if self.execute(host, session).is_some() {
            self.serve(host, session);
        }
    }

    fn on_link_op(&mut self, host: usize, link: LinkId, op: LinkOp) {
        match op {
            LinkOp::Open { to, .. } => self.open_link(host, link, to),
            LinkOp::OpenNamed { host, .. } => panic!("nobody has asked for {host}"),
            LinkOp::Send(bytes) => match self.hosts[host].links.get(&link) {
                Some(End::Session(other, session)) => {
                    let (other, session) = (*other, *session);
                    if self.hosts[other].connections.contains_key(&session) {
                        self.send(other, session, &bytes);
                    }
                }
                Some(End::Link(other, theirs)) => {
                    let (other, theirs) = (*other, *theirs);
                    self.tell(other, theirs, LinkEvent::Bytes(&bytes));
                }
                _ => {}
            },
            LinkOp::Close => self.close_link(host, link, false),
        }
    }

    fn open_link(&mut self, host: usize, link: LinkId, to: SocketAddr) {
        let local = SocketAddr::from(([127, 0, 0, 1], 39_999));
        let alive = |other: &Host| other.exited.is_none();
        let data = self
            .hosts
            .iter()
            .position(|other| other.address == to && alive(other));
        let bus = self
            .hosts
            .iter()
            .position(|other| other.bus == to && alive(other));
        let end = match (data, bus) {
            (Some(other), _) => End::Session(other, self.open(other, End::Link(host, link))),
            (None, Some(other)) => {
                let peer = Peer {
                    remote: local,
                    local: to,
                };
                let theirs = self.hosts[other].engine.accept_bus(peer, self.now);
                self.hosts[other]
                    .links
                    .insert(theirs, End::Link(host, link));
                End::Link(other, theirs)
            }
            (None, None) => {
                return self.tell(host, link, LinkEvent::Closed { reason: "refused" });
            }
        };
        self.hosts[host].links.insert(link, end);
        self.tell(host, link, LinkEvent::Opened { local });
    }

    fn tell(&mut self, host: usize, link: LinkId, event: LinkEvent<'_>) {
        self.hosts[host].engine.on_link(link, event, self.now);
        self.drain(host);
    }

    fn close_link(&mut self, host: usize, link: LinkId, tell: bool) {
        match self.hosts[host].links.remove(&link) {
            Some(End::Link(other, theirs)) if self.hosts[other].links.remove(&theirs).is_some() => {
                self.tell(other, theirs, LinkEvent::Closed { reason: "closed" });
            }
            Some(End::Session(other, session)) => self.close_session(other, session),
            _ => {}
        }
        if tell {
            self.tell(host, link, LinkEvent::Closed { reason: "cut" });
        }
    }

    pub fn close_session(&mut self, host: usize, session: SessionId) {
        let Some(connection) = self.hosts[host].connections.remove(&session) else {
            return;
        };
        self.hosts[host].engine.close(session, self.now);
        if let End::Link(other, link) = connection.other
            && self.hosts[other].links.remove(&link).is_some()
        {
            self.tell(other, link, LinkEvent::Closed { reason: "closed" });
        }
    }

    /// One turn of every node, and what the network carries meanwhile.
    pub fn step(&mut self) {
        for host in 0..self.hosts.len() {
            if self.hosts[host].exited.is_some() {
                continue;
            }
            self.turn(host);
            self.carry(host);
        }
        self.now.mono_us += 1000;
        self.now.unix_us += 1000;
    }

    fn turn(&mut self, host: usize) {
        let now = self.now;
        let engine = &mut self.hosts[host].engine;
        if engine.next_timer() <= now.mono_ms() {
            engine.on_timer(now);
        }
        let before = engine.walk_serialised();
        engine.on_turn(now);
        let after = engine.walk_serialised();
        if let (Some(before), Some(after)) = (before, after) {
            self.most_serialised = self.most_serialised.max(after - before);
        }
        self.drain(host);
    }

    fn carry(&mut self, host: usize) {
        let sessions: VecDeque<_> = self.hosts[host].connections.keys().copied().collect();
        for session in sessions {
            let Some(connection) = self.hosts[host].connections.get_mut(&session) else {
                continue;
            };
            let End::Link(other, link) = connection.other else {
                continue;
            };
            let len = connection.output.len().min(self.bandwidth);
            let bytes: Vec<u8> = connection.output.drain(..len).collect();
            let (left, closing) = (connection.output.len(), connection.closing);
            if len > 0 {
                self.hosts[host]
                    .engine
                    .on_sent(session, Unsent::of(left), self.now);
                self.tell(other, link, LinkEvent::Bytes(&bytes));
            }
            if closing && left == 0 {
                self.close_session(host, session);
            }
        }
    }

    /// Steps until that holds; panics after so many steps.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Network) -> bool) {
        for _ in 0..200_000 {
            if holds(self) {
                return;
            }
            self.step();
        }
        for (number, host) in self.hosts.iter().enumerate() {
            for line in host.log.iter().rev().take(12).rev() {
                eprintln!("node {number}: {line}");
            }
        }
        panic!("never came: {what}");
    }
}
