//! Who gets what the walks hand out: replicas, or the data file.

use std::any::Any;

use bytes::Bytes;

use super::pace::Pace;
use crate::config::Config;
use crate::data::{Saver, WalkId, WalkState};
use crate::engine::Engine;
use crate::io::{DiskOp, Level, Origin, Output, SessionId};
use crate::persistence::rdb::{Format, History, RdbWriter};
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
    /// Goes on with the walks, bounded; true when one wants to go on at once.
    pub(in crate::engine) fn step_walk(&mut self, now: Now) -> bool {
        self.step_spool(now);
        self.start_wanted_walk(now);
        self.forget_lost_readers();
        if self.replication.walks.is_empty() {
            self.replication.pace = Pace::default();
            self.memory.walk = 0;
            return false;
        }
        let ids = self.walk_ids();
        let rests = self.walks_rest(now);
        let (mut goes_on, mut done) = (false, Vec::new());
        for &id in &ids {
            self.note_in_flight(id);
            if rests {
                continue;
            }
            match self.data.step_walk(id, STEP_BYTES) {
                WalkState::More => goes_on = true,
                WalkState::PausedAtBound => {}
                WalkState::Done => done.push(id),
            }
        }
        // A step may hand something out for another walk, too.
        for &id in &ids {
            let bytes = self.writer(id).map(RdbWriter::take).unwrap_or_default();
            self.deliver(id, bytes);
        }
        self.note_saved();
        goes_on |= !done.is_empty();
        if rests || self.pay_for_keys(now) {
            goes_on = false;
        } else {
            for id in done {
                self.finish_walk(id, now);
            }
        }
        self.count_walk_memory();
        goes_on
    }

    pub(super) fn walk_ids(&self) -> Vec<WalkId> {
        self.replication.walks.iter().map(|(id, _)| *id).collect()
    }

    /// What the walks hold: for replicas it waits with what else does.
    fn count_walk_memory(&mut self) {
        let mut memory = 0;
        for id in self.walk_ids() {
            let waits = self.sync_walk() != Some(id);
            memory += self.writer(id).map_or(0, |writer| writer.memory(waits));
        }
        self.memory.walk = memory;
    }

    /// How far the snapshot is.
    fn note_saved(&mut self) {
        let snapshot = self.walk_where(|target| *target == WalkTarget::Snapshot);
        if let Some(keys) = snapshot.and_then(|id| Some(self.writer(id)?.keys())) {
            self.replication.snapshots.wrote(keys);
        }
    }

    /// How many bytes of keys and values the walks in progress have serialised; none without one.
    #[must_use]
    pub fn walk_serialised(&mut self) -> Option<u64> {
        let mut sum = None;
        for id in self.walk_ids() {
            let serialised = self.writer(id).map_or(0, |writer| writer.serialised());
            sum = Some(sum.unwrap_or(0) + serialised);
        }
        sum
    }

    pub(super) fn writer(&mut self, id: WalkId) -> Option<&mut RdbWriter> {
        let saver: &mut dyn Any = self.data.saver_of(id)?;
        saver.downcast_mut()
    }

    /// The walk whose reader is of that kind.
    fn walk_where(&self, is: impl Fn(&WalkTarget) -> bool) -> Option<WalkId> {
        let mut walks = self.replication.walks.iter();
        walks.find(|(_, target)| is(target)).map(|(id, _)| *id)
    }

    /// The walk that replicas read.
    pub(super) fn sync_walk(&self) -> Option<WalkId> {
        self.walk_where(|target| matches!(target, WalkTarget::Sync { .. }))
    }

    /// Ends a walk that is not wanted any more.
    fn drop_walk(&mut self, id: WalkId) {
        self.replication.walks.retain(|(known, _)| *known != id);
        drop(self.data.end_walk(id));
    }

    /// Starts what is wanted and can begin: a walk for replicas, one for a file of theirs, and one
    /// for a snapshot go on beside each other.
    fn start_wanted_walk(&mut self, now: Now) {
        // Keys of dropped slots that the stream is still about to delete are not part of a state.
        if !self.data.can_start_walk() {
            return;
        }
        self.drop_those_without_field_times();
        let syncs = self.is_syncing();
        let sessions = self.due_for_sync(true, now);
        if !syncs && !sessions.is_empty() {
            self.start_sync(sessions, now);
        } else if self.spool_is_open() {
            self.start_spooling(now);
        } else if self.replication.snapshots.state() == Some(SnapshotState::Open) {
            let keys = (0..self.data.databases()).map(|db| self.data.len(db) as u64);
            self.replication.snapshots.walking(keys.sum());
            self.start_walk(WalkTarget::Snapshot, self.format_for(&[]), now);
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
        self.alike(sessions)
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
        let format = self.format_for(&sessions);
        self.start_walk(WalkTarget::Sync { sessions, mark }, format, now);
    }

    pub(super) fn start_walk(&mut self, walk: WalkTarget, format: Format, now: Now) {
        let stream = &self.replication.stream;
        let history = History {
            id: stream.id().to_string(),
            offset: stream.offset(),
            second: stream.second().map(|(id, end)| (id.to_string(), end)),
        };
        let memory = self.data.stats().memory as u64;
        let unix_secs = now.unix_ms() / 1000;
        let writer = RdbWriter::new(format, &history, unix_secs, memory, UNSENT_BOUND)
            .packing(self.config.rdbcompression);
        let started = self.data.start_walk(Box::new(writer));
        let id = started.expect("it was asked whether one can begin");
        self.replication.walks.push((id, walk));
    }

    /// Replicas that are gone read no more; without readers the walk ends.
    fn forget_lost_readers(&mut self) {
        let replicas = &self.replication.replicas;
        let mut lost = None;
        for (id, target) in &mut self.replication.walks {
            if let WalkTarget::Sync { sessions, .. } = target {
                sessions.retain(|session| replicas.of(*session).is_some());
                lost = lost.or(sessions.is_empty().then_some(*id));
            }
        }
        if let Some(id) = lost {
            self.drop_walk(id);
            self.log_of(
                Origin::Replicas,
                Level::Warning,
                "The full sync ends: no replica is left that reads it",
            );
        }
        self.forget_lost_spool();
    }

    /// The replicas that read a walk.
    pub(super) fn readers(&self, id: WalkId) -> &[SessionId] {
        let known = self
            .replication
            .walks
            .iter()
            .find(|(known, _)| *known == id);
        match known {
            Some((_, WalkTarget::Sync { sessions, .. })) => sessions,
            _ => &[],
        }
    }

    /// The slowest reader sets the pace.
    fn note_in_flight(&mut self, id: WalkId) {
        let replicas = &self.replication.replicas;
        let unsent =
            |session: &SessionId| replicas.of(*session).map_or(0, |replica| replica.unsent);
        let slowest = self.readers(id).iter().map(unsent).max();
        if let Some(slowest) = slowest
            && let Some(writer) = self.writer(id)
        {
            writer.set_in_flight(slowest);
        }
    }

    fn deliver(&mut self, id: WalkId, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let known = self
            .replication
            .walks
            .iter()
            .find(|(known, _)| *known == id);
        match known {
            Some((_, WalkTarget::Sync { sessions, .. })) => {
                for session in sessions.clone() {
                    self.push_to_replica(session, bytes.clone());
                }
            }
            Some((_, WalkTarget::Spool)) => self.out(Output::Disk(DiskOp::PayloadWrite(bytes))),
            Some((_, WalkTarget::Snapshot)) => {
                self.out(Output::Disk(DiskOp::SnapshotWrite(bytes)));
            }
            None => {}
        }
    }

    /// Everything was saved.
    fn finish_walk(&mut self, id: WalkId, now: Now) {
        let saver: Option<Box<dyn Any>> = self.data.end_walk(id).map(|saver| saver as _);
        let mut walks = self.replication.walks.iter();
        let at = walks.position(|(known, _)| *known == id);
        let target = at.map(|at| self.replication.walks.remove(at).1);
        let writer = saver.and_then(|saver| saver.downcast::<RdbWriter>().ok());
        let Some(mut writer) = writer else {
            return;
        };
        writer.finish();
        let rest = writer.take();
        let (keys, len) = (writer.keys(), writer.written());
        match target {
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
    pub(in crate::engine) fn walk_written(&mut self, target: &WalkTarget, len: usize) {
        if let Some(id) = self.walk_where(|known| known == target)
            && let Some(writer) = self.writer(id)
        {
            writer.sent(len);
        }
    }

    /// Ends the walk of a snapshot, or of a payload's file, that failed or is not wanted any more.
    pub(in crate::engine) fn stop_walk_to(&mut self, target: &WalkTarget) {
        if let Some(id) = self.walk_where(|known| known == target) {
            self.drop_walk(id);
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

    /// Whether writers that a walk held for want of room go on.
    pub(in crate::engine) fn walk_has_room(&mut self) -> bool {
        let mut ids = self.walk_ids().into_iter();
        ids.all(|id| self.writer(id).is_none_or(|writer| writer.has_room()))
    }

    /// Whether a full sync may be what writers wait for: if another walk goes on beside it, that is
    /// known from its readers.
    pub(super) fn sync_may_hold(&mut self) -> bool {
        let alone = self.replication.walks.len() == 1;
        let walk = self.sync_walk();
        let writer = walk.and_then(|id| self.writer(id));
        writer.is_some_and(|writer| alone || writer.pauses_walk())
    }

    /// Whether replicas get the data set.
    pub(in crate::engine) fn is_syncing(&self) -> bool {
        self.sync_walk().is_some()
    }

    /// Whether a walk is under way.
    pub(in crate::engine) fn is_walking(&self) -> bool {
        !self.replication.walks.is_empty()
    }
}
