//! The delay before a process is restarted.

use std::time::Duration;

/// The delay before the second restart.
const FIRST: Duration = Duration::from_secs(10);
/// The longest delay.
const MOST: Duration = Duration::from_secs(300);
/// A process that ran this long resets the delay.
const RESET: Duration = Duration::from_secs(600);

/// The delay before the next restart, as in a kubelet: none, then ten seconds, then twice as long
/// each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// The delay before the restart of a process that has ended after running this long.
    pub fn wait(&mut self, ran: Duration) -> Duration {
        if ran >= RESET {
            self.next = Duration::ZERO;
        }
        let wait = self.next;
        self.next = (wait * 2).clamp(FIRST, MOST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_as_a_kubelet_does() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..8)
            .map(|_| backoff.wait(Duration::ZERO).as_secs())
            .collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(backoff.wait(Duration::from_secs(599)).as_secs(), 300);
        assert_eq!(backoff.wait(RESET).as_secs(), 0);
        assert_eq!(backoff.wait(Duration::ZERO).as_secs(), 10);
    }
}
