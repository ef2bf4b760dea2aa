//! For how long a full sync may hold those who write.
//!
//! While a walk sends the data set, a client that would change what is not sent yet waits for room. So
//! the slowest reader sets the pace of the writers. It may do so for `repl-timeout` in all: that is
//! how long a master and its replica put up with each other in every other respect, and who raises
//! it for slow links means this, too. Beyond it the replica is cut off, and rests before it gets
//! another full sync; the others that read the same walk get half of that time again.

use crate::engine::Engine;
use crate::io::SessionId;
use crate::replication::master::Replica;
use crate::time::Now;

/// For how long writers were held, in milliseconds.
#[derive(Debug, Default)]
pub(in crate::engine) struct Holding {
    /// By full syncs since the start.
    pub(in crate::engine) total: u64,
    /// By the one under way.
    pub(in crate::engine) sync: u64,
    /// What the one under way is given before its slowest reader goes.
    spent: u64,
    /// Somebody is held, as of the last look.
    since: Option<u64>,
}

impl Engine {
    /// Looks whether a full sync holds anybody, and ends what takes too long. At the end of each
    /// turn with a walk, and ten times a second.
    pub(in crate::engine) fn note_holding(&mut self, now: Now) {
        let syncs = self.is_syncing();
        if !syncs && self.replication.holding.since.is_none() {
            return;
        }
        let holds_stream = self.replication.following.held.is_some();
        let waits = self.parking.waits_for_walk() || self.holds_waiters() || holds_stream;
        let holds = syncs && waits && self.sync_may_hold();
        let (holding, now_ms) = (&mut self.replication.holding, now.mono_ms());
        if let Some(since) = holding.since {
            let passed = now_ms.saturating_sub(since);
            holding.total += passed;
            holding.sync += passed;
            holding.spent += passed;
        }
        holding.since = holds.then_some(now_ms);
        let limit = self.config.repl_timeout * 1000;
        if holds && holding.spent > limit {
            holding.spent = limit / 2;
            self.drop_slowest_reader(now);
        }
    }

    /// A full sync begins.
    pub(super) fn begin_holding(&mut self) {
        let total = self.replication.holding.total;
        self.replication.holding = Holding {
            total,
            ..Holding::default()
        };
    }

    /// A replica has taken too little for `repl-timeout`.
    pub(super) fn drop_stuck_replica(&mut self, session: SessionId, now: Now) {
        if self.replication.holding.sync > 0
            && let Some(replica) = self.replication.replicas.of(session)
        {
            let (name, rest_ms) = (replica.name(), self.config.repl_timeout * 1000);
            self.replication.resting.add(&name, rest_ms, now.mono_ms());
        }
        self.drop_replica(
            session,
            "it took too little of the data set within repl-timeout",
        );
    }

    fn drop_slowest_reader(&mut self, now: Now) {
        let Some(walk) = self.sync_walk() else {
            return;
        };
        let sessions = self.readers(walk);
        let replicas = &self.replication.replicas;
        let unsent = |session: &SessionId| replicas.of(*session).map_or(0, |r| r.unsent);
        let Some(slowest) = sessions.iter().copied().max_by_key(unsent) else {
            return;
        };
        let waiting = unsent(&slowest);
        let Some(name) = replicas.of(slowest).map(Replica::name) else {
            return;
        };
        let timeout = self.config.repl_timeout;
        let rest = (self.replication.resting).add(&name, timeout * 1000, now.mono_ms());
        let rest = (rest - now.mono_ms()) / 1000;
        let held = self.replication.holding.sync as f64 / 1000.0;
        self.stats.sync_slow_replicas += 1;
        let why = format!(
            "its full sync has held writers for {held:.1} seconds, which is beyond repl-timeout \
             ({timeout}); {waiting} bytes still wait for it. It gets no other one for {rest} seconds"
        );
        self.drop_replica(slowest, &why);
    }
}
