//! Commands about fields with a time, at random, beside a plain map with the rules of Redis 8; and what
//! the stream makes of them at another node.

use std::collections::BTreeMap;

use super::carried::{dump, restore};
use super::{Client, Node};
use crate::random::Random;

/// A value, and when it expires.
type Timed = (i64, Option<i64>);
type Hash = BTreeMap<String, Timed>;

struct Model {
    node: Node,
    client: Client,
    /// It gets the stream.
    follower: Node,
    at_follower: Client,
    /// The stream up to here has gone there.
    sent: u64,
    hashes: BTreeMap<String, Hash>,
    random: Random,
}

/// What is done to a field.
#[derive(Clone, Copy)]
enum To {
    Set,
    SetKeeping,
    SetTimed(i64),
    Add(i64),
    Time(i64),
    Persist,
    Delete,
}

fn integers(reply: &[i64]) -> String {
    let each = reply.iter().map(|code| format!(":{code}\r\n"));
    format!("*{}\r\n{}", reply.len(), each.collect::<String>())
}

fn values(reply: &[Option<i64>]) -> String {
    let each = reply.iter().map(|value| match value {
        Some(value) => format!("${}\r\n{value}\r\n", value.to_string().len()),
        None => "$-1\r\n".to_owned(),
    });
    format!("*{}\r\n{}", reply.len(), each.collect::<String>())
}

impl Model {
    fn new(seed: u64) -> Model {
        let (mut node, mut follower) = (Node::standalone(), Node::standalone());
        node.engine.replication.stream.keep(1 << 20);
        Model {
            client: node.client(),
            at_follower: follower.client(),
            sent: node.engine.replication.stream.offset(),
            node,
            follower,
            hashes: BTreeMap::new(),
            random: Random::new(seed),
        }
    }

    fn below(&mut self, end: u64) -> i64 {
        self.random.below(end) as i64
    }

    fn now(&self) -> i64 {
        self.node.now.unix_ms()
    }

    fn pass(&mut self, millis: u64) {
        self.node.pass(millis);
        self.follower.pass(millis);
        self.purge();
    }

    /// Takes out what has expired.
    fn purge(&mut self) {
        let now = self.now();
        for fields in self.hashes.values_mut() {
            fields.retain(|_, (_, at)| at.is_none_or(|at| at > now));
        }
        self.hashes.retain(|_, fields| !fields.is_empty());
    }

    /// What the model had of a field, to which that is done now.
    fn change(&mut self, key: &str, field: &str, what: To) -> Option<Timed> {
        let fields = self.hashes.entry(key.to_owned()).or_default();
        let old = fields.get(field).copied();
        let kept = old.and_then(|(_, at)| at);
        let number = old.map_or(0, |(value, _)| value);
        let new = match what {
            To::Set => Some((7, None)),
            To::SetKeeping => Some((7, kept)),
            To::SetTimed(at) => Some((7, Some(at))),
            To::Add(more) => Some((number + more, kept)),
            To::Time(at) => old.map(|(value, _)| (value, Some(at))),
            To::Persist => old.map(|(value, _)| (value, None)),
            To::Delete => None,
        };
        match new {
            Some(new) => fields.insert(field.to_owned(), new),
            None => fields.remove(field),
        };
        old
    }

    fn ask(&mut self, line: &str, expected: &str) {
        let reply = self.node.ask(&mut self.client, line);
        assert_eq!(reply, expected, "{line}");
    }

    fn step(&mut self) {
        let key = format!("h{}", self.below(3));
        let field = format!("f{}", self.below(8));
        let at = self.now() + [50, 400, 100_000, -5][self.below(4) as usize];
        let both = format!("{key} {field}");
        match self.below(15) {
            0 | 1 => {
                let old = self.change(&key, &field, To::Set);
                let is_new = i64::from(old.is_none());
                self.ask(&format!("HSET {both} 7"), &format!(":{is_new}\r\n"));
            }
            2 | 3 => {
                let more = self.below(20) - 10;
                let old = self.change(&key, &field, To::Add(more));
                let sum = old.map_or(0, |(value, _)| value) + more;
                self.ask(&format!("HINCRBY {both} {more}"), &format!(":{sum}\r\n"));
            }
            4 | 5 => self.expire(&key, &field, at),
            6 => {
                let old = self.change(&key, &field, To::Persist);
                let code = old.map_or(-2, |(_, at)| at.map_or(-1, |_| 1));
                self.ask(
                    &format!("HPERSIST {key} FIELDS 1 {field}"),
                    &integers(&[code]),
                );
            }
            7 => {
                let old = self.change(&key, &field, To::Time(at));
                let line = format!("HGETEX {key} PXAT {at} FIELDS 1 {field}");
                self.ask(&line, &values(&[old.map(|it| it.0)]));
            }
            8 => {
                self.change(&key, &field, To::SetKeeping);
                self.ask(
                    &format!("HSETEX {key} KEEPTTL FIELDS 1 {field} 7"),
                    ":1\r\n",
                );
            }
            9 => {
                self.change(&key, &field, To::SetTimed(at));
                self.ask(
                    &format!("HSETEX {key} PXAT {at} FIELDS 1 {field} 7"),
                    ":1\r\n",
                );
            }
            10 => {
                let old = self.change(&key, &field, To::Delete);
                let line = format!("HGETDEL {key} FIELDS 1 {field}");
                self.ask(&line, &values(&[old.map(|it| it.0)]));
            }
            11 => self.carry(&key),
            12 | 13 => {
                let millis = 1 + self.below(200) as u64;
                self.pass(millis);
            }
            _ => {
                let is_active = self.below(4) > 0;
                self.node.engine.active_expiry = is_active;
            }
        }
        self.purge();
        self.compare();
    }

    fn expire(&mut self, key: &str, field: &str, at: i64) {
        let old = self
            .hashes
            .get(key)
            .and_then(|hash| hash.get(field))
            .copied();
        let (name, holds) = match (self.below(5), old.and_then(|it| it.1)) {
            (0, old) => ("NX ", old.is_none()),
            (1, old) => ("XX ", old.is_some()),
            (2, old) => ("GT ", old.is_some_and(|old| at > old)),
            (3, old) => ("LT ", old.is_none_or(|old| at < old)),
            _ => ("", true),
        };
        let code = match old {
            None => -2,
            Some(_) if !holds => 0,
            Some(_) if at <= self.now() => 2,
            Some(_) => 1,
        };
        if code > 0 {
            self.change(key, field, To::Time(at));
        }
        let line = format!("HPEXPIREAT {key} {at} {name}FIELDS 1 {field}");
        self.ask(&line, &integers(&[code]));
    }

    /// A hash goes to another key, in one of the ways there are.
    fn carry(&mut self, key: &str) {
        let to = format!("h{}", self.below(3));
        let Some(hash) = self.hashes.get(key).cloned().filter(|_| to != key) else {
            return;
        };
        match self.below(3) {
            0 => {
                self.ask(&format!("RENAME {key} {to}"), "+OK\r\n");
                self.hashes.remove(key);
            }
            1 => self.ask(&format!("COPY {key} {to} REPLACE"), ":1\r\n"),
            _ => {
                let payload = dump(&mut self.node, &mut self.client, key);
                let reply = restore(&mut self.node, &mut self.client, &to, &payload);
                assert_eq!(reply, "+OK\r\n");
            }
        }
        self.hashes.insert(to, hash);
    }

    /// Both nodes have what the model has.
    fn compare(&mut self) {
        let stream = &self.node.engine.replication.stream;
        let (id, from) = (stream.id(), self.sent + 1);
        let bytes = stream.since(id, from).expect("it is kept");
        self.sent = stream.offset();
        let replies = self.follower.send(&mut self.at_follower, &bytes);
        assert!(
            !replies.lines().any(|line| line.starts_with('-')),
            "{replies}"
        );
        let names: Vec<String> = (0..8).map(|number| format!("f{number}")).collect();
        for key in ["h0", "h1", "h2"] {
            let hash = self.hashes.get(key).cloned().unwrap_or_default();
            let held = names.iter().map(|name| hash.get(name).map(|it| it.0));
            let times = names.iter().map(|name| match hash.get(name) {
                None => -2,
                Some((_, at)) => at.unwrap_or(-1),
            });
            let all = names.join(" ");
            let line = format!("HMGET {key} {all}\nHPEXPIRETIME {key} FIELDS 8 {all}");
            let (held, times): (Vec<_>, Vec<_>) = (held.collect(), times.collect());
            let expected = values(&held) + &integers(&times);
            let found = self.node.ask(&mut self.client, &line);
            assert_eq!(found, expected, "{key}");
            let found = self.follower.ask(&mut self.at_follower, &line);
            assert_eq!(found, expected, "{key} at the follower");
        }
    }
}

#[test]
fn times_of_fields_follow_redis_rules_whatever_is_done_and_so_does_the_stream() {
    for seed in 0..3 {
        let mut model = Model::new(seed);
        for _ in 0..600 {
            model.step();
        }
        model.pass(200_000);
        model.compare();
    }
}
