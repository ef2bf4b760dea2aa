//! The engine: wires commands, cluster, replication and persistence into one machine.
//!
//! It takes bytes, events and the time, and gives back bytes and [`Output`]s. The same engine runs
//! in the shell and in the simulator; everything it does follows from its seed and its inputs.

mod accounting;
mod actions;
mod admit;
mod ahead;
mod apply;
mod auth;
mod blocking;
mod bus;
mod check_rdb;
mod commit;
mod configure;
mod debug;
mod divergence;
mod dropping;
mod dump;
mod eviction;
mod follow;
mod health;
mod info;
mod invariants;
mod latency;
mod meanwhile;
mod memory;
mod metrics;
mod migrate;
mod parking;
mod reload;
mod requests;
mod restore;
mod route;
mod sessions;
mod shutdown;
mod sleep;
mod slot_stats;
mod slowlog;
mod snapshot;
mod stats;
mod sync;
mod timers;
mod transaction;
mod waits;
mod withhold;

use std::collections::VecDeque;

pub use self::check_rdb::RdbCheck;
pub use self::meanwhile::{Heartbeat, Meanwhile, NoHeartbeat};

use slotkeeper_topology::Slot;

use crate::cluster::Cluster;
use crate::command::COMMAND_COUNT;
use crate::config::Config;
use crate::data::{Layout, Partition};
use crate::io::{DiskEvent, Level, LinkId, LinkOp, Origin, Output, SessionId, StopSignal, Unsent};
use crate::random::Random;
use crate::resp::Batch;
use crate::session::SessionRole;
use crate::time::{Now, Stopwatch};

/// What the shell knows at the start beside the configuration.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The text of nodes.conf; none when there is no such file.
    pub nodes_conf: Option<String>,
    /// The configuration file, which CONFIG REWRITE replaces.
    pub config_file: Option<String>,
    /// Its text.
    pub config_text: Option<String>,
    /// Identifies this process: 40 hexadecimal digits, new at each start.
    pub run_id: [u8; 40],
    /// The secret of the keyspace's hash.
    pub hash_key: [u64; 2],
    /// The seed of everything random.
    pub random_seed: u64,
    /// The process.
    pub pid: u32,
    /// The executable, for INFO.
    pub executable: String,
    /// The operating system, for INFO: `Linux 6.1.0 x86_64`.
    pub os: String,
}

impl Default for Boot {
    /// A first start, with nothing random: for benches, and as a base to fill in.
    fn default() -> Boot {
        Boot {
            nodes_conf: None,
            config_file: None,
            config_text: None,
            run_id: [b'0'; 40],
            hash_key: [0; 2],
            random_seed: 0,
            pid: 0,
            executable: String::new(),
            os: String::new(),
        }
    }
}

/// A node without its sockets, files and clock.
pub struct Engine {
    config: Config,
    boot: Boot,
    started: Now,
    stopwatch: Box<dyn Stopwatch>,
    random: Random,
    data: Partition,
    /// None outside cluster mode.
    cluster: Option<Box<Cluster>>,
    /// The node follows a master. Kept here since every request asks for it.
    is_replica: bool,
    replication: sync::Replication,
    sessions: sessions::Sessions,
    parking: parking::Parking,
    blocking: blocking::Blocking,
    /// CONFIG SETs that wait for the machine.
    wanted: std::collections::BTreeMap<SessionId, configure::Wanted>,
    pause: parking::Pause,
    commit: commit::Commit,
    timers: timers::Timers,
    sleep: sleep::Sleep,
    stats: stats::Stats,
    slot_stats: slot_stats::SlotStats,
    memory: memory::Memory,
    divergence: divergence::Divergence,
    eviction: eviction::Eviction,
    slowlog: slowlog::SlowLog,
    latency: latency::Latency,
    command_ids: admit::CommandIds,
    /// Clients that wait for values that are being encoded.
    dumps: Vec<dump::Dump>,
    /// The value of a DUMP within an EXEC, until the EXEC takes it up.
    dumped: Option<dump::Encoding>,
    /// MIGRATEs under way, and the connections that they have or had.
    migrations: migrate::Migrations,
    /// RESTOREs that are being decoded, or wait to be executed.
    restoring: std::collections::BTreeMap<restore::Wanted, restore::Restoring>,
    /// DEBUG RELOAD.
    reload: Option<reload::Reload>,
    /// DEBUG SET-ACTIVE-EXPIRE.
    active_expiry: bool,
    /// The memory of the decoder, between two calls.
    batch: Batch,
    /// The name of the command that the current call executed last.
    last_command: Option<&'static str>,
    /// When the last command ended, on the stopwatch: the next one begins then.
    stamp: u64,
    /// Commands that take so many nanoseconds are looked at by the slow log or LATENCY.
    slow_from_ns: u64,
    outputs: VecDeque<Output>,
    invariants: invariants::Invariants,
}

/// What became of an action that a command asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acted {
    /// The reply is written (or none is due).
    Replied,
    /// Nothing is written: the session is parked until `resume_with` brings the reply.
    Waiting,
    /// What is written is sent, then the session is closed.
    Close,
}

impl Engine {
    /// A node at its start. The shell then feeds the data file: `on_disk(LoadBytes)` for each
    /// piece and `on_disk(LoadEnd)`, also when there is none. Clients may connect meanwhile.
    ///
    /// # Errors
    /// When nodes.conf or the configuration cannot be used; the text says why.
    pub fn start(
        config: Config,
        boot: Boot,
        stopwatch: Box<dyn Stopwatch>,
        now: Now,
    ) -> Result<Engine, String> {
        let mut random = Random::new(boot.random_seed);
        let layout = if config.cluster_enabled {
            Layout::Cluster
        } else {
            Layout::Databases(config.databases)
        };
        let cluster = if config.cluster_enabled {
            let chance = random.fork();
            let nodes_conf = boot.nodes_conf.as_deref();
            Some(Box::new(Cluster::new(&config, nodes_conf, chance, now)?))
        } else {
            None
        };
        let replication = sync::Replication::new(&config, &mut random, now);
        let mut engine = Engine {
            data: Partition::new(layout, boot.hash_key),
            config,
            boot,
            started: now,
            stopwatch,
            random,
            is_replica: cluster.as_ref().is_some_and(|cluster| !cluster.is_master()),
            cluster,
            replication,
            sessions: sessions::Sessions::new(),
            parking: parking::Parking::default(),
            blocking: blocking::Blocking::default(),
            wanted: Default::default(),
            pause: parking::Pause::default(),
            commit: commit::Commit::default(),
            timers: timers::Timers::new(now),
            sleep: sleep::Sleep::default(),
            stats: stats::Stats::new(COMMAND_COUNT),
            slot_stats: slot_stats::SlotStats::default(),
            memory: memory::Memory::default(),
            divergence: divergence::Divergence::default(),
            eviction: eviction::Eviction::default(),
            slowlog: slowlog::SlowLog::default(),
            latency: latency::Latency::default(),
            command_ids: admit::CommandIds::new(),
            dumps: Vec::new(),
            dumped: None,
            migrations: migrate::Migrations::default(),
            restoring: Default::default(),
            reload: None,
            active_expiry: true,
            batch: Batch::new(),
            last_command: None,
            stamp: 0,
            slow_from_ns: 0,
            outputs: VecDeque::new(),
            invariants: invariants::Invariants::default(),
        };
        engine.measure();
        engine.keep_silent();
        engine.cluster_events(now);
        engine.memory.empty = engine.data.empty_bytes();
        engine.memory.startup = engine.memory().total();
        Ok(engine)
    }

    /// Whether this node follows a master.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.is_replica
    }

    /// The cluster as this node sees it; none with `cluster-enabled no`. For those who watch a run
    /// from outside, such as the simulator's invariants.
    #[must_use]
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_deref()
    }

    /// How many keys a slot holds. For those who watch a run from outside.
    #[must_use]
    pub fn keys_in_slot(&self, slot: Slot) -> usize {
        self.data.slot_len(slot)
    }

    /// Whether the data set is whole: loaded, and of a replica received in full. For those who watch
    /// a run from outside.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.is_loading() && self.master_link().is_none_or(|link| link.complete)
    }

    /// A client connection has ended.
    pub fn close(&mut self, session: SessionId, now: Now) {
        if self.sessions.get(session).is_none() {
            return;
        }
        self.unwatch_all(session);
        self.end_block(session);
        self.drop_restoring(session);
        self.parking.forget(session);
        self.replica_closed(session, now);
        self.sessions.close(session);
    }

    /// Whether a session serves a replica of ours: what it is sent acknowledges nothing.
    #[must_use]
    pub fn serves_replica(&self, session: SessionId) -> bool {
        let session = self.sessions.get(session);
        session.is_some_and(|session| session.role == SessionRole::Replica)
    }

    /// What of a session's replies and pushes has not left yet; called when that has changed, for
    /// sessions that get pushes or have a backlog.
    pub fn on_sent(&mut self, session: SessionId, unsent: Unsent, now: Now) {
        let limit = self.config.client_output_buffer_limit.normal;
        if let Some(known) = self.sessions.sent(session, unsent)
            && known.is_beyond(limit, now.mono_ms())
        {
            self.drop_slow_client(session);
        }
        self.replica_sent(session, unsent, now);
    }

    /// How much of a session's input is kept until it is executed, and how much memory holds it, in
    /// bytes; called when that memory has changed.
    pub fn on_received(&mut self, session: SessionId, unread: usize, allocated: usize) {
        self.sessions.received(session, unread, allocated);
    }

    /// How much waits to be sent on a link, and how much memory holds it, in bytes; called when
    /// that has changed.
    pub fn on_link_sent(&mut self, link: LinkId, unsent: usize, allocated: usize) {
        if let LinkId::Migrate(_) = link {
            self.migrations.sent(link, unsent);
        } else if let Some(cluster) = &mut self.cluster {
            cluster.on_link_sent(link, unsent, allocated);
        }
    }

    /// Something happened to a file.
    pub fn on_disk(&mut self, event: DiskEvent<'_>, now: Now) {
        self.look_at_clock(now);
        match event {
            DiskEvent::LoadBytes(_) | DiskEvent::LoadFailed(_) => self.on_load(event, now),
            DiskEvent::LoadEnd => {
                self.on_load(event, now);
                self.loaded(now);
            }
            DiskEvent::SnapshotWritten(_)
            | DiskEvent::SnapshotSaved
            | DiskEvent::SnapshotFailed(_) => self.on_snapshot(event, now),
            DiskEvent::PayloadWritten(_)
            | DiskEvent::PayloadRead { .. }
            | DiskEvent::PayloadFailed(_) => self.on_payload_file(event, now),
            DiskEvent::NodesConfSaved => self.nodes_conf_stored(Ok(()), now),
            DiskEvent::NodesConfFailed(reason) => self.nodes_conf_stored(Err(reason), now),
            DiskEvent::ConfigRewritten { session, result } => {
                self.config_rewritten(session, result);
            }
        }
    }

    /// The data file is loaded: its keys must be in slots that this node serves.
    fn loaded(&mut self, now: Now) {
        if self.cluster.is_some() {
            let with_keys = slotkeeper_topology::Slot::all()
                .filter(|&slot| self.data.slot_len(slot) > 0)
                .collect();
            self.with_cluster(now, |cluster, facts| {
                cluster.adopt_loaded_slots(&with_keys, facts, now);
            });
        }
    }

    /// The process was asked to end.
    pub fn on_signal(&mut self, signal: StopSignal, now: Now) {
        self.look_at_clock(now);
        self.signalled(signal, now);
    }

    /// The next thing to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// CONFIG SET has changed something: those that keep copies take it up.
    fn config_changed(&mut self, now: Now) {
        self.measure();
        if self.replication.stream.is_kept() {
            (self.replication.stream).keep(self.config.repl_backlog_size);
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.config_changed(&self.config, now);
            self.cluster_events(now);
        }
    }

    /// Takes up what is to be measured.
    fn measure(&mut self) {
        self.slow_from_ns = self.config.slow_from_ns();
        let slots = self.config.cluster_enabled && self.config.cluster_slot_stats_enabled;
        self.slot_stats.set_enabled(slots);
        self.data.set_frequency(self.config.frequency());
    }

    fn out(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn link(&mut self, link: LinkId, op: LinkOp) {
        self.out(Output::Link(link, op));
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.log_of(Origin::Node, level, text);
    }

    /// A line that others can bring about.
    fn log_of(&mut self, origin: Origin, level: Level, text: impl Into<String>) {
        self.out(Output::Log(origin, level, text.into()));
    }
}

#[cfg(test)]
mod tests;
