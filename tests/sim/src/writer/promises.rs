//! What a client was promised to find under its keys, and what it must not find there.

use std::collections::{BTreeMap, BTreeSet};

use super::found::Found;

/// How long a value lives that expires, in milliseconds: longer than two clocks are apart.
pub(super) const LIFE_MS: u64 = 12_000;
const LIFE_US: u64 = LIFE_MS * 1000;
/// How far the clocks of two hosts are apart at most, in microseconds: who is elected meanwhile
/// lets a key expire by its own.
const CLOCKS_US: u64 = 10_000_000;
/// An expired key is gone as soon as it is asked for; this is for the way there, in microseconds.
const WAY_US: u64 = 100_000;

/// The writes of a client to one key, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Promises {
    /// The latest write that must not be lost.
    kept: Option<u64>,
    /// Those that removed the key.
    removals: BTreeSet<u64>,
    /// Those that let it expire.
    expiring: BTreeMap<u64, Life>,
    /// How often one more was asked for, where the key counts.
    counted: Option<u64>,
}

/// When a value was written that expires, in microseconds.
#[derive(Clone, Copy, Debug)]
struct Life {
    sent_us: u64,
    /// None while there is no answer: it may be written yet.
    acknowledged_us: Option<u64>,
}

impl Promises {
    /// The key may be gone from now on.
    pub(super) fn removes(&mut self, number: u64) {
        self.removals.insert(number);
    }

    /// It will be gone after a while.
    pub(super) fn expires(&mut self, number: u64, sent_us: u64) {
        let life = Life {
            sent_us,
            acknowledged_us: None,
        };
        self.expiring.insert(number, life);
    }

    /// One more is asked for.
    pub(super) fn counts(&mut self) {
        *self.counted.get_or_insert_default() += 1;
    }

    /// A write has an answer.
    pub(super) fn acknowledged(&mut self, number: u64, now_us: u64) {
        if let Some(life) = self.expiring.get_mut(&number) {
            life.acknowledged_us = Some(now_us);
        }
    }

    /// A write must not be lost from now on; what came before does not matter any more.
    pub(super) fn keep(&mut self, number: u64) {
        self.kept = Some(number);
        self.removals.retain(|removal| *removal >= number);
        self.expiring.retain(|write, _| *write >= number);
    }

    /// What was to be kept may be lost.
    pub(super) fn release(&mut self) {
        self.kept = None;
    }

    /// Whether there is anything to be kept.
    pub(super) fn binding(&self) -> bool {
        self.kept.is_some()
    }

    /// How what was found breaks a promise, if it does: it was asked for at the first time and
    /// answered at the second, in microseconds.
    pub(super) fn broken(&self, found: Found, asked_us: u64, answered_us: u64) -> Option<String> {
        let promised = self.kept.unwrap_or(0);
        match found {
            Found::Half => Some("holds half of what was written at once".to_owned()),
            Found::Number(number) if self.counted.is_some_and(|most| number > most) => {
                let most = self.counted.unwrap_or(0);
                Some(format!("counts {number}, and was asked to {most} times"))
            }
            Found::Number(number) if number >= promised => {
                let life = self.expiring.get(&number)?;
                let gone_us = life.acknowledged_us? + LIFE_US + CLOCKS_US + WAY_US;
                (asked_us > gone_us).then(|| format!("was to expire, and is still {number}"))
            }
            Found::Nothing if promised == 0 || self.may_be_gone(promised, answered_us) => None,
            _ => Some(format!(
                "was promised to be {promised} or more and is {found:?}"
            )),
        }
    }

    fn may_be_gone(&self, promised: u64, answered_us: u64) -> bool {
        let expired = |life: &Life| answered_us + CLOCKS_US > life.sent_us + LIFE_US;
        self.removals.range(promised..).next().is_some()
            || self
                .expiring
                .range(promised..)
                .any(|(_, life)| expired(life))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: u64) -> Promises {
        let mut promises = Promises::default();
        promises.keep(number);
        promises
    }

    #[test]
    fn a_lost_write_breaks_the_promise_and_a_later_one_keeps_it() {
        assert!(kept(5).broken(Found::Number(4), 0, 0).is_some());
        assert!(kept(5).broken(Found::Nothing, 0, 0).is_some());
        assert_eq!(kept(5).broken(Found::Number(5), 0, 0), None);
        assert_eq!(kept(5).broken(Found::Number(6), 0, 0), None);
    }

    #[test]
    fn a_removed_key_may_be_gone_and_does_not_come_back() {
        let mut promises = kept(5);
        promises.removes(6);
        assert_eq!(promises.broken(Found::Nothing, 0, 0), None);
        assert_eq!(promises.broken(Found::Number(5), 0, 0), None);
        promises.keep(6);
        assert_eq!(promises.broken(Found::Nothing, 0, 0), None);
        assert!(promises.broken(Found::Number(5), 0, 0).is_some());
        promises.keep(7);
        assert!(promises.broken(Found::Nothing, 0, 0).is_some());
    }

    #[test]
    fn a_key_expires_neither_early_nor_never() {
        let mut promises = Promises::default();
        promises.expires(5, 1_000_000);
        promises.acknowledged(5, 1_100_000);
        promises.keep(5);
        let early = 1_000_000 + LIFE_US - CLOCKS_US;
        let late = 1_100_000 + LIFE_US + CLOCKS_US + WAY_US;
        assert!(promises.broken(Found::Nothing, 0, early).is_some());
        assert_eq!(promises.broken(Found::Nothing, 0, early + 1), None);
        assert_eq!(promises.broken(Found::Number(5), late, late), None);
        assert!(promises.broken(Found::Number(5), late + 1, late).is_some());
    }

    #[test]
    fn a_counter_that_counts_twice_breaks_its_promise() {
        let mut promises = Promises::default();
        promises.counts();
        promises.keep(1);
        assert_eq!(promises.broken(Found::Number(1), 0, 0), None);
        assert!(promises.broken(Found::Number(2), 0, 0).is_some());
        assert!(promises.broken(Found::Number(0), 0, 0).is_some());
    }

    #[test]
    fn half_of_what_was_written_at_once_breaks_any_promise() {
        let broken = Promises::default().broken(Found::Half, 0, 0);
        assert!(broken.is_some_and(|why| why.contains("half")));
    }
}
