//! Whether the process is alive and ready, as last reported by its main loop.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A main loop that has not run for this long is dead.
const DEAD: Duration = Duration::from_secs(30);

/// The state of the operator process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorState {
    /// It has not contacted the API server yet.
    Starting,
    /// Another process leads; this one is a standby.
    Standby,
    /// It leads, and its cache is not synced yet.
    Syncing,
    /// It leads, and its cache is synced.
    Leading,
}

/// The answers to probes, shared by the main loop and the server.
#[derive(Debug)]
pub struct Health {
    start: Instant,
    beat_ms: AtomicU64,
    state: AtomicU8,
}

impl Health {
    /// Alive, and starting.
    #[must_use]
    pub fn new() -> Health {
        Health {
            start: Instant::now(),
            beat_ms: AtomicU64::new(0),
            state: AtomicU8::new(OperatorState::Starting as u8),
        }
    }

    /// Reports that the main loop runs. Call it every few seconds.
    pub fn beat(&self) {
        self.beat_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Sets the state of the process.
    pub fn enter(&self, state: OperatorState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Whether the main loop runs.
    ///
    /// # Errors The reason if it does not.
    pub fn live(&self) -> Result<(), String> {
        self.live_at(self.now_ms())
    }

    /// Whether the process works, or could work at once as the leader.
    ///
    /// # Errors What is missing.
    pub fn ready(&self) -> Result<(), String> {
        self.live()?;
        match self.state.load(Ordering::Relaxed) {
            state if state == OperatorState::Starting as u8 => Err("starting".to_owned()),
            state if state == OperatorState::Syncing as u8 => {
                Err("the watches are not synced".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn live_at(&self, now_ms: u64) -> Result<(), String> {
        let silent_ms = now_ms.saturating_sub(self.beat_ms.load(Ordering::Relaxed));
        if u128::from(silent_ms) < DEAD.as_millis() {
            return Ok(());
        }
        Err(format!("the main loop has not run for {silent_ms} ms"))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for Health {
    fn default() -> Self {
        Health::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_loop_that_stands_still_is_dead_until_it_turns_again() {
        let health = Health::new();
        assert_eq!(health.live_at(29_999), Ok(()));
        let error = health.live_at(30_000).unwrap_err();
        assert_eq!(error, "the main loop has not run for 30000 ms");
        health.beat_ms.store(25_000, Ordering::Relaxed);
        assert_eq!(health.live_at(30_000), Ok(()));
    }
}
