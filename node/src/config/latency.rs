//! What is noted of how long commands take.

use super::Config;

/// A part of all calls, in billionths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentile(u64);

impl Percentile {
    /// So many percent.
    #[must_use]
    pub fn of(percent: f64) -> Percentile {
        Percentile((percent * 1e9).round() as u64)
    }

    /// In percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Config {
    /// A command that takes so many nanoseconds concerns the slow log or LATENCY: the lower one of
    /// their thresholds.
    #[must_use]
    pub fn slow_from_ns(&self) -> u64 {
        let log = u64::try_from(self.slowlog_log_slower_than).ok();
        let log = log.map(|micros| micros.saturating_mul(1000));
        let monitor = Some(self.latency_monitor_threshold).filter(|ms| *ms > 0);
        let monitor = monitor.map(|ms| ms.saturating_mul(1_000_000));
        log.into_iter().chain(monitor).min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_threshold_counts() {
        for (log, monitor, wanted) in [
            (10_000, 0, 10_000_000),
            (-1, 0, u64::MAX),
            (-1, 5, 5_000_000),
            (10_000, 5, 5_000_000),
            (0, 5, 0),
            (i64::MAX, 0, u64::MAX),
        ] {
            let config = Config {
                slowlog_log_slower_than: log,
                latency_monitor_threshold: monitor,
                ..Config::default()
            };
            assert_eq!(config.slow_from_ns(), wanted, "{log} {monitor}");
        }
    }
}
