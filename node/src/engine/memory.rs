//! What the node's memory is spent on, as INFO tells it and as `maxmemory` counts it.
//!
//! As in Redis, everything that clients, replicas and nodes make this node hold is part of it. Only
//! what waits for replicas is not held against writers, nor what the backlog has beyond its size:
//! refusing writes would be answered by more of it, since those that are refused are retried.

mod report;

use crate::config::ClientMemory;
use crate::engine::Engine;
use crate::io::{Level, Origin, SessionId};
use crate::time::Now;

/// With less than this no client could talk to the node at all (as in Redis).
const CLIENTS_MIN: u64 = 128 << 10;
/// How many clients are closed in a turn; the next turn goes on.
const EVICTED_IN_A_TURN: usize = 64;
/// When no client is left that may be closed, how long until it is logged again, in milliseconds.
const SAY_AGAIN_MS: u64 = 10_000;

/// What is not kept where it can be asked for at once, and when it is said again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What the links of the cluster bus hold, as of the last look.
    links: usize,
    /// What a walk has serialised and not handed out, or handed out and not written.
    pub(super) walk: usize,
    /// What was encoded for DUMP so far.
    pub(super) dumps: usize,
    /// What the databases take without a key.
    pub(super) empty: usize,
    /// What MIGRATEs hold, as of the last look.
    migrations: usize,
    /// All that was used at the start, before the data file was loaded.
    pub(super) startup: usize,
    say_at: u64,
}

/// The node's memory by use, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// Keys and values.
    pub(super) dataset: usize,
    /// The tables that lead to them, and the times at which they expire.
    pub(super) tables: usize,
    /// Clients, what is encoded and sent for them, and the link to our master.
    pub(super) clients: usize,
    /// What waits for replicas.
    pub(super) replicas: usize,
    /// The recent past of the stream.
    pub(super) backlog: usize,
    /// The cluster bus.
    pub(super) links: usize,
    /// What a walk has serialised.
    pub(super) walk: usize,
    /// The part that `maxmemory` does not count.
    pub(super) not_counted: usize,
}

impl Use {
    /// All of it.
    pub(super) fn total(&self) -> usize {
        self.dataset + self.overhead()
    }

    /// All but the data.
    pub(super) fn overhead(&self) -> usize {
        self.tables + self.clients + self.replicas + self.backlog + self.links + self.walk
    }
}

impl Engine {
    /// What the memory is spent on.
    pub(super) fn memory(&self) -> Use {
        let backlog = self.replication.stream.memory();
        let replicas = self.replication.replicas.memory();
        let beyond = backlog.saturating_sub(self.config.repl_backlog_size);
        let data = self.data.stats();
        Use {
            dataset: data.memory - data.tables,
            tables: data.tables + self.memory.empty,
            clients: self.sessions.memory()
                + self.replication.following.memory()
                + self.memory.dumps
                + self.memory.migrations,
            replicas,
            backlog,
            links: self.memory.links,
            walk: self.memory.walk,
            not_counted: replicas + beyond,
        }
    }

    /// Whether more is used than `maxmemory` allows.
    #[inline]
    pub(super) fn lacks_memory(&self) -> bool {
        let limit = self.config.maxmemory;
        limit > 0 && self.memory_counted() as u64 > limit
    }

    /// What is held against `maxmemory`, in bytes. The same as [`Engine::memory`] has it, without a
    /// look at each replica.
    fn memory_counted(&self) -> usize {
        let backlog = self.replication.stream.memory();
        self.data.stats().memory
            + self.memory.empty
            + self.sessions.memory()
            + self.replication.following.memory()
            + backlog.min(self.config.repl_backlog_size)
            + self.memory.links
            + self.memory.walk
            + self.memory.dumps
            + self.memory.migrations
    }

    /// Ten times a second.
    pub(super) fn memory_cron(&mut self, now: Now) {
        self.memory.links = (self.cluster.as_ref()).map_or(0, |cluster| cluster.links_memory());
        self.memory.migrations = self.migrations.memory();
        let used = self.memory().total();
        let calls = self.stopwatch.calls();
        self.stats.sample(used, calls, now);
    }

    /// Closes the largest clients while all of them take more than `maxmemory-clients`. At the end
    /// of a turn, so that no client is closed in the middle of a command. True when there is more
    /// to do at once.
    #[inline]
    pub(super) fn evict_clients(&mut self, now: Now) -> bool {
        self.config.maxmemory_clients != ClientMemory::Unlimited && self.evict_beyond_limit(now)
    }

    #[cold]
    fn evict_beyond_limit(&mut self, now: Now) -> bool {
        let Some(limit) = self.config.maxmemory_clients.limit(self.config.maxmemory) else {
            return false;
        };
        let limit = usize::try_from(limit.max(CLIENTS_MIN)).unwrap_or(usize::MAX);
        let mut left = EVICTED_IN_A_TURN;
        while self.sessions.ordinary_memory() > limit {
            let Some(session) = self.sessions.largest() else {
                self.say_that_none_is_left(now);
                return false;
            };
            if left == 0 {
                return true;
            }
            left -= 1;
            let line = self.sessions.short_line(session, now);
            self.log_of(
                Origin::Clients,
                Level::Notice,
                format!("Evicting client: {line}"),
            );
            self.stats.evicted_clients += 1;
            self.kill_session(session);
        }
        false
    }

    fn say_that_none_is_left(&mut self, now: Now) {
        if now.mono_ms() >= self.memory.say_at {
            self.memory.say_at = now.mono_ms() + SAY_AGAIN_MS;
            let text = "Over client maxmemory after evicting all evictable clients";
            self.log_of(Origin::Clients, Level::Warning, text);
        }
    }

    /// Closes a client whose requests keep more than `client-query-buffer-limit` in memory. What it
    /// has sent is not shown: there may be secrets in it.
    #[cold]
    pub(super) fn drop_greedy_client(&mut self, session: SessionId, now: Now) {
        let line = self.sessions.short_line(session, now);
        let text = format!("Closing client that reached max query buffer length: {line}");
        self.log_of(Origin::Clients, Level::Warning, text);
        self.stats.query_limit_closed += 1;
    }
}
