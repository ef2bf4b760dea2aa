//! A simulation: hosts, clients and the network under virtual time. Nothing in it waits, and every
//! run of a seed is the same run.

mod busy;
mod clients;
mod hosting;
mod sleeping;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use slotkeeper_node::config::Config;
use slotkeeper_node::io::{LinkEvent, LinkId, StopSignal};
use slotkeeper_topology::{Slot, key_slot};

use crate::disk::Disk;
use crate::host::{ConnKind, Host};
use crate::invariants::Dispute;
use crate::net::{ConnId, End, Endpoint, Net, NodeIx, Segment};
use crate::rng::Rng;
use crate::writer::Writer;
pub use clients::ClientConn;
pub use sleeping::WakeOrder;

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
    Disk(NodeIx, u64),
    Writer(usize),
    /// A client connects to a node that is busy.
    Connect(NodeIx, ConnId, SocketAddr),
    /// What was scheduled to go wrong.
    Fault(ScheduledFault, Vec<NodeIx>),
}

/// Something that goes wrong with some nodes.
pub type ScheduledFault = fn(&mut Simulation, &[NodeIx]);

/// The hosts and their clients, the network, and what is to happen.
pub struct Simulation {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The network.
    pub net: Net,
    /// The random numbers of the simulation itself.
    pub rng: Rng,
    /// Virtual time in microseconds.
    pub now_us: u64,
    /// Events so far.
    pub events: u64,
    /// Clients that write throughout; one that is at it is taken out meanwhile.
    pub writers: Vec<Option<Writer>>,
    /// Owners that an old master does not know yet, and that its claim has the epoch of.
    pub(crate) disputes: Vec<Dispute>,
    clients: BTreeMap<usize, ClientConn>,
    next_client: usize,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    pending: BTreeMap<usize, Event>,
    /// Hosts whose process is stopped, with what waits for it.
    asleep: BTreeMap<NodeIx, Vec<Event>>,
    /// The host whose node carries out a command that takes long; it counts as asleep, too.
    busy: Option<NodeIx>,
    next_event: u64,
    moves: usize,
}

impl Simulation {
    /// A simulation of stopped hosts, each with the configuration given.
    #[must_use]
    pub fn new(seed: u64, configs: Vec<Config>) -> Simulation {
        let mut rng = Rng::new(seed);
        let net = Net::new(rng.fork());
        let mut skews = rng.fork();
        let hosts = (configs.into_iter().enumerate())
            .map(|(ix, config)| Host::new(ix, config, &mut skews))
            .collect();
        Simulation {
            hosts,
            net,
            rng,
            now_us: 0,
            events: 0,
            writers: Vec::new(),
            disputes: Vec::new(),
            clients: BTreeMap::new(),
            next_client: 0,
            queue: BinaryHeap::new(),
            pending: BTreeMap::new(),
            asleep: BTreeMap::new(),
            busy: None,
            next_event: 0,
            moves: 0,
        }
    }

    /// Starts a host's process.
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

    /// Ends a host's process at once, as SIGKILL does: its connections close.
    pub fn kill(&mut self, ix: NodeIx) {
        for (conn, end) in self.net.of(Endpoint::Node(ix)) {
            self.send(conn, end.other(), Segment::Close);
        }
        self.asleep.remove(&ix);
        self.busy = self.busy.filter(|busy| *busy != ix);
        self.hosts[ix].kill(&mut self.rng);
        self.hosts[ix].ended_us = self.now_us;
    }

    /// Asks a host's process to end, as SIGTERM does.
    pub fn terminate(&mut self, ix: NodeIx) {
        let now = self.hosts[ix].now(self.now_us);
        if let Some(engine) = &mut self.hosts[ix].engine {
            engine.on_signal(StopSignal::Terminate, now);
            self.after(ix);
        }
    }

    /// Gives a stopped host an empty disk and a new address, as a replaced pod has.
    pub fn move_host(&mut self, ix: NodeIx) {
        self.hosts[ix].disk = Disk::default();
        self.moves += 1;
        let moved = u8::try_from(100 + self.moves % 150).unwrap_or(u8::MAX);
        self.hosts[ix].ip = [10, 0, 0, moved].into();
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_up(&self, ix: NodeIx) -> bool {
        self.hosts[ix].engine.is_some() || self.busy == Some(ix)
    }

    /// Separates some hosts from the rest.
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
        let conns = self.net.of(Endpoint::Node(ix));
        if conns.is_empty() {
            return;
        }
        let (conn, end) = conns[nth % conns.len()];
        self.break_conn(conn, end);
    }

    /// Breaks a connection: that end learns of it at once.
    pub fn break_conn(&mut self, conn: ConnId, end: End) {
        self.send(conn, end.other(), Segment::Close);
        self.close_at(conn, end, "connection reset");
    }

    /// Breaks a connection so that an end hears only the first bytes of what is on its way to it, and the
    /// other end nothing any more.
    pub fn tear(&mut self, conn: ConnId, to: End, keep: usize) {
        self.net.truncate(conn, to, keep, self.now_us);
        self.schedule(self.now_us, Event::Arrive(conn, to));
        self.break_conn(conn, to.other());
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

    /// The host with that address.
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
        // A node that was busy may have taken longer.
        self.now_us = self.now_us.max(end);
    }

    /// Lets something go wrong with some nodes after so many microseconds.
    pub fn schedule_fault(&mut self, after_us: u64, fault: ScheduledFault, nodes: Vec<NodeIx>) {
        self.schedule(self.now_us + after_us, Event::Fault(fault, nodes));
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

    fn send(&mut self, conn: ConnId, to: End, segment: Segment) {
        if let Some(at) = self.net.send(conn, to, segment, self.now_us) {
            self.schedule(at, Event::Arrive(conn, to));
        }
    }

    fn run(&mut self, event: Event) {
        let Some(event) = self.unless_asleep(event) else {
            return;
        };
        match event {
            Event::Arrive(conn, end) => {
                while let Some(segment) = self.net.receive(conn, end, self.now_us) {
                    self.arrive(conn, end, segment);
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
            Event::Connect(ix, conn, remote) => {
                self.accept_session(ix, conn, remote);
            }
            Event::Fault(fault, nodes) => fault(self, &nodes),
            Event::Disk(ix, incarnation) => {
                let now = self.hosts[ix].now(self.now_us);
                let host = &mut self.hosts[ix];
                if host.incarnation == incarnation
                    && let Some(engine) = &mut host.engine
                {
                    host.disk.carry_out(|event| engine.on_disk(event, now));
                    self.after(ix);
                }
            }
        }
    }

    fn arrive(&mut self, conn: ConnId, end: End, segment: Segment) {
        let Some(endpoint) = self.net.conn(conn).map(|c| c.endpoint(end)) else {
            return;
        };
        if let Segment::Bytes(bytes) = &segment {
            self.note_arrival(conn, end.other(), bytes.len());
        }
        match (endpoint, segment) {
            (Endpoint::Client(_, client), Segment::Bytes(bytes)) => {
                if let Some(client) = self.clients.get_mut(&client) {
                    client.inbox.extend_from_slice(&bytes);
                }
            }
            (Endpoint::Client(_, client), Segment::Close) => {
                self.net.drop_conn(conn);
                if let Some(client) = self.clients.get_mut(&client) {
                    client.closed = true;
                }
            }
            (Endpoint::Node(ix), Segment::Bytes(bytes)) => {
                match self.hosts[ix].conn_kinds.get(&(conn, end)) {
                    Some(&ConnKind::Link(link)) => self.on_link(ix, link, LinkEvent::Bytes(&bytes)),
                    Some(&ConnKind::Session(session)) => self.on_input(ix, session, &bytes),
                    None => {}
                }
            }
            (Endpoint::Node(_), Segment::Close) => {
                self.close_at(conn, end, "Connection closed by peer");
                self.net.drop_conn(conn);
            }
        }
    }
}
