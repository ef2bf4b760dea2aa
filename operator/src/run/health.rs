//! Whether the process lives and is ready, as its main loop last said.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A main loop that has not turned for so long is dead.
const DEAD: Duration = Duration::from_secs(30);

/// How far the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has not spoken to the API server yet.
    Starting,
    /// Another process leads; this one would be the next.
    Standby,
    /// It leads, and its watches have not brought everything yet.
    Syncing,
    /// It leads and knows everything there is.
    Leading,
}

/// What the probes are answered from; shared by the main loop and the server.
#[derive(Debug)]
pub struct Health {
    start: Instant,
    beat_ms: AtomicU64,
    stage: AtomicU8,
}

impl Health {
    /// Starting, and alive.
    #[must_use]
    pub fn new() -> Health {
        Health {
            start: Instant::now(),
            beat_ms: AtomicU64::new(0),
            stage: AtomicU8::new(Stage::Starting as u8),
        }
    }

    /// The main loop turns. To be called every few seconds.
    pub fn beat(&self) {
        self.beat_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// The process has come that far.
    pub fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// Whether the main loop turns.
    ///
    /// # Errors
    /// With the reason, when it does not.
    pub fn live(&self) -> Result<(), String> {
        self.live_at(self.now_ms())
    }

    /// Whether the process does its work, or would at once when it became the leader.
    ///
    /// # Errors
    /// With what is missing.
    pub fn ready(&self) -> Result<(), String> {
        self.live()?;
        match self.stage.load(Ordering::Relaxed) {
            stage if stage == Stage::Starting as u8 => Err("starting".to_owned()),
            stage if stage == Stage::Syncing as u8 => Err("the watches are not synced".to_owned()),
            _ => Ok(()),
        }
    }

    fn live_at(&self, now_ms: u64) -> Result<(), String> {
        let silent_ms = now_ms.saturating_sub(self.beat_ms.load(Ordering::Relaxed));
        if u128::from(silent_ms) < DEAD.as_millis() {
            return Ok(());
        }
        Err(format!("the main loop has not turned for {silent_ms} ms"))
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
        assert_eq!(error, "the main loop has not turned for 30000 ms");
        health.beat_ms.store(25_000, Ordering::Relaxed);
        assert_eq!(health.live_at(30_000), Ok(()));
    }
}
