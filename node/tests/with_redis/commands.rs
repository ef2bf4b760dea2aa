//! What COMMAND says of our commands, beside what redis-server 7.0 says of its own.

use std::collections::BTreeMap;

use slotkeeper_node::command::docs::MISSING;
use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::process::{Client, Server};

/// What we have that Redis 7.0 has not.
const OURS: [(&str, &str); 21] = [
    ("client|no-touch", "of 7.2"),
    ("client|setinfo", "of 7.2: clients of today send it"),
    ("cluster|myshardid", "of 7.2"),
    ("cluster|slot-stats", "of Valkey 8"),
    ("delifeq", "of Valkey 9.0"),
    ("hexpire", "of 7.4"),
    ("hexpireat", "of 7.4"),
    ("hexpiretime", "of 7.4"),
    ("hgetdel", "of 8.0"),
    ("hgetex", "of 8.0"),
    ("hpersist", "of 7.4"),
    ("hpexpire", "of 7.4"),
    ("hpexpireat", "of 7.4"),
    ("hpexpiretime", "of 7.4"),
    ("hpttl", "of 7.4"),
    ("hsetex", "of 8.0"),
    ("httl", "of 7.4"),
    ("msetex", "of Valkey 9.1"),
    ("slotkeeper", "our own: what the operator asks of a node"),
    (
        "slotkeeper|failover",
        "our own: what the operator asks of a node",
    ),
    (
        "slotkeeper|serve",
        "our own: what the operator asks of a node",
    ),
];

/// What takes other numbers of arguments than in 7.0, since 7.2 or Valkey 9.
const ARITY: [(&str, &str); 3] = [
    ("cluster|replicate", "NO ONE is of Valkey 9"),
    ("zrank", "WITHSCORE is of 7.2"),
    ("zrevrank", "WITHSCORE is of 7.2"),
];

/// What our documentation says of a command and that of 7.0 does not.
const NEWER: [(&str, &str, &str); 16] = [
    ("client|pause", "since 3.0.0", "as in 7.2"),
    (
        "cluster|replicate",
        "changed in 9.0.0",
        "NO ONE, as in Valkey",
    ),
    ("psetex", "doc_flags [\"deprecated\"]", "as in 7.2"),
    ("psetex", "deprecated_since 2.6.12", "as in 7.2"),
    ("quit", "doc_flags [\"deprecated\"]", "as in 7.2"),
    ("quit", "deprecated_since 7.2.0", "as in 7.2"),
    ("set", "changed in 8.1.0", "IFEQ, as in Valkey"),
    ("setex", "doc_flags [\"deprecated\"]", "as in 7.2"),
    ("setex", "deprecated_since 2.6.12", "as in 7.2"),
    ("setnx", "doc_flags [\"deprecated\"]", "as in 7.2"),
    ("setnx", "deprecated_since 2.6.12", "as in 7.2"),
    ("shutdown", "changed in 9.0.0", "FAILOVER, as in Valkey"),
    ("xinfo|consumers", "changed in 7.2.0", "inactive"),
    ("xinfo|stream", "changed in 7.2.0", "active-time"),
    ("zrank", "changed in 7.2.0", "WITHSCORE"),
    ("zrevrank", "changed in 7.2.0", "WITHSCORE"),
];

/// What the documentation of 7.0 says of a command and that of 7.2 does not.
const OLDER: [(&str, &str); 1] = [("client|pause", "since 2.9.50")];

/// Whether that name is in a list.
fn is_in(list: &[(&str, &str)], name: &str) -> bool {
    list.iter().any(|(known, _)| *known == name)
}

fn text(value: &ReplyValue) -> String {
    match value {
        ReplyValue::Integer(number) => number.to_string(),
        ReplyValue::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
        other => String::from_utf8_lossy(other.text().unwrap_or_default()).into_owned(),
    }
}

fn list(value: &ReplyValue) -> &[ReplyValue] {
    match value {
        ReplyValue::Array(values) => values,
        _ => &[],
    }
}

fn sorted(value: &ReplyValue) -> Vec<String> {
    let mut texts: Vec<String> = list(value).iter().map(text).collect();
    texts.sort();
    texts
}

/// A key spec without its remark, which is for people and has words of its own.
fn key_spec(value: &ReplyValue) -> Vec<String> {
    let pairs = list(value).chunks_exact(2);
    let shown = pairs.filter_map(|pair| match text(&pair[0]).as_str() {
        "notes" => None,
        "flags" => Some(format!("flags {:?}", sorted(&pair[1]))),
        name => Some(format!("{name} {:?}", pair[1])),
    });
    shown.collect()
}

/// What COMMAND INFO says of a command, a line a field; none if there is no such command.
fn described(client: &mut Client, name: &str) -> Option<Vec<String>> {
    let reply = client.call(&["COMMAND", "INFO", name]);
    let fields = list(&list(&reply)[0]);
    if fields.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = fields[..2].iter().map(text).collect();
    lines.push(format!("flags {:?}", sorted(&fields[2])));
    lines.extend(fields[3..6].iter().map(text));
    lines.push(format!("categories {:?}", sorted(&fields[6])));
    lines.push(format!("tips {:?}", sorted(&fields[7])));
    lines.extend(list(&fields[8]).iter().flat_map(key_spec));
    Some(lines)
}

/// All commands and subcommands of a server.
fn names(client: &mut Client) -> Vec<String> {
    let reply = client.call(&["COMMAND", "LIST"]);
    sorted(&reply)
}

#[test]
fn commands_are_described_as_redis_describes_them() {
    let (node, redis) = (Server::node(&[]), Server::redis(&[]));
    let (mut ours, mut theirs) = (node.client(), redis.client());
    let mut only_ours = Vec::new();
    for name in names(&mut ours) {
        let mut described_here = described(&mut ours, &name).expect("it is listed");
        match described(&mut theirs, &name) {
            None if name.ends_with("|help") && name.starts_with("slotkeeper") => {}
            None => only_ours.push(name),
            Some(there) => {
                if is_in(&ARITY, &name) {
                    assert_ne!(described_here[1], there[1]);
                    described_here[1].clone_from(&there[1]);
                }
                assert_eq!(described_here, there, "{name}");
            }
        }
    }
    assert_eq!(only_ours, OURS.map(|(name, _)| name));
}

/// What COMMAND DOCS says of a command beside texts for people, and all its subcommands.
fn documented(client: &mut Client) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut rest = vec![client.call(&["COMMAND", "DOCS"])];
    while let Some(docs) = rest.pop() {
        for pair in list(&docs).chunks_exact(2) {
            let mut lines = Vec::new();
            for field in list(&pair[1]).chunks_exact(2) {
                let name = text(&field[0]);
                match name.as_str() {
                    "since" | "group" | "deprecated_since" => {
                        lines.push(format!("{name} {}", text(&field[1])));
                    }
                    "doc_flags" => lines.push(format!("{name} {:?}", sorted(&field[1]))),
                    "history" => {
                        let versions = list(&field[1]).iter().map(|change| text(&list(change)[0]));
                        lines.extend(versions.map(|version| format!("changed in {version}")));
                    }
                    "subcommands" => rest.push(field[1].clone()),
                    _ => {}
                }
            }
            found.insert(text(&pair[0]), lines);
        }
    }
    found
}

#[test]
fn commands_are_documented_as_redis_documents_them() {
    let (node, redis) = (Server::node(&[]), Server::redis(&[]));
    let theirs = documented(&mut redis.client());
    let mut compared = 0;
    for (name, mut here) in documented(&mut node.client()) {
        let Some(there) = theirs.get(&name) else {
            continue;
        };
        here.retain(|line| {
            !NEWER
                .iter()
                .any(|(of, known, _)| *of == name && known == line)
        });
        let there = there
            .iter()
            .filter(|line| !OLDER.contains(&(name.as_str(), line.as_str())));
        assert_eq!(here, there.cloned().collect::<Vec<_>>(), "{name}");
        compared += 1;
    }
    assert!(compared > 250, "{compared}");
}

#[test]
fn what_only_redis_has_is_listed_as_missing() {
    let (node, redis) = (Server::node(&[]), Server::redis(&[]));
    let ours = names(&mut node.client());
    let listed = |name: &str| {
        let container = name.split('|').next().expect("a name has a first word");
        (MISSING.iter().flat_map(|missing| missing.names))
            .any(|missing| *missing == name || *missing == container)
    };
    for name in names(&mut redis.client()) {
        let here = ours.contains(&name);
        assert_ne!(here, listed(&name), "{name}: here {here}");
    }
}

#[test]
fn keys_and_their_flags_are_found_as_redis_finds_them() {
    let (node, redis) = (Server::node(&[]), Server::redis(&[]));
    let (mut ours, mut theirs) = (node.client(), redis.client());
    let mut compared = 0;
    let mut compare = |request: &[&str]| {
        for ask in ["GETKEYS", "GETKEYSANDFLAGS"] {
            let mut bytes = Vec::new();
            encode_command(&mut bytes, &[&["COMMAND", ask], request].concat());
            let (here, there) = (ours.calls(&bytes, 1), theirs.calls(&bytes, 1));
            let flags = |replies: &[ReplyValue]| match &replies[0] {
                ReplyValue::Array(keys) if ask == "GETKEYSANDFLAGS" => {
                    let key = |key: &ReplyValue| (text(&list(key)[0]), sorted(&list(key)[1]));
                    format!("{:?}", keys.iter().map(key).collect::<Vec<_>>())
                }
                other => format!("{other:?}"),
            };
            assert_eq!(flags(&here), flags(&there), "{ask} {request:?}");
            compared += 1;
        }
    };
    let known = names(&mut node.client());
    for name in known
        .iter()
        .filter(|name| !is_in(&OURS, name) && !is_in(&ARITY, name))
    {
        if name.starts_with("slotkeeper") {
            continue;
        }
        let words: Vec<&str> = name.split('|').collect();
        // From the name alone to more than it takes, in words that no option is.
        let more = ["k1", "k2", "k3", "k4", "k5", "k6"];
        // redis-server 7.0 calls PFMERGE without sources invalid here, and executes it.
        let first = if name == "pfmerge" { 2 } else { 1 };
        for count in first..=more.len() {
            compare(&[&words, &more[..count]].concat());
        }
    }
    for request in [
        &["SET", "a", "b"][..],
        &["SET", "a", "b", "GET"],
        &["set", "a", "get"],
        &["set", "a", "b", "EX", "5", "gEt"],
        &["SET", "a", "b", "KEEPTTL", "NX"],
        &["GETEX", "a", "PERSIST"],
        &["COPY", "a", "b", "DB", "1", "REPLACE"],
        &["LCS", "a", "b", "IDX"],
        &["MSET", "a", "1", "b", "2", "c"],
        &["BITFIELD", "a", "GET", "u8", "0"],
        &["BITFIELD", "a", "GET", "u8", "0", "SET", "u8", "0", "1"],
        &["BITFIELD", "a", "OVERFLOW", "SAT", "GET", "u8", "0"],
        &["PFMERGE", "a", "b", "c"],
        &["SORT", "a", "BY", "x*", "STORE", "b"],
        &[
            "SORT", "a", "LIMIT", "0", "STORE", "STORE", "b", "STORE", "c",
        ],
        &["GEORADIUS", "a", "1", "2", "3", "m", "STORE", "b"],
        &[
            "GEORADIUS",
            "a",
            "1",
            "2",
            "3",
            "m",
            "STOREDIST",
            "b",
            "STORE",
            "c",
        ],
        &[
            "GEORADIUSBYMEMBER",
            "a",
            "m",
            "3",
            "m",
            "ASC",
            "STOREDIST",
            "b",
        ],
        &["NOSUCH", "a"],
    ] {
        compare(request);
    }
    assert!(compared > 500, "{compared}");
}
