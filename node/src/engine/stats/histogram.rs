//! How often calls took how long: counts in steps of at most a 32nd of the time, as the statistics of
//! a command show it.

/// How many steps an octave has, as a power of two.
const STEP_BITS: u32 = 5;
const STEPS: usize = 1 << STEP_BITS;
/// Longer times count as this one: about a second, as in Redis.
const LONGEST: u64 = (1 << 30) - 1;
const BUCKETS: usize = (30 - STEP_BITS as usize + 1) * STEPS;

/// Times in nanoseconds, 7 KB in all.
#[derive(Debug)]
pub(in crate::engine) struct Histogram {
    counts: Box<[u64; BUCKETS]>,
}

impl Histogram {
    pub(super) fn new() -> Histogram {
        Histogram {
            counts: Box::new([0; BUCKETS]),
        }
    }

    /// Counts a call.
    #[inline]
    pub(super) fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
    }

    /// How many calls were counted.
    pub(in crate::engine) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The time that so many percent of the calls did not exceed, in nanoseconds; to a 32nd.
    pub(in crate::engine) fn percentile(&self, percent: f64) -> u64 {
        let total = self.total();
        let wanted = ((percent / 100.0 * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return longest_of(index);
            }
        }
        0
    }

    /// For each power of two of microseconds at which there are more calls than below it: how many
    /// calls took at most so long.
    pub(in crate::engine) fn cumulative(&self) -> Vec<(u64, u64)> {
        let (mut shown, mut seen) = (Vec::new(), 0);
        let mut counts = self.counts.iter().enumerate().peekable();
        let mut limit = 1;
        while counts.peek().is_some() {
            let before = seen;
            while let Some((_, count)) =
                counts.next_if(|(index, _)| longest_of(*index) < limit * 1024)
            {
                seen += count;
            }
            if seen > before {
                shown.push((limit, seen));
            }
            limit *= 2;
        }
        shown
    }
}

/// Where a time is counted: each number below 32 has a bucket, then each octave has 32.
#[inline]
fn bucket(nanos: u64) -> usize {
    let nanos = nanos.min(LONGEST);
    let octave = (nanos | (STEPS as u64 - 1)).ilog2() + 1 - STEP_BITS;
    let shift = octave.saturating_sub(1);
    // In the lowest octave the numbers are the buckets; from there on the top bit counts, too.
    ((shift as usize) << STEP_BITS) + (nanos >> shift) as usize
}

/// The longest time that a bucket counts.
fn longest_of(index: usize) -> u64 {
    let shift = (index / STEPS).saturating_sub(1);
    let first = (index - shift * STEPS) as u64;
    ((first + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_counted_to_a_32nd() {
        let edges = (0..30).flat_map(|bit| [(1 << bit) - 1, 1 << bit]);
        for nanos in (0..100_000).chain(edges) {
            let longest = longest_of(bucket(nanos));
            assert!(
                longest >= nanos && longest - nanos <= nanos / 32,
                "{nanos}: {longest}"
            );
        }
        assert!((0..100_000).all(|nanos| [0, 1].contains(&(bucket(nanos + 1) - bucket(nanos)))));
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_and_what_took_no_longer() {
        let mut histogram = Histogram::new();
        for nanos in 1..=1000 {
            histogram.record(nanos * 1000);
        }
        assert_eq!(histogram.total(), 1000);
        for (percent, wanted) in [(50.0, 500_000), (99.0, 990_000), (100.0, 1_000_000)] {
            let found = histogram.percentile(percent);
            assert!(
                (wanted..=wanted + wanted / 32).contains(&found),
                "{percent}: {found}"
            );
        }
        let shown = histogram.cumulative();
        let microseconds: Vec<u64> = shown.iter().map(|(limit, _)| *limit).collect();
        assert_eq!(microseconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]);
        assert_eq!(shown[0], (1, 1), "a call of one microsecond");
        assert_eq!(shown[10], (1024, 1000));
        assert_eq!(Histogram::new().percentile(50.0), 0);
    }
}
