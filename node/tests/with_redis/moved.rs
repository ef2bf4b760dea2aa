//! Slots of redis-servers that move to our nodes and out again with `redis-cli --cluster`, while a
//! client writes. `SLOTS=16384` moves all slots of a cluster, which takes a quarter of an hour.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use slotkeeper_node::resp::ReplyValue;
use slotkeeper_topology::key_slot;

use crate::migration::id;
use crate::process::Server;
use crate::reshard::{Clients, address, manage};
use crate::sync::CLUSTER;

const ALL: u16 = 16384;
/// So many of them move otherwise, with some keys.
const FEW: u16 = 200;
const KEYS: usize = 300;

/// So many tags of keys that are in those slots.
fn tags(slots: Range<u16>, count: usize) -> Vec<String> {
    let all = (0..1_000_000).map(|number: u32| number.to_string());
    let is_in = |tag: &String| slots.contains(&key_slot(tag.as_bytes()).get());
    all.filter(is_in).take(count).collect()
}

/// Values of every type, small and large, in these slots.
fn fill_slots(client: &mut Clients, slots: Range<u16>) -> Vec<String> {
    let mut keys = Vec::new();
    for (number, tag) in tags(slots, KEYS).into_iter().enumerate() {
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

/// Adds nodes to a cluster. redis-cli adds one only where all agree.
fn add(servers: &[&Server], added: &[&Server]) {
    let mut all = servers.to_vec();
    agree(&all);
    for server in added {
        manage(&["add-node", &address(server), &address(servers[0])]);
        all.push(server);
        agree(&all);
    }
}

/// Waits until all know each other and who owns the slots.
fn agree(all: &[&Server]) {
    let known = format!("cluster_known_nodes:{}", all.len());
    for server in all {
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

/// Lets a server own these slots.
fn own(server: &Server, slots: Range<u16>) {
    if !slots.is_empty() {
        let (first, last) = (slots.start.to_string(), (slots.end - 1).to_string());
        let reply = (server.client()).call(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        assert_eq!(reply, ReplyValue::Simple(b"OK".to_vec()));
    }
}

/// Appends to lists while something else happens. In the end they hold what was acknowledged, in that
/// order, and nothing else.
fn writing(servers: &[&Server], tags: &[String], run: impl FnOnce()) {
    let list = |tag: &String| format!("{{{tag}}}:written");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut clients = Clients::of(servers);
            let mut taken = vec![Vec::new(); tags.len()];
            for number in 0_u32.. {
                let at = number as usize % tags.len();
                let number = number.to_string();
                let reply = clients.follow(&["RPUSH", &list(&tags[at]), &number]);
                taken[at].push(number.into_bytes());
                assert_eq!(reply, ReplyValue::Integer(taken[at].len() as i64));
                if over.load(Relaxed) {
                    break;
                }
            }
            taken
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        over.store(true, Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let taken = writer.join().expect("every write is taken");
        let mut clients = Clients::of(servers);
        for (tag, taken) in tags.iter().zip(taken) {
            let held = clients.follow(&["LRANGE", &list(tag), "0", "-1"]);
            let expected = taken.into_iter().map(ReplyValue::Bulk).collect();
            assert_eq!(held, ReplyValue::Array(expected), "{tag}");
        }
    });
}

#[test]
fn the_keys_of_redis_servers_move_in_and_out_again_under_load() {
    let given = std::env::var("SLOTS")
        .ok()
        .and_then(|slots| slots.parse().ok());
    let moved: u16 = given.unwrap_or(FEW);
    let (half, rest) = (moved / 2, moved + (ALL - moved) / 2);
    // Who has given its last slot away stays a master, without keys.
    let options = [&CLUSTER[..], &["--cluster-allow-replica-migration", "no"]].concat();
    let start = |kind: fn(&[&str]) -> Server| [kind(&options), kind(&options)];
    let pairs = [
        start(Server::redis),
        start(Server::node),
        start(Server::redis),
    ];
    let [old, ours, new] = pairs.each_ref().map(|pair| [&pair[0], &pair[1]]);
    let servers = [ours[0], ours[1], old[0], old[1]];
    let ranges = [moved..rest, rest..ALL, 0..half, half..moved];
    for (number, (server, slots)) in servers.into_iter().zip(ranges).enumerate() {
        own(server, slots);
        let epoch = (number + 1).to_string();
        server
            .client()
            .call(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
    }
    for server in &servers[1..] {
        let port = server.port.to_string();
        let meet = ["CLUSTER", "MEET", "127.0.0.1", &port];
        ours[0].client().call(&meet);
    }
    agree(&servers);
    let keys = fill_slots(&mut Clients::of(&servers), 0..moved);
    let before = contents(&servers, &keys);
    assert_eq!(before.len(), KEYS);

    let held = |server: &&Server| server.client().call(&["DBSIZE"]);
    let none = ReplyValue::Integer(0);
    let all = [ours[0], ours[1], old[0], old[1], new[0], new[1]];
    writing(&all, &tags(0..moved, KEYS), || {
        let slots = half.to_string();
        reshard(old[0], ours[0], &slots);
        reshard(old[1], ours[1], &slots);
        assert!(old.iter().all(|server| held(server) == none));
        for server in &old {
            manage(&["del-node", &address(ours[0]), &id(server)]);
        }
        assert!(contents(&ours, &keys) == before, "all are here");

        // Out again, to others: the first slots of each of ours are those with the keys.
        add(&ours, &new);
        if moved == ALL {
            let weights = ours.map(|server| format!("{}=0", id(server)));
            let words = [
                "rebalance",
                &address(ours[0]),
                "--cluster-use-empty-masters",
            ];
            let weights = ["--cluster-weight", &weights[0], &weights[1]];
            manage(&[&words[..], &weights].concat());
        } else {
            reshard(ours[0], new[0], &slots);
            reshard(ours[1], new[1], &slots);
        }
        assert!(ours.iter().all(|server| held(server) == none));
    });
    assert!(contents(&all, &keys) == before, "all are there again");
    assert!(manage(&["check", &address(ours[0])]).contains("All 16384 slots covered."));
}
