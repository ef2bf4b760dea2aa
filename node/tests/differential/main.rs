//! Random commands, of all groups in our table, on our node and on Debian's redis-server: the replies
//! must be equal, and so must all keys, also after a reload and after each server has loaded what the
//! other one saved. What differs on purpose is listed, with reasons, in `differences.rs`; what is not
//! drawn at all, in `exclusions.rs`.
//!
//! `cargo test -p slotkeeper-node --test differential` plays the same seeds every time. With
//! `SEED=number` before it, it plays that one; with `MINUTES=number`, new ones for so long. What it
//! finds it prints as the shortest list of commands that still shows it.

mod canonical;
mod connection;
mod differences;
mod draw;
mod drawn;
mod exclusions;
mod generate;
mod keyspace;
mod minimise;
mod mistakes;
mod pair;
#[path = "../common/ports.rs"]
mod ports;
#[path = "../common/process.rs"]
mod process;
#[path = "../transcripts/value.rs"]
mod value;
mod values;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use generate::Generator;
use pair::{Conditions, Difference, Pair, Settings};
use value::Value;

/// A request: the command and its arguments.
type Request = Vec<Vec<u8>>;

/// The seeds that are always played.
const SEEDS: std::ops::Range<u64> = 0..40;
/// How many requests a seed plays.
const REQUESTS: usize = 500;

/// Small collections and big ones: with the defaults, and with limits that are soon reached.
const SETTINGS: [Settings; 2] = [
    &[
        ("hash-max-listpack-entries", "128"),
        ("hash-max-listpack-value", "64"),
        ("zset-max-listpack-entries", "128"),
        ("zset-max-listpack-value", "64"),
        ("set-max-intset-entries", "512"),
        ("list-max-listpack-size", "-2"),
    ],
    &[
        ("hash-max-listpack-entries", "4"),
        ("hash-max-listpack-value", "8"),
        ("zset-max-listpack-entries", "4"),
        ("zset-max-listpack-value", "8"),
        ("set-max-intset-entries", "4"),
        ("list-max-listpack-size", "4"),
    ],
];

#[test]
fn random_commands_get_the_replies_of_redis() {
    let pair = Pair::start();
    let known = known_commands(&pair);
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let findings: Vec<String> = match (number("SEED"), number("MINUTES")) {
        (Some(seed), _) => run(&pair, &known, seed).into_iter().collect(),
        (_, Some(minutes)) => soak(&pair, &known, Duration::from_secs(minutes * 60)),
        _ => SEEDS
            .filter_map(|seed| printed(run(&pair, &known, seed)))
            .collect(),
    };
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// The commands of redis-server.
fn known_commands(pair: &Pair) -> BTreeSet<String> {
    let Value::List(_, names, _) = pair.redis().ask(&["COMMAND", "LIST"]) else {
        panic!("COMMAND LIST replies a list");
    };
    let names = names.iter().map(|name| name.show(false));
    names
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

/// Plays seeds of the clock, and prints what it finds at once.
fn soak(pair: &Pair, known: &BTreeSet<String>, long: Duration) -> Vec<String> {
    let until = Instant::now() + long;
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let first = since.unwrap_or_default().as_secs() * 1_000_000;
    let (mut seed, mut findings) = (first, Vec::new());
    while Instant::now() < until {
        findings.extend(printed(run(pair, known, seed)));
        seed += 1;
    }
    println!("{} seeds from {first} on", seed - first);
    findings
}

/// Shows a finding as soon as it is there.
fn printed(finding: Option<String>) -> Option<String> {
    finding.inspect(|finding| println!("{finding}"))
}

/// Plays a seed. What it finds: the shortest list of requests that shows it.
fn run(pair: &Pair, known: &BTreeSet<String>, seed: u64) -> Option<String> {
    let mut generator = Generator::new(seed, known);
    let conditions = Conditions {
        protocol: generator.draw().one(&[2, 3]),
        settings: generator.draw().one(&SETTINGS),
    };
    let mut requests = generator.requests(REQUESTS);
    if let Difference::Reply { at, .. } = pair.play(&requests, conditions)? {
        requests.truncate(at + 1);
    }
    let requests = minimise::minimise(requests, |list| pair.play(list, conditions).is_some());
    let found = pair.play(&requests, conditions);
    Some(report(seed, conditions, &requests, found))
}

fn report(
    seed: u64,
    conditions: Conditions,
    requests: &[Request],
    found: Option<Difference>,
) -> String {
    let mut lines = vec![format!(
        "replay: SEED={seed} cargo test -p slotkeeper-node --test differential"
    )];
    lines.push(format!("HELLO {}", conditions.protocol));
    let settings = conditions.settings.iter();
    lines.extend(settings.map(|(directive, value)| format!("CONFIG SET {directive} {value}")));
    lines.extend(requests.iter().map(shown));
    let (what, (ours, theirs)) = match found {
        None => ("(gone when played again)".to_owned(), Default::default()),
        Some(Difference::Reply { at, replies }) => (shown(&requests[at]), replies),
        Some(Difference::Keys { when, keys }) => (when.to_owned(), keys),
    };
    lines.push(format!("{what}\n  ours:   {ours}\n  theirs: {theirs}\n"));
    lines.join("\n")
}

/// A request as redis-cli takes it.
fn shown(request: &Request) -> String {
    let words = request.iter().map(|word| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-+.|*?[]()<>:_".contains(byte);
        match !word.is_empty() && word.iter().all(plain) {
            true => String::from_utf8_lossy(word).into_owned(),
            false => Value::Bulk(word.clone()).show(false),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
