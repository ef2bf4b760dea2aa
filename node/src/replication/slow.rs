//! Replicas whose full sync was ended since it held those who write for too long. They would ask
//! again at once, and hold them again: so each rests for a while, and twice as long every time.

use std::collections::BTreeMap;

/// How many are remembered: those whose rest ends last.
const REMEMBERED: usize = 64;
/// The rest is doubled so often at most.
const DOUBLED_MAX: u32 = 6;

/// The replicas that rest, by address and port.
#[derive(Debug, Default)]
pub struct Resting {
    by_name: BTreeMap<String, Rest>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: u64,
    times: u32,
}

impl Resting {
    /// A replica was too slow: it rests for `rest_ms`, or longer if it was before. Until when, in
    /// milliseconds of the monotonic scale.
    pub fn add(&mut self, name: &str, rest_ms: u64, now_ms: u64) -> u64 {
        let times = self.by_name.get(name).map_or(0, |rest| rest.times + 1);
        let until = now_ms.saturating_add(rest_ms << times.min(DOUBLED_MAX));
        self.by_name.insert(name.to_owned(), Rest { until, times });
        if self.by_name.len() > REMEMBERED
            && let Some(first) = self.by_name.iter().min_by_key(|(_, rest)| rest.until)
        {
            let first = first.0.clone();
            self.by_name.remove(&first);
        }
        until
    }

    /// Until when a replica rests, in milliseconds of the monotonic scale; 0 if it does not.
    #[must_use]
    pub fn until(&self, name: &str) -> u64 {
        self.by_name.get(name).map_or(0, |rest| rest.until)
    }

    /// A replica is in sync.
    pub fn forgive(&mut self, name: &str) {
        self.by_name.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_are_doubled_and_end_with_a_sync() {
        let mut resting = Resting::default();
        assert_eq!(resting.until("a:1"), 0);
        assert_eq!(resting.add("a:1", 100, 1000), 1100);
        assert_eq!(resting.add("a:1", 100, 2000), 2200);
        assert_eq!((resting.until("a:1"), resting.until("a:2")), (2200, 0));
        for _ in 0..50 {
            resting.add("a:1", 100, 3000);
        }
        assert_eq!(resting.until("a:1"), 3000 + 6400);
        resting.forgive("a:1");
        assert_eq!(resting.until("a:1"), 0);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut resting = Resting::default();
        for number in 0..1000 {
            resting.add(&format!("a:{number}"), 100, number);
        }
        assert_eq!(resting.by_name.len(), REMEMBERED);
        assert_eq!(resting.until("a:999"), 1099);
    }
}
