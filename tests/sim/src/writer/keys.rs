//! The keys of a client: how each is written, and how it is read.

use slotkeeper_node::resp::ReplyValue;

use super::found::Found;
use super::promises::LIFE_MS;
use crate::ops::words;

/// How many keys a client writes.
pub(super) const KEYS: u64 = 12;
/// How many fields its hash has, and how many members its sorted set: more than a listpack may hold
/// here.
const ELEMENTS: u64 = 24;
/// The field that counts.
const COUNTER: &str = "count";
/// How many equal elements one write pushes to the list, and how many messages it adds to the stream.
pub(super) const PUSHED: usize = 3;
/// How many writes the list and the stream keep.
pub(super) const PUSHES_KEPT: usize = 5;
/// How many members one write adds to the set, after others were drawn from it.
pub(super) const ADDED: u64 = 3;
const DRAWN: &str = "2";

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Set,
    /// In turn with SET.
    Del,
    Expire,
    /// The key and a second one in its slot.
    Multi,
    /// All fields of a hash.
    Fields,
    /// In turn with that: all of them are removed.
    NoFields,
    /// One more.
    Count,
    /// Elements at the end of a list, which is kept short.
    Push,
    /// Messages at the end of a stream, which is kept short.
    Add,
    /// Members of a set, from which others are drawn by chance.
    Draw,
    /// The scores of all members of a sorted set.
    Scores,
    /// In turn with that: all of them are removed.
    NoScores,
    /// It rests.
    Look,
}

impl Kind {
    /// How the key is written by the request of that number.
    pub(super) fn of(key: u64, number: u64, rests: bool) -> Kind {
        let is_odd_turn = number / KEYS % 2 == 1;
        match key {
            3 => Kind::Add,
            4 if is_odd_turn => Kind::Del,
            5 if rests => Kind::Look,
            5 => Kind::Expire,
            6 => Kind::Multi,
            7 if is_odd_turn => Kind::NoFields,
            7 => Kind::Fields,
            8 => Kind::Count,
            9 => Kind::Push,
            10 => Kind::Draw,
            11 if is_odd_turn => Kind::NoScores,
            11 => Kind::Scores,
            _ => Kind::Set,
        }
    }

    /// Whether the key is gone then.
    pub(super) fn removes(self) -> bool {
        matches!(self, Kind::Del | Kind::NoFields | Kind::NoScores)
    }

    /// What is sent; the last answer acknowledges it.
    pub(super) fn requests(self, name: &str, number: u64) -> Vec<Vec<String>> {
        let text = number.to_string();
        match self {
            Kind::Look => Vec::new(),
            Kind::Set => vec![words(&["SET", name, &text])],
            Kind::Del => vec![words(&["DEL", name])],
            Kind::Expire => vec![words(&["SET", name, &text, "PX", &LIFE_MS.to_string()])],
            Kind::Fields => vec![of_all(&["HSET", name], |field| vec![field, text.clone()])],
            Kind::NoFields => vec![of_all(&["HDEL", name], |field| vec![field])],
            Kind::Count => vec![words(&["HINCRBY", name, COUNTER, "1"])],
            Kind::Multi => in_one(&[
                words(&["SET", name, &text]),
                words(&["SET", &second_name(name), &text]),
            ]),
            Kind::Push => {
                let kept = format!("-{}", PUSHED * PUSHES_KEPT);
                in_one(&[
                    words(&["RPUSH", name, &text, &text, &text]),
                    words(&["LTRIM", name, &kept, "-1"]),
                ])
            }
            Kind::Add => {
                let add = words(&["XADD", name, "*", "number", &text]);
                let kept = (PUSHED * PUSHES_KEPT).to_string();
                let mut requests = vec![add; PUSHED];
                requests.push(words(&["XTRIM", name, "MAXLEN", &kept]));
                in_one(&requests)
            }
            Kind::Draw => {
                let mut added = words(&["SADD", name]);
                added.extend((0..ADDED).map(|nth| (number * ADDED + nth).to_string()));
                in_one(&[words(&["SPOP", name, DRAWN]), added])
            }
            Kind::Scores => vec![of_all(&["ZADD", name], |member| vec![text.clone(), member])],
            Kind::NoScores => vec![words(&["ZREMRANGEBYSCORE", name, "-inf", &text])],
        }
    }
}

/// A command with something for every field or member.
fn of_all(command: &[&str], each: impl Fn(String) -> Vec<String>) -> Vec<String> {
    let mut request = words(command);
    request.extend((0..ELEMENTS).flat_map(|nth| each(format!("field:{nth}"))));
    request
}

fn in_one(requests: &[Vec<String>]) -> Vec<Vec<String>> {
    [&[words(&["MULTI"])][..], requests, &[words(&["EXEC"])]].concat()
}

/// A key of a client.
pub(super) fn key_name(name: usize, key: u64) -> String {
    format!("writer:{name}:{key}")
}

/// The key that is written together with another, in its slot.
fn second_name(name: &str) -> String {
    format!("{{{name}}}:second")
}

/// How a key is read.
pub(super) fn read(name: usize, key: u64) -> Vec<String> {
    let name = &key_name(name, key);
    match key {
        3 => words(&["XRANGE", name, "-", "+"]),
        6 => words(&["MGET", name, &second_name(name)]),
        7 => words(&["HGETALL", name]),
        8 => words(&["HGET", name, COUNTER]),
        9 => words(&["LRANGE", name, "0", "-1"]),
        10 => words(&["SMEMBERS", name]),
        11 => words(&["ZRANGE", name, "0", "-1", "WITHSCORES"]),
        _ => words(&["GET", name]),
    }
}

/// What its reader has found.
pub(super) fn found(key: u64, reply: &ReplyValue) -> Found {
    match key {
        7 | 11 => Found::of_pairs(reply, ELEMENTS),
        3 => Found::of_stream(reply),
        9 => Found::of_list(reply),
        10 => Found::of_set(reply),
        _ => Found::of(reply),
    }
}
