//! `redis-cli --cluster` on clusters of both kinds of server, under load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::migration::id;
use crate::process::{Client, Server};
use crate::sync::CLUSTER;
use crate::tools::succeeds;

const KEYS: usize = 3000;
/// So many slots move at once, with some of the keys.
const SLOTS: &str = "150";

fn address(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

/// Calls redis-cli --cluster.
fn manage(words: &[&str]) -> String {
    succeeds("redis-cli", &[&["--cluster"], words].concat())
}

/// Clients of all servers of a cluster, each of which is connected once.
struct Clients {
    by_port: BTreeMap<u16, Client>,
    first: u16,
}

impl Clients {
    fn of(servers: &[&Server]) -> Clients {
        Clients {
            by_port: servers.iter().map(|it| (it.port, it.client())).collect(),
            first: servers[0].port,
        }
    }

    /// Calls a server, and the one that it names instead.
    fn follow(&mut self, words: &[&str]) -> ReplyValue {
        let (mut port, mut asking) = (self.first, false);
        for _ in 0..200 {
            let client = self.by_port.get_mut(&port).expect("it is one of them");
            if asking {
                client.call(&["ASKING"]);
            }
            let reply = client.call(words);
            let ReplyValue::Error(text) = &reply else {
                return reply;
            };
            let text = String::from_utf8_lossy(text).into_owned();
            asking = text.starts_with("ASK ");
            match text.rsplit_once(':') {
                Some((_, to)) if asking || text.starts_with("MOVED ") => {
                    port = to.parse().expect("a port");
                }
                // It has not heard of all others yet, or the rest of the keys is on its way.
                _ if text.starts_with("CLUSTERDOWN") || text.starts_with("TRYAGAIN") => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                _ => panic!("{words:?}: {text}"),
            }
        }
        panic!("{words:?} goes round and round");
    }
}

/// Forms a cluster of these masters by redis-cli, and fills it.
fn form(servers: &[&Server]) {
    let addresses: Vec<String> = servers.iter().map(|server| address(server)).collect();
    let mut words = vec!["create"];
    words.extend(addresses.iter().map(String::as_str));
    words.push("--cluster-yes");
    manage(&words);
    let mut clients = Clients::of(servers);
    for number in 0..KEYS {
        let key = format!("key:{number}");
        let value = format!("value of {number}");
        let words = match number % 3 {
            0 => vec!["SET", &key, &value],
            1 => vec!["RPUSH", &key, &value, "more"],
            _ => vec!["HSET", &key, "field", &value],
        };
        clients.follow(&words);
    }
    let big: Vec<String> = (0..30_000)
        .map(|n| format!("member of the big one {n}"))
        .collect();
    for part in big.chunks(1000) {
        let mut words = vec!["SADD", "big"];
        words.extend(part.iter().map(String::as_str));
        clients.follow(&words);
    }
}

fn has_all(servers: &[&Server]) {
    let (mut sum, mut clients) = (0, Clients::of(servers));
    for server in servers {
        let ReplyValue::Integer(size) = server.client().call(&["DBSIZE"]) else {
            panic!("no size");
        };
        sum += size;
    }
    assert_eq!(sum, KEYS as i64 + 1, "no key is lost, none is double");
    for number in (0..KEYS).step_by(7) {
        let key = format!("key:{number}");
        let words = match number % 3 {
            0 => vec!["STRLEN", &key],
            1 => vec!["LLEN", &key],
            _ => vec!["HLEN", &key],
        };
        assert_ne!(clients.follow(&words), ReplyValue::Integer(0), "{key}");
    }
    assert_eq!(
        clients.follow(&["SCARD", "big"]),
        ReplyValue::Integer(30_000)
    );
}

/// Counts a key up while something else happens; in the end it has counted everything.
fn counting<R>(servers: &[&Server], run: impl FnOnce() -> R) -> R {
    let key = |number: usize| format!("key:{}", number * 3);
    let len = |number| match Clients::of(servers).follow(&["STRLEN", &key(number)]) {
        ReplyValue::Integer(len) => len as usize,
        other => panic!("{other:?}"),
    };
    let before: Vec<usize> = (0..20).map(len).collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let counter = scope.spawn(|| {
            let (mut count, mut clients) = (0, Clients::of(servers));
            while !over.load(Relaxed) {
                for number in 0..20 {
                    clients.follow(&["APPEND", &key(number), "x"]);
                }
                count += 1;
            }
            count
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        over.store(true, Relaxed);
        let result = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let rounds: usize = counter.join().expect("all are taken");
        for (number, before) in before.into_iter().enumerate() {
            assert_eq!(len(number), before + rounds, "{}", key(number));
        }
        result
    })
}

fn reshards(servers: &[&Server; 3]) {
    form(servers);
    let first = address(servers[0]);
    for (from, to) in [(0, 1), (1, 0), (2, 0), (0, 2)] {
        let (from, to) = (id(servers[from]), id(servers[to]));
        counting(servers, || {
            let words = [
                "reshard",
                &first,
                "--cluster-from",
                &from,
                "--cluster-to",
                &to,
            ];
            manage(&[&words[..], &["--cluster-slots", SLOTS, "--cluster-yes"]].concat())
        });
        has_all(servers);
    }
    counting(servers, || {
        manage(&["rebalance", &first, "--cluster-threshold", "1"]);
    });
    has_all(servers);
    assert!(manage(&["check", &first]).contains("All 16384 slots covered."));
}

#[test]
fn redis_cli_reshards_and_rebalances_a_cluster_of_ours_under_load() {
    let servers = [(); 3].map(|()| Server::node(&CLUSTER));
    reshards(&[&servers[0], &servers[1], &servers[2]]);
}

#[test]
fn redis_cli_reshards_and_rebalances_a_mixed_cluster_under_load() {
    let (one, two) = (Server::node(&CLUSTER), Server::redis(&CLUSTER));
    reshards(&[&one, &two, &Server::node(&CLUSTER)]);
}

#[test]
fn redis_cli_fixes_a_slot_that_was_left_open() {
    let servers = [(); 3].map(|()| Server::node(&CLUSTER));
    let servers = [&servers[0], &servers[1], &servers[2]];
    form(&servers);
    let slot = "5"; // of the first
    let (from, to) = (id(servers[0]), id(servers[1]));
    let client = |server: &Server, words: &[&str]| server.client().call(words);
    client(
        servers[1],
        &["CLUSTER", "SETSLOT", slot, "IMPORTING", &from],
    );
    client(servers[0], &["CLUSTER", "SETSLOT", slot, "MIGRATING", &to]);
    let first = address(servers[0]);
    manage(&["fix", &first]);
    assert!(manage(&["check", &first]).contains("All 16384 slots covered."));
    has_all(&servers);
    for words in [
        &["info", &first][..],
        &["call", &first, "PING"],
        &["set-timeout", &first, "15000"],
    ] {
        manage(words);
    }
}

#[test]
fn a_server_outside_is_imported() {
    let servers = [(); 3].map(|()| Server::node(&CLUSTER));
    let servers = [&servers[0], &servers[1], &servers[2]];
    form(&servers);
    for server in servers {
        server.client().call(&["FLUSHALL"]);
    }
    for outside in [Server::redis(&[]), Server::node(&[])] {
        let mut batch = Vec::new();
        for number in 0..500 {
            encode_command(
                &mut batch,
                &["SET", &format!("new:{}:{number}", outside.port), "1"],
            );
        }
        outside.client().calls(&batch, 500);
        let (first, from) = (address(servers[0]), address(&outside));
        manage(&["import", &first, "--cluster-from", &from]);
        assert_eq!(outside.client().call(&["DBSIZE"]), ReplyValue::Integer(0));
        let key = format!("new:{}:499", outside.port);
        assert_eq!(
            Clients::of(&servers).follow(&["GET", &key]),
            ReplyValue::Bulk(b"1".to_vec())
        );
    }
}

#[test]
fn nodes_of_both_kinds_are_added_and_removed() {
    let servers = [(); 3].map(|()| Server::node(&CLUSTER));
    let servers = [&servers[0], &servers[1], &servers[2]];
    form(&servers);
    let first = address(servers[0]);
    for added in [Server::node(&CLUSTER), Server::redis(&CLUSTER)] {
        manage(&["add-node", &address(&added), &first]);
        let name = id(&added);
        added.until("all know it", || {
            servers.iter().all(|server| {
                let nodes = server.client().call(&["CLUSTER", "NODES"]);
                String::from_utf8_lossy(nodes.text().unwrap_or_default()).contains(&name)
            })
        });
        manage(&["del-node", &first, &name]);
    }
    has_all(&servers);
}
