//! The endpoint of the probes and of metrics. It reads what the main loop has published last, so
//! that it answers while the data port is busy.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use slotkeeper_http::{Answer, Site};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::clock::Clock;
use crate::io::Health;

/// A main loop that has not turned for this long is dead.
const DEAD_MS: u64 = 10_000;
/// How long metrics wait for the main loop; then the last ones are given.
const METRICS_WAIT: Duration = Duration::from_millis(500);
/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What probes and metrics see: the main loop publishes it.
#[derive(Debug)]
pub(super) struct Probes {
    clock: Clock,
    beat_ms: AtomicU64,
    is_read: AtomicBool,
    health: Mutex<Option<Health>>,
    metrics: Mutex<Option<String>>,
    published: Notify,
    ask: Waker,
}

impl Probes {
    /// The waker asks the main loop for metrics.
    pub(super) fn new(clock: Clock, ask: Waker) -> Probes {
        Probes {
            clock,
            beat_ms: AtomicU64::new(clock.now().mono_ms()),
            is_read: AtomicBool::new(false),
            health: Mutex::new(None),
            metrics: Mutex::new(None),
            published: Notify::new(),
            ask,
        }
    }

    /// The main loop is alive.
    pub(super) fn beat(&self, mono_ms: u64) {
        self.beat_ms.store(mono_ms, Ordering::Relaxed);
    }

    /// Whether the port is served.
    pub(super) fn is_read(&self) -> bool {
        self.is_read.load(Ordering::Relaxed)
    }

    pub(super) fn publish_health(&self, health: Health) {
        *lock(&self.health) = Some(health);
    }

    pub(super) fn publish_metrics(&self, metrics: String) {
        *lock(&self.metrics) = Some(metrics);
        self.published.notify_waiters();
    }

    fn live(&self) -> Result<(), String> {
        let silent_ms = self
            .clock
            .now()
            .mono_ms()
            .saturating_sub(self.beat_ms.load(Ordering::Relaxed));
        if silent_ms < DEAD_MS {
            return Ok(());
        }
        Err(format!("the main loop has not turned for {silent_ms} ms"))
    }

    fn ready(&self) -> Result<(), String> {
        self.live()?;
        let health = lock(&self.health).clone();
        health.map_or_else(|| Err("starting".to_owned()), |health| health.ready)
    }

    async fn metrics(&self) -> Option<String> {
        let published = self.published.notified();
        self.ask.wake_by_ref();
        let _ = timeout(METRICS_WAIT, published).await;
        lock(&self.metrics).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site for Probes {
    const PATHS: &'static str = "/livez /readyz /metrics";

    async fn read(&self, path: &str) -> Option<Answer> {
        Some(match path {
            "/livez" => Answer::verdict(self.live()),
            "/readyz" => Answer::verdict(self.ready()),
            "/metrics" => match self.metrics().await {
                Some(text) => Answer::ok(METRICS_TYPE, text),
                None => Answer::verdict(Err("no metrics yet".to_owned())),
            },
            _ => return None,
        })
    }
}

/// Answers on those sockets until the process ends.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn serve(listeners: Vec<TcpListener>, probes: &Arc<Probes>) -> io::Result<()> {
    probes.is_read.store(true, Ordering::Relaxed);
    slotkeeper_http::serve("health", listeners, probes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes() -> Probes {
        Probes::new(Clock::start(), Waker::noop().clone())
    }

    fn health(ready: Result<(), &str>) -> Health {
        Health {
            ready: ready.map_err(str::to_owned),
            busy: false,
        }
    }

    fn no(why: &str) -> Option<Answer> {
        Some(Answer::verdict(Err(why.to_owned())))
    }

    #[tokio::test]
    async fn probes_follow_what_is_published() {
        let (probes, yes) = (probes(), Some(Answer::verdict(Ok(()))));
        assert_eq!(probes.read("/livez").await, yes);
        assert_eq!(probes.read("/readyz").await, no("starting"));
        probes.publish_health(health(Ok(())));
        assert_eq!(probes.read("/readyz").await, yes);
        probes.publish_health(health(Err("loading")));
        assert_eq!(probes.read("/readyz").await, no("loading"));
        assert_eq!(probes.read("/").await, None);
    }

    #[tokio::test]
    async fn metrics_are_the_last_ones_when_the_main_loop_is_stuck() {
        let probes = probes();
        assert_eq!(probes.read("/metrics").await, no("no metrics yet"));
        probes.publish_metrics("a 1\n".to_owned());
        let last = Answer::ok(METRICS_TYPE, "a 1\n".to_owned());
        assert_eq!(probes.read("/metrics").await, Some(last));
    }

    #[test]
    fn a_stuck_main_loop_is_dead() {
        let clock = Clock::start();
        let probes = Probes::new(clock, Waker::noop().clone());
        probes.publish_health(health(Ok(())));
        assert!(probes.live().is_ok());
        let mut late = probes;
        late.clock = clock.shifted(Duration::from_millis(DEAD_MS));
        assert!(late.live().unwrap_err().contains("has not turned for 100"));
        assert!(late.ready().is_err());
        late.beat(DEAD_MS);
        assert!(late.ready().is_ok());
    }
}
