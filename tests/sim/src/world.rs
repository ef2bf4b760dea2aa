//! The world: hosts, clients and the network under virtual time. Nothing in it waits, and every
//! run of a seed is the same run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use slotkeeper_node::config::Config;
use slotkeeper_node::engine::Engine;
use slotkeeper_node::io::{LinkEvent, LinkId, LinkOp, Output, Peer, SessionId, SessionState};
use slotkeeper_node::resp::Reply;
use slotkeeper_topology::{Slot, key_slot};

use crate::host::{Disk, DiskAnswer, Host, Line, PORT, Use};
use crate::net::{ConnId, End, Holder, Net, NodeIx, Parcel};
use crate::rng::Rng;
use crate::writer::Writer;

/// How long the disk takes, in microseconds.
const DISK_US: u64 = 500;

#[derive(Debug)]
enum Event {
    Arrive(ConnId, End),
    Refused(NodeIx, u64, LinkId),
    Accept {
        dialer: NodeIx,
        incarnation: u64,
        link: LinkId,
        to: SocketAddr,
    },
    Timer(NodeIx, u64),
    Turn(NodeIx, u64),
    Disk(NodeIx, u64, DiskAnswer),
    Writer(usize),
}

/// A client's end of a connection: what arrived, and whether it is still open.
#[derive(Debug)]
pub struct ClientConn {
    /// The connection.
    pub conn: ConnId,
    /// The node on the other side.
    pub node: NodeIx,
    /// Replies that were not taken yet.
    pub inbox: Vec<u8>,
    /// The node closed it, or died.
    pub closed: bool,
}

/// Everything.
pub struct World {
    /// The machines.
    pub hosts: Vec<Host>,
    /// The network.
    pub net: Net,
    /// The world's own choices.
    pub rng: Rng,
    /// Virtual time in microseconds.
    pub now_us: u64,
    /// Events so far.
    pub events: u64,
    /// Clients that write throughout; one that is at it is taken out meanwhile.
    pub writers: Vec<Option<Writer>>,
    clients: BTreeMap<usize, ClientConn>,
    next_client: usize,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    pending: BTreeMap<usize, Event>,
    next_event: u64,
    moves: usize,
}

impl World {
    /// A world of stopped machines, each with the configuration given.
    #[must_use]
    pub fn new(seed: u64, configs: Vec<Config>) -> World {
        let mut rng = Rng::new(seed);
        let net = Net::new(rng.fork());
        let mut skews = rng.fork();
        let hosts = (configs.into_iter().enumerate())
            .map(|(ix, config)| Host::new(ix, config, &mut skews))
            .collect();
        World {
            hosts,
            net,
            rng,
            now_us: 0,
            events: 0,
            writers: Vec::new(),
            clients: BTreeMap::new(),
            next_client: 0,
            queue: BinaryHeap::new(),
            pending: BTreeMap::new(),
            next_event: 0,
            moves: 0,
        }
    }

    /// Starts a machine's process.
    ///
    /// # Panics
    /// When the engine refuses what its own predecessor wrote: that is a finding.
    pub fn start(&mut self, ix: NodeIx) {
        let host = &mut self.hosts[ix];
        if let Err(error) = host.start(self.now_us, &mut self.rng) {
            panic!("node {ix} does not start: {error}");
        }
        self.after(ix);
    }

    /// Ends a machine's process at once, as SIGKILL does: its connections close.
    pub fn kill(&mut self, ix: NodeIx) {
        for (conn, end) in self.net.of(Holder::Node(ix)) {
            self.send(conn, end.other(), Parcel::Close);
        }
        self.hosts[ix].kill();
        self.hosts[ix].ended_us = self.now_us;
    }

    /// Gives a stopped machine an empty disk and a new address, as a replaced pod has.
    pub fn move_host(&mut self, ix: NodeIx) {
        self.hosts[ix].disk = Disk::default();
        self.moves += 1;
        let moved = u8::try_from(100 + self.moves % 150).unwrap_or(u8::MAX);
        self.hosts[ix].ip = [10, 0, 0, moved].into();
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_up(&self, ix: NodeIx) -> bool {
        self.hosts[ix].engine.is_some()
    }

    /// Separates some machines from the rest.
    pub fn partition(&mut self, side: &[NodeIx]) {
        self.net.partition(side, self.hosts.len());
    }

    /// Joins the network again: what was held back arrives now.
    pub fn heal(&mut self) {
        for conn in self.net.heal() {
            self.schedule(self.now_us, Event::Arrive(conn, End::Dialer));
            self.schedule(self.now_us, Event::Arrive(conn, End::Listener));
        }
    }

    /// Breaks one connection between two nodes, as a reset does; the `nth` of those that exist.
    pub fn reset_conn(&mut self, ix: NodeIx, nth: usize) {
        let conns = self.net.of(Holder::Node(ix));
        if conns.is_empty() {
            return;
        }
        let (conn, end) = conns[nth % conns.len()];
        self.send(conn, end.other(), Parcel::Close);
        self.close_at(conn, end, "connection reset");
    }

    /// Runs the next event; false when nothing will ever happen again.
    pub fn step(&mut self) -> bool {
        let Some(Reverse((at, _, key))) = self.queue.pop() else {
            return false;
        };
        let event = self
            .pending
            .remove(&key)
            .expect("a queued event is pending until it runs");
        self.now_us = self.now_us.max(at);
        self.events += 1;
        self.run(event);
        true
    }

    /// When the next event is due, in microseconds.
    #[must_use]
    pub fn next_event_us(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Whether a node is a master with slots, by its own word.
    #[must_use]
    pub fn owns_slots(&self, ix: NodeIx) -> bool {
        let cluster = self.hosts[ix]
            .engine
            .as_ref()
            .and_then(|engine| engine.cluster());
        cluster.is_some_and(|cluster| cluster.is_master() && !cluster.my_slots().is_empty())
    }

    /// Whether a node owns a slot, by its own word.
    #[must_use]
    pub fn owns(&self, ix: NodeIx, slot: Slot) -> bool {
        let cluster = self.hosts[ix]
            .engine
            .as_ref()
            .and_then(|engine| engine.cluster());
        cluster.is_some_and(|cluster| cluster.is_master() && cluster.my_slots().contains(slot))
    }

    /// The machine with that address.
    #[must_use]
    pub fn host_at(&self, ip: &str) -> Option<NodeIx> {
        self.hosts.iter().position(|host| host.ip.to_string() == ip)
    }

    /// A key in a slot that the node owns by its own word; any key when it owns none.
    #[must_use]
    pub fn key_of(&self, ix: NodeIx) -> String {
        let cluster = self.hosts[ix]
            .engine
            .as_ref()
            .and_then(|engine| engine.cluster());
        let owns = |key: &str| {
            cluster.is_some_and(|cluster| cluster.my_slots().contains(key_slot(key.as_bytes())))
        };
        (0..1000)
            .map(|n| format!("key:{n}"))
            .find(|key| owns(key))
            .unwrap_or_default()
    }

    /// Runs for so many microseconds.
    pub fn run_for(&mut self, micros: u64) {
        let end = self.now_us + micros;
        while self
            .queue
            .peek()
            .is_some_and(|Reverse((at, _, _))| *at <= end)
        {
            self.step();
        }
        self.now_us = end;
    }

    /// Connects a client to a node; none when its process is down.
    pub fn connect(&mut self, node: NodeIx) -> Option<usize> {
        self.hosts[node].engine.as_ref()?;
        let client = self.next_client;
        self.next_client += 1;
        let conn = self.net.connect(Holder::Client(client), Holder::Node(node));
        let remote = SocketAddr::from(([10, 9, 9, 9], 1024));
        if !self.accept_session(node, conn, remote) {
            return None;
        }
        let state = ClientConn {
            conn,
            node,
            inbox: Vec::new(),
            closed: false,
        };
        self.clients.insert(client, state);
        Some(client)
    }

    /// A client's connection.
    #[must_use]
    pub fn client(&self, client: usize) -> Option<&ClientConn> {
        self.clients.get(&client)
    }

    /// Takes what has arrived for a client.
    pub fn take_inbox(&mut self, client: usize) -> Vec<u8> {
        self.clients
            .get_mut(&client)
            .map(|c| std::mem::take(&mut c.inbox))
            .unwrap_or_default()
    }

    /// Sends a client's bytes.
    pub fn client_send(&mut self, client: usize, bytes: &[u8]) {
        if let Some(conn) = self.clients.get(&client).map(|c| c.conn) {
            self.send(conn, End::Listener, Parcel::Bytes(bytes.to_vec()));
        }
    }

    /// Closes a client's connection.
    pub fn disconnect(&mut self, client: usize) {
        if let Some(state) = self.clients.remove(&client) {
            self.send(state.conn, End::Listener, Parcel::Close);
        }
    }

    /// A writer's next look at its connection.
    pub(crate) fn schedule_writer(&mut self, nth: usize) {
        let at = self.now_us + 2_000 + self.rng.below(20_000);
        self.schedule(at, Event::Writer(nth));
    }

    fn schedule(&mut self, at: u64, event: Event) {
        let key = self.next_event as usize;
        self.queue.push(Reverse((at, self.next_event, key)));
        self.pending.insert(key, event);
        self.next_event += 1;
    }

    fn send(&mut self, conn: ConnId, to: End, parcel: Parcel) {
        if let Some(at) = self.net.send(conn, to, parcel, self.now_us) {
            self.schedule(at, Event::Arrive(conn, to));
        }
    }

    fn run(&mut self, event: Event) {
        match event {
            Event::Arrive(conn, end) => {
                while let Some(parcel) = self.net.receive(conn, end, self.now_us) {
                    self.arrive(conn, end, parcel);
                }
            }
            Event::Accept {
                dialer,
                incarnation,
                link,
                to,
            } => {
                if self.hosts[dialer].incarnation == incarnation {
                    self.accept_link(dialer, link, to);
                }
            }
            Event::Refused(ix, incarnation, link) => {
                if self.hosts[ix].incarnation == incarnation {
                    self.on_link(
                        ix,
                        link,
                        LinkEvent::Closed {
                            reason: "Connection refused",
                        },
                    );
                }
            }
            Event::Timer(ix, incarnation) => {
                let now = self.hosts[ix].now(self.now_us);
                if self.hosts[ix].incarnation == incarnation
                    && let Some(engine) = &mut self.hosts[ix].engine
                {
                    engine.on_timer(now);
                    self.hosts[ix].timer_at = u64::MAX;
                    self.after(ix);
                }
            }
            Event::Turn(ix, incarnation) => {
                if self.hosts[ix].incarnation == incarnation {
                    self.after(ix);
                }
            }
            Event::Writer(nth) => {
                if let Some(mut writer) = self.writers[nth].take() {
                    writer.act(self);
                    self.writers[nth] = Some(writer);
                }
                self.schedule_writer(nth);
            }
            Event::Disk(ix, incarnation, answer) => {
                let now = self.hosts[ix].now(self.now_us);
                if self.hosts[ix].incarnation == incarnation
                    && let Some(engine) = &mut self.hosts[ix].engine
                {
                    engine.on_disk(answer.as_event(), now);
                    self.after(ix);
                }
            }
        }
    }

    fn arrive(&mut self, conn: ConnId, end: End, parcel: Parcel) {
        let Some(holder) = self.net.conn(conn).map(|c| c.holder(end)) else {
            return;
        };
        if let Parcel::Bytes(bytes) = &parcel {
            self.note_arrival(conn, end.other(), bytes.len());
        }
        match (holder, parcel) {
            (Holder::Client(client), Parcel::Bytes(bytes)) => {
                if let Some(client) = self.clients.get_mut(&client) {
                    client.inbox.extend_from_slice(&bytes);
                }
            }
            (Holder::Client(client), Parcel::Close) => {
                self.net.drop_conn(conn);
                if let Some(client) = self.clients.get_mut(&client) {
                    client.closed = true;
                }
            }
            (Holder::Node(ix), Parcel::Bytes(bytes)) => match self.hosts[ix].uses.get(&(conn, end))
            {
                Some(&Use::Link(link)) => self.on_link(ix, link, LinkEvent::Bytes(&bytes)),
                Some(&Use::Session(session)) => self.on_input(ix, session, &bytes),
                None => {}
            },
            (Holder::Node(_), Parcel::Close) => {
                self.close_at(conn, end, "Connection closed by peer");
                self.net.drop_conn(conn);
            }
        }
    }

    /// Tells the sender's engine that bytes of a session have left.
    fn note_arrival(&mut self, conn: ConnId, sender: End, bytes: usize) {
        let Some(Holder::Node(ix)) = self.net.conn(conn).map(|c| c.holder(sender)) else {
            return;
        };
        let Some(&Use::Session(id)) = self.hosts[ix].uses.get(&(conn, sender)) else {
            return;
        };
        let now = self.hosts[ix].now(self.now_us);
        let host = &mut self.hosts[ix];
        let (Some(line), Some(engine)) = (host.lines.get_mut(&id), &mut host.engine) else {
            return;
        };
        line.unsent = line.unsent.saturating_sub(bytes);
        engine.on_sent(id, line.unsent, now);
        let incarnation = host.incarnation;
        self.schedule(self.now_us, Event::Turn(ix, incarnation));
    }

    /// A node's end of a connection is gone.
    fn close_at(&mut self, conn: ConnId, end: End, reason: &str) {
        let Some(Holder::Node(ix)) = self.net.conn(conn).map(|c| c.holder(end)) else {
            return;
        };
        match self.hosts[ix].uses.remove(&(conn, end)) {
            Some(Use::Link(link)) => {
                self.hosts[ix].links.remove(&link);
                self.on_link(ix, link, LinkEvent::Closed { reason });
            }
            Some(Use::Session(session)) => self.end_session(ix, session),
            None => {}
        }
    }

    fn end_session(&mut self, ix: NodeIx, session: SessionId) {
        let now = self.hosts[ix].now(self.now_us);
        let host = &mut self.hosts[ix];
        if let (Some(line), Some(engine)) = (host.lines.remove(&session), &mut host.engine) {
            engine.close(line.session, now);
            self.after(ix);
        }
    }

    fn on_link(&mut self, ix: NodeIx, link: LinkId, event: LinkEvent<'_>) {
        let now = self.hosts[ix].now(self.now_us);
        if let Some(engine) = &mut self.hosts[ix].engine {
            engine.on_link(link, event, now);
            self.after(ix);
        }
    }

    fn on_input(&mut self, ix: NodeIx, session: SessionId, bytes: &[u8]) {
        if let Some(line) = self.hosts[ix].lines.get_mut(&session) {
            line.input.extend_from_slice(bytes);
            self.execute(ix, session);
            self.after(ix);
        }
    }

    /// Executes what a session has received, as far as it may.
    fn execute(&mut self, ix: NodeIx, id: SessionId) {
        let now = self.hosts[ix].now(self.now_us);
        let mut reply = Reply::new();
        let mut close = false;
        let host = &mut self.hosts[ix];
        let (Some(line), Some(engine)) = (host.lines.get_mut(&id), &mut host.engine) else {
            return;
        };
        while !line.parked && !close && !line.input.is_empty() {
            let progress = engine.on_bytes(&mut line.session, &line.input, now, &mut reply);
            line.input.drain(..progress.consumed);
            match progress.state {
                SessionState::NeedInput => break,
                SessionState::MoreToDo => {}
                SessionState::Parked => line.parked = true,
                SessionState::Close => close = true,
            }
        }
        self.outputs(ix);
        self.push(ix, id, reply.bytes());
        if close {
            self.close_session(ix, id);
        }
    }

    fn push(&mut self, ix: NodeIx, id: SessionId, bytes: &[u8]) {
        let Some(line) = self.hosts[ix].lines.get_mut(&id) else {
            return;
        };
        if !bytes.is_empty() {
            line.unsent += bytes.len();
            let (conn, end) = line.conn;
            self.send(conn, end.other(), Parcel::Bytes(bytes.to_vec()));
        }
    }

    fn close_session(&mut self, ix: NodeIx, id: SessionId) {
        if let Some((conn, end)) = self.hosts[ix].lines.get(&id).map(|line| line.conn) {
            self.send(conn, end.other(), Parcel::Close);
            self.hosts[ix].uses.remove(&(conn, end));
            self.end_session(ix, id);
        }
    }

    /// The end of a turn: replicas are fed, outputs carried out, the next timer set.
    fn after(&mut self, ix: NodeIx) {
        self.outputs(ix);
        let now = self.hosts[ix].now(self.now_us);
        let Some(engine) = &mut self.hosts[ix].engine else {
            return;
        };
        let more = engine.on_turn(now);
        self.outputs(ix);
        let host = &mut self.hosts[ix];
        let Some(engine) = &host.engine else { return };
        let incarnation = host.incarnation;
        let at = engine
            .next_timer()
            .saturating_mul(1000)
            .max(self.now_us + 1000);
        if at < host.timer_at {
            host.timer_at = at;
            self.schedule(at, Event::Timer(ix, incarnation));
        }
        if more {
            self.schedule(self.now_us + 50, Event::Turn(ix, incarnation));
        }
    }

    fn outputs(&mut self, ix: NodeIx) {
        while let Some(output) = self.hosts[ix].engine.as_mut().and_then(Engine::poll_output) {
            self.carry_out(ix, output);
        }
    }

    fn carry_out(&mut self, ix: NodeIx, output: Output) {
        let incarnation = self.hosts[ix].incarnation;
        match output {
            Output::Push(session, bytes) => self.push(ix, session, &bytes),
            Output::Resume(session) => {
                if let Some(line) = self.hosts[ix].lines.get_mut(&session) {
                    line.parked = false;
                    self.execute(ix, session);
                }
            }
            Output::Close { session, .. } => self.close_session(ix, session),
            Output::Link(link, op) => self.link_op(ix, link, op),
            Output::Disk(op) => {
                if let Some(answer) = self.hosts[ix].disk.perform(op) {
                    self.schedule(self.now_us + DISK_US, Event::Disk(ix, incarnation, answer));
                }
            }
            Output::Log(level, text) => {
                self.hosts[ix].note_vote(&text);
                let line = format!("{:>10.3} {ix} {level:?} {text}", self.now_us as f64 / 1e6);
                self.hosts[ix].log.push(line);
            }
            Output::Reconfigure(_) => {}
            Output::Exit(_) => self.kill(ix),
        }
    }

    fn link_op(&mut self, ix: NodeIx, link: LinkId, op: LinkOp) {
        let incarnation = self.hosts[ix].incarnation;
        match op {
            LinkOp::Open { to, .. } => {
                self.hosts[ix].dialing.insert(link);
                let at = self.now_us + self.net.delay_us();
                self.schedule(
                    at,
                    Event::Accept {
                        dialer: ix,
                        incarnation,
                        link,
                        to,
                    },
                );
            }
            LinkOp::Send(bytes) => {
                if let Some(&(conn, end)) = self.hosts[ix].links.get(&link) {
                    self.send(conn, end.other(), Parcel::Bytes(bytes.to_vec()));
                }
            }
            LinkOp::Close => {
                self.hosts[ix].dialing.remove(&link);
                if let Some((conn, end)) = self.hosts[ix].links.remove(&link) {
                    self.hosts[ix].uses.remove(&(conn, end));
                    self.send(conn, end.other(), Parcel::Close);
                }
            }
        }
    }

    /// A connection request reaches its target, is refused, or hangs in a partition.
    fn accept_link(&mut self, dialer: NodeIx, link: LinkId, to: SocketAddr) {
        if !self.hosts[dialer].dialing.remove(&link) {
            return;
        }
        let incarnation = self.hosts[dialer].incarnation;
        let target = self.hosts.iter().position(|host| host.ip == to.ip());
        let Some(target) = target.filter(|&t| self.net.reaches(dialer, t)) else {
            return;
        };
        if !self.is_up(target) {
            let at = self.now_us + self.net.delay_us();
            self.schedule(at, Event::Refused(dialer, incarnation, link));
            return;
        }
        let conn = self.net.connect(Holder::Node(dialer), Holder::Node(target));
        let local = SocketAddr::new(self.hosts[dialer].ip, 40_000);
        self.hosts[dialer].links.insert(link, (conn, End::Dialer));
        self.hosts[dialer]
            .uses
            .insert((conn, End::Dialer), Use::Link(link));
        if to.port() == PORT {
            self.accept_session(target, conn, local);
        } else {
            let peer = Peer {
                remote: local,
                local: to,
            };
            let now = self.hosts[target].now(self.now_us);
            let host = &mut self.hosts[target];
            let engine = host
                .engine
                .as_mut()
                .expect("the target is up, as checked above");
            let accepted = engine.accept_bus(peer, now);
            host.links.insert(accepted, (conn, End::Listener));
            host.uses.insert((conn, End::Listener), Use::Link(accepted));
        }
        self.on_link(dialer, link, LinkEvent::Opened { local });
    }

    fn accept_session(&mut self, ix: NodeIx, conn: ConnId, remote: SocketAddr) -> bool {
        let now = self.hosts[ix].now(self.now_us);
        let host = &mut self.hosts[ix];
        let peer = Peer {
            remote,
            local: host.data_address(),
        };
        let Some(engine) = &mut host.engine else {
            return false;
        };
        match engine.open(peer, now) {
            Ok(session) => {
                let id = session.id;
                let conn = (conn, End::Listener);
                let line = Line {
                    conn,
                    session,
                    input: Vec::new(),
                    parked: false,
                    unsent: 0,
                };
                host.lines.insert(id, line);
                host.uses.insert(conn, Use::Session(id));
                true
            }
            Err(refusal) => {
                self.send(conn, End::Dialer, Parcel::Bytes(refusal));
                self.send(conn, End::Dialer, Parcel::Close);
                false
            }
        }
    }
}
