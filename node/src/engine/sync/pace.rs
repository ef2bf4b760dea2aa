//! `rdb-key-save-delay`: the walks rest after each step, by the keys that it has saved.

use crate::engine::Engine;
use crate::engine::snapshot::delay_us;
use crate::time::Now;

/// How far the walks that are under way have paid for their keys.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The keys up to here are paid for, those of all walks together.
    paid: u64,
    /// Until when the walks rest, in monotonic microseconds.
    until_us: u64,
}

impl Engine {
    /// Whether the walks rest.
    pub(super) fn walks_rest(&self, now: Now) -> bool {
        now.mono_us < self.replication.pace.until_us
    }

    /// Until when the walks rest, in monotonic milliseconds.
    pub(in crate::engine) fn walks_rest_until(&self) -> Option<u64> {
        let until_us = self.replication.pace.until_us;
        (until_us > 0).then(|| until_us.div_ceil(1000))
    }

    /// The walks have made a step: whether they rest now.
    pub(super) fn pay_for_keys(&mut self, now: Now) -> bool {
        let delay = self.config.rdb_key_save_delay;
        let keys: u64 = (self.walk_ids().into_iter())
            .map(|id| self.writer(id).map_or(0, |writer| writer.keys()))
            .sum();
        let pace = &mut self.replication.pace;
        // A walk that has ended has taken its keys with it.
        let micros = delay_us(keys.saturating_sub(pace.paid), delay);
        pace.until_us = 0;
        if micros > 0 || delay == 0 || keys < pace.paid {
            pace.paid = keys;
        }
        if micros > 0 {
            pace.until_us = now.mono_us.saturating_add(micros);
        }
        micros > 0
    }
}
