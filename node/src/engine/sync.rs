//! The node as a master: its stream and its replicas.

mod field_times;
mod hold;
mod pace;
mod report;
mod spool;
mod walk;

use bytes::Bytes;

use self::hold::Holding;
use self::pace::Pace;
use self::spool::Spool;
pub(super) use self::walk::WalkTarget;
use super::follow::Following;
use super::shutdown::Shutdown;
use super::snapshot::Load;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::data::WalkId;
use crate::engine::{Acted, Engine};
use crate::io::{Level, LinkId, Origin, Output, SessionId, Unsent};
use crate::persistence::snapshot::Snapshots;
use crate::random::Random;
use crate::replication::ReplId;
use crate::replication::field_times::{ForeignDumps, TimesReader};
use crate::replication::master::{Replica, ReplicaState, Replicas};
use crate::replication::slow::Resting;
use crate::replication::stream::{Decision, Stream, decide};
use crate::replication::withhold::{Held, Withholding};
use crate::request::ReplicationRequest;
use crate::resp::Reply;
use crate::session::SessionRole;
use crate::time::Now;

/// The answer to PSYNC while there is no data set to give.
const LOADING: &str = "LOADING Redis is loading the dataset in memory";

/// All that replication and persistence remember between two calls.
pub(super) struct Replication {
    pub(super) stream: Stream,
    pub(super) replicas: Replicas,
    walks: Vec<(WalkId, WalkTarget)>,
    pace: Pace,
    spool: Option<Spool>,
    pub(super) holding: Holding,
    resting: Resting,
    pub(super) foreign_dumps: ForeignDumps,
    pub(super) following: Following,
    pub(super) snapshots: Snapshots,
    pub(super) load: Load,
    pub(super) withholding: Option<Withholding>,
    /// What the data file that was loaded says about its history.
    pub(super) held: Option<Held>,
    pub(super) shutdown: Option<Shutdown>,
    last_upstream: u64,
    enquiries: u64,
    ping_at: u64,
    newline_at: u64,
    /// The replicas are asked for their offsets at the end of the turn.
    acks_wanted: bool,
}

impl Replication {
    pub(super) fn new(_config: &Config, random: &mut Random, now: Now) -> Replication {
        Replication {
            stream: Stream::new(ReplId::from_bits(random.bytes())),
            replicas: Replicas::default(),
            walks: Vec::new(),
            pace: Pace::default(),
            spool: None,
            holding: Holding::default(),
            resting: Resting::default(),
            foreign_dumps: ForeignDumps::default(),
            following: Following::default(),
            snapshots: Snapshots::new(now),
            load: Load::default(),
            withholding: None,
            held: None,
            shutdown: None,
            last_upstream: 0,
            enquiries: 0,
            ping_at: 0,
            newline_at: 0,
            acks_wanted: false,
        }
    }

    /// Whether anyone reads the stream, or may: otherwise commit writes none.
    pub(super) fn stream_active(&self) -> bool {
        self.stream.is_kept()
    }

    /// Appends encoded commands that changed the database `db` to the stream, which selects it
    /// first when needed. Commit is the only caller.
    pub(super) fn append(&mut self, db: usize, commands: &[u8]) {
        self.stream.commands(db, commands);
    }

    /// A change was committed that has no reader: the offset tells that the data are not the same.
    pub(super) fn count_change(&mut self) {
        self.stream.count();
    }

    /// The offset at the end of the stream.
    pub(super) fn offset(&self) -> u64 {
        self.stream.offset()
    }

    /// How many replicas have confirmed the stream up to that offset, for WAIT.
    pub(super) fn acked(&self, offset: u64) -> usize {
        self.replicas.acked(offset)
    }

    /// How many replicas are online and were heard of within min-replicas-max-lag.
    pub(super) fn good_replicas(&self, config: &Config, now: Now) -> usize {
        self.replicas
            .good(config.min_replicas_max_lag, now.mono_ms())
    }

    /// Asks the replicas for their offsets now, not at their next second (WAIT).
    pub(super) fn request_acks(&mut self) {
        self.acks_wanted = true;
    }

    /// An id for a link to our master.
    pub(super) fn upstream_link(&mut self) -> LinkId {
        self.last_upstream += 1;
        LinkId::Master(self.last_upstream)
    }

    /// Reserves the numbers of `count` links for enquiries at other nodes; gives the first.
    pub(super) fn enquiry_links(&mut self, count: u64) -> u64 {
        let first = self.enquiries;
        self.enquiries += count;
        first
    }
}

impl Engine {
    /// REPLCONF, PSYNC, SYNC (WAIT is answered elsewhere).
    pub(super) fn on_replication_request(
        &mut self,
        request: &ReplicationRequest,
        id: SessionId,
        now: Now,
        reply: &mut Reply,
    ) -> Acted {
        match request {
            ReplicationRequest::ReplConf(args) => self.on_replconf(args, id, now, reply),
            ReplicationRequest::Psync { replid, offset } => {
                self.on_psync(Some((replid, *offset)), id, now, reply);
            }
            ReplicationRequest::Sync => self.on_psync(None, id, now, reply),
            ReplicationRequest::Wait { .. } => {}
        }
        Acted::Replied
    }

    fn on_replconf(&mut self, args: &[Vec<u8>], id: SessionId, now: Now, reply: &mut Reply) {
        if !args.len().is_multiple_of(2) {
            reply.error("ERR syntax error");
            return;
        }
        for pair in args.chunks_exact(2) {
            let option = pair[0].to_ascii_lowercase();
            match (&option[..], text(&pair[1])) {
                (b"getack", _) => {
                    self.replication.following.ack_wanted |=
                        self.sessions.at(id).role == SessionRole::Master;
                    return;
                }
                (b"ack", value) => {
                    self.on_ack(id, value, now);
                    return;
                }
                (_, value) => {
                    if let Err(text) = self.introduce(id, &option, value, now) {
                        reply.error(&text);
                        return;
                    }
                }
            }
        }
        reply.ok();
    }

    /// A replica says something about itself.
    fn introduce(
        &mut self,
        id: SessionId,
        option: &[u8],
        value: &str,
        now: Now,
    ) -> Result<(), String> {
        let replica = self.replica_record(id, now);
        let not_a_number = || "ERR value is not an integer or out of range".to_owned();
        match option {
            b"listening-port" => replica.port = value.parse().map_err(|_| not_a_number())?,
            b"ip-address" if value.len() > 64 => {
                return Err(format!(
                    "ERR REPLCONF ip-address provided by replica instance is too long: {} bytes",
                    value.len()
                ));
            }
            // It stands in INFO, where a line break would begin a field.
            b"ip-address" if value.chars().any(|c| c.is_control() || c.is_whitespace()) => {
                return Err(
                    "ERR REPLCONF ip-address provided by replica instance is malformed".into(),
                );
            }
            b"ip-address" => value.clone_into(&mut replica.ip),
            b"capa" => {
                replica.reads_mark |= value.eq_ignore_ascii_case("eof");
                replica.psync2 |= value.eq_ignore_ascii_case("psync2");
                replica.field_times = replica.field_times.or(TimesReader::of_capability(value));
            }
            b"rdb-only" => replica.payload_only = value != "0",
            b"version" => {
                replica.field_times = replica.field_times.or(TimesReader::of_version(value));
            }
            _ => {
                let option = option.escape_ascii();
                return Err(format!("ERR Unrecognized REPLCONF option: {option}"));
            }
        }
        Ok(())
    }

    fn replica_record(&mut self, id: SessionId, now: Now) -> &mut Replica {
        let remote = self.sessions.at(id).remote;
        let ip = remote.ip().to_canonical().to_string();
        self.replication.replicas.entry(id, &ip, now.mono_ms())
    }

    fn on_ack(&mut self, id: SessionId, value: &str, now: Now) {
        let Ok(offset) = value.parse() else {
            return;
        };
        self.replication.replicas.ack(id, offset, now.mono_ms());
        let awaited = self.replication.replicas.of_mut(id);
        if let Some(replica) = awaited.filter(|replica| replica.state == ReplicaState::AwaitsAck) {
            let held = replica.release();
            let name = replica.name();
            self.replication.resting.forgive(&name);
            self.log_of(
                Origin::Replicas,
                Level::Notice,
                format!("Synchronization with replica {id} succeeded"),
            );
            for part in held {
                self.push_to_replica(id, part);
            }
        }
    }

    /// PSYNC with the id and the first byte wanted, or SYNC.
    fn on_psync(
        &mut self,
        wanted: Option<(&Vec<u8>, i64)>,
        id: SessionId,
        now: Now,
        reply: &mut Reply,
    ) {
        if self.sessions.at(id).role == SessionRole::Replica {
            return;
        }
        let shutdown = self.replication.shutdown.is_some();
        if self.is_loading() || self.is_withholding() || shutdown {
            reply.error(LOADING);
            return;
        }
        if self.is_replica && self.master_link().is_none_or(|link| !link.up) {
            reply.error("NOMASTERLINK Can't SYNC while not connected with my master");
            return;
        }
        if let Some(refused) = self.refuses_field_times(id, now) {
            reply.error(&refused);
            return;
        }
        // What this turn has added goes to those that are online, not to the one who comes now.
        self.feed_replicas(now);
        let decision = match wanted {
            Some((_, from)) if !self.may_continue(id, from, now) => Decision::Full,
            Some((wanted, from)) => decide(&self.replication.stream, wanted, from),
            None => Decision::Full,
        };
        let name = self.replica_name(id, now);
        self.log_of(
            Origin::Replicas,
            Level::Notice,
            format!("Replica {name} asks for synchronization"),
        );
        match decision {
            Decision::Continue(part) => {
                self.stats.sync_partial_ok += 1;
                self.continue_replica(&part, id, now, reply);
            }
            Decision::Full => {
                self.stats.sync_full += 1;
                let asked = wanted.is_some_and(|(history, _)| history != b"?");
                self.stats.sync_partial_err += u64::from(asked);
                self.queue_full_sync(wanted.is_none(), id, now);
            }
        }
    }

    fn replica_name(&mut self, id: SessionId, now: Now) -> String {
        self.replica_record(id, now).name()
    }

    fn continue_replica(&mut self, part: &Bytes, id: SessionId, now: Now, reply: &mut Reply) {
        self.sessions.becomes_replica(id);
        let acked = self.replication.stream.offset() - part.len() as u64;
        let replica = self.replica_record(id, now);
        replica.state = ReplicaState::Online;
        replica.acked = acked;
        replica.heard_at = now.mono_ms();
        replica.unsent += part.len();
        let psync2 = replica.psync2;
        let name = self.replica_name(id, now);
        let history = self.replication.stream.id();
        if psync2 {
            reply.simple(&format!("CONTINUE {history}"));
        } else {
            reply.simple("CONTINUE");
        }
        reply.raw(part);
        let text = format!("Partial resynchronization request from {name} accepted. Sending");
        let len = part.len();
        self.log_of(
            Origin::Replicas,
            Level::Notice,
            format!("{text} {len} bytes of backlog from {}.", acked + 1),
        );
    }

    fn queue_full_sync(&mut self, plain: bool, id: SessionId, now: Now) {
        let name = self.replica_name(id, now);
        let rests_until = self.replication.resting.until(&name);
        let replica = self.replica_record(id, now);
        replica.state = ReplicaState::WaitsForWalk;
        replica.waits_since = now.mono_ms();
        replica.rests_until = rests_until;
        replica.plain_sync = plain;
        self.sessions.becomes_replica(id);
        self.log_of(
            Origin::Replicas,
            Level::Notice,
            format!("Full resync requested by replica {name}"),
        );
    }

    /// A session has ended; perhaps it was a replica.
    pub(super) fn replica_closed(&mut self, session: SessionId, _now: Now) {
        let gone = self.replication.replicas.remove(session);
        if let Some(replica) = gone.filter(|replica| replica.state != ReplicaState::Handshake) {
            let name = replica.name();
            self.log_of(
                Origin::Replicas,
                Level::Notice,
                format!("Connection with replica {name} lost."),
            );
        }
    }

    /// How much of what was pushed to a session has not left yet.
    pub(super) fn replica_sent(&mut self, session: SessionId, unsent: Unsent, _now: Now) {
        if let Some(replica) = self.replication.replicas.of_mut(session) {
            replica.sent(unsent);
        }
    }

    fn push_to_replica(&mut self, session: SessionId, bytes: Bytes) {
        if let Some(replica) = self.replication.replicas.of_mut(session) {
            replica.unsent += bytes.len();
            self.stats.replication.output += bytes.len() as u64;
            self.out(Output::Push(session, bytes));
        }
    }

    /// The end of a turn: sends the turn's part of the stream to every replica, and drops those
    /// that take too little.
    pub(super) fn feed_replicas(&mut self, now: Now) {
        self.drop_those_without_field_times();
        self.drop_those_that_cannot_restore();
        if self.replication.acks_wanted && !self.stream_rests() {
            self.replication.acks_wanted = false;
            if self.replication.replicas.count() > 0 && !self.is_replica {
                self.replication
                    .stream
                    .control(&["REPLCONF", "GETACK", "*"]);
            }
        }
        if !self.replication.stream.has_turn() {
            return;
        }
        if self.replication.replicas.count() == 0 {
            self.replication.stream.drop_turn();
            return;
        }
        let part = self.replication.stream.take_turn();
        for session in self.replication.replicas.feed(&part) {
            self.stats.replication.output += part.len() as u64;
            self.out(Output::Push(session, part.clone()));
        }
        self.drop_slow_replicas(now);
    }

    fn drop_slow_replicas(&mut self, now: Now) {
        let limit = self.config.client_output_buffer_limit.replica;
        for (session, waiting) in self.replication.replicas.beyond(limit, now.mono_ms()) {
            self.stats.output_limit_closed += 1;
            let why = format!(
                "{waiting} bytes wait for it, which is beyond client-output-buffer-limit replica"
            );
            self.drop_replica(session, &why);
        }
    }

    pub(super) fn drop_replica(&mut self, session: SessionId, why: &str) {
        if let Some(replica) = self.replication.replicas.remove(session) {
            let name = replica.name();
            self.log_of(
                Origin::Replicas,
                Level::Warning,
                format!("Replica {name} disconnected: {why}"),
            );
            self.out(Output::Close {
                session,
                flush: false,
            });
        }
    }

    /// All replicas must come back: this node's history is not what it was.
    pub(super) fn drop_all_replicas(&mut self, why: &str) {
        let attached: Vec<_> = self
            .replication
            .replicas
            .attached()
            .map(|(id, _)| id)
            .collect();
        for session in attached {
            self.drop_replica(session, why);
        }
    }

    /// Whether a replica is taking over by plan: then nothing may move the offset.
    pub(super) fn hand_over_in_progress(&self) -> bool {
        self.cluster
            .as_deref()
            .is_some_and(Cluster::hand_over_in_progress)
    }

    /// Whether the node adds nothing to the stream by itself: a replica takes over by plan, or may
    /// have taken over while this node slept.
    fn stream_rests(&self) -> bool {
        self.hand_over_in_progress() || self.pause.by_sleep()
    }

    /// Ten times a second.
    pub(super) fn replication_cron(&mut self, now: Now) {
        self.upstream_cron(now);
        let now_ms = now.mono_ms();
        if self.replication.replicas.count() == 0 {
            return;
        }
        if now_ms >= self.replication.ping_at && !self.stream_rests() {
            self.replication.ping_at = now_ms + self.config.repl_ping_replica_period * 1000;
            if !self.is_replica {
                self.replication.stream.control(&["PING"]);
            }
        }
        if now_ms >= self.replication.newline_at {
            self.replication.newline_at = now_ms + 1000;
            for state in [ReplicaState::WaitsForWalk, ReplicaState::Spooling] {
                for session in self.replication.replicas.in_state(state) {
                    self.push_to_replica(session, Bytes::from_static(b"\n"));
                }
            }
        }
        let timeout_ms = self.config.repl_timeout * 1000;
        for session in self.replication.replicas.stuck(timeout_ms, now_ms) {
            self.drop_stuck_replica(session, now);
        }
        for session in self.replication.replicas.silent(timeout_ms, now_ms) {
            self.drop_replica(session, "it was silent for longer than repl-timeout");
        }
        self.drop_slow_replicas(now);
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
