//! What commands took, and which of them failed: counts, histograms, the slow log.

use crate::command::Command;
use crate::engine::Engine;
use crate::io::SessionId;
use crate::resp::{Args, Reply};
use crate::session::SessionRole;
use crate::spec::Flag;
use crate::time::Now;

impl Engine {
    /// Counts an executed command, whose reply begins there, and notes it if it was slow.
    #[inline]
    pub(super) fn account(
        &mut self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
        now: Now,
        reply: &Reply,
        start: usize,
    ) {
        let stamp = self.stopwatch.nanos();
        let nanos = stamp.saturating_sub(self.stamp);
        self.stamp = stamp;
        self.stats.commands += 1;
        let counts = self.stats.of_command(command.id);
        counts.count(nanos, self.config.latency_tracking);
        if self.slot_stats.is_enabled() {
            self.slot_stats
                .note(command, args, nanos, reply.len() - start);
        }
        if let Some(text) = reply.error_at(start) {
            counts.failed += 1;
            self.stats.count_error(text);
            let role = self.sessions.at(id).role;
            if role != SessionRole::Normal {
                self.note_unexpected_error(role, command, text);
            }
        }
        self.note_if_slow(id, command, args, nanos, now);
    }

    #[inline]
    pub(super) fn note_if_slow(
        &mut self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
        nanos: u64,
        now: Now,
    ) {
        if nanos >= self.slow_from_ns {
            self.note_slow(id, command, args, nanos / 1000, now);
        }
    }

    #[cold]
    fn note_slow(
        &mut self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
        micros: u64,
        now: Now,
    ) {
        let flags = command.flags();
        let slow = self.config.slowlog_log_slower_than;
        let is_slow = slow >= 0 && micros >= slow.unsigned_abs();
        if is_slow && !flags.has(Flag::SkipSlowLog) && command.id != self.command_ids.exec {
            let max = self.config.slowlog_max_len;
            let session = self.sessions.at(id);
            (self.slowlog).note(command.spec, args, session, micros, now.unix_ms(), max);
        }
        let event = if flags.has(Flag::Fast) {
            "fast-command"
        } else {
            "command"
        };
        let threshold = self.config.latency_monitor_threshold;
        (self.latency).note(event, micros / 1000, threshold, now.unix_ms());
    }
}
