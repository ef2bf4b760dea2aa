//! Streams with their groups on their way between our node and redis-server.

use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::process::{Client, Server};
use crate::{CLUSTER, each, join, serve_all};

const STREAMS: usize = 20;
const BIG: usize = 4000;

fn name(number: usize) -> String {
    format!("{{s}}stream:{number}")
}

fn names() -> impl Iterator<Item = String> {
    let others = ["{s}big", "{s}copy", "{s}renamed", "{s}empty"];
    (0..STREAMS).map(name).chain(others.map(str::to_owned))
}

/// Streams of 1 to 200 messages with deleted ones among them, and a big one with a few long messages;
/// groups with pending entries.
fn fill(master: &Server) {
    let mut client = master.client();
    for number in 0..STREAMS {
        let key = name(number);
        each(&mut client, 0..1 + number * 10, |at, batch| {
            let (id, value) = (format!("{}-{}", 1000 + at, at % 3), format!("value:{at}"));
            let other = if at % 7 == 0 { "place" } else { "action" };
            encode_command(batch, &["XADD", &key, &id, "user", "17", other, &value]);
        });
        client.call(&["XDEL", &key, "1003-0", "1010-1", "1011-2"]);
        client.call(&["XGROUP", "CREATE", &key, "late", "$"]);
        client.call(&["XGROUP", "CREATE", &key, "early", "0", "ENTRIESREAD", "0"]);
        for consumer in ["alice", "bob"] {
            let read = ["XREADGROUP", "GROUP", "early", consumer, "COUNT", "5"];
            client.call(&[&read[..], &["STREAMS", &key, ">"]].concat());
        }
    }
    each(&mut client, 0..BIG, |number, batch| {
        let id = format!("{}-1", 5000 + number * 3);
        let long = if number % 500 == 7 { 20_000 } else { 10 };
        let value = "v".repeat(long);
        encode_command(
            batch,
            &["XADD", "{s}big", &id, "a", &value, "b", "2", "c", "x"],
        );
    });
    client.call(&["XGROUP", "CREATE", "{s}big", "g", "0"]);
    for consumer in 0..50 {
        let consumer = format!("consumer:{consumer}");
        let read = ["XREADGROUP", "GROUP", "g", &consumer, "COUNT", "60"];
        client.call(&[&read[..], &["STREAMS", "{s}big", ">"]].concat());
    }
    client.call(&["XGROUP", "CREATE", "{s}empty", "g", "$", "MKSTREAM"]);
    client.call(&["PEXPIREAT", &name(3), "4102444800123"]);
}

fn change(master: &Server) {
    let mut client = master.client();
    for number in 0..STREAMS {
        let key = name(number);
        let key = key.as_str();
        match number % 6 {
            0 => client.call(&["XADD", key, "MAXLEN", "~", "50", "*", "new", "1"]),
            1 => client.call(&["XTRIM", key, "MINID", "1050"]),
            2 => client.call(&["XACK", key, "early", "1000-0", "1001-1"]),
            3 => client.call(&["XAUTOCLAIM", key, "early", "carol", "0", "0", "COUNT", "3"]),
            4 => client.call(&[
                "XCLAIM",
                key,
                "early",
                "dave",
                "0",
                "1002-2",
                "RETRYCOUNT",
                "9",
            ]),
            _ => client.call(&["XGROUP", "DELCONSUMER", key, "early", "alice"]),
        };
        let read = [
            "XREADGROUP",
            "GROUP",
            "early",
            "erin",
            "COUNT",
            "2",
            "STREAMS",
        ];
        client.call(&[&read[..], &[key, ">"]].concat());
    }
    each(&mut client, 0..BIG, |number, batch| {
        let id = format!("{}-1", 5000 + number * 3);
        match number % 3 {
            0 => encode_command(batch, &["XDEL", "{s}big", &id]),
            1 => encode_command(batch, &["XACK", "{s}big", "g", &id]),
            _ => encode_command(
                batch,
                &["XADD", "{s}big", "*", "number", &number.to_string()],
            ),
        }
    });
    client.call(&["COPY", "{s}big", "{s}copy"]);
    client.call(&["RENAME", &name(19), "{s}renamed"]);
    client.call(&[
        "XSETID",
        "{s}empty",
        "7-7",
        "ENTRIESADDED",
        "9",
        "MAXDELETEDID",
        "5-5",
    ]);
}

/// A reply without what the two need not have alike: how many nodes there are, and when a consumer
/// was there; and of replicas of Redis, how often the history of a consumer was read.
fn alike(reply: ReplyValue) -> ReplyValue {
    const OTHERWISE: [&str; 6] = [
        "radix-tree-keys",
        "radix-tree-nodes",
        "seen-time",
        "active-time",
        "entries-read",
        "lag",
    ];
    let ReplyValue::Array(all) = reply else {
        return reply;
    };
    let is_left_out = |value: &ReplyValue| {
        let text = value.text();
        text.is_some_and(|text| OTHERWISE.iter().any(|name| name.as_bytes() == text))
    };
    let (mut kept, mut all) = (Vec::new(), all.into_iter());
    while let Some(value) = all.next() {
        if is_left_out(&value) {
            all.next();
        } else {
            kept.push(alike(value));
        }
    }
    ReplyValue::Array(kept)
}

fn compare_keys(left: &mut Client, right: &mut Client) {
    for key in names() {
        let key = key.as_str();
        for question in [
            &["TYPE", key][..],
            &["XLEN", key],
            &["PEXPIRETIME", key],
            &["XRANGE", key, "-", "+"],
            &["XINFO", "STREAM", key, "FULL", "COUNT", "300"],
        ] {
            let (one, other) = (left.call(question), right.call(question));
            assert!(alike(one) == alike(other), "{question:?}");
        }
    }
}

fn compare(master: &Server, replica: &Server) {
    replica.until("the replica has everything", || {
        let offset = || replica.info("slave_repl_offset");
        replica.info("master_link_status") == "up" && offset() == master.info("master_repl_offset")
    });
    let (mut left, mut right) = (master.client(), replica.client());
    right.call(&["READONLY"]);
    compare_keys(&mut left, &mut right);
}

#[test]
fn redis_follows_our_node() {
    let master = Server::node(&[]);
    fill(&master);
    let port = master.port.to_string();
    let replica = Server::redis(&["--replicaof", "127.0.0.1", &port]);
    change(&master);
    compare(&master, &replica);
}

#[test]
fn our_node_follows_redis() {
    let (master, replica) = (Server::redis(&CLUSTER), Server::node(&CLUSTER));
    serve_all(&master);
    fill(&master);
    join(&master, &replica);
    change(&master);
    compare(&master, &replica);
}

#[test]
fn our_node_loads_what_it_and_redis_have_saved() {
    for server in [Server::node(&[]), Server::redis(&[])] {
        fill(&server);
        change(&server);
        server.client().call(&["SAVE"]);
        let loaded = Server::node(&["--dir", &server.dir().to_string_lossy()]);
        let (mut left, mut right) = (server.client(), loaded.client());
        assert_eq!(left.call(&["DBSIZE"]), right.call(&["DBSIZE"]));
        compare_keys(&mut left, &mut right);
    }
}
