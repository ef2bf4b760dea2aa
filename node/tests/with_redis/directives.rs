//! What CONFIG SET says to values that no directive can have, beside what redis-server 7.0 says.

use slotkeeper_node::resp::ReplyValue;

use crate::process::{Client, Server};

/// Values that are too small, too large, or no numbers.
const WRONG: [&str; 6] = ["-1", "-2", "1.5", "x", "9223372036854775808", "1e3"];

/// Directives whose limits are others here, and why.
const LIMITS: [(&str, &str); 10] = [
    (
        "bind",
        "an address that may be left out, as in -10.0.0.1, must be one",
    ),
    ("bind-source-addr", "is fixed at the start"),
    ("cluster-announce-ip", "takes only an IP address"),
    ("client-query-buffer-limit", "at most 1 GB"),
    ("cluster-node-timeout", "at least 1 ms, at most 24 days"),
    (
        "maxmemory-clients",
        "names no percentage when there is none",
    ),
    ("maxmemory-samples", "at most 64"),
    ("proto-max-bulk-len", "at most 1 GB"),
    ("shutdown-on-sigint", "failover is one more word"),
    ("shutdown-on-sigterm", "failover is one more word"),
];

/// Directives that take any text.
const TEXTS: [&str; 4] = ["dbfilename", "logfile", "masterauth", "requirepass"];

fn directives(client: &mut Client) -> Vec<(String, String)> {
    let ReplyValue::Array(words) = client.call(&["CONFIG", "GET", "*"]) else {
        panic!("CONFIG GET lists them");
    };
    let text =
        |word: &ReplyValue| String::from_utf8_lossy(word.text().expect("it is text")).into_owned();
    let pairs = words.chunks_exact(2);
    pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

/// What a server says to a value. The directive has its old value afterwards.
fn reply(client: &mut Client, name: &str, wrong: &str, old: &str) -> String {
    let reply = client.call(&["CONFIG", "SET", name, wrong]);
    client.call(&["CONFIG", "SET", name, old]);
    match reply {
        ReplyValue::Error(text) => String::from_utf8_lossy(&text).into_owned(),
        _ => "it is taken".to_owned(),
    }
}

#[test]
fn values_that_cannot_be_are_refused_as_redis_refuses_them() {
    let (node, redis) = (Server::node(&[]), Server::redis(&[]));
    let (mut ours, mut theirs) = (node.client(), redis.client());
    let known = directives(&mut theirs);
    let mut compared = 0;
    for (name, old) in directives(&mut ours) {
        let Some((_, old_there)) = known.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let differs = LIMITS.iter().any(|(known, _)| *known == name);
        if differs || TEXTS.contains(&name.as_str()) {
            continue;
        }
        for wrong in WRONG {
            let here = reply(&mut ours, &name, wrong, &old);
            // The other values of a directive that is not supported are refused in other words.
            if !here.contains("can only be") {
                let there = reply(&mut theirs, &name, wrong, old_there);
                assert_eq!(here, there, "CONFIG SET {name} {wrong}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn hz_beyond_its_range_is_brought_into_it_as_redis_does() {
    let servers = [Server::node(&[]), Server::redis(&[])];
    let [ours, theirs] = servers.each_ref().map(|server| {
        let mut client = server.client();
        [
            "0",
            "1",
            "77",
            "500",
            "501",
            "2147483647",
            "2147483648",
            "-5",
        ]
        .map(|value| {
            let set = client.call(&["CONFIG", "SET", "hz", value]);
            let get = client.call(&["CONFIG", "GET", "hz"]);
            (value, set, get)
        })
    });
    assert_eq!(ours, theirs);
}
