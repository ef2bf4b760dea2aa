//! Bitmaps, HyperLogLogs, places, sorted lists and compared strings: what a replica makes of the
//! commands, whichever of the two servers it is.

use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::process::{Client, Server};
use crate::{CLUSTER, each, join, serve_all};

const ROUNDS: usize = 300;

/// Keys of each kind, with `{s}` so that commands may have several.
fn key(kind: &str, number: usize) -> String {
    format!("{{s}}{kind}:{}", number % 7)
}

/// Sends commands that change keys. Those of `ours` are known to our node alone.
fn change(master: &Server, first: usize, ours: bool) {
    let mut client = master.client();
    for number in first..first + ROUNDS {
        let n = number.to_string();
        let (bit, hll) = (key("bits", number), key("hll", number));
        let (geo, set) = (key("geo", number), key("set", number));
        let east = format!("{}.{}", number % 180, number);
        let north = format!("{}.{}", number % 85, number);
        let field = format!("#{}", number % 40);
        let other = (key("bits", number + 1), key("hll", number + 1));
        let mut commands: Vec<Vec<&str>> = vec![
            vec!["SETBIT", &bit, &n, "1"],
            vec!["BITFIELD", &bit, "INCRBY", "i13", &field, &n],
            vec!["BITFIELD", &bit, "OVERFLOW", "FAIL", "SET", "u2", &n, "9"],
            vec!["PFADD", &hll, &n, &east, &north],
            vec!["PFCOUNT", &hll],
            vec!["GEOADD", &geo, &east, &north, &n],
            vec!["SADD", &set, &n],
            vec!["SET", "{s}w", &n, "GET"],
        ];
        if number % 9 == 0 {
            commands.extend([
                vec!["BITOP", "XOR", "{s}xor", &bit, &other.0],
                vec!["PFMERGE", "{s}merged", &hll, &other.1],
                vec!["SORT", &set, "ALPHA", "STORE", "{s}sorted"],
                vec![
                    "GEOSEARCHSTORE",
                    "{s}found",
                    &geo,
                    "FROMLONLAT",
                    &east,
                    &north,
                    "BYRADIUS",
                    "1000",
                    "km",
                    "COUNT",
                    "5",
                ],
            ]);
        }
        if ours {
            commands.extend([
                vec!["MSETEX", "2", "{s}w", "x", "{s}v", &n, "EX", "1000"],
                vec!["SET", "{s}w", &n, "IFEQ", "x", "KEEPTTL"],
                vec!["SET", "{s}gone", &n],
                vec!["DELIFEQ", "{s}gone", &n],
            ]);
        }
        each(&mut client, 0..commands.len(), |index, batch| {
            encode_command(batch, &commands[index]);
        });
    }
}

fn compare(master: &Server, replica: &Server) {
    replica.until("the replica has everything", || {
        let offset = || replica.info("slave_repl_offset");
        replica.info("master_link_status") == "up" && offset() == master.info("master_repl_offset")
    });
    let (mut left, mut right) = (master.client(), replica.client());
    right.call(&["READONLY"]);
    let mut compare = |words: &[&str]| {
        let (one, other) = (left.call(words), right.call(words));
        assert!(!matches!(one, ReplyValue::Error(_)), "{words:?}: {one:?}");
        assert_eq!(one, other, "{words:?}");
    };
    for number in 0..7 {
        compare(&["GET", &key("bits", number)]);
        compare(&["GET", &key("hll", number)]);
        compare(&["ZCARD", &key("geo", number)]);
        compare(&["GEOHASH", &key("geo", number), "0", "7", "9"]);
        compare(&["SORT_RO", &key("set", number)]);
    }
    for name in ["xor", "merged", "w", "v", "gone"] {
        compare(&["GET", &format!("{{s}}{name}")]);
        compare(&["PEXPIRETIME", &format!("{{s}}{name}")]);
    }
    compare(&["LRANGE", "{s}sorted", "0", "-1"]);
    compare(&["ZRANGE", "{s}found", "0", "-1"]);
    compare(&["DBSIZE"]);
}

#[test]
fn redis_follows_our_node() {
    let master = Server::node(&[]);
    change(&master, 0, true);
    let port = master.port.to_string();
    let replica = Server::redis(&["--replicaof", "127.0.0.1", &port]);
    change(&master, ROUNDS, true);
    compare(&master, &replica);
}

#[test]
fn our_node_follows_redis() {
    let (master, replica) = (Server::redis(&CLUSTER), Server::node(&CLUSTER));
    serve_all(&master);
    change(&master, 0, false);
    join(&master, &replica);
    change(&master, ROUNDS, false);
    compare(&master, &replica);
}

/// Databases that change places and keys that move between them.
#[test]
fn databases_change_places_on_the_replica_too() {
    let master = Server::node(&[]);
    let port = master.port.to_string();
    let replica = Server::redis(&["--replicaof", "127.0.0.1", &port]);
    replica.until("the replica is up", || {
        replica.info("master_link_status") == "up"
    });
    let run = |client: &mut Client, words: &[&str]| {
        let reply = client.call(words);
        let refused = matches!(reply, ReplyValue::Error(_));
        assert!(!refused, "{words:?}: {reply:?}");
    };
    let mut client = master.client();
    for words in [
        &["MSET", "a", "1", "b", "2"][..],
        &["MOVE", "a", "3"],
        &["SWAPDB", "0", "3"],
        &["SET", "c", "3"],
        &["COPY", "c", "d", "DB", "3"],
        &["SWAPDB", "1", "3"],
    ] {
        run(&mut client, words);
    }
    replica.until("the replica has everything", || {
        replica.info("slave_repl_offset") == master.info("master_repl_offset")
    });
    for mut one in [client, replica.client()] {
        for (db, keys, count) in [
            ("0", ["a", "c"], 2),
            ("1", ["b", "d"], 2),
            ("3", ["a", "b"], 0),
        ] {
            let count = ReplyValue::Integer(count);
            run(&mut one, &["SELECT", db]);
            assert_eq!(one.call(&["EXISTS", keys[0], keys[1]]), count);
            assert_eq!(one.call(&["DBSIZE"]), count);
        }
    }
}
