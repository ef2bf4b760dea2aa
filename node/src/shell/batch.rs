//! Batching: between two turns a busy node waits for a moment, so that the next turn finds more
//! clients ready.
//!
//! The fixed cost of a turn is shared by all clients that it serves: polling for ready clients,
//! waking those that sleep, cache misses that could overlap. Clients that are about as
//! fast as the node become ready one by one; without a wait each would pay for a turn of its own.
//! Network cards moderate their interrupts for the same reason.
//!
//! The price is latency, so the clients themselves set its bound: a wait is at most a share of the
//! time that the busiest of them takes from request to request, and there is none unless that is
//! long enough for several others to come. One client alone, however fast, never waits.

use std::time::Duration;

/// How long the clients are watched before the wait is set again.
const WINDOW_US: u64 = 5000;
/// The share of its round that a wait may take from a client, as a divisor.
const SHARE: u64 = 8;
/// No wait is longer.
const WAIT_MAX_US: u64 = 64;
/// A wait is worth its own cost if this many clients become ready in it.
const WORTH: u64 = 3;
/// A turn that has served this many has enough clients to share its cost.
const ENOUGH: u64 = 8;

/// How often one client was served in the current window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    window: u64,
    served: u64,
}

/// Counts the clients that the turns serve, and says how long to wait between turns.
#[derive(Debug, Default)]
pub(super) struct Batcher {
    /// The number of the window, and when it began.
    window: u64,
    since_us: u64,
    /// Clients served in the window, each as often as it was, and in this turn.
    served: u64,
    in_turn: u64,
    /// How often the busiest client was.
    busiest: u64,
    wait_us: u64,
}

impl Batcher {
    /// A client is served.
    pub(super) fn serve(&mut self, tally: &mut Tally) {
        if tally.window != self.window {
            *tally = Tally {
                window: self.window,
                served: 0,
            };
        }
        tally.served += 1;
        self.busiest = self.busiest.max(tally.served);
        self.served += 1;
        self.in_turn += 1;
    }

    /// The turn ends at `now_us`: how long to wait before the next one.
    pub(super) fn end_turn(&mut self, now_us: u64) -> Option<Duration> {
        let passed = now_us.saturating_sub(self.since_us);
        if passed >= WINDOW_US {
            self.wait_us = self.wait(passed);
            self.window += 1;
            self.since_us = now_us;
            (self.served, self.busiest) = (0, 0);
        }
        let in_turn = std::mem::take(&mut self.in_turn);
        let waits = self.wait_us > 0 && (1..ENOUGH).contains(&in_turn);
        waits.then(|| Duration::from_micros(self.wait_us))
    }

    /// The wait that suits what was seen in a window of this length; 0 for none.
    fn wait(&self, passed_us: u64) -> u64 {
        let share_us = passed_us / (self.busiest.max(1) * SHARE);
        let wait_us = share_us.min(WAIT_MAX_US);
        let arrivals = wait_us * self.served / passed_us;
        if arrivals >= WORTH { wait_us } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wait after `turns` turns, `gap_us` apart, each of which serves the next `size` of the
    /// clients in `order`, over and over.
    fn wait_after(turns: usize, gap_us: u64, size: usize, order: &[usize]) -> Option<u64> {
        let mut batcher = Batcher::default();
        let mut tallies = vec![Tally::default(); order.len()];
        let mut clients = order.iter().cycle();
        let mut waits = None;
        for turn in 1..=turns {
            for client in clients.by_ref().take(size) {
                batcher.serve(&mut tallies[*client]);
            }
            waits = batcher.end_turn(turn as u64 * gap_us);
        }
        waits.map(|wait| wait.as_micros() as u64)
    }

    /// After 10 ms in which 50 clients came one by one, and are waited for.
    fn loaded() -> Batcher {
        let mut batcher = Batcher::default();
        let mut tallies = [Tally::default(); 50];
        for turn in 1..=1000 {
            batcher.serve(&mut tallies[turn % 50]);
            batcher.end_turn(turn as u64 * 10);
        }
        assert!(batcher.wait_us > 0, "{batcher:?}");
        batcher
    }

    fn each_of(clients: usize) -> Vec<usize> {
        (0..clients).collect()
    }

    #[test]
    fn many_clients_that_come_one_by_one_are_waited_for_within_their_share() {
        // A round of 50 clients takes 500 us.
        let wait = wait_after(1000, 10, 1, &each_of(50)).expect("a wait");
        assert!((30..=500 / SHARE).contains(&wait), "{wait} us");
        // A round of 1000 takes 10 ms, but no wait is that long.
        assert_eq!(wait_after(10_000, 10, 1, &each_of(1000)), Some(WAIT_MAX_US));
    }

    #[test]
    fn a_few_clients_are_never_made_to_wait_for_each_other() {
        for clients in 1..=16 {
            for gap_us in [1, 5, 10, 50, 200] {
                let waits = wait_after(20_000, gap_us, 1, &each_of(clients));
                assert_eq!(waits, None, "{clients} clients, {gap_us} us");
            }
        }
    }

    #[test]
    fn nor_are_many_for_one_that_is_faster_than_they_are() {
        // Every second request is of client 0.
        let order: Vec<usize> = (1..100).flat_map(|other| [0, other]).collect();
        assert_eq!(wait_after(10_000, 10, 1, &order), None);
    }

    #[test]
    fn a_light_load_and_full_turns_wait_for_nobody() {
        assert_eq!(wait_after(1000, 100, 1, &each_of(500)), None);
        assert_eq!(wait_after(1000, 100, 16, &each_of(50)), None);
    }

    #[test]
    fn the_end_of_a_load_ends_the_waits() {
        let mut batcher = loaded();
        batcher.serve(&mut Tally::default());
        assert_eq!(batcher.end_turn(1_000_000), None);
    }

    #[test]
    fn a_turn_that_served_nobody_is_followed_by_the_next_at_once() {
        assert_eq!(loaded().end_turn(10_010), None);
    }
}
