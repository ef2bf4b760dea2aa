//! Full syncs for replicas that want the length of the payload in front, as after SYNC, or PSYNC
//! without `REPLCONF capa eof`: the walk writes a file, and all who waited for it read it, each at its
//! own pace. Writers wait for the disk at most, never for one of them.

use bytes::Bytes;

use super::walk::WalkTarget;
use crate::engine::Engine;
use crate::io::{DiskEvent, DiskOp, Level, Origin, Output, SessionId};
use crate::replication::master::ReplicaState;
use crate::time::Now;

/// This much of the file is read at once ...
const READ_BYTES: u64 = 256 << 10;
/// ... for a replica for which no more than this waits, in bytes.
const UNSENT_MAX: usize = 256 << 10;

/// The file. There is one at a time; a replica that comes later waits for the next.
pub(super) struct Spool {
    state: SpoolState,
    readers: Vec<Reader>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SpoolState {
    /// It is being opened.
    Opening,
    /// It is open; the walk may start.
    Open,
    /// The walk writes it.
    Walking,
    /// It is complete, and this long in bytes.
    Complete(u64),
}

/// A replica that reads the file.
struct Reader {
    session: SessionId,
    /// How far it has come.
    at: u64,
    /// What comes next is being read.
    waits: bool,
}

impl Engine {
    /// Opens the file when somebody wants one, and reads on for those that have room.
    pub(super) fn step_spool(&mut self, now: Now) {
        let Some(spool) = &mut self.replication.spool else {
            if !self.due_for_sync(false, now).is_empty() {
                self.replication.spool = Some(Spool {
                    state: SpoolState::Opening,
                    readers: Vec::new(),
                });
                self.out(Output::Disk(DiskOp::PayloadBegin));
            }
            return;
        };
        let SpoolState::Complete(len) = spool.state else {
            return;
        };
        let replicas = &self.replication.replicas;
        let mut wanted = Vec::new();
        for reader in &mut spool.readers {
            let unsent = replicas.of(reader.session).map_or(0, |r| r.unsent);
            if !reader.waits && unsent <= UNSENT_MAX {
                reader.waits = true;
                wanted.push(DiskOp::PayloadRead {
                    session: reader.session,
                    from: reader.at,
                    len: READ_BYTES.min(len - reader.at) as usize,
                });
            }
        }
        for op in wanted {
            self.out(Output::Disk(op));
        }
    }

    /// Whether the file waits for the walk.
    pub(super) fn spool_is_open(&self) -> bool {
        (self.replication.spool.as_ref()).is_some_and(|spool| spool.state == SpoolState::Open)
    }

    /// Whether somebody reads the file, and may have room for more of it.
    pub(in crate::engine) fn is_spooling(&self) -> bool {
        self.replication.spool.is_some()
    }

    /// The state of this moment goes to the file.
    pub(super) fn start_spooling(&mut self, now: Now) {
        let sessions = self.due_for_sync(false, now);
        let Some(spool) = &mut self.replication.spool else {
            return;
        };
        if sessions.is_empty() {
            self.end_spool();
            return;
        }
        spool.state = SpoolState::Walking;
        let (id, offset) = self.fix_state(now);
        for session in &sessions {
            let Some(replica) = self.replication.replicas.of_mut(*session) else {
                continue;
            };
            replica.state = ReplicaState::Spooling;
            if !replica.plain_sync {
                let head = format!("+FULLRESYNC {id} {offset}\r\n");
                self.push_to_replica(*session, Bytes::from(head));
            }
        }
        let count = sessions.len();
        let text = format!(
            "Writing the data set at {id}:{offset} to a file for {count} replicas that want its \
             length first"
        );
        self.log_of(Origin::Replicas, Level::Notice, text);
        let format = self.format_for(&sessions);
        self.start_walk(WalkTarget::Spool, format, now);
    }

    /// The file is whole: it is sent.
    pub(super) fn send_spool(&mut self, keys: u64, len: u64) {
        let sessions = self.replication.replicas.in_state(ReplicaState::Spooling);
        for session in &sessions {
            if let Some(replica) = self.replication.replicas.of_mut(*session) {
                replica.state = ReplicaState::Payload;
            }
            self.push_to_replica(*session, Bytes::from(format!("${len}\r\n")));
        }
        self.log_of(
            Origin::Replicas,
            Level::Notice,
            format!("The data set is written: {keys} keys, {len} bytes"),
        );
        let reader = |session| Reader {
            session,
            at: 0,
            waits: false,
        };
        self.replication.spool = Some(Spool {
            state: SpoolState::Complete(len),
            readers: sessions.into_iter().map(reader).collect(),
        });
    }

    /// `PayloadWritten`, `PayloadRead`, `PayloadFailed`.
    pub(in crate::engine) fn on_payload_file(&mut self, event: DiskEvent<'_>, now: Now) {
        let Some(spool) = &mut self.replication.spool else {
            return;
        };
        match event {
            DiskEvent::PayloadWritten(_) if spool.state == SpoolState::Opening => {
                spool.state = SpoolState::Open;
            }
            DiskEvent::PayloadWritten(len) => self.walk_written(&WalkTarget::Spool, len),
            DiskEvent::PayloadRead { session, bytes } => self.pass_on(session, bytes, now),
            DiskEvent::PayloadFailed(reason) => self.give_up_spool(reason, now),
            _ => {}
        }
    }

    /// A part of the file goes to a reader; behind the last one the stream follows.
    fn pass_on(&mut self, session: SessionId, bytes: &Bytes, now: Now) {
        let Some(spool) = &mut self.replication.spool else {
            return;
        };
        let SpoolState::Complete(len) = spool.state else {
            return;
        };
        let mut readers = spool.readers.iter_mut();
        let Some(reader) = readers.find(|reader| reader.session == session) else {
            return;
        };
        reader.waits = false;
        reader.at += bytes.len() as u64;
        let is_done = reader.at >= len;
        self.push_to_replica(session, bytes.clone());
        if is_done {
            self.has_whole_file(session, now);
            self.forget_lost_spool();
        }
    }

    fn has_whole_file(&mut self, session: SessionId, now: Now) {
        let Some(replica) = self.replication.replicas.of_mut(session) else {
            return;
        };
        replica.heard_at = now.mono_ms();
        let payload_only = replica.payload_only;
        let held = replica.release();
        for part in held {
            self.push_to_replica(session, part);
        }
        let text = format!("The data set is sent to replica {session}");
        self.log_of(Origin::Replicas, Level::Notice, text);
        if payload_only {
            let flush = true;
            self.out(Output::Close { session, flush });
        }
    }

    /// The disk does not do it: those that wait for it must come again.
    fn give_up_spool(&mut self, reason: &str, now: Now) {
        let why = format!("the file with its data set cannot be written or read: {reason}");
        let (mut sessions, _) = self.replication.replicas.waiting(false, now.mono_ms());
        sessions.extend(self.replication.replicas.in_state(ReplicaState::Spooling));
        if let Some(spool) = &self.replication.spool {
            sessions.extend(spool.readers.iter().map(|reader| reader.session));
        }
        for session in sessions {
            self.drop_replica(session, &why);
        }
        self.forget_lost_spool();
        self.end_spool();
    }

    /// A file that nobody reads, or will read, is closed.
    pub(super) fn forget_lost_spool(&mut self) {
        let Some(spool) = &mut self.replication.spool else {
            return;
        };
        let replicas = &self.replication.replicas;
        let is_needed = match spool.state {
            SpoolState::Opening | SpoolState::Open => true,
            SpoolState::Walking => !replicas.in_state(ReplicaState::Spooling).is_empty(),
            SpoolState::Complete(_) => {
                let reads = |reader: &Reader| {
                    let replica = replicas.of(reader.session);
                    replica.is_some_and(|replica| replica.state == ReplicaState::Payload)
                };
                spool.readers.retain(reads);
                !spool.readers.is_empty()
            }
        };
        if !is_needed {
            self.end_spool();
        }
    }

    fn end_spool(&mut self) {
        self.stop_walk_to(&WalkTarget::Spool);
        if self.replication.spool.take().is_some() {
            self.out(Output::Disk(DiskOp::PayloadEnd));
        }
    }
}
