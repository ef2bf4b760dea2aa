//! Counters for INFO and the metrics. Those that users may reset go with CONFIG RESETSTAT.

mod histogram;

use std::collections::BTreeMap;

pub(super) use self::histogram::Histogram;
use crate::time::{Calls, Now};

/// Rates are means over this many samples ...
const SAMPLES: usize = 16;
/// ... taken this often, in milliseconds.
const SAMPLE_MS: u64 = 100;

/// How much one cycle of active expiry counts in the mean (as in Redis).
const STALE_WEIGHT: f64 = 0.05;

/// Error codes beyond this many are not told apart.
const MAX_ERROR_CODES: usize = 128;

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) connections: u64,
    pub(super) rejected_connections: u64,
    pub(super) commands: u64,
    /// Requests and replies.
    pub(super) clients: Traffic,
    /// The stream and the data sets: what our master sent, and what our replicas were sent.
    pub(super) replication: Traffic,
    pub(super) errors: u64,
    /// Keys that `maxmemory` has cost.
    pub(super) evicted_keys: u64,
    /// Clients that `maxmemory-clients` has closed ...
    pub(super) evicted_clients: u64,
    /// ... and `client-query-buffer-limit`, and `client-output-buffer-limit`.
    pub(super) query_limit_closed: u64,
    pub(super) output_limit_closed: u64,
    /// What replicas asked for with PSYNC got.
    pub(super) sync_full: u64,
    pub(super) sync_partial_ok: u64,
    pub(super) sync_partial_err: u64,
    /// Replicas whose full sync has held writers for too long.
    pub(super) sync_slow_replicas: u64,
    /// What our master's stream, or a replica of ours, was answered with an error.
    pub(super) unexpected_errors: u64,
    /// Changes since the start, for `rdb_changes_since_last_save` and tests.
    pub(super) changes: u64,
    /// Keys removed because their slot went elsewhere.
    pub(super) slots_lost_keys: u64,
    pub(super) expire_cycle_cap_reached: u64,
    pub(super) expire_cycle_nanos: u64,
    /// The part of the keys with a time to live that active expiry has found expired, as a mean in
    /// which what is recent counts more.
    pub(super) expired_stale: f64,
    /// Payloads of RESTORE, each of which was looked through.
    pub(super) restored: u64,
    /// How often sockets were read and written before these counters began.
    pub(super) calls_before: Calls,
    /// What the last data set that was loaded or received had.
    pub(super) loaded: Loaded,
    error_codes: BTreeMap<String, u64>,
    by_command: Vec<CommandStats>,
    pub(super) peak_memory: usize,
    commands_rate: Rate,
    turns_rate: Rate,
    /// How long one turn takes, in microseconds.
    turn_micros: Rate,
}

/// The keys of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loaded {
    pub(super) keys: u64,
    /// Those that had expired and were left out.
    pub(super) expired: u64,
}

/// Bytes that came and went, and how fast.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) input: u64,
    pub(super) output: u64,
    input_rate: Rate,
    output_rate: Rate,
}

/// What one command has done, by its place in the table of commands.
#[derive(Debug, Default)]
pub(super) struct CommandStats {
    pub(super) calls: u64,
    nanos: u64,
    pub(super) rejected: u64,
    pub(super) failed: u64,
    /// How long the calls took, since latency-tracking was on.
    histogram: Option<Histogram>,
}

impl CommandStats {
    /// Counts a call; `tracked`: with how long it took.
    #[inline]
    pub(super) fn count(&mut self, nanos: u64, tracked: bool) {
        self.calls += 1;
        self.nanos += nanos;
        if tracked {
            match &mut self.histogram {
                Some(histogram) => histogram.record(nanos),
                None => self.begin_histogram(nanos),
            }
        }
    }

    /// A call that was counted has taken so much more.
    pub(super) fn go_on(&mut self, nanos: u64) {
        self.nanos += nanos;
    }

    #[cold]
    fn begin_histogram(&mut self, nanos: u64) {
        self.histogram.insert(Histogram::new()).record(nanos);
    }

    /// How long all calls took together, in microseconds.
    pub(super) fn micros(&self) -> u64 {
        self.nanos / 1000
    }
}

/// A rate per second.
#[derive(Debug, Default)]
struct Rate {
    samples: [u64; SAMPLES],
    next: usize,
    last: Option<(u64, u64)>,
    /// When the next sample of [`Rate::sample_each`] is taken.
    due: Option<u64>,
}

impl Stats {
    /// Counters for that many commands.
    pub(super) fn new(commands: usize) -> Stats {
        Stats {
            by_command: (0..commands).map(|_| CommandStats::default()).collect(),
            ..Stats::default()
        }
    }

    /// CONFIG RESETSTAT.
    pub(super) fn reset(&mut self, calls: Calls) {
        *self = Stats {
            changes: self.changes,
            peak_memory: self.peak_memory,
            loaded: self.loaded,
            calls_before: calls,
            commands_rate: std::mem::take(&mut self.commands_rate),
            turns_rate: std::mem::take(&mut self.turns_rate),
            turn_micros: std::mem::take(&mut self.turn_micros),
            clients: self.clients.restart(),
            replication: self.replication.restart(),
            ..Stats::new(self.by_command.len())
        };
    }

    pub(super) fn of_command(&mut self, index: usize) -> &mut CommandStats {
        &mut self.by_command[index]
    }

    /// Those that were called or refused, by their place in the table.
    pub(super) fn used_commands(&self) -> impl Iterator<Item = (usize, &CommandStats)> {
        let used = |(_, stats): &(usize, &CommandStats)| {
            stats.calls > 0 || stats.rejected > 0 || stats.failed > 0
        };
        self.by_command.iter().enumerate().filter(used)
    }

    /// How long the calls of commands took, by their place in the table.
    pub(super) fn histograms(&self) -> impl Iterator<Item = (usize, &Histogram)> {
        let all = self.by_command.iter().enumerate();
        all.filter_map(|(index, stats)| Some((index, stats.histogram.as_ref()?)))
    }

    /// An error reply: its text without the `-`.
    pub(super) fn count_error(&mut self, text: &[u8]) {
        self.errors += 1;
        let end = text.iter().position(|&b| b == b' ' || b == b'\r');
        let code = String::from_utf8_lossy(&text[..end.unwrap_or(text.len())]);
        if let Some(count) = self.error_codes.get_mut(code.as_ref()) {
            *count += 1;
        } else if self.error_codes.len() < MAX_ERROR_CODES {
            self.error_codes.insert(code.into_owned(), 1);
        }
    }

    /// How many errors had that code.
    pub(super) fn errors_of(&self, code: &str) -> u64 {
        self.error_codes.get(code).copied().unwrap_or(0)
    }

    pub(super) fn error_codes(&self) -> impl Iterator<Item = (&str, u64)> {
        (self.error_codes.iter()).map(|(code, &count)| (code.as_str(), count))
    }

    /// A cycle of active expiry: how long it took, and how many of so many keys with a time to live
    /// had expired.
    pub(super) fn count_expiry(&mut self, nanos: u64, expired: usize, timed: usize) {
        self.expire_cycle_nanos += nanos;
        let found = expired as f64 / timed.max(1) as f64;
        self.expired_stale += (found - self.expired_stale) * STALE_WEIGHT;
    }

    /// Ten times a second.
    pub(super) fn sample(&mut self, memory: usize, calls: Calls, now: Now) {
        self.peak_memory = self.peak_memory.max(memory);
        self.commands_rate.sample(self.commands, now);
        self.turns_rate.sample(calls.turns, now);
        self.turn_micros
            .sample_each(calls.turns_us, calls.turns, now);
        self.clients.sample(now);
        self.replication.sample(now);
    }

    pub(super) fn commands_per_second(&self) -> u64 {
        self.commands_rate.mean()
    }

    /// How many turns a second has, and how many microseconds one takes.
    pub(super) fn turns(&self) -> (u64, u64) {
        (self.turns_rate.mean(), self.turn_micros.mean())
    }

    /// How long all commands took together, in microseconds.
    pub(super) fn commands_micros(&self) -> u64 {
        self.by_command.iter().map(CommandStats::micros).sum()
    }
}

impl Traffic {
    /// The same with nothing counted yet.
    fn restart(&mut self) -> Traffic {
        Traffic {
            input: 0,
            output: 0,
            ..std::mem::take(self)
        }
    }

    fn sample(&mut self, now: Now) {
        self.input_rate.sample(self.input, now);
        self.output_rate.sample(self.output, now);
    }

    pub(super) fn input_per_second(&self) -> u64 {
        self.input_rate.mean()
    }

    pub(super) fn output_per_second(&self) -> u64 {
        self.output_rate.mean()
    }
}

impl Rate {
    fn sample(&mut self, total: u64, now: Now) {
        let Some((then, before)) = self.last else {
            self.last = Some((now.mono_us, total));
            return;
        };
        let elapsed = now.mono_us.saturating_sub(then);
        if elapsed < SAMPLE_MS * 1000 {
            return;
        }
        let per_second = u128::from(total.saturating_sub(before)) * 1_000_000 / u128::from(elapsed);
        self.add(u64::try_from(per_second).unwrap_or(u64::MAX));
        self.last = Some((now.mono_us, total));
    }

    /// The same of a mean of `count` things, however many of them a second has.
    fn sample_each(&mut self, total: u64, count: u64, now: Now) {
        if self.due.is_some_and(|due| now.mono_us < due) {
            return;
        }
        self.due = Some(now.mono_us + SAMPLE_MS * 1000);
        if let Some((counted, before)) = self.last.replace((count, total)) {
            let (more, new) = (total.saturating_sub(before), count.saturating_sub(counted));
            self.add(more / new.max(1));
        }
    }

    fn add(&mut self, sample: u64) {
        self.samples[self.next] = sample;
        self.next = (self.next + 1) % SAMPLES;
    }

    fn mean(&self) -> u64 {
        self.samples.iter().sum::<u64>() / SAMPLES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: u64) -> Now {
        Now {
            mono_us: mono_ms * 1000,
            unix_us: 0,
        }
    }

    #[test]
    fn a_rate_is_a_mean_over_its_samples() {
        let mut stats = Stats::new(1);
        for sample in 0..=SAMPLES as u64 {
            stats.commands = sample * 50;
            let calls = Calls {
                turns: sample * 20,
                turns_us: sample * 20 * 7,
                ..Calls::default()
            };
            stats.sample(0, calls, at(sample * 100));
        }
        assert_eq!(stats.commands_per_second(), 500);
        assert_eq!(stats.turns(), (200, 7));
    }

    #[test]
    fn errors_are_counted_by_code() {
        let mut stats = Stats::new(1);
        for text in ["ERR no", "MOVED 1 a:1", "ERR what\r\n", "WRONGTYPE"] {
            stats.count_error(text.as_bytes());
        }
        let codes: Vec<(&str, u64)> = stats.error_codes().collect();
        assert_eq!(codes, [("ERR", 2), ("MOVED", 1), ("WRONGTYPE", 1)]);
        stats.reset(Calls::default());
        assert_eq!((stats.errors, stats.error_codes().count()), (0, 0));
    }
}
