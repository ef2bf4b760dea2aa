//! Random traffic against a plain map, with walks, flushes and expiry in the middle.

mod walks;
mod zsets;

use std::collections::VecDeque;

use super::lists::operate;
use super::*;
use crate::config::EvictionPolicy;
use crate::data::rounds;
use crate::data::table::next_random;

const LIST_LIMITS: ListLimits = ListLimits { listpack_size: 30 };

struct Harness {
    data: Partition,
    model: Contents,
    random: u64,
    now: i64,
    /// The walks that are under way, and what each must hand out.
    running: Vec<(WalkId, Contents)>,
    /// How many were seen at their end, in all and beside another one.
    walks: usize,
    beside: usize,
    could_start: bool,
}

impl Harness {
    fn new(layout: Layout, seed: u64, heap: Heap) -> Harness {
        Harness {
            data: Partition::with_heap(layout, [seed, !seed], heap),
            model: Contents::new(),
            random: seed,
            now: 1_000_000,
            running: Vec::new(),
            walks: 0,
            beside: 0,
            could_start: true,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random = next_random(self.random);
        (self.random >> 32) as usize % bound
    }

    /// A few large values among many short ones; some of each share a hash tag.
    fn key(&mut self) -> Vec<u8> {
        match self.below(4) {
            0 => format!("{{tag}}{}", self.below(400)).into_bytes(),
            _ => name(self.below(400)),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        let length = match self.below(60) {
            0 => 65_537 + self.below(200_000),
            1..=3 => self.below(5000),
            _ => self.below(100),
        };
        vec![b'a' + self.below(26) as u8; length]
    }

    fn expire_at(&mut self) -> i64 {
        self.now - 5 + self.below(100) as i64
    }

    /// Removes from the model what the partition says has expired.
    fn learn_expired(&mut self) {
        for Expired { db, key: name, .. } in self.data.take_expired() {
            let (_, at) = self.model.remove(&(db, name)).expect("it was there");
            assert!(at.expect("it had a time to live") <= self.now);
        }
    }

    /// What an access finds; call it after the partition's and `learn_expired`.
    fn live(&self, db: usize, name: &[u8]) -> Option<&Held> {
        let held = self.model.get(&(db, name.to_vec()))?;
        held.1.is_none_or(|at| at > self.now).then_some(held)
    }

    fn step(&mut self) {
        self.now += self.below(3) as i64;
        self.data.begin(at(self.now), true);
        let db = self.below(self.data.databases());
        let (name, other) = (self.key(), self.key());
        let waits = |name: &[u8]| self.data.must_wait(db, &self.data.key(name));
        if waits(&name) || waits(&other) {
            self.walk();
            return;
        }
        match self.below(100) {
            0..=21 => self.set(db, &name),
            22..=27 => self.change_list(db, &name),
            28..=32 => self.change_hash(db, &name),
            33..=37 => self.change_set(db, &name),
            38..=42 => self.change_zset(db, &name),
            43..=49 => self.read(db, &name),
            50..=56 => self.append(db, &name),
            57..=60 => self.set_range(db, &name),
            61..=69 => self.remove(db, &name),
            70..=74 => self.set_expire(db, &name),
            75..=79 => self.rename(db, &name, &other),
            80..=83 => self.copy(db, &name, &other),
            84..=86 => self.expire_cycle(),
            87 if self.below(8) == 0 => self.flush(db),
            88 => self.flush_slot(&name),
            89..=96 => self.walk(),
            97 | 98 => self.evict(),
            _ => {
                self.data.reclaim_step(10);
            }
        }
    }

    fn set(&mut self, db: usize, name: &[u8]) {
        let value = self.value();
        let expire = match self.below(4) {
            0 => Expire::At(self.expire_at()),
            1 => Expire::Keep,
            _ => Expire::Never,
        };
        self.data.set(db, &self.data.key(name), &value, expire);
        self.learn_expired();
        let at = match expire {
            Expire::At(at) => Some(at),
            Expire::Keep => self.live(db, name).and_then(|held| held.1),
            Expire::Never => None,
        };
        self.model
            .insert((db, name.to_vec()), (Content::Str(value), at));
    }

    fn read(&mut self, db: usize, name: &[u8]) {
        let key = self.data.key(name);
        let found = self
            .data
            .get(db, &key)
            .map(|e| (Content::of(e.value()), e.expire_at()));
        self.learn_expired();
        assert_eq!(found.as_ref(), self.live(db, name));
        let peeked = self
            .data
            .peek(db, &key)
            .map(|e| (Content::of(e.value()), e.expire_at()));
        assert_eq!(peeked, found);
    }

    fn append(&mut self, db: usize, name: &[u8]) {
        let tail = self.value();
        if self.is_collection(db, name) {
            return;
        }
        let length = self.data.append(db, &self.data.key(name), &tail);
        self.learn_expired();
        let (value, _) = self.model.entry((db, name.to_vec())).or_default();
        let Content::Str(value) = value else {
            panic!("it was no collection")
        };
        value.extend_from_slice(&tail);
        assert_eq!(length, value.len());
    }

    fn set_range(&mut self, db: usize, name: &[u8]) {
        let (offset, bytes) = (self.below(70_000), self.value());
        let event = Some(Event::SetRange);
        if self.is_collection(db, name) {
            return;
        }
        let length = self
            .data
            .set_range(db, &self.data.key(name), offset, &bytes, event);
        self.learn_expired();
        let (value, _) = self.model.entry((db, name.to_vec())).or_default();
        let Content::Str(value) = value else {
            panic!("it was no collection")
        };
        value.resize(value.len().max(offset + bytes.len()), 0);
        value[offset..offset + bytes.len()].copy_from_slice(&bytes);
        assert_eq!(length, value.len());
    }

    fn is_collection(&mut self, db: usize, name: &[u8]) -> bool {
        let entry = self.data.peek(db, &self.data.key(name));
        let is_collection = entry.is_some_and(|entry| entry.kind() != Type::String);
        self.learn_expired();
        is_collection
    }

    /// Mostly one of a few, so that some of them grow and shrink. None if it has to wait.
    fn one_of_few(&mut self, first: usize, db: usize, name: &[u8]) -> Option<Vec<u8>> {
        let often = format!("{{tag}}{}", first + self.below(4)).into_bytes();
        let often = if self.below(4) > 0 {
            often
        } else {
            name.to_vec()
        };
        let waits = self.data.must_wait(db, &self.data.key(&often));
        (!waits).then_some(often)
    }

    fn change_set(&mut self, db: usize, name: &[u8]) {
        let Some(name) = self.one_of_few(4, db, name) else {
            return;
        };
        let (removes, count) = (self.below(5) < 2, 1 + self.below(30));
        let members: Vec<_> = (0..count)
            .map(|_| match self.below(10) {
                0 => vec![b'm'; self.below(300)],
                1..=4 => format!("member:{}", self.below(200)).into_bytes(),
                _ => format!("{}", self.below(500)).into_bytes(),
            })
            .collect();
        let limits = SetLimits {
            intset_entries: 40,
            entries: 20,
            value: 50,
        };
        let owned = name.clone();
        let changed = self
            .data
            .change_set(db, &self.data.key(&owned), limits, |set| {
                let change = |member: &&Vec<u8>| match removes {
                    true => set.remove(member),
                    false => set.add(member),
                };
                let changed = members.iter().filter(change).count();
                let event = if removes { Event::SRem } else { Event::SAdd };
                (changed, (changed > 0).then_some(event))
            });
        self.learn_expired();
        let at = (db, name);
        let (mut held, time) = match self.model.remove(&at) {
            Some((Content::Set(held), time)) => (held, time),
            None => Default::default(),
            Some(other) => {
                assert_eq!(changed, Err(WrongType));
                self.model.insert(at, other);
                return;
            }
        };
        let change = |member: &&Vec<u8>| match removes {
            true => held.remove(*member),
            false => held.insert((*member).clone()),
        };
        let expected = members.iter().filter(change).count();
        assert_eq!(changed, Ok(expected));
        if !held.is_empty() {
            self.model.insert(at, (Content::Set(held), time));
        }
    }

    fn change_list(&mut self, db: usize, name: &[u8]) {
        let Some(name) = self.one_of_few(8, db, name) else {
            return;
        };
        // Sees whether it has expired.
        self.is_collection(db, &name);
        let at = (db, name);
        let (held, time) = match self.model.remove(&at) {
            Some((Content::List(held), time)) => (held, time),
            None => Default::default(),
            Some(other) => {
                let key = self.data.key(&at.1);
                let changed = self.data.change_list(db, &key, LIST_LIMITS, |_| ((), None));
                assert_eq!(changed, Err(WrongType));
                self.model.insert(at, other);
                return;
            }
        };
        let (mut held, count) = (VecDeque::from(held), 1 + self.below(20));
        let mut random = self.random;
        let mut below = |bound: usize| {
            random = next_random(random);
            (random >> 32) as usize % bound
        };
        let key = self.data.key(&at.1);
        let changed = self.data.change_list(db, &key, LIST_LIMITS, |list| {
            for _ in 0..count {
                operate(list, &mut held, &mut below);
            }
            ((), Some(Event::RPush))
        });
        assert_eq!(changed, Ok(()));
        self.random = random;
        if !held.is_empty() {
            self.model.insert(at, (Content::List(held.into()), time));
        }
    }

    fn change_hash(&mut self, db: usize, name: &[u8]) {
        let Some(name) = self.one_of_few(0, db, name) else {
            return;
        };
        let (removes, count) = (self.below(5) < 2, 1 + self.below(20));
        let fields: Vec<_> = (0..count)
            .map(|_| {
                let field = format!("field:{}", self.below(300)).into_bytes();
                let value = vec![b'v'; [3, 30, 300][self.below(3)]];
                (field, value)
            })
            .collect();
        let limits = HashLimits {
            entries: 20,
            value: 50,
        };
        let owned = name.clone();
        let key = self.data.key(&owned);
        let changed = self.data.change_hash(db, &key, limits, |hash| {
            let change = |(field, value): &&(Vec<u8>, Vec<u8>)| match removes {
                true => hash.remove(field),
                false => hash.set(field, value),
            };
            let changed = fields.iter().filter(change).count();
            let event = if removes { Event::HDel } else { Event::HSet };
            (changed, (changed > 0 || !removes).then_some(event))
        });
        self.learn_expired();
        let at = (db, name);
        let held = self.model.remove(&at);
        let (mut held, time) = match held {
            Some((Content::Hash(held), time)) => (held, time),
            None => Default::default(),
            Some(other) => {
                assert_eq!(changed, Err(WrongType));
                self.model.insert(at, other);
                return;
            }
        };
        let change = |(field, value): &(Vec<u8>, Vec<u8>)| match removes {
            true => held.remove(field).is_some(),
            false => held.insert(field.clone(), value.clone()).is_none(),
        };
        let expected = fields.iter().map(change).filter(|changed| *changed).count();
        assert_eq!(changed, Ok(expected));
        if !held.is_empty() {
            self.model.insert(at, (Content::Hash(held), time));
        }
    }

    fn remove(&mut self, db: usize, name: &[u8]) {
        let removed = self.data.remove(db, &self.data.key(name));
        self.learn_expired();
        assert_eq!(removed, self.model.remove(&(db, name.to_vec())).is_some());
    }

    fn set_expire(&mut self, db: usize, name: &[u8]) {
        let at = (self.below(3) > 0).then(|| self.expire_at());
        let done = self.data.set_expire(db, &self.data.key(name), at);
        self.learn_expired();
        let held = self.model.get_mut(&(db, name.to_vec()));
        assert_eq!(done, held.map(|held| held.1 = at).is_some());
    }

    fn rename(&mut self, db: usize, from: &[u8], to: &[u8]) {
        let done = self
            .data
            .rename(db, &self.data.key(from), &self.data.key(to));
        self.learn_expired();
        let held = self.model.remove(&(db, from.to_vec()));
        assert_eq!(done, held.is_some());
        held.map(|held| self.model.insert((db, to.to_vec()), held));
    }

    fn copy(&mut self, db: usize, from: &[u8], to: &[u8]) {
        let replace = self.below(2) == 0;
        let to_db = if from == to {
            db
        } else {
            self.below(self.data.databases())
        };
        if self.data.must_wait(to_db, &self.data.key(to)) {
            return;
        }
        let (source, target) = (self.data.key(from), self.data.key(to));
        let done = self.data.copy(db, &source, to_db, &target, replace);
        self.learn_expired();
        let allowed = replace || self.live(to_db, to).is_none();
        let held = self.live(db, from).cloned().filter(|_| allowed);
        assert_eq!(done, held.is_some());
        held.map(|held| self.model.insert((to_db, to.to_vec()), held));
    }

    fn expire_cycle(&mut self) {
        let limit = self.below(20);
        let count = self.data.expire_cycle(at(self.now), limit);
        assert!(count <= limit);
        self.learn_expired();
    }

    /// A key goes, whatever the walks, if there is one that may.
    fn evict(&mut self) {
        let how = Eviction {
            policy: EvictionPolicy::ALL[self.below(7)],
            samples: 1 + self.below(8),
            decay_minutes: 1,
            now: at(self.now),
        };
        let is_timed = |held: &Held| !how.policy.is_volatile() || held.1.is_some();
        match self.data.evict(&how, self.random) {
            Evicted::Key(db) => {
                let gone = self.model.remove(&(db, self.data.take_evicted_name()));
                assert!(is_timed(&gone.expect("it was there")));
            }
            Evicted::Wait(_) => assert!(self.data.may_hold()),
            Evicted::Nothing => assert!(!self.model.values().any(is_timed)),
        }
    }

    fn flush(&mut self, db: usize) {
        let which = (self.below(2) == 0).then_some(db);
        let before = self.model.len();
        let count = self.data.flush(which);
        self.model
            .retain(|(db, _), _| which.is_some_and(|which| which != *db));
        assert_eq!(count, before - self.model.len());
    }

    fn flush_slot(&mut self, name: &[u8]) {
        if self.data.databases() == 1 && self.below(3) == 0 {
            let slot = self.data.key(name).slot;
            let before = self.model.len();
            let count = flush_slot(&mut self.data, slot);
            self.model.retain(|(_, name), _| key_slot(name) != slot);
            assert_eq!(count, before - self.model.len());
        }
    }

    fn check(&mut self) {
        assert!(contents(&mut self.data) == self.model);
        for db in 0..self.data.databases() {
            let held = || self.model.iter().filter(|((of, _), _)| *of == db);
            assert_eq!(self.data.len(db), held().count());
            assert_eq!(
                self.data.expires(db),
                held().filter(|h| h.1.1.is_some()).count()
            );
        }
    }
}

/// Returns how many walks were at their end while another one was under way.
fn run(layout: Layout, seed: u64, heap: Heap) -> usize {
    let mut harness = Harness::new(layout, seed, heap);
    for step in 0..rounds(6000, 200) {
        harness.step();
        if step % 500 == 0 {
            harness.check();
        }
    }
    harness.check();
    let (walks, beside) = (harness.walks, harness.beside);
    assert!(walks > 0, "seed {seed} finished no walk");
    while harness.data.stop_walk().is_some() {}
    harness.data.flush(None);
    while harness.data.reclaim_step(100) {}
    assert_eq!(harness.data.stats().memory, 0);
    beside
}

#[test]
#[cfg_attr(miri, ignore = "visits 16384 tables again and again")]
fn a_cluster_partition_does_as_the_model() {
    let run = |seed| run(Layout::Cluster, seed, Heap::plain());
    let beside: usize = (1..=6).map(run).sum();
    assert!(beside > 10, "{beside} walks");
}

#[test]
fn a_standalone_partition_does_as_the_model() {
    let run = |seed| run(Layout::Databases(3), seed, Heap::plain());
    let beside: usize = (1..=rounds(6, 1)).map(run).sum();
    assert!(cfg!(miri) || beside > 3, "{beside} walks");
}

#[test]
#[cfg_attr(miri, ignore = "visits 16384 tables again and again")]
fn so_does_one_with_blocks_side_by_side() {
    for seed in 7..=10 {
        run(Layout::Cluster, seed, Heap::new());
        run(Layout::Databases(2), seed, Heap::new());
    }
}
