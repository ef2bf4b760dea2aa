//! The node as a master: its stream and its replicas.

use crate::config::Config;
use crate::engine::{Acted, Engine};
use crate::io::SessionId;
use crate::random::Random;
use crate::request::ReplicationRequest;
use crate::resp::Reply;
use crate::session::Session;
use crate::time::Now;

/// All that replication and persistence remember between two calls.
pub(super) struct Replication {}

impl Replication {
    pub(super) fn new(_config: &Config, _random: &mut Random, _now: Now) -> Replication {
        Replication {}
    }

    /// Whether anyone reads the stream, or may: otherwise commit writes none.
    pub(super) fn stream_active(&self) -> bool {
        false
    }

    /// Appends encoded commands that changed the database `db` to the stream, which selects it
    /// first when needed. Commit is the only caller.
    pub(super) fn append(&mut self, _db: usize, _commands: &[u8]) {}

    /// The offset at the end of the stream.
    pub(super) fn offset(&self) -> u64 {
        0
    }

    /// How many replicas have confirmed the stream up to that offset, for WAIT.
    pub(super) fn acked(&self, _offset: u64) -> usize {
        0
    }

    /// How many replicas are online and were heard of within min-replicas-max-lag.
    pub(super) fn good_replicas(&self, _config: &Config, _now: Now) -> usize {
        0
    }

    /// Asks the replicas for their offsets now, not at their next second (WAIT).
    pub(super) fn request_acks(&mut self) {}
}

impl Engine {
    /// REPLCONF, PSYNC, SYNC (WAIT is answered elsewhere).
    pub(super) fn on_replication_request(
        &mut self,
        _request: &ReplicationRequest,
        _session: &mut Session,
        _now: Now,
        reply: &mut Reply,
    ) -> Acted {
        let _ = reply;
        Acted::Replied
    }

    /// A session has ended; perhaps it was a replica.
    pub(super) fn replica_closed(&mut self, _session: SessionId, _now: Now) {}

    /// So much of what was pushed to a session has not left yet.
    pub(super) fn replica_sent(&mut self, _session: SessionId, _unsent: usize, _now: Now) {}

    /// The end of a turn: sends the turn's part of the stream to every replica.
    pub(super) fn feed_replicas(&mut self, _now: Now) {}

    /// Goes on with the walk, bounded; true when it wants to go on at once.
    pub(super) fn step_walk(&mut self, _now: Now) -> bool {
        false
    }

    /// Ten times a second.
    pub(super) fn replication_cron(&mut self, _now: Now) {}

    /// INFO replication, without its heading.
    pub(super) fn info_replication(&self, _now: Now, _out: &mut String) {}

    /// ROLE.
    pub(super) fn role(&self, _now: Now, _reply: &mut Reply) {}
}
