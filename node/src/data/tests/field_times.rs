//! Fields that expire, beside a plain map.

use std::collections::BTreeSet;

use super::*;
use crate::data::rounds;
use crate::data::table::next_random;

const LIMITS: HashLimits = HashLimits {
    entries: 20,
    value: 50,
};

/// Fields with their values, and when they expire.
type Fields = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

struct Model {
    data: Partition,
    hashes: BTreeMap<Vec<u8>, Fields>,
    now: i64,
    random: u64,
    /// What a walk has to hand out, and when it began.
    walk: Option<(BTreeMap<Vec<u8>, Fields>, i64)>,
}

/// Takes out what has expired.
fn purge(hashes: &mut BTreeMap<Vec<u8>, Fields>, now: i64) {
    for fields in hashes.values_mut() {
        fields.retain(|_, (_, at)| at.is_none_or(|at| at > now));
    }
    hashes.retain(|_, fields| !fields.is_empty());
}

fn text(element: Element<'_>) -> Vec<u8> {
    element.bytes(&mut Text::new()).to_vec()
}

impl Model {
    fn new(layout: Layout, seed: u64) -> Model {
        Model {
            data: partition(layout),
            hashes: BTreeMap::new(),
            now: 1_000_000,
            random: seed,
            walk: None,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random = next_random(self.random);
        (self.random >> 20) as usize % end
    }

    fn name(&mut self) -> Vec<u8> {
        format!("hash:{}", self.below(5)).into_bytes()
    }

    /// One of few fields of a small hash, or of many.
    fn field(&mut self, name: &[u8]) -> Vec<u8> {
        let most = if name.ends_with(b"0") { 600 } else { 12 };
        match self.below(30) {
            0 => vec![b'f'; 300 + self.below(3)],
            _ => self.below(most).to_string().into_bytes(),
        }
    }

    fn step(&mut self, turn: usize) {
        self.data.begin(at(self.now), true);
        let (name, other) = (self.name(), self.name());
        let key = self.data.key(&name);
        let may = !self.data.must_wait(0, &key) && !self.data.must_wait(0, &self.data.key(&other));
        match self.below(40) {
            0..=24 if may => self.change(&name),
            25 => {
                self.now += self.below(300) as i64;
                purge(&mut self.hashes, self.now);
                self.data.begin(at(self.now), true);
            }
            26..=27 => {
                let limit = 1 + self.below(20);
                let done = self.data.expire_fields_cycle(at(self.now), limit);
                assert!(done <= limit);
            }
            28 if may && name != other && self.hashes.contains_key(&name) => {
                assert!(self.data.copy(0, &key, 0, &self.data.key(&other), true));
                let copied = self.hashes[&name].clone();
                self.hashes.insert(other, copied);
            }
            29 if may && self.hashes.contains_key(&name) => {
                assert!(self.data.rename(0, &key, &self.data.key(&other)));
                if let Some(moved) = self.hashes.remove(&name) {
                    self.hashes.insert(other, moved);
                }
            }
            30 if may => {
                match turn % 3 {
                    0 => self.data.set(0, &key, b"a string", Expire::Never),
                    1 => self
                        .data
                        .set_raw(0, &key, b"raw".to_vec(), false, Event::Set),
                    _ => {}
                }
                self.data.remove(0, &key);
                self.hashes.remove(&name);
            }
            31 => self.begin_walk(),
            32..=36 => self.step_walk(),
            _ => {
                self.data.reclaim_step(50);
            }
        }
        self.data.drain_changes();
        self.compare(&name);
        for gone in self.data.take_expired() {
            assert!(!gone.fields.is_empty(), "no key has a time to live");
        }
        if turn.is_multiple_of(16) {
            self.data.check(0);
        }
    }

    /// Changes some fields of a hash.
    fn change(&mut self, name: &[u8]) {
        let what = self.below(6);
        let fields: Vec<_> = (0..1 + self.below(15))
            .map(|_| {
                let value = vec![b'v'; [2, 40, 300][self.below(3)]];
                (self.field(name), value)
            })
            .collect();
        let time = self.now + self.below(400) as i64 + 1;
        let key = self.data.key(name);
        let mut held = self.hashes.remove(name).unwrap_or_default();
        let changed = self.data.change_hash(0, &key, LIMITS, |hash| {
            for (field, value) in &fields {
                let old = held.get(field).cloned();
                match what {
                    0 => assert_eq!(hash.set(field, value), old.is_none()),
                    1 => assert_eq!(hash.set_keeping(field, value), old.is_none()),
                    2 => assert_eq!(hash.remove(field), old.is_some()),
                    3 => assert_eq!(hash.set_time(field, Some(time)), old.is_some()),
                    4 => assert_eq!(hash.set_time(field, None), old.is_some()),
                    _ => {
                        hash.set(field, value);
                        hash.set_time(field, Some(time));
                    }
                }
                let kept = old.as_ref().and_then(|(_, at)| *at);
                let new = match (what, old) {
                    (0, _) => Some((value.clone(), None)),
                    (1, _) => Some((value.clone(), kept)),
                    (2, _) => None,
                    (3, Some((value, _))) => Some((value, Some(time))),
                    (4, Some((value, _))) => Some((value, None)),
                    (3 | 4, None) => None,
                    _ => Some((value.clone(), Some(time))),
                };
                match new {
                    Some(new) => held.insert(field.clone(), new),
                    None => held.remove(field),
                };
                assert_eq!(hash.view().time(field), held.get(field).and_then(|it| it.1));
            }
            ((), Some(Event::HSet))
        });
        assert_eq!(changed, Ok(()));
        if !held.is_empty() {
            self.hashes.insert(name.to_vec(), held);
        }
    }

    fn begin_walk(&mut self) {
        if self.walk.is_none() && self.data.can_start_walk() {
            self.data.start_walk(Box::<Recorder>::default());
            self.walk = Some((self.hashes.clone(), self.now));
        }
    }

    fn step_walk(&mut self) {
        let budget = 1 + self.below(3000);
        if self.walk.is_none() || self.data.walk_step(budget) != WalkState::Done {
            return;
        }
        let saved = stop(&mut self.data);
        let (expected, now) = self.walk.take().expect("it was asked");
        let mut found = BTreeMap::new();
        for ((db, name), (content, _)) in saved.contents {
            let Content::Hash(pairs) = content else {
                panic!("there are only hashes");
            };
            let times = saved.field_times.get(&(db, name.clone()));
            let time = |field: &Vec<u8>| times.and_then(|times| times.get(field).copied());
            let fields = pairs.into_iter().map(|(field, value)| {
                let at = time(&field);
                (field, (value, at))
            });
            found.insert(name, fields.collect::<Fields>());
        }
        purge(&mut found, now);
        assert!(found == expected, "the walk handed out something else");
    }

    /// What is found of a hash is what the model has.
    fn compare(&mut self, name: &[u8]) {
        let expected = self.hashes.get(name).cloned().unwrap_or_default();
        let key = self.data.key(name);
        let hash = self.data.see_hash(0, &key).expect("there are only hashes");
        let mut found = Fields::new();
        if let Some(hash) = hash {
            hash.for_each(|field, value| {
                let at = hash.time_of(field);
                found.insert(text(field), (text(value), at));
            });
            assert_eq!(found.len(), hash.shown());
            let some = found.iter().nth(found.len() / 2);
            if let Some((field, (value, _))) = some {
                assert_eq!(hash.get(field).map(text).as_ref(), Some(value));
            }
            let (mut shown, mut cursor) = (0, 0);
            loop {
                cursor = hash.scan(cursor, 10, |_, _| shown += 1);
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(shown, found.len());
        }
        assert!(found == expected);
    }

    fn end(mut self) {
        while self.walk.is_some() {
            self.step_walk();
        }
        self.data.flush(None);
        while self.data.reclaim_step(1000) {}
        assert_eq!(self.data.timed_hashes(0), 0);
        assert_eq!(self.data.stats().memory, 0);
    }
}

#[test]
fn fields_expire_as_in_a_plain_map_whatever_happens_to_their_hash() {
    for (seed, layout) in [(1, Layout::Cluster), (2, Layout::Databases(1))] {
        if cfg!(miri) && layout == Layout::Cluster {
            continue;
        }
        let mut model = Model::new(layout, seed);
        for turn in 0..rounds(6000, 150) as usize {
            model.step(turn);
        }
        model.end();
    }
}

/// A hash of so many fields, each with a time one millisecond after the one before.
fn timed(data: &mut Partition, count: usize) {
    let key = data.key(b"h");
    data.change_hash(0, &key, LIMITS, |hash| {
        for number in 0..count {
            let field = name(number);
            hash.set(&field, b"value");
            hash.set_time(&field, Some(1000 + number as i64));
        }
        ((), Some(Event::HSet))
    })
    .expect("there was nothing");
}

#[test]
fn a_cycle_removes_no_more_than_it_may_and_goes_on_until_nothing_is_due() {
    let mut data = partition(Layout::Cluster);
    timed(&mut data, 500);
    data.drain_changes();
    let now = at(1000 + 399);
    let mut steps = Vec::new();
    for _ in 0..20 {
        steps.push(data.expire_fields_cycle(now, 150));
    }
    steps.retain(|done| *done > 0);
    assert_eq!(steps, [150, 150, 100]);
    let gone: Vec<_> = data
        .take_expired()
        .into_iter()
        .flat_map(|it| it.fields)
        .collect();
    assert_eq!(gone, (0..400).map(name).collect::<Vec<_>>());
    assert_eq!(data.stats().expired_fields, 400);
    // A call looks at some of the tables.
    let rest: usize = (0..8)
        .map(|_| data.expire_fields_cycle(at(9000), 1000))
        .sum();
    assert_eq!(rest, 100);
    assert!(data.is_empty(), "the key goes with its last field");
    assert_eq!(data.timed_hashes(0), 0);
}

#[test]
fn an_access_removes_some_of_what_is_due_and_hides_the_rest() {
    let mut data = partition(Layout::Databases(1));
    timed(&mut data, 500);
    data.begin(at(1000 + 299), true);
    let key = data.key(b"h");
    let hash = data.get_hash(0, &key).unwrap().unwrap();
    assert_eq!((hash.len(), hash.shown()), (500 - 64, 200));
    assert!(hash.get(&name(299)).is_none() && hash.get(&name(300)).is_some());
    assert!(hash.nth(199).is_some());
    assert!(hash.nth(200).is_none());
    let mut shown = 0;
    hash.nth_each([0, 199, 7].into_iter(), |(field, _)| {
        assert!(hash.time_of(field).is_some_and(|at| at > 1299));
        shown += 1;
    });
    assert_eq!(shown, 3);
    assert_eq!(data.take_expired().len(), 1);
}

#[test]
fn each_rank_below_the_number_of_shown_fields_is_another_one_of_them() {
    let mut data = partition(Layout::Databases(1));
    data.set_expiry_policy(ExpiryPolicy::Hide);
    let count = rounds(2000, 60) as usize;
    // Of five fields, two have expired, two will, and one will not.
    data.begin(at(0), true);
    timed(&mut data, count);
    let key = data.key(b"h");
    data.change_hash(0, &key, LIMITS, |hash| {
        for number in 0..count {
            let time = [
                Some(500),
                Some(501),
                Some(7000),
                Some(7000 + number as i64),
                None,
            ];
            hash.set_time(&name(number), time[number % 5]);
        }
        ((), Some(Event::HExpire))
    })
    .expect("it is a hash");
    data.begin(at(6000), true);
    let hash = data.get_hash(0, &key).unwrap().unwrap();
    assert_eq!(hash.shown(), count / 5 * 3);
    let expected: BTreeSet<_> = (0..count).filter(|it| it % 5 > 1).map(name).collect();
    let by_one = (0..hash.shown()).map(|rank| hash.nth(rank).expect("it is shown"));
    assert!(by_one.map(|it| text(it.0)).collect::<BTreeSet<_>>() == expected);
    for ranks in [0..hash.shown(), 3..5, hash.shown() - 7..hash.shown()] {
        let (len, mut found) = (ranks.len(), BTreeSet::new());
        hash.nth_each(ranks, |(field, _)| {
            found.insert(text(field));
        });
        assert_eq!(found.len(), len);
        assert!(found.is_subset(&expected));
    }
    assert!(hash.nth(hash.shown()).is_none());
}

#[test]
fn a_replica_hides_what_is_due_and_the_stream_of_its_master_finds_it() {
    let mut data = partition(Layout::Databases(1));
    timed(&mut data, 10);
    data.begin(at(5000), true);
    let key = data.key(b"h");
    data.set_expiry_policy(ExpiryPolicy::Hide);
    let hash = data.get_hash(0, &key).unwrap().unwrap();
    assert_eq!((hash.len(), hash.shown()), (10, 0));
    data.set_expiry_policy(ExpiryPolicy::Keep);
    let removed = data.change_hash(0, &key, LIMITS, |hash| {
        assert_eq!(hash.view().shown(), 10);
        (hash.remove(&name(3)), Some(Event::HDel))
    });
    assert_eq!(removed, Ok(true));
    assert!(data.take_expired().is_empty());
}

#[test]
fn more_than_an_access_removes_is_not_there_for_a_writer_and_its_removal_is_told() {
    let mut data = partition(Layout::Databases(1));
    timed(&mut data, 200);
    data.follow(Scope::Database(0));
    data.begin(at(1000 + 149), true);
    let key = data.key(b"h");
    let new = data.change_hash(0, &key, LIMITS, |hash| {
        (hash.set(&name(149), b"again"), Some(Event::HSet))
    });
    assert_eq!(new, Ok(true));
    let gone: Vec<_> = data
        .take_expired()
        .into_iter()
        .map(|it| it.fields)
        .collect();
    assert_eq!(gone[0].len(), 64);
    assert_eq!(gone[1], [name(149)]);
    let told: Vec<_> = data.changes().map(|change| change.event).collect();
    assert_eq!(told, [Event::HExpired, Event::HSet, Event::HExpired]);
}

#[test]
fn a_big_hash_without_times_takes_no_byte_more_and_one_with_them_counts_them() {
    let mut data = partition(Layout::Databases(1));
    let key = data.key(b"h");
    let fill = |data: &mut Partition| {
        data.change_hash(0, &key, LIMITS, |hash| {
            for number in 0..1000 {
                hash.set(&name(number), b"value");
            }
            ((), Some(Event::HSet))
        })
        .unwrap();
    };
    fill(&mut data);
    let (before, used) = (data.get(0, &key).unwrap().memory(), data.stats().memory);
    data.change_hash(0, &key, LIMITS, |hash| {
        for number in 0..1000 {
            hash.set_time(&name(number), Some(5_000_000));
        }
        ((), Some(Event::HExpire))
    })
    .unwrap();
    let (with, used_with) = (data.get(0, &key).unwrap().memory(), data.stats().memory);
    let (more, used_more) = (with - before, used_with - used);
    assert!((32_000..64_000).contains(&more), "{more}");
    assert!(used_more >= more, "{used_more} and {more}");
    fill(&mut data);
    while data.reclaim_step(1000) {}
    assert_eq!(data.get(0, &key).unwrap().memory(), before);
    assert_eq!(data.stats().memory, used);
}
