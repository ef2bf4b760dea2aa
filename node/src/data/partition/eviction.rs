//! Which key goes when memory is short: the best of a sample, and of what samples before it have
//! found (Redis's pool, four times as large).

use super::Partition;
use crate::config::EvictionPolicy;
use crate::data::database::Database;
use crate::data::entry::{CLOCK_MODULUS, Entry, clock_of};
use crate::data::hash::HashKey;
use crate::data::table::next_random;
use crate::data::usage::count_of;
use crate::data::{Event, WalkWait};
use crate::time::Now;

/// How many candidates are kept from one eviction to the next.
const POOL: usize = 64;
/// How many databases an eviction looks at; the next one goes on with the others.
const DATABASES: usize = 16;
/// How often a sample is taken until a key is found that may go.
const TRIES: usize = 4;
/// How many looks at keys begin no further database.
const LOOKS_MAX: u64 = 1000;
/// Keys with a time to live are looked for among all keys if they are at least one of so many.
const MIXED: usize = 16;

/// What a key is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Eviction {
    /// `maxmemory-policy`.
    pub policy: EvictionPolicy,
    /// How many keys are looked at (`maxmemory-samples`).
    pub samples: usize,
    /// `lfu-decay-time`.
    pub decay_minutes: u32,
    /// When.
    pub now: Now,
}

/// What an eviction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// A key of this database is gone; its name is in [`Partition::take_evicted_name`].
    Key(usize),
    /// Those that were looked at could not go before this is over.
    Wait(WalkWait),
    /// No key may go.
    Nothing,
}

/// A key that may be the next to go.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// The higher, the sooner.
    score: u64,
    db: usize,
    table: usize,
    hash: u64,
}

/// The best ones that samples have found, the best one last.
#[derive(Debug, Default)]
pub(super) struct Pool {
    candidates: Vec<Candidate>,
    /// What they were judged by ...
    policy: Option<EvictionPolicy>,
    /// ... and when, by the access clock.
    clock: u32,
    /// The database to begin with.
    next_db: usize,
    /// How many keys were looked at, in all.
    looks: u64,
    name: Vec<u8>,
}

impl Pool {
    fn begin(&mut self, how: &Eviction) {
        if self.policy != Some(how.policy) {
            self.candidates.clear();
            self.policy = Some(how.policy);
        }
        let clock = clock_of(how.now);
        let elapsed = u64::from(clock.wrapping_sub(self.clock)) % CLOCK_MODULUS;
        self.clock = clock;
        // They have been idle since then: otherwise those found now would seem to be idle for longer,
        // and those used meanwhile would seem not to be.
        if elapsed > 0 && how.is_by_idleness() {
            for candidate in &mut self.candidates {
                candidate.score += elapsed;
            }
        }
    }

    /// Whether one of that score would get in.
    fn takes(&self, score: u64) -> bool {
        let worst = self.candidates.first();
        self.candidates.len() < POOL || worst.is_some_and(|worst| worst.score < score)
    }

    fn offer(&mut self, candidate: Candidate) {
        let Candidate { hash, db, .. } = candidate;
        let is_known = |known: &Candidate| known.hash == hash && known.db == db;
        if self.candidates.iter().any(is_known) {
            return;
        }
        if self.candidates.len() == POOL {
            self.candidates.remove(0);
        }
        // Of equals the one that was found first goes first: it is idle since then.
        let worse = |known: &Candidate| known.score < candidate.score;
        let at = self.candidates.partition_point(worse);
        self.candidates.insert(at, candidate);
    }
}

impl Eviction {
    fn score(&self, entry: &Entry<'_>) -> u64 {
        let remembered = entry.remembered_use();
        match self.policy {
            EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu => {
                u64::from(u8::MAX - count_of(remembered, self.now, self.decay_minutes))
            }
            EvictionPolicy::VolatileTtl => entry.expire_at().map_or(0, sooner),
            EvictionPolicy::AllKeysRandom | EvictionPolicy::VolatileRandom => 0,
            _ => u64::from(clock_of(self.now).wrapping_sub(remembered)) % CLOCK_MODULUS,
        }
    }

    fn is_by_idleness(&self) -> bool {
        matches!(
            self.policy,
            EvictionPolicy::AllKeysLru | EvictionPolicy::VolatileLru
        )
    }

    fn is_by_chance(&self) -> bool {
        matches!(
            self.policy,
            EvictionPolicy::AllKeysRandom | EvictionPolicy::VolatileRandom
        )
    }
}

/// The sooner a key expires, the higher.
fn sooner(at: i64) -> u64 {
    u64::MAX - at.max(0).unsigned_abs()
}

impl Partition {
    /// Removes one key, as the policy has it. The choice depends on `random`. Whoever calls this
    /// tells replicas, and drains the log of changes.
    pub fn evict(&mut self, how: &Eviction, random: u64) -> Evicted {
        self.pool.begin(how);
        let mut random = random;
        let mut wait = None;
        for attempt in 0..TRIES {
            random = next_random(random);
            if !self.sample(how, random, attempt == 0) {
                return Evicted::Nothing;
            }
            while let Some(candidate) = self.pool.candidates.pop() {
                let is_last = attempt + 1 == TRIES;
                match self.try_evict(how, candidate, is_last) {
                    Some(Evicted::Wait(for_this)) => wait = Some(for_this),
                    Some(evicted) => return evicted,
                    None => {}
                }
            }
        }
        // There are keys, but none was found: those who ask again will find one.
        wait.map_or(Evicted::Nothing, Evicted::Wait)
    }

    /// The name of the key that [`Self::evict`] has removed last. Its memory is to come back by
    /// [`Self::keep_evicted_name`].
    #[must_use]
    pub fn take_evicted_name(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pool.name)
    }

    /// Takes memory for the next name.
    pub fn keep_evicted_name(&mut self, mut memory: Vec<u8>) {
        memory.shrink_to(64 << 10);
        self.pool.name = memory;
    }

    /// How many keys evictions have looked at: what they cost.
    #[must_use]
    pub fn eviction_looks(&self) -> u64 {
        self.pool.looks
    }

    /// Removes the candidate, unless it is gone, or was used since it was looked at (unless
    /// `anyway`).
    fn try_evict(&mut self, how: &Eviction, chosen: Candidate, anyway: bool) -> Option<Evicted> {
        let Candidate {
            db, table, hash, ..
        } = chosen;
        let (database, hasher) = (self.store.dbs().get(db)?, self.store.hasher());
        let entry = database.by_hash(hasher, table, hash)?;
        let expire_at = entry.expire_at();
        if how.policy.is_volatile() && expire_at.is_none() {
            return None;
        }
        if !anyway && !how.is_by_chance() && how.score(&entry) < chosen.score {
            return None;
        }
        let mut name = std::mem::take(&mut self.pool.name);
        name.clear();
        name.extend_from_slice(entry.key());
        let key = self.store.key(&name);
        let wait = self.store.walk_wait(db, &key);
        if wait.is_none() {
            let had_expired = expire_at.is_some_and(|at| at <= how.now.unix_ms());
            self.store.remove(db, &key, Event::Evicted, had_expired);
        }
        self.pool.name = name;
        Some(wait.map_or(Evicted::Key(db), Evicted::Wait))
    }

    /// Looks at keys of each database. Returns whether there is any that may go. Keys with a time to
    /// live are looked for among `all`, or by their times, where they are certainly found.
    fn sample(&mut self, how: &Eviction, random: u64, all: bool) -> bool {
        let mut random = random;
        let mut any = false;
        let count = self.store.dbs().len();
        let looks_before = self.pool.looks;
        for _ in 0..count.min(DATABASES) {
            if self.pool.looks - looks_before > LOOKS_MAX {
                break;
            }
            let db = self.pool.next_db % count;
            self.pool.next_db = db + 1;
            let database = &self.store.dbs()[db];
            let eligible = if how.policy.is_volatile() {
                database.expires()
            } else {
                database.len()
            };
            if eligible == 0 {
                continue;
            }
            any = true;
            random = next_random(random);
            let sampler = Sampler {
                how,
                pool: &mut self.pool,
                hasher: self.store.hasher(),
                db,
                database,
            };
            sampler.sample(random, all);
            if how.is_by_chance() && !self.pool.candidates.is_empty() {
                break;
            }
        }
        any
    }
}

/// Looks at keys of one database.
struct Sampler<'a> {
    how: &'a Eviction,
    pool: &'a mut Pool,
    hasher: &'a HashKey,
    db: usize,
    database: &'a Database,
}

impl Sampler<'_> {
    fn sample(mut self, random: u64, all: bool) {
        let (volatile, database) = (self.how.policy.is_volatile(), self.database);
        let samples = if self.how.is_by_chance() {
            1
        } else {
            self.how.samples
        };
        if self.how.policy == EvictionPolicy::VolatileTtl {
            let tables = samples.min(database.tables());
            self.pool.looks += tables as u64;
            database.next_to_expire(random, tables, |table, (at, hash)| {
                self.consider(table, sooner(at), || hash);
            });
        } else if volatile && !(all && database.expires() * MIXED >= database.len()) {
            self.pool.looks += samples as u64;
            database.sample_timed(random, samples, |table, (_, hash)| {
                if let Some(entry) = database.by_hash(self.hasher, table, hash) {
                    self.consider(table, self.how.score(&entry), || hash);
                }
            });
        } else {
            self.sample_all(random, samples, volatile);
        }
    }

    /// Goes on, within bounds, until enough keys with a time to live are among those of a sample.
    fn sample_all(&mut self, random: u64, samples: usize, volatile: bool) {
        let (mut random, mut found, mut left) = (random, 0, samples * MIXED);
        while found < samples && left > 0 {
            random = next_random(random);
            let wanted = if volatile {
                samples.max(4)
            } else {
                samples - found
            };
            let database = self.database;
            let shown = database.sample_some(random, wanted, |table, entry| {
                if !volatile || entry.expire_at().is_some() {
                    found += 1;
                    let score = self.how.score(&entry);
                    let hasher = self.hasher;
                    self.consider(table, score, || hasher.hash(entry.key()));
                }
            });
            self.pool.looks += shown.max(1) as u64;
            left = left.saturating_sub(shown.max(1));
        }
    }

    fn consider(&mut self, table: usize, score: u64, hash: impl FnOnce() -> u64) {
        if self.pool.takes(score) {
            self.pool.offer(Candidate {
                score,
                db: self.db,
                table,
                hash: hash(),
            });
        }
    }
}

impl Partition {
    /// From now on it is counted how often keys are used; or, with none, remembered when.
    pub fn set_frequency(&mut self, frequency: Option<crate::data::Frequency>) {
        self.store.usage.frequency = frequency;
        self.stamp = self.store.usage.stamp(self.now);
    }

    /// Whether memory of removed keys is still to be freed.
    #[must_use]
    pub fn is_freeing(&self) -> bool {
        self.store.is_freeing()
    }

    /// How many keys and big values wait to be freed in steps, and how many were.
    #[must_use]
    pub fn freed_later(&self) -> (usize, u64) {
        self.store.freed_later()
    }

    /// Frees some of it, about `budget` keys.
    pub fn free_step(&mut self, budget: usize) {
        self.store.free_some(budget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(policy: EvictionPolicy, second: u64) -> Eviction {
        Eviction {
            policy,
            samples: 5,
            decay_minutes: 1,
            now: Now {
                unix_us: 0,
                mono_us: second * 1_000_000,
            },
        }
    }

    #[test]
    fn candidates_are_idle_for_longer_as_time_goes_on() {
        let later = |policy| {
            let mut pool = Pool::default();
            pool.begin(&how(policy, 10));
            for (score, hash) in [(5, 1), (3, 2)] {
                pool.offer(Candidate {
                    score,
                    db: 0,
                    table: 0,
                    hash,
                });
            }
            pool.begin(&how(policy, 17));
            let scores = pool.candidates.iter().map(|candidate| candidate.score);
            scores.collect::<Vec<_>>()
        };
        assert_eq!(later(EvictionPolicy::AllKeysLru), [17, 19]);
        assert_eq!(later(EvictionPolicy::AllKeysLfu), [3, 5]);
        assert_eq!(later(EvictionPolicy::VolatileTtl), [3, 5]);
    }
}
