//! Streams of which a replica gets a copy: their messages, and groups that read them.

use super::OTHERS;
use crate::ops::words;
use crate::simulation::Simulation;

/// Messages of a stream at first: several leaves.
const MESSAGES: u64 = 500;
const GROUPS: u64 = 3;
const CONSUMERS: u64 = 4;

/// What makes a stream: messages, and groups whose consumers have read some.
pub(super) fn filled(nth: u64) -> Vec<Vec<String>> {
    let name = &name(nth);
    let add = |n| words(&["XADD", name, &id(n), "number", &n.to_string()]);
    let mut requests: Vec<Vec<String>> = (1..=MESSAGES).map(add).collect();
    for number in 0..GROUPS {
        let (group, consumer) = (&group(number), &consumer(number));
        requests.push(words(&["XGROUP", "CREATE", name, group, "0"]));
        requests.push(read(name, group, consumer, "200"));
    }
    requests
}

/// What changes the messages of a stream, or what a group has read of it.
pub(super) fn change(sim: &mut Simulation) -> Vec<String> {
    let stream = &name(sim.rng.below(OTHERS));
    let group = &group(sim.rng.below(GROUPS));
    let consumer = &consumer(sim.rng.below(CONSUMERS));
    let message = &id(1 + sim.rng.below(MESSAGES));
    match sim.rng.below(16) {
        0..=3 => words(&["XADD", stream, "*", "a field", "a value"]),
        4 => words(&["XADD", stream, "MAXLEN", "~", "400", "*", "another", "1"]),
        5 | 6 => words(&["XDEL", stream, message]),
        7 => words(&["XTRIM", stream, "MAXLEN", "450"]),
        8 | 9 => read(stream, group, consumer, "3"),
        10 | 11 => words(&["XACK", stream, group, message]),
        12 => words(&["XCLAIM", stream, group, consumer, "0", message]),
        13 => words(&[
            "XAUTOCLAIM",
            stream,
            group,
            consumer,
            "1",
            "0",
            "COUNT",
            "5",
        ]),
        14 if sim.rng.one_in(8) => words(&["XGROUP", "DESTROY", stream, group]),
        14 => words(&["XGROUP", "CREATE", stream, group, message]),
        _ => words(&["XGROUP", "DELCONSUMER", stream, group, consumer]),
    }
}

/// A consumer of a group reads what nobody has read yet.
fn read(stream: &str, group: &str, consumer: &str, count: &str) -> Vec<String> {
    words(&[
        "XREADGROUP",
        "GROUP",
        group,
        consumer,
        "COUNT",
        count,
        "STREAMS",
        stream,
        ">",
    ])
}

fn name(nth: u64) -> String {
    format!("stream:{nth}")
}

fn id(n: u64) -> String {
    format!("{n}-1")
}

fn group(number: u64) -> String {
    format!("group:{number}")
}

fn consumer(number: u64) -> String {
    format!("consumer:{number}")
}
