use std::time::{Duration, Instant};

/// How many there may be of one kind, whatever outsiders cause: so many at once, and after that one
/// now and then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// At once.
    pub(super) burst: u32,
    /// One more in so long.
    pub(super) every: Duration,
}

/// What one kind has left of it.
#[derive(Debug)]
pub(super) struct Allowance {
    terms: Terms,
    left: u32,
    /// When `left` was last raised.
    since: Instant,
    /// How many were left out after the last one that was admitted.
    left_out: u64,
}

impl Allowance {
    /// All of it.
    pub(super) fn new(terms: Terms, now: Instant) -> Allowance {
        Allowance {
            terms,
            left: terms.burst,
            since: now,
            left_out: 0,
        }
    }

    /// Takes one; says how many before it were left out. None where it has to be left out itself.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        let Terms { burst, every } = self.terms;
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
        let mut allowance = Allowance::new(Terms { burst: 3, every }, start);
        for _ in 0..3 {
            assert_eq!(allowance.admit(start), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(allowance.admit(start + every / 2), None);
        }
        assert_eq!(allowance.admit(start + every), Some(7));
        assert_eq!(allowance.admit(start + every), None);
        let later = start + every * 10;
        let admitted = [0; 4].map(|_| allowance.admit(later));
        assert_eq!(admitted, [Some(1), Some(0), Some(0), None]);
    }
}
