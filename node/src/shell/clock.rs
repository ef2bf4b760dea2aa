//! The clock: the only place where the time is read.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::time::{Calls, Now, Stopwatch, Usage};

/// Gives the time on both scales for one system call's worth of work: unix time is read once per
/// turn and carried on by the monotonic clock within it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    /// The same moment on the kernel's coarse clock, in microseconds.
    coarse_start: u64,
    turn: Now,
}

impl Clock {
    pub(super) fn start() -> Clock {
        let mut clock = Clock {
            start: Instant::now(),
            coarse_start: coarse_micros(),
            turn: Now::default(),
        };
        clock.begin_turn();
        clock
    }

    /// Reads both clocks.
    pub(super) fn begin_turn(&mut self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        self.turn = Now {
            unix_us: unix.map_or(0, |since| {
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }),
            mono_us: micros(self.start),
        };
        self.turn
    }

    /// The time now, within the turn.
    pub(super) fn now(&self) -> Now {
        let mono_us = micros(self.start);
        let passed = mono_us.saturating_sub(self.turn.mono_us);
        Now {
            unix_us: self.turn.unix_us.saturating_add_unsigned(passed),
            mono_us,
        }
    }

    /// The time within the turn to some milliseconds, at a third of the cost: for what only must not
    /// miss that the process was stopped.
    pub(super) fn coarse_now(&self) -> Now {
        let coarse_us = coarse_micros().saturating_sub(self.coarse_start);
        let passed = coarse_us.saturating_sub(self.turn.mono_us);
        Now {
            unix_us: self.turn.unix_us.saturating_add_unsigned(passed),
            mono_us: coarse_us,
        }
    }

    /// The same clock, when that much more time has passed.
    #[cfg(test)]
    pub(super) fn shifted(mut self, passed: std::time::Duration) -> Clock {
        self.start -= passed;
        self
    }

    /// The moment of a value of the monotonic scale.
    pub(super) fn instant(&self, mono_ms: u64) -> Instant {
        self.start + std::time::Duration::from_millis(mono_ms)
    }
}

impl Stopwatch for Clock {
    fn nanos(&self) -> u64 {
        let elapsed = self.start.elapsed();
        elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
    }

    fn usage(&self) -> Usage {
        super::system::usage()
    }

    fn calls(&self) -> Calls {
        super::socket::calls()
    }
}

/// The clock of [`Instant`], as of the kernel's last tick: no counter of the processor is read.
fn coarse_micros() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    let (seconds, nanos) = (now.tv_sec.cast_unsigned(), now.tv_nsec.cast_unsigned());
    seconds * 1_000_000 + nanos / 1000
}

fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
