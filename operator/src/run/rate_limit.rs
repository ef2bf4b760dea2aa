//! A token bucket, for log lines and Events that outsiders can cause.

use std::time::{Duration, Instant};

/// The rate limit of one kind: a burst, and then one per interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateLimit {
    /// The size of a burst.
    pub(super) burst: u32,
    /// The interval after which one more is allowed.
    pub(super) every: Duration,
}

/// The tokens that one kind has left.
#[derive(Debug)]
pub(super) struct TokenBucket {
    limit: RateLimit,
    left: u32,
    /// When `left` was last increased.
    since: Instant,
    /// How many were refused since the last one that was admitted.
    left_out: u64,
}

impl TokenBucket {
    /// A full bucket.
    pub(super) fn new(limit: RateLimit, now: Instant) -> TokenBucket {
        TokenBucket {
            limit,
            left: limit.burst,
            since: now,
            left_out: 0,
        }
    }

    /// Takes one token; returns how many were refused before. None if there is no token.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        let RateLimit { burst, every } = self.limit;
        let passed = now.saturating_duration_since(self.since).as_millis() / every.as_millis();
        if passed > 0 {
            let passed = u32::try_from(passed).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(passed).min(burst);
            self.since = now;
        }
        if self.left == 0 {
            self.left_out += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_after_the_other_with_a_count() {
        let every = Duration::from_secs(2);
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RateLimit { burst: 3, every }, start);
        for _ in 0..3 {
            assert_eq!(bucket.admit(start), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(bucket.admit(start + every / 2), None);
        }
        assert_eq!(bucket.admit(start + every), Some(7));
        assert_eq!(bucket.admit(start + every), None);
        let later = start + every * 10;
        let admitted = [0; 4].map(|_| bucket.admit(later));
        assert_eq!(admitted, [Some(1), Some(0), Some(0), None]);
    }
}
