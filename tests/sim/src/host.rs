//! One simulated host: an engine, its disk, and who is connected to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use slotkeeper_node::config::Config;
use slotkeeper_node::engine::{Boot, Engine};
use slotkeeper_node::io::{DiskEvent, LinkId, SessionId};
use slotkeeper_node::time::{Now, Stopwatch};
use slotkeeper_topology::Epoch;

use crate::disk::Disk;
use crate::net::{ConnId, End, NodeIx};
use crate::rng::Rng;

/// The port that every simulated node serves.
pub const PORT: u16 = 6379;

/// How far a clock is off at most, in microseconds.
pub const SKEW_US: i64 = 5_000_000;

/// Unix time at the start of every simulation, in microseconds.
const EPOCH_US: i64 = 1_700_000_000_000_000;

/// A client connection as the host sees it.
pub struct SessionConn {
    /// The connection, and our end of it.
    pub conn: (ConnId, End),
    /// Bytes that are not executed yet.
    pub input: Vec<u8>,
    /// Nothing is executed until a resume.
    pub parked: bool,
    /// Bytes sent and not yet arrived.
    pub unsent: usize,
    /// The reply that is sent once what came of the requests is carried out.
    pub reply: Vec<u8>,
}

/// What a connection is to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnKind {
    /// A client's session.
    Session(SessionId),
    /// A link of the engine.
    Link(LinkId),
}

/// A simulated host.
pub struct Host {
    /// Its place among the hosts.
    pub ix: NodeIx,
    /// Its address; a restart may change it.
    pub ip: IpAddr,
    /// The configuration that it starts with.
    pub config: Config,
    /// The running engine, if the process lives.
    pub engine: Option<Engine>,
    /// Counts starts, so that an event for an earlier process is not given to a later one.
    pub incarnation: u64,
    /// When its last process ended, in microseconds.
    pub ended_us: u64,
    /// Its disk.
    pub disk: Disk,
    /// Client connections.
    pub sessions: BTreeMap<SessionId, SessionConn>,
    /// Links with the connection that each conn_kinds.
    pub links: BTreeMap<LinkId, (ConnId, End)>,
    /// Links that wait for their connection.
    pub dialing: BTreeSet<LinkId>,
    /// What each connection is used for.
    pub conn_kinds: BTreeMap<(ConnId, End), ConnKind>,
    /// The timer that is already scheduled, in microseconds.
    pub timer_at: u64,
    /// The log, for the report of a failure.
    pub log: Vec<String>,
    /// The last epoch in which it voted, by its log.
    voted_in: u64,
    /// The last epoch that it was elected in, by its log.
    pub won: Option<Epoch>,
    /// The epoch in which it voted twice, or after a later one.
    pub voted_again: Option<u64>,
    /// The epoch in which it voted although its disk does not say so.
    pub unstored_vote: Option<u64>,
    /// The last word of a process that could not start.
    pub gave_up: Option<String>,
    /// The claim that was last held against the disk: epoch and how many slots.
    pub checked: Option<(Epoch, usize)>,
    /// How far its wall clock is off. The monotonic clock is never set.
    pub skew_us: i64,
}

impl Host {
    /// A host that was not started yet. Its clock is up to five seconds off.
    #[must_use]
    pub fn new(ix: NodeIx, config: Config, rng: &mut Rng) -> Host {
        let skew_us = rng.below(2 * SKEW_US.cast_unsigned()).cast_signed() - SKEW_US;
        Host {
            ix,
            ip: IpAddr::V4(Ipv4Addr::new(
                10,
                0,
                0,
                u8::try_from(ix + 1).unwrap_or(u8::MAX),
            )),
            config,
            engine: None,
            incarnation: 0,
            ended_us: 0,
            disk: Disk::default(),
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            dialing: BTreeSet::new(),
            conn_kinds: BTreeMap::new(),
            timer_at: u64::MAX,
            log: Vec::new(),
            voted_in: 0,
            won: None,
            voted_again: None,
            unstored_vote: None,
            gave_up: None,
            checked: None,
            skew_us,
        }
    }

    /// Starts the process from what the disk holds.
    ///
    /// # Errors
    /// What the engine refuses to start with.
    pub fn start(&mut self, now_us: u64, rng: &mut Rng) -> Result<(), String> {
        self.incarnation += 1;
        let now = self.now(now_us);
        let boot = Boot {
            nodes_conf: (self.disk.nodes_conf.as_ref())
                .map(|text| String::from_utf8_lossy(text).into_owned()),
            run_id: random_hex(rng),
            hash_key: [rng.draw(), rng.draw()],
            random_seed: rng.draw(),
            ..Boot::default()
        };
        let mut engine = Engine::start(self.config.clone(), boot, Box::new(NoStopwatch), now)?;
        if let Some(data) = self.disk.data() {
            engine.on_disk(DiskEvent::LoadBytes(&[]), now);
            for piece in data.chunks(16 * 1024) {
                engine.on_disk(DiskEvent::LoadBytes(piece), now);
            }
        }
        engine.on_disk(DiskEvent::LoadEnd, now);
        self.engine = Some(engine);
        self.timer_at = u64::MAX;
        Ok(())
    }

    /// Keeps in mind the epoch that it was elected in.
    pub fn note_election(&mut self, logged: &str) {
        let won = (logged.strip_prefix("configEpoch set to "))
            .and_then(|text| text.strip_suffix(" after successful failover"))
            .and_then(|epoch| epoch.parse().ok());
        self.won = won.map(Epoch).or(self.won);
    }

    /// Keeps count of its votes, over restarts too: one in an epoch.
    pub fn note_vote(&mut self, logged: &str) {
        let granted = logged.strip_prefix("Failover auth granted to ");
        let epoch = granted.and_then(|text| text.rsplit(' ').next()?.parse().ok());
        let Some(epoch) = epoch else { return };
        if self.disk.last_vote() < epoch {
            self.unstored_vote = Some(epoch);
        }
        if epoch <= self.voted_in {
            self.voted_again = Some(epoch);
        }
        self.voted_in = self.voted_in.max(epoch);
    }

    /// The process is gone; its disk stays.
    pub fn kill(&mut self, rng: &mut Rng) {
        self.engine = None;
        self.sessions.clear();
        self.links.clear();
        self.dialing.clear();
        self.conn_kinds.clear();
        self.disk.crash(rng);
    }

    /// A client has connected.
    pub fn add_session(&mut self, id: SessionId, conn: ConnId) {
        let conn = (conn, End::Listener);
        let session = SessionConn {
            conn,
            input: Vec::new(),
            parked: false,
            unsent: 0,
            reply: Vec::new(),
        };
        self.sessions.insert(id, session);
        self.conn_kinds.insert(conn, ConnKind::Session(id));
    }

    /// A link has its connection, of which this host has that end.
    pub fn add_link(&mut self, link: LinkId, conn: ConnId, end: End) {
        self.links.insert(link, (conn, end));
        self.conn_kinds.insert((conn, end), ConnKind::Link(link));
    }

    /// The time as this host's clocks have it.
    #[must_use]
    pub fn now(&self, now_us: u64) -> Now {
        Now {
            unix_us: EPOCH_US + self.skew_us + now_us.cast_signed(),
            mono_us: now_us,
        }
    }

    /// Where it serves clients.
    #[must_use]
    pub fn data_address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, PORT)
    }
}

/// Statistics are not simulated.
struct NoStopwatch;

impl Stopwatch for NoStopwatch {
    fn nanos(&self) -> u64 {
        0
    }
}

fn random_hex(rng: &mut Rng) -> [u8; 40] {
    let mut hex = [0; 40];
    hex.fill_with(|| b"0123456789abcdef"[rng.index(16)]);
    hex
}
