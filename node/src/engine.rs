//! The engine: wires commands, cluster, replication and persistence into one machine.
//!
//! It takes bytes, events and the time, and gives back bytes and [`Output`]s. The same engine runs
//! in the shell and in the simulator; everything it does follows from its seed and its inputs.

mod follow;
mod shutdown;
mod snapshot;
mod sync;
mod withhold;

use std::collections::VecDeque;

use crate::config::Config;
use crate::data::{Layout, Partition};
use crate::io::{
    DiskEvent, Health, Level, LinkEvent, LinkId, LinkOp, Output, Peer, Progress, SessionId,
};
use crate::random::Random;
use crate::resp::Reply;
use crate::session::Session;
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

/// A node without its sockets, files and clock.
pub struct Engine {
    config: Config,
    boot: Boot,
    started: Now,
    stopwatch: Box<dyn Stopwatch>,
    random: Random,
    data: Partition,
    outputs: VecDeque<Output>,
    next_session: u64,
    replication: sync::Replication,
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
        let layout = if config.cluster_enabled {
            Layout::Cluster
        } else {
            Layout::Databases(config.databases)
        };
        let data = Partition::new(layout, boot.hash_key);
        let mut random = Random::new(boot.random_seed);
        let replication = sync::Replication::new(&config, &mut random, now);
        Ok(Engine {
            config,
            boot,
            started: now,
            stopwatch,
            random,
            data,
            outputs: VecDeque::new(),
            next_session: 1,
            replication,
        })
    }

    /// Admits a client connection.
    ///
    /// # Errors
    /// The refusal to send before it is closed (maxclients, protected mode).
    pub fn open(&mut self, peer: Peer, _now: Now) -> Result<Session, Vec<u8>> {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        Ok(Session::new(id, peer, self.config.requirepass.is_none()))
    }

    /// A client connection has ended.
    pub fn close(&mut self, session: Session, now: Now) {
        self.replica_closed(session.id, now);
    }

    /// Executes what has arrived, up to 16 requests, and appends the replies. Also called, with
    /// whatever input there is, once `Resume` has named a parked session.
    pub fn on_bytes(
        &mut self,
        session: &mut Session,
        input: &[u8],
        now: Now,
        reply: &mut Reply,
    ) -> Progress {
        let _ = (session, input, now, reply);
        Progress {
            consumed: 0,
            state: crate::io::SessionState::NeedInput,
        }
    }

    /// How many bytes of a session's replies and pushes have not left yet; called when that has
    /// changed, for sessions that get pushes or have a backlog.
    pub fn on_sent(&mut self, session: SessionId, unsent: usize, now: Now) {
        self.replica_sent(session, unsent, now);
    }

    /// A node has connected to the bus port. Its bytes come by `on_link`, without `Opened`.
    pub fn accept_bus(&mut self, peer: Peer, now: Now) -> LinkId {
        let _ = (peer, now);
        LinkId(0)
    }

    /// Something happened on a link.
    pub fn on_link(&mut self, link: LinkId, event: LinkEvent<'_>, now: Now) {
        match link.0 >> 60 {
            2 => self.on_upstream_link(link, event, now),
            3 => self.on_enquiry_link(link, event, now),
            _ => {}
        }
    }

    /// Something happened to a file.
    pub fn on_disk(&mut self, event: DiskEvent<'_>, now: Now) {
        match event {
            DiskEvent::LoadBytes(_) | DiskEvent::LoadEnd | DiskEvent::LoadFailed(_) => {
                self.on_load(event, now);
            }
            DiskEvent::SnapshotWritten(_)
            | DiskEvent::SnapshotSaved
            | DiskEvent::SnapshotFailed(_) => self.on_snapshot(event, now),
            DiskEvent::ConfigRewritten { .. } => {}
        }
    }

    /// The time of `next_timer` has come (or later).
    pub fn on_timer(&mut self, now: Now) {
        self.replication_cron(now);
        self.snapshot_cron(now);
        self.withhold_cron(now);
        self.shutdown_cron(now);
    }

    /// When `on_timer` wants to be called, in milliseconds of the monotonic scale.
    #[must_use]
    pub fn next_timer(&self) -> u64 {
        self.started.mono_ms()
    }

    /// The end of a turn: feeds the replicas, steps the walk. True when there is more to do at
    /// once: call again soon, with other work in between.
    pub fn on_turn(&mut self, now: Now) -> bool {
        self.feed_replicas(now);
        self.step_walk(now)
    }

    /// The process was asked to end (SIGTERM, SIGINT).
    pub fn on_terminate(&mut self, now: Now) {
        self.terminate(now);
    }

    /// The next thing to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What the probes answer.
    #[must_use]
    pub fn health(&self, now: Now) -> Health {
        let _ = now;
        Health {
            ready: Err("starting".to_owned()),
            busy: true,
        }
    }

    /// What `/metrics` answers: Prometheus text.
    #[must_use]
    pub fn metrics(&self, now: Now) -> String {
        let _ = now;
        String::new()
    }

    fn out(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn link(&mut self, link: LinkId, op: LinkOp) {
        self.out(Output::Link(link, op));
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.out(Output::Log(level, text.into()));
    }

    /// Gives a session that is `Waiting` its reply and lets it go on.
    fn resume_with(&mut self, session: SessionId, reply: Vec<u8>) {
        let _ = (session, reply);
    }

    /// Executes commands of our master's stream; returns how many bytes were whole commands.
    ///
    /// # Errors
    /// When the stream cannot be followed (a protocol error, an unknown command): the text says
    /// why, and the link must not be used any longer.
    fn apply_stream(&mut self, input: &[u8], now: Now) -> Result<usize, String> {
        let _ = (input, now);
        Ok(0)
    }
}
