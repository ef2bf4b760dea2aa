//! Who gets what the walk hands out: replicas, or the data file.

use std::any::Any;

use bytes::Bytes;

use crate::config::Config;
use crate::data::WalkState;
use crate::engine::Engine;
use crate::io::{DiskOp, Level, Origin, Output, SessionId};
use crate::persistence::rdb::{History, RdbWriter};
use crate::persistence::snapshot::SnapshotState;
use crate::replication::ReplId;
use crate::replication::master::ReplicaState;
use crate::time::Now;

/// How much one call serialises, in bytes.
const STEP_BYTES: usize = 64 * 1024;

/// How many bytes may be unsent, shared by the walk and those who change keys meanwhile.
const UNSENT_BOUND: usize = 1 << 20;

/// What the walk that is under way is written to.
#[derive(PartialEq, Eq)]
pub(in crate::engine) enum WalkTarget {
    /// Replicas, which find this mark behind the payload.
    Sync {
        sessions: Vec<SessionId>,
        mark: [u8; 40],
    },
    /// A file, whose readers want the length in front.
    Spool,
    /// The data file.
    Snapshot,
}

impl Engine {
    /// Goes on with the walk, bounded; true when it wants to go on at once.
    pub(in crate::engine) fn step_walk(&mut self, now: Now) -> bool {
        self.step_spool(now);
        if self.replication.walk.is_none() {
            self.start_wanted_walk(now);
        }
        self.forget_lost_readers();
        if self.replication.walk.is_none() {
            self.memory.walk = 0;
            return false;
        }
        self.note_in_flight();
        let state = self.data.walk_step(STEP_BYTES);
        let bytes = self.writer().map(RdbWriter::take).unwrap_or_default();
        self.deliver(bytes);
        self.count_walk_memory();
        match state {
            WalkState::More => true,
            WalkState::PausedAtBound => false,
            WalkState::Done => {
                self.finish_walk(now);
                self.memory.walk = 0;
                true
            }
        }
    }

    /// What the walk holds: for replicas it waits with what else does.
    fn count_walk_memory(&mut self) {
        let waits = matches!(
            self.replication.walk,
            Some(WalkTarget::Snapshot | WalkTarget::Spool)
        );
        let held = |writer: &mut RdbWriter| writer.memory(waits);
        self.memory.walk = self.writer().map_or(0, held);
    }

    /// How many bytes of keys and values the walk in progress has serialised; none without one.
    #[must_use]
    pub fn walk_serialised(&mut self) -> Option<u64> {
        self.writer().map(|writer| writer.serialised())
    }

    fn writer(&mut self) -> Option<&mut RdbWriter> {
        let saver: &mut dyn Any = self.data.saver_mut()?;
        saver.downcast_mut()
    }

    fn start_wanted_walk(&mut self, now: Now) {
        // The state of one moment has none of the keys that the stream is still about to delete.
        if self.data.is_dropping() {
            return;
        }
        let sessions = self.due_for_sync(true, now);
        if !sessions.is_empty() {
            self.start_sync(sessions, now);
        } else if self.spool_is_open() {
            self.start_spooling(now);
        } else if self.replication.snapshots.state() == Some(SnapshotState::Open) {
            self.replication.snapshots.walking();
            self.start_walk(WalkTarget::Snapshot, now);
        }
    }

    /// The replicas whose full sync is to begin. Who comes within the delay shares the walk of the
    /// first.
    pub(super) fn due_for_sync(&self, reads_mark: bool, now: Now) -> Vec<SessionId> {
        let Config {
            repl_diskless_sync_delay: delay,
            repl_diskless_sync_max_replicas: enough,
            ..
        } = self.config;
        let replicas = &self.replication.replicas;
        let (mut sessions, waited) = replicas.waiting(reads_mark, now.mono_ms());
        let late = waited >= delay * 1000 || (enough > 0 && sessions.len() >= enough);
        sessions.truncate(if late { usize::MAX } else { 0 });
        sessions
    }

    /// The state of this moment goes to replicas, and the stream after it: its id and offset.
    pub(super) fn fix_state(&mut self, now: Now) -> (ReplId, u64) {
        // What this turn has added belongs to the state, not to the stream after it.
        self.feed_replicas(now);
        let stream = &mut self.replication.stream;
        stream.keep(self.config.repl_backlog_size);
        stream.forget_db();
        (stream.id(), stream.offset())
    }

    /// The state of this moment goes to these replicas.
    fn start_sync(&mut self, sessions: Vec<SessionId>, now: Now) {
        let (id, offset) = self.fix_state(now);
        let mut mark = [0; 40];
        for byte in &mut mark {
            *byte = b"0123456789abcdef"[self.random.below(16) as usize];
        }
        let mark_text = String::from_utf8_lossy(&mark);
        for session in &sessions {
            let Some(replica) = self.replication.replicas.of_mut(*session) else {
                continue;
            };
            replica.state = ReplicaState::Payload;
            let head = if replica.plain_sync {
                String::new()
            } else {
                format!("+FULLRESYNC {id} {offset}\r\n")
            };
            self.push_to_replica(*session, Bytes::from(format!("{head}$EOF:{mark_text}\r\n")));
        }
        let count = sessions.len();
        self.log_of(
            Origin::Replicas,
            Level::Notice,
            format!("Sending the data set at {id}:{offset} to {count} replicas"),
        );
        self.begin_holding();
        self.start_walk(WalkTarget::Sync { sessions, mark }, now);
    }

    pub(super) fn start_walk(&mut self, walk: WalkTarget, now: Now) {
        let stream = &self.replication.stream;
        let history = History {
            id: stream.id().to_string(),
            offset: stream.offset(),
            second: stream.second().map(|(id, end)| (id.to_string(), end)),
        };
        let memory = self.data.stats().memory as u64;
        let writer = RdbWriter::new(&history, now.unix_ms() / 1000, memory, UNSENT_BOUND)
            .packing(self.config.rdbcompression);
        self.data.start_walk(Box::new(writer));
        self.replication.walk = Some(walk);
    }

    /// Replicas that are gone read no more; without readers the walk ends.
    fn forget_lost_readers(&mut self) {
        if let Some(WalkTarget::Sync { sessions, .. }) = &mut self.replication.walk {
            let replicas = &self.replication.replicas;
            sessions.retain(|session| replicas.of(*session).is_some());
            if sessions.is_empty() {
                self.replication.walk = None;
                drop(self.data.stop_walk());
                self.log_of(
                    Origin::Replicas,
                    Level::Warning,
                    "The full sync ends: no replica is left that reads it",
                );
            }
        }
        self.forget_lost_spool();
    }

    /// The slowest reader sets the pace.
    fn note_in_flight(&mut self) {
        if let Some(WalkTarget::Sync { sessions, .. }) = &self.replication.walk {
            let replicas = &self.replication.replicas;
            let unsent =
                |session: &SessionId| replicas.of(*session).map_or(0, |replica| replica.unsent);
            let slowest = sessions.iter().map(unsent).max().unwrap_or(0);
            if let Some(writer) = self.writer() {
                writer.set_in_flight(slowest);
            }
        }
    }

    fn deliver(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        match &self.replication.walk {
            Some(WalkTarget::Sync { sessions, .. }) => {
                for session in sessions.clone() {
                    self.push_to_replica(session, bytes.clone());
                }
            }
            Some(WalkTarget::Spool) => self.out(Output::Disk(DiskOp::PayloadWrite(bytes))),
            Some(WalkTarget::Snapshot) => self.out(Output::Disk(DiskOp::SnapshotWrite(bytes))),
            None => {}
        }
    }

    /// Everything was saved.
    fn finish_walk(&mut self, now: Now) {
        let saver: Option<Box<dyn Any>> = self.data.stop_walk().map(|saver| saver as _);
        let writer = saver.and_then(|saver| saver.downcast::<RdbWriter>().ok());
        let Some(mut writer) = writer else {
            return;
        };
        writer.finish();
        let rest = writer.take();
        let (keys, len) = (writer.keys(), writer.written());
        match self.replication.walk.take() {
            Some(WalkTarget::Sync { sessions, mark }) => {
                let tail = Bytes::from([&rest[..], &mark].concat());
                for session in sessions {
                    self.push_to_replica(session, tail.clone());
                    self.await_ack(session, now);
                }
                self.log_of(
                    Origin::Replicas,
                    Level::Notice,
                    format!("The data set is sent: {keys} keys, {len} bytes"),
                );
            }
            Some(WalkTarget::Spool) => {
                self.out(Output::Disk(DiskOp::PayloadWrite(rest)));
                self.send_spool(keys, len);
            }
            Some(WalkTarget::Snapshot) => {
                for op in self.replication.snapshots.walked(rest) {
                    self.out(Output::Disk(op));
                }
            }
            None => {}
        }
    }

    /// The payload is out; the stream follows once the replica has said that it has read it.
    fn await_ack(&mut self, session: SessionId, now: Now) {
        if let Some(replica) = self.replication.replicas.of_mut(session) {
            replica.state = ReplicaState::AwaitsAck;
            replica.heard_at = now.mono_ms();
            if replica.payload_only {
                self.log_of(
                    Origin::Replicas,
                    Level::Notice,
                    "A client that wanted only the data set has received it",
                );
            }
        }
    }

    /// That many bytes of the snapshot, or of the payload's file, are written.
    pub(in crate::engine) fn walk_written(&mut self, walk: WalkTarget, len: usize) {
        if self.replication.walk == Some(walk)
            && let Some(writer) = self.writer()
        {
            writer.sent(len);
        }
    }

    /// Ends the walk of a snapshot that failed or is not wanted any more.
    pub(in crate::engine) fn stop_snapshot_walk(&mut self) {
        if matches!(self.replication.walk, Some(WalkTarget::Snapshot)) {
            self.replication.walk = None;
            drop(self.data.stop_walk());
        }
    }

    /// Replicas that have not got the whole payload must come again; their walk ends.
    pub(in crate::engine) fn stop_syncs(&mut self, why: &str) {
        for state in [
            ReplicaState::WaitsForWalk,
            ReplicaState::Spooling,
            ReplicaState::Payload,
        ] {
            for session in self.replication.replicas.in_state(state) {
                self.drop_replica(session, why);
            }
        }
        self.forget_lost_readers();
    }

    /// Whether writers that the walk held for want of room go on.
    pub(in crate::engine) fn walk_has_room(&mut self) -> bool {
        self.writer().is_none_or(|writer| writer.has_room())
    }

    /// Whether replicas get the data set.
    pub(super) fn is_syncing(&self) -> bool {
        matches!(self.replication.walk, Some(WalkTarget::Sync { .. }))
    }

    /// Whether a walk is under way.
    pub(in crate::engine) fn is_walking(&self) -> bool {
        self.replication.walk.is_some()
    }
}
