//! `redis-cli --cluster` on clusters of both kinds of server, under load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use slotkeeper_node::resp::{ReplyValue, encode_command};
use slotkeeper_topology::key_slot;

use crate::migration::id;
use crate::process::{Client, Server};
use crate::sync::CLUSTER;
use crate::tools::{succeeds, succeeds_with};

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

/// So many tags of keys that are in those slots.
fn tags(slots: std::ops::Range<u16>, count: usize) -> Vec<String> {
    let all = (0..1_000_000).map(|number: u32| number.to_string());
    let is_in = |tag: &String| slots.contains(&key_slot(tag.as_bytes()).get());
    all.filter(is_in).take(count).collect()
}

/// Values of every type, small and large, in these slots.
fn fill_slots(client: &mut Clients, slots: std::ops::Range<u16>) -> Vec<String> {
    let mut keys = Vec::new();
    for (number, tag) in tags(slots, 300).into_iter().enumerate() {
        let key = format!("{{{tag}}}");
        let large = number % 50 < 5;
        let count = if large { 3000 } else { 3 };
        let long = "some of a long value ".repeat(if large { 100_000 } else { 1 });
        let words: Vec<String> = match number % 5 {
            0 => vec!["SET".into(), key.clone(), long],
            1 => each(&["RPUSH", &key], count, |n| vec![format!("element {n}")]),
            2 => each(&["SADD", &key], count, |n| vec![format!("member {n}")]),
            3 => each(&["ZADD", &key], count, |n| {
                vec![n.to_string(), format!("m{n}")]
            }),
            _ => each(&["HSET", &key], count, |n| {
                vec![format!("f{n}"), "v".into()]
            }),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        client.follow(&words);
        keys.push(key);
    }
    keys
}

fn each(words: &[&str], count: usize, of: impl Fn(usize) -> Vec<String>) -> Vec<String> {
    let words = words.iter().map(|&word| word.to_owned());
    words.chain((0..count).flat_map(of)).collect()
}

/// What such a key holds, in an order that is the same everywhere.
fn content(clients: &mut Clients, number: usize, key: &str) -> Vec<Vec<u8>> {
    let words = match number % 5 {
        0 => vec!["GET", key],
        1 => vec!["LRANGE", key, "0", "-1"],
        2 => vec!["SMEMBERS", key],
        3 => vec!["ZRANGE", key, "0", "-1", "WITHSCORES"],
        _ => vec!["HGETALL", key],
    };
    let ReplyValue::Array(elements) = clients.follow(&words) else {
        let value = clients.follow(&words);
        return vec![value.text().expect("it is there").to_vec()];
    };
    let texts = elements.iter().filter_map(ReplyValue::text);
    let mut texts: Vec<Vec<u8>> = texts.map(<[u8]>::to_vec).collect();
    if [2, 4].contains(&(number % 5)) {
        texts.sort_unstable();
    }
    texts
}

fn contents(servers: &[&Server], keys: &[String]) -> Vec<Vec<Vec<u8>>> {
    let mut clients = Clients::of(servers);
    let keys = keys.iter().enumerate();
    keys.map(|(number, key)| content(&mut clients, number, key))
        .collect()
}

/// Adds nodes to a cluster, and waits until everybody knows them.
fn add(servers: &[&Server], added: &[&Server]) {
    for server in added {
        manage(&["add-node", &address(server), &address(servers[0])]);
    }
    let all = [servers, added].concat();
    let known = format!("cluster_known_nodes:{}", all.len());
    for server in &all {
        server.until("all know all", || {
            let info = server.client().call(&["CLUSTER", "INFO"]);
            let text = String::from_utf8_lossy(info.text().unwrap_or_default()).into_owned();
            text.contains(&known) && text.contains("cluster_state:ok")
        });
    }
}

/// Moves so many slots.
fn reshard(from: &Server, to: &Server, slots: &str) {
    let (at, from, to) = (address(to), id(from), id(to));
    let ends = ["--cluster-from", &from, "--cluster-to", &to];
    let words = [&["reshard", &at][..], &ends, &["--cluster-slots", slots]];
    manage(&[&words.concat()[..], &["--cluster-yes"]].concat());
}

#[test]
fn the_keys_of_redis_servers_move_in_and_out_again() {
    const FEW: [&str; 3] = ["0", "149", "150"];
    // Who has given its last slot away stays a master, without keys.
    let options = [&CLUSTER[..], &["--cluster-allow-replica-migration", "no"]].concat();
    let old = [(); 2].map(|()| Server::redis(&options));
    let ours = [(); 2].map(|()| Server::node(&options));
    let ranges = [
        ["0", FEW[1]],
        [FEW[2], "299"],
        ["300", "9000"],
        ["9001", "16383"],
    ];
    let servers = [&old[0], &old[1], &ours[0], &ours[1]];
    for (number, (server, [first, last])) in servers.into_iter().zip(ranges).enumerate() {
        let mut client = server.client();
        client.call(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
        client.call(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
    }
    let first = servers[0];
    for server in &servers[1..] {
        let port = server.port.to_string();
        first
            .client()
            .call(&["CLUSTER", "MEET", "127.0.0.1", &port]);
    }
    add(&servers, &[]);
    let keys = fill_slots(&mut Clients::of(&servers), 0..300);
    let before = contents(&servers, &keys);
    assert_eq!(before.len(), 300);

    reshard(&old[0], &ours[0], "150");
    reshard(&old[1], &ours[1], "150");
    let held = |server: &Server| server.client().call(&["DBSIZE"]);
    assert!(old.iter().all(|it| held(it) == ReplyValue::Integer(0)));
    for server in &old {
        manage(&["del-node", &address(&ours[0]), &id(server)]);
    }
    let ours = [&ours[0], &ours[1]];
    assert!(contents(&ours, &keys) == before, "all are here");

    // Out again, to others: the first slots of each of ours are those with the keys.
    let new = [(); 2].map(|()| Server::redis(&options));
    add(&ours, &[&new[0], &new[1]]);
    reshard(ours[0], &new[0], "150");
    reshard(ours[1], &new[1], "150");
    let all = [&new[0], &new[1], ours[0], ours[1]];
    assert!(ours.iter().all(|it| held(it) == ReplyValue::Integer(0)));
    assert!(contents(&all, &keys) == before, "all are there again");
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
