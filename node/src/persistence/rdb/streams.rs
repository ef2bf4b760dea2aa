//! Streams in the keyspace and in files: equal to maps through all that happens to them, and a walk
//! hands out what they were when it began.

use std::any::Any;
use std::collections::BTreeMap;

use slotkeeper_tree::StreamId;
use slotkeeper_tree::element::{Element, Text};

use super::{Format, History, RdbItem, RdbReader, RdbWriter};
use crate::data::{
    Event, Group, Layout, Partition, Pending, Stream, StreamLimits, StreamMut, WalkState, rounds,
};

const LIMITS: StreamLimits = StreamLimits {
    entries: 100,
    bytes: 4096,
};

/// Fields with values.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Clone, Debug, Default, PartialEq)]
struct GroupModel {
    last_id: StreamId,
    entries_read: Option<u64>,
    /// Consumer, time and count.
    pending: BTreeMap<StreamId, (Vec<u8>, i64, u64)>,
    /// When each was seen.
    consumers: BTreeMap<Vec<u8>, i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    messages: BTreeMap<StreamId, Pairs>,
    last_id: StreamId,
    max_deleted: StreamId,
    entries_added: u64,
    groups: BTreeMap<Vec<u8>, GroupModel>,
}

fn text(element: Element<'_>) -> Vec<u8> {
    element.bytes(&mut Text::new()).to_vec()
}

fn texts<'a>(pairs: impl Iterator<Item = (Element<'a>, Element<'a>)>) -> Pairs {
    pairs
        .map(|(field, value)| (text(field), text(value)))
        .collect()
}

fn id(ms: u64) -> StreamId {
    StreamId { ms, seq: 0 }
}

impl Model {
    /// What a stream is, looked at in every way.
    fn of(stream: &Stream) -> Model {
        let messages = stream.range(StreamId::MIN, true);
        let messages = messages.map(|message| (message.id, texts(message.pairs())));
        let mut groups = BTreeMap::new();
        stream.for_each_group(|name, group| {
            groups.insert(name.to_vec(), GroupModel::of(group));
        });
        let model = Model {
            messages: messages.collect(),
            last_id: stream.last_id(),
            max_deleted: stream.max_deleted(),
            entries_added: stream.entries_added(),
            groups,
        };
        assert_eq!(model.messages.len(), stream.len());
        let first = model.messages.keys().next().copied();
        assert_eq!(first.unwrap_or_default(), stream.first_id());
        let top = model.messages.keys().next_back().copied();
        assert_eq!(top.unwrap_or_default(), stream.top_id());
        model
    }

    /// What a file has.
    fn of_file(file: &[u8]) -> Model {
        let (mut model, mut group, mut consumer) = (Model::default(), Vec::new(), Vec::new());
        let mut reader = RdbReader::new();
        let fed = reader.feed(file, &mut |item| {
            let groups = &mut model.groups;
            match item {
                RdbItem::Message { id, pairs } => {
                    model.messages.insert(id, texts(pairs));
                }
                RdbItem::Counters {
                    last_id,
                    max_deleted,
                    entries_added,
                } => {
                    model.last_id = last_id;
                    model.max_deleted = max_deleted;
                    model.entries_added = entries_added;
                }
                RdbItem::Group {
                    name,
                    last_id,
                    entries_read,
                    ..
                } => {
                    group = name.to_vec();
                    let made = groups.entry(group.clone()).or_default();
                    (made.last_id, made.entries_read) = (last_id, entries_read);
                }
                RdbItem::Pending { id, time, count } => {
                    let of = groups.get_mut(&group).expect("begun");
                    of.pending.insert(id, (Vec::new(), time, count));
                }
                RdbItem::Consumer { name, seen, .. } => {
                    consumer = name.to_vec();
                    let of = groups.get_mut(&group).expect("begun");
                    of.consumers.insert(consumer.clone(), seen);
                }
                RdbItem::Owned(id) => {
                    let of = groups.get_mut(&group).expect("begun");
                    let entry = of.pending.get_mut(&id).expect("pending in the group");
                    assert!(entry.0.is_empty(), "it has one consumer");
                    entry.0.clone_from(&consumer);
                }
                _ => {}
            }
            Ok(())
        });
        assert!(fed.expect("a sound file").done);
        model
    }
}

impl GroupModel {
    fn of(group: &Group) -> GroupModel {
        let mut model = GroupModel {
            last_id: group.last_id(),
            entries_read: group.entries_read(),
            ..GroupModel::default()
        };
        group.for_each_pending(StreamId::MIN, |entry| {
            let consumer = group.consumer_of(entry.consumer()).name().to_vec();
            let entry = (entry.id(), (consumer, entry.time(), entry.count()));
            model.pending.insert(entry.0, entry.1);
            true
        });
        let mut owned = 0;
        for (number, consumer) in group.consumers() {
            model
                .consumers
                .insert(consumer.name().to_vec(), consumer.seen);
            let mut count = 0;
            group.for_each_owned(number, StreamId::MIN, |id| {
                assert_eq!(model.pending[&id].0, consumer.name());
                count += 1;
                true
            });
            assert_eq!(count, consumer.pending());
            owned += count;
        }
        assert_eq!(owned, group.pending_len());
        assert_eq!(model.pending.len() as u64, owned);
        let ends = |it: &BTreeMap<StreamId, _>| Some((*it.keys().next()?, *it.keys().next_back()?));
        assert_eq!(ends(&model.pending), group.pending_ends());
        model
    }
}

/// A stream at the key `s`, and what it has to equal.
struct Subject {
    data: Partition,
    model: Model,
    random: crate::random::Random,
}

impl Subject {
    fn new(seed: u64) -> Subject {
        Subject {
            data: Partition::new(Layout::Databases(1), [11, 12]),
            model: Model::default(),
            random: crate::random::Random::new(seed),
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.bits() % end
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut StreamMut<'_>) -> R) -> R {
        let key = self.data.key(b"s");
        let changed = self
            .data
            .change_stream(0, &key, true, |stream| (change(stream), Some(Event::XAdd)));
        changed.expect("a stream").expect("made")
    }

    fn name(&mut self, what: &str, of: u64) -> Vec<u8> {
        format!("{what}:{}", self.below(of)).into_bytes()
    }

    fn some_message(&mut self) -> StreamId {
        let len = self.model.messages.len() as u64;
        let at = self.below(len.max(1)) as usize;
        let found = self.model.messages.keys().nth(at);
        found.copied().unwrap_or_default()
    }

    fn append(&mut self) {
        let id = id(self.model.last_id.ms + 1 + self.below(300));
        let long = if self.below(100) == 0 { 3000 } else { 12 };
        let value = vec![b'a' + (id.ms % 26) as u8; long];
        let fields: &[&[u8]] = if self.below(5) == 0 {
            &[b"other"]
        } else {
            &[b"user", b"action"]
        };
        let pairs: Pairs = fields
            .iter()
            .map(|it| (it.to_vec(), value.clone()))
            .collect();
        self.change(|stream| {
            let elements = pairs
                .iter()
                .map(|(field, value)| (Element::new(field), Element::new(value)));
            stream.append(id, elements, LIMITS);
        });
        self.model.messages.insert(id, pairs);
        self.model.last_id = id;
        self.model.entries_added += 1;
    }

    fn delete(&mut self) {
        let id = self.some_message();
        let had = self.change(|stream| stream.remove(id));
        assert_eq!(had, self.model.messages.remove(&id).is_some());
        if had {
            self.model.max_deleted = self.model.max_deleted.max(id);
        }
    }

    fn trim(&mut self) {
        let most = if self.below(10) == 0 { 60 } else { 4 };
        let count = self.below(most).min(self.model.messages.len() as u64);
        self.change(|stream| stream.trim(count));
        for _ in 0..count {
            self.model.messages.pop_first();
        }
    }

    fn change_groups(&mut self) {
        let name = self.name("group", 4);
        if self.below(12) == 0 {
            let had = self.change(|stream| stream.destroy_group(&name));
            assert_eq!(had, self.model.groups.remove(&name).is_some());
            return;
        }
        let made = self.change(|stream| stream.create_group(&name, id(0), Some(7)));
        let old = self.model.groups.get(&name);
        assert_eq!(made, old.is_none());
        if made {
            let model = GroupModel {
                entries_read: Some(7),
                ..GroupModel::default()
            };
            self.model.groups.insert(name, model);
        }
    }

    fn deliver(&mut self) {
        let (group, consumer) = (self.name("group", 4), self.name("consumer", 40));
        let (id, time, count) = (
            self.some_message(),
            self.below(1 << 40) as i64,
            self.below(9),
        );
        let put = self.change(|stream| {
            stream.group(&group, |group| {
                let (number, is_new) = group.make_consumer(&consumer, time);
                group.put(Pending::new(id, number, time, count));
                group.set_last(id, None);
                is_new
            })
        });
        let of = self.model.groups.get_mut(&group);
        assert_eq!(put.is_some(), of.is_some());
        if let (Some(of), Some(is_new)) = (of, put) {
            assert_eq!(is_new, !of.consumers.contains_key(&consumer));
            of.consumers.entry(consumer.clone()).or_insert(time);
            of.pending.insert(id, (consumer, time, count));
            (of.last_id, of.entries_read) = (id, None);
        }
    }

    fn acknowledge(&mut self) {
        let group = self.name("group", 4);
        let Some(of) = self.model.groups.get(&group) else {
            return;
        };
        let at = self.random.bits() as usize % of.pending.len().max(1);
        let id = of.pending.keys().nth(at).copied().unwrap_or_default();
        let had = self.change(|stream| stream.group(&group, |group| group.acknowledge(id))?);
        let of = self.model.groups.get_mut(&group).expect("it was there");
        assert_eq!(had.is_some(), of.pending.remove(&id).is_some());
    }

    fn remove_consumer(&mut self) {
        let (group, consumer) = (self.name("group", 4), self.name("consumer", 40));
        let gone = self.change(|stream| {
            stream.group(&group, |group| {
                let number = group.view().consumer(&consumer)?;
                Some(group.remove_consumer(number))
            })?
        });
        let of = self.model.groups.get_mut(&group);
        let had = of.and_then(|of| {
            of.consumers.remove(&consumer)?;
            let before = of.pending.len();
            of.pending.retain(|_, entry| entry.0 != consumer);
            Some((before - of.pending.len()) as u64)
        });
        assert_eq!(gone, had);
    }

    fn step(&mut self) {
        match self.below(20) {
            0..=5 => self.append(),
            6 => self.delete(),
            7 => self.trim(),
            8 => self.change_groups(),
            9..=15 => self.deliver(),
            16..=18 => self.acknowledge(),
            _ => self.remove_consumer(),
        }
    }

    fn check(&mut self) {
        let key = self.data.key(b"s");
        let stream = self.data.get_stream(0, &key).expect("a stream");
        assert!(Model::of(stream.expect("made")) == self.model);
    }

    fn start_walk(&mut self) {
        let history = History {
            id: "0".repeat(40),
            offset: 0,
            second: None,
        };
        let writer = RdbWriter::new(Format::Plain, &history, 0, 0, 1 << 30);
        self.data.start_walk(Box::new(writer));
    }

    /// The file, when all of it has come.
    fn walk_on(&mut self, budget: usize) -> Option<Vec<u8>> {
        if self.data.walk_step(budget) != WalkState::Done {
            return None;
        }
        let saver: Box<dyn Any> = self.data.stop_walk().expect("walking");
        let mut writer: Box<RdbWriter> = saver.downcast().expect("a writer");
        writer.finish();
        Some(writer.take().to_vec())
    }
}

#[test]
fn equals_maps_through_random_traffic_and_walks_hand_out_what_was() {
    for seed in 0..rounds(4, 1) {
        let mut subject = Subject::new(seed);
        let mut expected = None;
        let mut walks = 0;
        subject.append();
        for round in 0..rounds(6000, 60) {
            subject.step();
            if expected.is_some() {
                let budget = subject.below(2000) as usize;
                if let Some(file) = subject.walk_on(budget) {
                    assert!(expected.take() == Some(Model::of_file(&file)), "{round}");
                    walks += 1;
                }
            } else if subject.below(40) == 0 {
                expected = Some(subject.model.clone());
                subject.start_walk();
            }
            if round.is_multiple_of(rounds(200, 20)) {
                subject.check();
            }
        }
        subject.check();
        assert!(walks > 0 || cfg!(miri), "{walks}");
    }
}

#[test]
fn a_copy_is_equal_and_independent_even_in_a_walk() {
    for walking in [false, true] {
        let mut subject = Subject::new(9);
        (0..rounds(1500, 40)).for_each(|_| subject.step());
        if walking {
            subject.start_walk();
        }
        let (from, to) = (subject.data.key(b"s"), subject.data.key(b"t"));
        assert!(subject.data.copy(0, &from, 0, &to, false));
        let expected = subject.model.clone();
        (0..rounds(300, 10)).for_each(|_| subject.step());
        let copy = subject.data.get_stream(0, &to).expect("a stream");
        assert!(Model::of(copy.expect("copied")) == expected);
        subject.check();
    }
}

#[test]
fn all_memory_comes_back_in_steps() {
    let mut subject = Subject::new(3);
    let (empty, key) = (subject.data.stats().memory, subject.data.key(b"s"));
    for walking in [false, true] {
        subject.model = Model::default();
        subject.append();
        (0..rounds(3000, 40)).for_each(|_| subject.step());
        if walking {
            subject.start_walk();
            subject.data.walk_step(500);
        }
        assert!(subject.data.remove(0, &key));
        if walking {
            drop(subject.data.stop_walk());
        }
        while subject.data.reclaim_step(50) {}
        let left = subject.data.stats().memory;
        assert!(left <= empty + 4096, "{left} after {empty} bytes");
    }
}

/// What a pending entry costs, both indexes, when messages go to several consumers by turns.
#[test]
fn pending_entries_are_small() {
    let mut subject = Subject::new(1);
    subject.append();
    let count = rounds(30_000, 300);
    let before = subject.data.stats().memory;
    subject.change(|stream| {
        stream.create_group(b"g", StreamId::MIN, None);
        let put = stream.group(b"g", |group| {
            for ms in 0..count {
                let name = [b'a' + (ms % 5) as u8];
                let (number, _) = group.make_consumer(&name, 0);
                group.put(Pending::new(id(ms), number, 1_700_000_000_000, 1));
            }
        });
        put.expect("just made");
    });
    let each = (subject.data.stats().memory - before) as f64 / count as f64;
    assert!(each <= 61.0 || cfg!(miri), "{each} bytes");
}
