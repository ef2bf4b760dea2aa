//! Lines that others can cause: a limited number in a while is written, the rest is counted.

use crate::io::Level;

/// A while, in milliseconds ...
pub(super) const WHILE_MS: u64 = 10_000;
/// ... in which this many lines of one origin are written.
const LINES: u32 = 50;

/// The lines of one origin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limiter {
    /// When the while began, in monotonic milliseconds.
    began_ms: u64,
    written: u32,
    left_out: Option<LeftOut>,
}

/// Lines that were not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) lines: u64,
    /// The most serious of them.
    pub(super) level: Level,
}

impl Limiter {
    /// Whether a line may be written now. Ask [`left_out`](Limiter::left_out) before.
    pub(super) fn admit(&mut self, level: Level, now_ms: u64) -> bool {
        if now_ms >= self.began_ms + WHILE_MS {
            (self.began_ms, self.written) = (now_ms, 0);
        }
        if self.written < LINES {
            self.written += 1;
            return true;
        }
        let so_far = self.left_out.unwrap_or(LeftOut { lines: 0, level });
        self.left_out = Some(LeftOut {
            lines: so_far.lines + 1,
            level: so_far.level.max(level),
        });
        false
    }

    /// What was left out in a while that is over; told once.
    pub(super) fn left_out(&mut self, now_ms: u64) -> Option<LeftOut> {
        self.left_out
            .take_if(|_| now_ms >= self.began_ms + WHILE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gives_few_lines_and_the_count_of_the_rest() {
        let mut limiter = Limiter::default();
        let begin = 70_000;
        let flood = |limiter: &mut Limiter, from: u64| {
            let admitted = (0..1000).filter(|i| limiter.admit(Level::Verbose, from + i));
            admitted.count()
        };
        assert_eq!(flood(&mut limiter, begin), LINES as usize);
        assert!(!limiter.admit(Level::Warning, begin + 1000));
        assert_eq!(limiter.left_out(begin + WHILE_MS - 1), None, "too early");
        let told = limiter.left_out(begin + WHILE_MS);
        let expected = LeftOut {
            lines: 1001 - u64::from(LINES),
            level: Level::Warning,
        };
        assert_eq!(told, Some(expected));
        assert_eq!(limiter.left_out(begin + WHILE_MS), None, "told once");
        assert_eq!(flood(&mut limiter, begin + WHILE_MS), LINES as usize);
    }

    #[test]
    fn a_few_lines_are_all_written() {
        let mut limiter = Limiter::default();
        for second in 0..100 {
            assert!(limiter.admit(Level::Notice, second * 1000));
        }
        assert_eq!(limiter.left_out(u64::MAX), None);
    }
}
