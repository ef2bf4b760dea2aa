//! Keys that go when more memory is used than `maxmemory` allows.
//!
//! What takes memory makes room for itself before it is admitted; what memory grows by other than
//! commands, the turns make up for. A call does a bounded number of evictions, and goes on later:
//! meanwhile commands are admitted, as in Redis. Keys leave like those that have expired: replicas
//! are told, and those who watch a key or wait for one.

use crate::config::EvictionPolicy;
use crate::data::{Evicted, Eviction as Choice, WalkWait};
use crate::engine::Engine;
use crate::time::Now;

/// What one call may cost at most, in tenths of a microsecond.
const COST_MAX: u64 = 10_000;
/// What an eviction costs, beside the looks at keys ...
const COST_OF_KEY: u64 = 25;
/// ... of which each costs so much.
const COST_OF_LOOK: u64 = 2;
/// How many bytes that are freed at once cost a tenth of a microsecond.
const BYTES_FOR_COST: usize = 2048;
/// How much is freed at a time of what was removed before, in keys, and what that costs.
const FREED: usize = 64;
const COST_OF_FREED: u64 = 200;

/// Since when the limit is exceeded.
#[derive(Debug, Default)]
pub(super) struct Eviction {
    /// In monotonic microseconds; none if it is not.
    since_us: Option<u64>,
    /// How long it was exceeded before, in microseconds.
    before_us: u64,
}

impl Eviction {
    /// For how long the limit was exceeded: in all, and at a stretch until now. In milliseconds.
    pub(super) fn exceeded_ms(&self, now: Now) -> (u64, u64) {
        let current = self.since_us.map_or(0, |since| now.mono_us - since);
        ((self.before_us + current) / 1000, current / 1000)
    }

    fn note(&mut self, exceeded: bool, now: Now) {
        if exceeded {
            self.since_us.get_or_insert(now.mono_us);
        } else if let Some(since) = self.since_us.take() {
            self.before_us += now.mono_us - since;
        }
    }
}

/// Whether there is room in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is.
    Enough,
    /// There will be: keys are on their way out.
    Coming,
    /// Keys may go when this is over.
    After(WalkWait),
    /// There is none, and no key may go.
    None,
}

impl Engine {
    /// At the end of a turn. True when there is more to do at once.
    pub(super) fn step_eviction(&mut self, now: Now) -> bool {
        if self.lacks_memory() {
            return self.make_memory_room(now) == Room::Coming;
        }
        self.eviction.note(false, now);
        false
    }

    /// Removes keys until there is room, or for as long as a call may take. Not between the commands
    /// of an EXEC.
    #[cold]
    pub(super) fn make_memory_room(&mut self, now: Now) -> Room {
        // A replica has what its master has, and nothing may enter the stream while it is paused.
        if self.is_replica || self.pause.any() || self.is_loading() || self.is_withholding() {
            return Room::Enough;
        }
        let begun = self.stopwatch.nanos();
        let before = self.stats.evicted_keys;
        let room = self.evict_keys(now);
        self.eviction.note(room != Room::Enough, now);
        if self.stats.evicted_keys > before {
            self.drain_changes();
            self.note_latency("eviction-cycle", begun, now);
        }
        room
    }

    fn evict_keys(&mut self, now: Now) -> Room {
        let looks_before = self.data.eviction_looks();
        let budget = budget(self.config.maxmemory_eviction_tenacity);
        let choice = Choice {
            policy: self.config.maxmemory_policy,
            samples: self.config.maxmemory_samples,
            decay_minutes: self.config.lfu_decay_time,
            now,
        };
        let mut cost = 0;
        while self.lacks_memory() {
            let looks = self.data.eviction_looks() - looks_before;
            if cost + looks * COST_OF_LOOK > budget {
                return Room::Coming;
            }
            // What was removed before is free soon: no other key has to go for that.
            if self.data.is_freeing() {
                self.data.free_step(FREED);
                cost += COST_OF_FREED;
                continue;
            }
            if choice.policy == EvictionPolicy::NoEviction {
                return Room::None;
            }
            cost += COST_OF_KEY;
            let before = self.data.stats().memory;
            let begun = self.stopwatch.nanos();
            match self.data.evict(&choice, self.random.bits()) {
                Evicted::Key(db) => {
                    let freed = before.saturating_sub(self.data.stats().memory);
                    cost += (freed / BYTES_FOR_COST) as u64;
                    self.commit_eviction(db);
                    self.note_latency("eviction-del", begun, now);
                }
                Evicted::Wait(wait) => return Room::After(wait),
                Evicted::Nothing => return Room::None,
            }
        }
        Room::Enough
    }

    fn commit_eviction(&mut self, db: usize) {
        self.stats.evicted_keys += 1;
        let command: &[u8] = match self.config.lazyfree_lazy_eviction {
            true => b"UNLINK",
            false => b"DEL",
        };
        let name = self.data.take_evicted_name();
        self.commit_removal(db, &[command, &name]);
        self.data.keep_evicted_name(name);
    }

    fn note_latency(&mut self, event: &'static str, begun: u64, now: Now) {
        let threshold = self.config.latency_monitor_threshold;
        if threshold > 0 {
            let took = self.stopwatch.nanos().saturating_sub(begun) / 1_000_000;
            (self.latency).note(event, took, threshold, now.unix_ms());
        }
    }
}

/// What one call may cost, in tenths of a microsecond: half a millisecond by default, as in Redis,
/// and at most a whole one.
fn budget(tenacity: u64) -> u64 {
    match tenacity {
        0..=10 => tenacity * COST_MAX / 20,
        _ => COST_MAX / 2 + (tenacity - 10) * (COST_MAX / 2) / 90,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_decides_how_much_is_done_at_once() {
        assert_eq!(
            [0, 5, 10, 55, 100].map(budget),
            [0, 2500, 5000, 7500, 10_000]
        );
    }
}
