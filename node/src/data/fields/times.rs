//! Fields that expire.

use slotkeeper_tree::Record;
use slotkeeper_tree::element::{Element, Text};

use super::{Hash, HashMut};
use crate::data::Encoding;
use crate::data::collection::Form;
use crate::data::entry::{BigHash, BigValue, FieldTimes, hash_of};

/// What a change of a hash has to know of time, and what it found expired.
pub struct Clock {
    /// What expires at that unix time in milliseconds, or before, has expired.
    pub(in crate::data) due: i64,
    /// The fields that were removed since they had.
    pub(in crate::data) expired: Vec<Vec<u8>>,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock {
            due: i64::MIN,
            expired: Vec::new(),
        }
    }
}

/// A hash some of whose fields have expired.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hiding<'a> {
    big: &'a BigHash,
    times: &'a FieldTimes,
    due: i64,
}

impl<'a> Hiding<'a> {
    /// Whether this field is one that is not shown.
    pub fn has(&self, field: Element<'_>) -> bool {
        self.hides(hash_of(self.big.hasher(), field))
    }

    fn hides(&self, hash: u64) -> bool {
        self.times.get(hash).is_some_and(|at| at <= self.due)
    }

    pub fn shown(&self) -> usize {
        self.big.len() - self.times.count_due(self.due)
    }

    pub fn get(&self, field: &[u8]) -> Option<Element<'a>> {
        if self.hides(self.big.hasher().hash(field)) {
            return None;
        }
        self.big.get(field).map(|record| record.value)
    }

    pub fn for_each_while(&self, mut visit: impl FnMut(Element<'a>, Element<'a>) -> bool) {
        self.big
            .for_each(|Record { key, value }| self.has(key) || visit(key, value));
    }

    /// All fields with their values.
    pub fn all(&self) -> Vec<(Element<'a>, Element<'a>)> {
        let mut all = Vec::with_capacity(self.big.len());
        self.for_each_while(|field, value| {
            all.push((field, value));
            true
        });
        all
    }

    /// Those that expire later come first, in the order of their times, then those that never do, in the
    /// order of their hashes. The cost is that of some dozens of look-ups.
    pub fn nth(&self, rank: usize) -> Option<(Element<'a>, Element<'a>)> {
        let hidden = self.times.count_due(self.due);
        let later = self.times.len() - hidden;
        let record = match rank < later {
            true => self.big.by_hash(self.times.hash_at(hidden + rank)?),
            false => self.endless(rank - later),
        };
        record.map(|Record { key, value }| (key, value))
    }

    /// The record of that rank among those that never expire.
    fn endless(&self, rank: usize) -> Option<Record<'a>> {
        if rank >= self.big.len() - self.times.len() {
            return None;
        }
        // A record of the last leaf with no more of them before it.
        let (mut low, mut high) = (0, self.big.len());
        while high - low > 1 {
            let middle = low.midpoint(high);
            match self.endless_before(middle).1 <= rank {
                true => low = middle,
                false => high = middle,
            }
        }
        let (first, before) = self.endless_before(low);
        let rest = (first..self.big.len()).filter_map(|at| self.big.at(at));
        let mut endless = rest.filter(|record| self.times.get(self.hash(*record)).is_none());
        // Only where two fields share a hash is there none: then any will do.
        (endless.nth(rank - before)).or_else(|| self.big.at(low))
    }

    /// The first record in the leaf of that one, and how many before it never expire.
    fn endless_before(&self, at: usize) -> (usize, usize) {
        let (first, lowest) = self.big.leaf_of(at).unwrap_or_default();
        (first, first.saturating_sub(self.times.count_below(lowest)))
    }

    fn hash(&self, record: Record<'_>) -> u64 {
        hash_of(self.big.hasher(), record.key)
    }
}

impl<'a> Hash<'a> {
    /// The same without the fields that expire at that time, in unix milliseconds, or before.
    #[must_use]
    #[inline]
    pub fn hiding(mut self, due: i64) -> Hash<'a> {
        if let Form::Big(big) = self.form
            && let Some(first) = big.times().and_then(FieldTimes::first)
            && first <= due
        {
            self.due = due;
        }
        self
    }

    /// What is not shown of it, if anything is.
    #[inline]
    pub(super) fn hidden(&self) -> Option<Hiding<'a>> {
        match self.due {
            i64::MIN => None,
            due => self.hidden_at(due),
        }
    }

    #[cold]
    fn hidden_at(&self, due: i64) -> Option<Hiding<'a>> {
        let Form::Big(big) = self.form else {
            return None;
        };
        let times = big.times()?;
        Some(Hiding { big, times, due })
    }

    /// How many fields are shown.
    #[must_use]
    pub fn shown(&self) -> usize {
        match self.hidden() {
            Some(hiding) => hiding.shown(),
            None => self.len(),
        }
    }

    /// When a field expires, in unix milliseconds, if it does.
    #[must_use]
    pub fn time(&self, field: &[u8]) -> Option<i64> {
        match self.form {
            Form::Small(_) => None,
            Form::Big(big) => big.time(field),
        }
    }

    /// The same of a field as it is shown.
    #[must_use]
    pub fn time_of(&self, field: Element<'_>) -> Option<i64> {
        self.time(field.bytes(&mut Text::new()))
    }

    /// The names of up to so many fields that expire at a time or before, the next one first.
    pub(in crate::data) fn due(&self, until: i64, limit: usize) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        if let Form::Big(big) = self.form
            && let Some(times) = big.times()
        {
            times.due(until, |hash| {
                let field = big.by_hash(hash).map(|record| record.key);
                names.extend(field.map(|field| field.bytes(&mut Text::new()).to_vec()));
                names.len() < limit
            });
        }
        names
    }
}

impl HashMut<'_> {
    /// Whether any field expires.
    pub(super) fn has_times(&self) -> bool {
        self.big().is_some_and(|big| big.times().is_some())
    }

    /// Sets when a field expires, in unix milliseconds, or that it does not. Returns whether there is
    /// such a field.
    pub fn set_time(&mut self, field: &[u8], at: Option<i64>) -> bool {
        self.drop_due(field);
        if self.view().get(field).is_none() {
            return false;
        }
        if at.is_some() && self.is_small() {
            self.grow();
        }
        if at.is_some() && self.encoding == Encoding::Listpack {
            self.encoding = Encoding::ListpackEx;
        }
        if let Some((big, heap)) = self.big_mut() {
            big.set_time(heap, field, at);
        }
        true
    }

    /// Removes a field if it has expired.
    pub(super) fn drop_due(&mut self, field: &[u8]) {
        if !self.has_times() {
            return;
        }
        let due = self.beside.due;
        if let Some((big, heap)) = self.big_mut()
            && big.time(field).is_some_and(|at| at <= due)
        {
            big.remove(heap, field);
            self.beside.expired.push(field.to_vec());
        }
    }
}
