//! What an entry remembers of its use, in 24 bits: when it was used last, or how often.
//!
//! When is counted in half seconds, and a key that was only made counts as made in the one before:
//! of keys that were used last at about the same time, those go first that were never used again.
//! Redis counts seconds. How often is a logarithmic counter of 8 bits, and 16 bits are the minute of
//! the last use: a counter fades when its key is not used, as in Redis. Another `maxmemory-policy`
//! changes no entry: what it remembers means something else from then on, until it is used again.

use super::entry::{CLOCK_MODULUS, CLOCKS_PER_SECOND, EntryMut, clock_of};
use super::table::next_random;
pub use crate::config::Frequency;
use crate::time::Now;

/// What the counter of a new key is, so that it does not go before it can be used again.
const FIRST_COUNT: u8 = 5;
/// The bits of the access clock.
const CLOCK_MASK: u32 = (CLOCK_MODULUS - 1) as u32;

/// How the use of keys is noted.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// None: it is remembered when a key was used.
    pub frequency: Option<Frequency>,
    random: u64,
}

impl Usage {
    /// What a key that is made now remembers.
    #[inline]
    pub fn stamp(&self, now: Now) -> u32 {
        if self.frequency.is_some() {
            return minute_of(now) << 8 | u32::from(FIRST_COUNT);
        }
        clock_of(now).wrapping_sub(1) & CLOCK_MASK
    }

    /// What a key remembers that was put together from a payload: it was used last so long ago, or so
    /// often if that is known. `stamp` is that of a new key.
    pub fn restored(&self, stamp: u32, idle_secs: u64, count: Option<u8>) -> u32 {
        if self.frequency.is_some() {
            return count.map_or(stamp, |count| stamp & !0xFF | u32::from(count));
        }
        let idle = (idle_secs.saturating_mul(CLOCKS_PER_SECOND)).min(CLOCK_MODULUS - 2);
        ((u64::from(stamp) + CLOCK_MODULUS - idle) % CLOCK_MODULUS) as u32
    }

    /// Notes one use. `stamp` is that of a new key.
    #[inline]
    pub fn note(&mut self, entry: &mut EntryMut<'_>, stamp: u32) {
        match self.frequency {
            None => entry.set_clock(used(stamp)),
            Some(frequency) => {
                let old = entry.view().meta().clock;
                entry.set_clock(self.counted(frequency, old, stamp));
            }
        }
    }

    /// What a key remembers that gets another value: a counter goes on, by one use more if it `is_use`.
    #[inline]
    pub fn again(&mut self, old: u32, stamp: u32, is_use: bool) -> u32 {
        match self.frequency {
            None => used(stamp),
            Some(frequency) if is_use => self.counted(frequency, old, stamp),
            Some(_) => old,
        }
    }

    fn counted(&mut self, frequency: Frequency, old: u32, stamp: u32) -> u32 {
        let count = faded(old, stamp >> 8, frequency.decay_minutes);
        self.random = next_random(self.random);
        // The more it was used, the less likely one use counts.
        let beyond = u64::from(count.saturating_sub(FIRST_COUNT));
        let rarity = beyond * u64::from(frequency.log_factor) + 1;
        let counts = self.random.is_multiple_of(rarity);
        let count = count.saturating_add(u8::from(counts));
        stamp & !0xFF | u32::from(count)
    }
}

/// What a key remembers that is used when one that is made remembers `stamp`.
#[inline]
fn used(stamp: u32) -> u32 {
    (stamp + 1) & CLOCK_MASK
}

/// Minutes, modulo 2^16.
fn minute_of(now: Now) -> u32 {
    (now.mono_us / 60_000_000) as u32 & 0xFFFF
}

/// The counter that an entry remembers, at a minute.
fn faded(remembered: u32, minute: u32, decay_minutes: u32) -> u8 {
    let elapsed = minute.wrapping_sub(remembered >> 8) & 0xFFFF;
    let fades = elapsed.checked_div(decay_minutes).unwrap_or(0);
    let count = remembered & 0xFF;
    count.saturating_sub(fades) as u8
}

/// The counter that an entry remembers, now.
pub(super) fn count_of(remembered: u32, now: Now, decay_minutes: u32) -> u8 {
    faded(remembered, minute_of(now), decay_minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_minute(minute: u64) -> Now {
        Now {
            unix_us: 0,
            mono_us: minute * 60_000_000,
        }
    }

    fn usage(log_factor: u32, decay_minutes: u32) -> Usage {
        Usage {
            frequency: Some(Frequency {
                log_factor,
                decay_minutes,
            }),
            random: 3,
        }
    }

    /// The counts after so many uses within a minute.
    fn after(log_factor: u32, uses: u32) -> u8 {
        let mut usage = usage(log_factor, 1);
        let stamp = usage.stamp(at_minute(9));
        let used = (0..uses).fold(stamp, |old, _| usage.again(old, stamp, true));
        count_of(used, at_minute(9), 1)
    }

    /// Within the range of the table in redis.conf.
    #[test]
    fn a_count_grows_with_the_logarithm_of_the_uses() {
        assert_eq!(after(10, 0), FIRST_COUNT);
        for (factor, uses, counts) in [
            (0, 100, 104..=105),
            (0, 1000, 255..=255),
            (1, 1000, 35..=60),
            (10, 100, 7..=14),
            (10, 1000, 13..=24),
            (10, 100_000, 125..=160),
            (100, 1000, 5..=13),
        ] {
            let count = after(factor, uses);
            assert!(counts.contains(&count), "{factor} {uses}: {count}");
        }
    }

    #[test]
    fn a_count_fades_by_one_in_each_period_without_a_use_and_minutes_start_over() {
        let made = usage(10, 1).stamp(at_minute(65_530));
        let count = |minute, decay| count_of(made, at_minute(minute), decay);
        assert_eq!((count(65_530, 1), count(65_532, 1)), (5, 3));
        assert_eq!((count(65_538, 1), count(65_538, 4)), (0, 3));
        assert_eq!(count(65_538, 0), 5);
    }

    #[test]
    fn another_value_keeps_the_count_of_its_key() {
        let mut counting = usage(0, 0);
        let (old, stamp) = (7 << 8 | 90, 8 << 8 | 5);
        assert_eq!(counting.again(old, stamp, true), 8 << 8 | 91);
        assert_eq!(counting.again(old, stamp, false), old);
        assert_eq!(Usage::default().again(old, stamp, false), stamp + 1);
    }

    #[test]
    fn a_key_that_was_only_made_seems_idle_for_a_moment_more_than_one_that_was_used() {
        let mut usage = Usage::default();
        for mono_us in [0, 499_999, 500_000, (CLOCK_MODULUS - 1) * 500_000] {
            let now = Now {
                unix_us: 0,
                mono_us,
            };
            let made = usage.stamp(now);
            assert_eq!(usage.again(0, made, true), clock_of(now));
            assert_eq!((made + 1) & CLOCK_MASK, clock_of(now));
            let long_ago = usage.restored(made, u64::MAX, None);
            assert_eq!((made + 2) & CLOCK_MASK, long_ago);
        }
    }
}
