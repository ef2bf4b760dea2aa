//! Which keys go when memory is short, and what is remembered of their use for that.

use super::Config;
use super::directive::Kind;

/// The values of `maxmemory-policy`.
pub(super) const POLICY: Kind = Kind::Word(
    EvictionPolicy::NAMES,
    |c| c.maxmemory_policy as usize,
    |c, i| c.maxmemory_policy = EvictionPolicy::ALL[i],
);

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictionPolicy {
    /// Of those with a time to live, the one that was not used for the longest time.
    VolatileLru,
    /// Of those with a time to live, the one that is used the least.
    VolatileLfu,
    /// Any with a time to live.
    VolatileRandom,
    /// The one that expires next.
    VolatileTtl,
    /// The one that was not used for the longest time.
    AllKeysLru,
    /// The one that is used the least.
    AllKeysLfu,
    /// Any.
    AllKeysRandom,
    /// None: what takes more memory is refused.
    NoEviction,
}

impl EvictionPolicy {
    /// All of them, in the order in which redis-server lists them.
    pub const ALL: [EvictionPolicy; 8] = [
        EvictionPolicy::VolatileLru,
        EvictionPolicy::VolatileLfu,
        EvictionPolicy::VolatileRandom,
        EvictionPolicy::VolatileTtl,
        EvictionPolicy::AllKeysLru,
        EvictionPolicy::AllKeysLfu,
        EvictionPolicy::AllKeysRandom,
        EvictionPolicy::NoEviction,
    ];

    /// Their names, in the same order.
    const NAMES: &[&str] = &[
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "noeviction",
    ];

    /// As redis.conf names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        EvictionPolicy::NAMES[self as usize]
    }

    /// Whether only keys with a time to live go.
    #[must_use]
    pub fn is_volatile(self) -> bool {
        use EvictionPolicy::{VolatileLfu, VolatileLru, VolatileRandom, VolatileTtl};
        matches!(
            self,
            VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl
        )
    }

    /// Whether it is counted how often keys are used, in place of when.
    #[must_use]
    pub fn counts_uses(self) -> bool {
        matches!(
            self,
            EvictionPolicy::VolatileLfu | EvictionPolicy::AllKeysLfu
        )
    }
}

/// How it is counted how often a key is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// The higher, the more uses a count stands for (`lfu-log-factor`).
    pub log_factor: u32,
    /// A count goes down by one in so many minutes without a use; 0: never (`lfu-decay-time`).
    pub decay_minutes: u32,
}

impl Config {
    /// How it is counted how often keys are used; none if it is remembered when.
    #[must_use]
    pub fn frequency(&self) -> Option<Frequency> {
        self.maxmemory_policy.counts_uses().then_some(Frequency {
            log_factor: self.lfu_log_factor,
            decay_minutes: self.lfu_decay_time,
        })
    }
}
