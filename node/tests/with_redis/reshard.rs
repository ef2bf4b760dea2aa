//! `redis-cli --cluster` on clusters of both kinds of server, under load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use slotkeeper_node::resp::{ReplyValue, encode_command};
use slotkeeper_topology::key_slot;

use crate::migration::id;
use crate::process::{Client, Server};
use crate::sync::CLUSTER;
use crate::tools::{fails, succeeds, succeeds_with};

const KEYS: usize = 3000;
/// So many slots move at once, with some of the keys.
const SLOTS: &str = "150";

pub fn address(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

/// Calls redis-cli --cluster.
pub fn manage(words: &[&str]) -> String {
    succeeds("redis-cli", &[&["--cluster"], words].concat())
}

/// Clients of all servers of a cluster, each of which is connected once.
pub struct Clients {
    by_port: BTreeMap<u16, Client>,
    first: u16,
}

impl Clients {
    pub fn of(servers: &[&Server]) -> Clients {
        Clients {
            by_port: servers.iter().map(|it| (it.port, it.client())).collect(),
            first: servers[0].port,
        }
    }

    /// Calls a server, and the one that it names instead.
    pub fn follow(&mut self, words: &[&str]) -> ReplyValue {
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
fn redis_cli_fixes_slots_that_are_open_or_have_no_owner() {
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
    // A slot that only one node takes for open, and of which it has a key.
    client(servers[1], &["CLUSTER", "SETSLOT", "6", "IMPORTING", &from]);
    let mut names = (0..).map(|number| format!("other:{number}"));
    let name = names.find(|name| key_slot(name.as_bytes()).index() == 6);
    let name = name.expect("there is one for each slot");
    let mut importing = servers[1].client();
    importing.call(&["ASKING"]);
    importing.call(&["SET", &name, "here"]);
    manage(&["fix", &first]);
    assert_eq!(
        Clients::of(&servers).follow(&["GET", &name]),
        ReplyValue::Bulk(b"here".to_vec())
    );
    // redis-cli gives a slot without an owner to a node in a transaction.
    client(servers[0], &["CLUSTER", "DELSLOTS", "9"]);
    succeeds_with("redis-cli", &["--cluster", "fix", &first], b"yes\n");
    let slots = |server: &Server| server.client().call(&["CLUSTER", "SLOTS"]);
    servers[0].until("all know the owner", || {
        servers
            .iter()
            .all(|server| slots(server) == slots(servers[0]))
    });
    assert!(manage(&["check", &first]).contains("All 16384 slots covered."));
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
        let name = |number: usize| format!("new:{}:{number}", outside.port);
        let mut batch = Vec::new();
        (0..200).for_each(|number| encode_command(&mut batch, &["SET", &name(number), "1"]));
        outside.client().calls(&batch, 200);
        let (first, from) = (address(servers[0]), address(&outside));
        let words = ["--cluster", "import", &first, "--cluster-from", &from];
        let holds = |value: &str, left: i64| {
            let value = ReplyValue::Bulk(value.into());
            assert_eq!(Clients::of(&servers).follow(&["GET", &name(7)]), value);
            let size = outside.client().call(&["DBSIZE"]);
            assert_eq!(size, ReplyValue::Integer(left));
        };
        Clients::of(&servers).follow(&["SET", &name(7), "already here"]);
        for more in [&["--cluster-copy"][..], &[]] {
            let refused = fails("redis-cli", &[&words[..], more].concat());
            assert!(refused.contains("BUSYKEY"), "{refused}");
            assert_eq!(
                Clients::of(&servers).follow(&["GET", &name(7)]),
                ReplyValue::Bulk(b"already here".to_vec())
            );
        }
        for number in 0..200 {
            outside.client().call(&["SET", &name(number), "2"]);
        }
        let replace = "--cluster-replace";
        succeeds(
            "redis-cli",
            &[&words[..], &["--cluster-copy", replace]].concat(),
        );
        holds("2", 200);
        outside.client().call(&["SET", &name(7), "3"]);
        succeeds("redis-cli", &[&words[..], &[replace]].concat());
        holds("3", 0);
        outside.client().call(&["SET", &name(200), "4"]);
        succeeds("redis-cli", &words);
        holds("3", 0);
        assert_eq!(
            Clients::of(&servers).follow(&["GET", &name(200)]),
            ReplyValue::Bulk(b"4".to_vec())
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
