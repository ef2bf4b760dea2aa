//! The regular work.

use std::ops::RangeInclusive;

use crate::engine::Engine;
use crate::io::{Level, Origin, SessionId};
use crate::session::{Session, SessionRole};
use crate::time::Now;

/// How often the regular work is done, in milliseconds.
const CRON_MS: u64 = 100;
/// How many expired keys one cycle removes at most, times 10 to 19 tenths by active-expire-effort ...
const EXPIRE_LIMIT: usize = 200;
/// ... of which fields of hashes have this part at least, ...
const FIELDS_SHARE: usize = 4;
/// ... and how soon the next one follows when there were as many, in milliseconds.
const EXPIRE_AGAIN_MS: u64 = 2;
/// How many keys that a flush left behind are freed in one turn.
const RECLAIM_LIMIT: usize = 512;

/// The regular work looks at a tenth of all sessions, but at so many at least and at most: at each
/// of them once a second, and later where there are very many.
const LOOKS: RangeInclusive<usize> = 64..=1000;

/// When what is due.
#[derive(Debug)]
pub(super) struct Timers {
    cron: u64,
    expire: u64,
    second: u64,
    /// The place of the session that is looked at next.
    place: usize,
}

impl Timers {
    pub(super) fn new(now: Now) -> Timers {
        let now = now.mono_ms();
        Timers {
            cron: now,
            expire: now + CRON_MS,
            second: now + 1000,
            place: 0,
        }
    }
}

impl Engine {
    /// The time of `next_timer` has come (or later).
    pub fn on_timer(&mut self, now: Now) {
        self.look_at_clock(now);
        self.cluster_timer(now);
        if self.pause.expire(now.mono_ms()) {
            self.resume_paused();
        }
        self.resume_acked(now);
        self.end_overdue(now);
        self.end_stuck_migrations(now);
        if now.mono_ms() >= self.timers.expire {
            self.expire_keys(now);
        }
        if now.mono_ms() >= self.timers.cron {
            self.timers.cron = now.mono_ms() + CRON_MS;
            self.cron(now);
        }
    }

    /// When `on_timer` wants to be called, in milliseconds of the monotonic scale.
    #[must_use]
    pub fn next_timer(&self) -> u64 {
        let cluster = self.cluster.as_ref().map(|cluster| cluster.next_timer());
        let own = [self.timers.cron, self.timers.expire];
        let waits = [
            self.pause.next_end(),
            self.parking.next_deadline(),
            self.walks_rest_until(),
            self.migrations.next_deadline(),
            cluster,
        ];
        let all = own.into_iter().chain(waits.into_iter().flatten());
        all.min().unwrap_or(self.timers.cron)
    }

    /// The end of a turn: feeds the replicas, steps the walk. True when there is more to do at
    /// once: call again soon, with other work in between.
    pub fn on_turn(&mut self, now: Now) -> bool {
        self.look_at_clock(now);
        self.stay_awake(now);
        let walks = self.step_walk(now);
        let drops = self.step_drop();
        let copies = self.step_copies(now);
        let dumps = self.step_dumps() | self.step_migrations(now);
        self.resume_walked(now);
        self.serve_held(now);
        let reviews = self.step_review();
        self.note_holding(now);
        self.feed_replicas(now);
        self.resume_acked(now);
        let frees = self.data.reclaim_step(RECLAIM_LIMIT);
        let evicts = self.step_eviction(now);
        let closes = self.evict_clients(now);
        self.check_invariants();
        walks || drops || copies || dumps || reviews || frees || evicts || closes
    }

    /// Whether `on_sent` may have let something go on that `on_turn` does: a walk, or what replicas
    /// hear of dropped slots.
    #[must_use]
    pub fn waits_for_sent(&self) -> bool {
        self.is_walking() || self.is_spooling() || self.data.is_dropping()
    }

    fn cron(&mut self, now: Now) {
        self.replication_cron(now);
        self.note_holding(now);
        self.snapshot_cron(now);
        self.withhold_cron(now);
        self.shutdown_cron(now);
        self.memory_cron(now);
        if now.mono_ms() >= self.timers.second {
            self.timers.second = now.mono_ms() + 1000;
            self.sessions.begin_second();
        }
        self.close_idle(now);
    }

    /// Removes keys and fields whose time has come: a master's task, unless its clients are paused, since
    /// then nothing may enter the stream.
    fn expire_keys(&mut self, now: Now) {
        self.timers.expire = now.mono_ms() + 1000 / self.config.hz;
        if self.is_replica || self.pause.any() || !self.active_expiry || self.is_loading() {
            return;
        }
        let begun = self.stopwatch.nanos();
        let limit = EXPIRE_LIMIT * (9 + self.config.active_expire_effort) / 10;
        let timed = (0..self.data.databases()).map(|db| self.data.expires(db));
        let timed = timed.sum();
        let keys = self.data.expire_cycle(now, limit);
        let nanos = self.stopwatch.nanos().saturating_sub(begun);
        self.stats.count_expiry(nanos, keys, timed);
        // However many keys expire, some fields do, too.
        let left = (limit - keys).max(limit / FIELDS_SHARE);
        let removed = keys + self.data.expire_fields_cycle(now, left);
        if removed == 0 {
            return;
        }
        if removed >= limit {
            self.stats.expire_cycle_cap_reached += 1;
            self.timers.expire = now.mono_ms() + EXPIRE_AGAIN_MS;
        }
        self.commit_expired();
        let took = self.stopwatch.nanos().saturating_sub(begun) / 1_000_000;
        let threshold = self.config.latency_monitor_threshold;
        (self.latency).note("expire-cycle", took, threshold, now.unix_ms());
    }

    /// Closes clients that have said nothing for longer than `timeout`, and those that take too
    /// little of what they are sent: some at a time, however many there are.
    fn close_idle(&mut self, now: Now) {
        let all = self.sessions.places();
        let looks = all.div_ceil(10).clamp(*LOOKS.start(), *LOOKS.end());
        let from = self.timers.place.min(all);
        let places = from..all.min(from + looks);
        self.timers.place = if places.end == all { 0 } else { places.end };
        let limit = self.config.client_output_buffer_limit.normal;
        for id in (self.sessions).beyond(places.clone(), limit, now.mono_ms()) {
            self.drop_slow_client(id);
        }
        let timeout = self.config.timeout.saturating_mul(1000);
        if timeout == 0 {
            return;
        }
        let is_idle = |session: &&Session| {
            let idle = now.mono_ms().saturating_sub(session.active_ms);
            let waits = session.killed || session.parked;
            session.role == SessionRole::Normal && !waits && idle > timeout
        };
        let idle = self.sessions.at_places(places).filter(is_idle);
        for id in idle.map(|session| session.id).collect::<Vec<_>>() {
            let text = format!("Closing idle client {}", self.client_name(id));
            self.log_of(Origin::Clients, Level::Verbose, text);
            self.kill_session(id);
        }
    }

    /// Closes a client that has passed its output limit.
    pub(super) fn drop_slow_client(&mut self, session: SessionId) {
        let unsent = (self.sessions.get(session)).map_or(0, |session| session.unsent.bytes);
        self.stats.output_limit_closed += 1;
        let text = format!(
            "Client {} is closed: {unsent} bytes wait for it, which is beyond \
             client-output-buffer-limit normal",
            self.client_name(session)
        );
        self.log_of(Origin::Clients, Level::Warning, text);
        self.kill_session(session);
    }

    /// A client's id and address, for the log.
    fn client_name(&self, session: SessionId) -> String {
        match self.sessions.get(session) {
            Some(known) => format!("{session} at {}", known.remote),
            None => session.to_string(),
        }
    }
}
