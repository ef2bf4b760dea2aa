//! Our node and Debian's redis-server as each other's master and replica, as processes.

mod carried;
mod commands;
mod directives;
mod field_times;
mod hashes;
mod info;
mod lists;
mod migrate;
mod migration;
mod moved;
#[path = "../common/ports.rs"]
mod ports;
#[path = "../common/process.rs"]
mod process;
mod reshard;
mod sets;
mod streams;
mod strings;
mod sync;
mod tools;
mod zsets;

use process::{Client, Server};
use slotkeeper_node::resp::{ReplyValue, encode_command};
use sync::{CLUSTER, Load, each, is_up, join, serve_all};

const KEYS: usize = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};
const LARGE: usize = 64 << 20;

fn fill(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..KEYS, |number, batch| {
        let (key, value) = (
            format!("{{s}}key:{number}"),
            format!("value of key {number}"),
        );
        encode_command(batch, &["SET", &key, &value]);
    });
    client.call(&["SET", "{s}large", &"x".repeat(LARGE)]);
}

/// Changes every key in one of five ways.
fn change(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..KEYS, |number, batch| {
        let key = format!("{{s}}key:{number}");
        let value = format!("changed {number}");
        match number % 5 {
            0 => encode_command(batch, &["SET", &key, &value]),
            1 => encode_command(batch, &["DEL", &key]),
            2 => encode_command(batch, &["PEXPIRE", &key, "1"]),
            3 => encode_command(batch, &["SET", &key, &value, "EX", "1000"]),
            _ => encode_command(batch, &["APPEND", &key, "+"]),
        }
    });
    for number in 0..100 {
        let key = format!("{{s}}new:{number}");
        client.call(&["MULTI"]);
        client.call(&["SET", &key, "1"]);
        client.call(&["INCR", &key]);
        client.call(&["EXEC"]);
    }
}

/// Compares all keys.
fn compare(left: &mut Client, right: &mut Client) {
    for start in (0..KEYS).step_by(1000) {
        let mut batch = Vec::new();
        let numbers = start..KEYS.min(start + 1000);
        for number in numbers.clone() {
            encode_command(&mut batch, &["GET", &format!("{{s}}key:{number}")]);
        }
        let (ours, theirs) = (
            left.calls(&batch, numbers.len()),
            right.calls(&batch, numbers.len()),
        );
        for (number, pair) in numbers.zip(ours.into_iter().zip(theirs)) {
            assert_eq!(pair.0, pair.1, "key {number}");
        }
    }
    let large = right.call(&["GET", "{s}large"]);
    assert_eq!(large.text().map(<[u8]>::len), Some(LARGE));
    assert_eq!(
        right.call(&["GET", "{s}new:7"]),
        ReplyValue::Bulk(b"2".to_vec())
    );
}

const STRINGS: Load = Load {
    fill,
    change,
    compare,
};

#[test]
fn redis_follows_our_node_through_a_sync_under_writes() {
    STRINGS.redis_follows_our_node(&[]);
}

#[test]
fn redis_loads_what_our_node_packs() {
    let master = Server::node(&[]);
    let mut client = master.client();
    let words = ["alpha ", "beta ", "gamma-", "0123456789", "z"];
    let value = |number: usize| -> String {
        let word = |n: usize| words[(number * 7 + n * n * (number % 11)) % words.len()];
        (0..number % 600).map(word).collect()
    };
    each(&mut client, 0..3000, |number, batch| {
        let key = format!("key of which all begin the same, and this is number {number}");
        encode_command(batch, &["SET", &key, &value(number)]);
    });
    let port = master.port.to_string();
    let replica = Server::redis(&["--replicaof", "127.0.0.1", &port]);
    replica.until("the replica is in sync", || is_up(&replica));
    let mut client = replica.client();
    for number in 0..3000 {
        let key = format!("key of which all begin the same, and this is number {number}");
        let found = client.call(&["GET", &key]);
        assert_eq!(found, ReplyValue::Bulk(value(number).into()), "{number}");
    }
    let plain: usize = (0..3000).map(|number| value(number).len()).sum();
    let log = master.log();
    let sent = log
        .lines()
        .find_map(|line| line.split("3000 keys, ").nth(1));
    let sent = sent.and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    assert!(
        sent.is_some_and(|sent| sent < plain / 2),
        "{sent:?} of {plain}"
    );
}

#[test]
fn our_node_follows_redis_in_a_cluster() {
    STRINGS.our_node_follows_redis();
}

#[test]
fn redis_follows_our_node_in_a_cluster_and_continues_after_a_cut() {
    let (master, replica) = (Server::node(&CLUSTER), Server::redis(&CLUSTER));
    serve_all(&master);
    join(&master, &replica);
    let up = || is_up(&replica);
    replica.until("the replica is in sync", up);
    replica.client().call(&["CLIENT", "KILL", "TYPE", "master"]);
    master.client().call(&["SET", "{s}b", "2"]);
    replica.until("the replica is in sync", up);
    replica.until("it has the key", || {
        let mut client = replica.client();
        client.call(&["READONLY"]);
        client.call(&["GET", "{s}b"]) == ReplyValue::Bulk(b"2".to_vec())
    });
    assert!(
        replica
            .log()
            .contains("Successful partial resynchronization"),
        "{}",
        replica.log()
    );
}

#[test]
fn what_we_do_not_hold_stops_the_link_loudly() {
    let (master, replica) = (Server::redis(&CLUSTER), Server::node(&CLUSTER));
    join(&master, &replica);
    replica.until("it is in sync", || is_up(&replica));
    let library = "#!lua name=l\nredis.register_function('f', function() return 1 end)";
    let loaded = master.client().call(&["FUNCTION", "LOAD", library]);
    assert_eq!(loaded, ReplyValue::Bulk(b"l".to_vec()));
    let text = "unknown command 'FUNCTION'";
    replica.until("the stream is refused", || replica.log().contains(text));
    let late = Server::node(&CLUSTER);
    join(&master, &late);
    let text = "a section that this node does not know: functions";
    late.until("the payload is refused", || late.log().contains(text));
    assert_eq!(late.info("master_link_status"), "down");
}

#[test]
fn a_missing_or_wrong_password_is_logged_as_redis_does() {
    let (master, replica) = (Server::node(&CLUSTER), Server::node(&CLUSTER));
    join(&master, &replica);
    let up = || is_up(&replica);
    replica.until("it is in sync", up);
    let mut client = master.client();
    client.call(&["CONFIG", "SET", "requirepass", "secret"]);
    client.call(&["AUTH", "secret"]);
    client.call(&["CLIENT", "KILL", "TYPE", "replica"]);
    let text = "MASTER aborted replication with an error: NOAUTH Authentication required.";
    replica.until("it lacks the password", || replica.log().contains(text));
    replica
        .client()
        .call(&["CONFIG", "SET", "masterauth", "wrong"]);
    let text = "Unable to AUTH to MASTER: -WRONGPASS";
    replica.until("it has the wrong one", || replica.log().contains(text));
    replica
        .client()
        .call(&["CONFIG", "SET", "masterauth", "secret"]);
    replica.until("it is in sync", up);
}
