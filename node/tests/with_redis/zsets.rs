//! Sorted sets on their way between our node and redis-server, small and big ones.

use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::process::{Client, Server};
use crate::{CLUSTER, each, join, serve_all};

const ZSETS: usize = 40;
const BIG: usize = 20_000;

fn name(number: usize) -> String {
    format!("{{s}}zset:{number}")
}

/// Of what a test goes through. No negative zero: Redis makes a zero of it in a listpack, and we do
/// not.
fn score(number: usize) -> String {
    match number % 11 {
        0 => "inf".to_owned(),
        1 => "-inf".to_owned(),
        2 => "0".to_owned(),
        3 => "1e300".to_owned(),
        _ => format!("{}.{}", number % 97, number * 7919),
    }
}

/// Sorted sets of 1 to 400 members, and a big one with a few long members.
fn fill(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..ZSETS, |number, batch| {
        let mut words = vec!["ZADD".to_owned(), name(number)];
        for member in 0..1 + number * 10 {
            words.push(score(member * number));
            words.push(format!("member:{member}"));
        }
        encode_command(batch, &words);
    });
    each(&mut client, 0..BIG, |number, batch| {
        let member = if number % 1000 == 7 {
            format!("{number}{}", "m".repeat(50_000))
        } else {
            number.to_string()
        };
        encode_command(batch, &["ZADD", "{s}big", &score(number), &member]);
    });
    client.call(&["PEXPIREAT", &name(3), "4102444800123"]);
}

fn change(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..ZSETS, |number, batch| {
        let key = name(number);
        match number % 6 {
            0 => encode_command(batch, &["ZREM", &key, "member:0"]),
            1 => encode_command(batch, &["ZINCRBY", &key, "0.1", "member:0"]),
            2 => encode_command(batch, &["ZADD", &key, "GT", "5", "member:0", "6", "new"]),
            3 => encode_command(batch, &["ZREMRANGEBYSCORE", &key, "10", "(20"]),
            4 => encode_command(batch, &["ZPOPMAX", &key, "3"]),
            _ => encode_command(batch, &["ZMPOP", "1", &key, "MIN", "COUNT", "2"]),
        }
    });
    each(&mut client, 0..BIG, |number, batch| match number % 3 {
        0 => encode_command(batch, &["ZREM", "{s}big", &number.to_string()]),
        1 => encode_command(batch, &["ZINCRBY", "{s}big", "-1.5", &number.to_string()]),
        _ => encode_command(batch, &["ZADD", "{s}big", "7", &format!("new:{number}")]),
    });
    client.call(&["ZREMRANGEBYRANK", "{s}big", "100", "600"]);
    client.call(&["ZUNIONSTORE", "{s}union", "2", "{s}big", &name(20)]);
    client.call(&["ZRANGESTORE", "{s}range", "{s}big", "10", "300"]);
    client.call(&["COPY", "{s}big", "{s}copy"]);
    client.call(&["RENAME", &name(39), "{s}renamed"]);
}

/// Its members and scores, in order. A score by its value: the versions print it differently.
fn records(client: &mut Client, key: &str) -> Vec<(String, u64)> {
    let ReplyValue::Array(words) = client.call(&["ZRANGE", key, "0", "-1", "WITHSCORES"]) else {
        panic!("{key} is no sorted set");
    };
    let text =
        |word: &ReplyValue| String::from_utf8_lossy(word.text().expect("a text")).into_owned();
    let score = |word: &ReplyValue| text(word).parse::<f64>().expect("a score").to_bits();
    let pairs = words.chunks_exact(2);
    pairs.map(|p| (text(&p[0]), score(&p[1]))).collect()
}

fn compare(master: &Server, replica: &Server) {
    replica.until("the replica has everything", || {
        let offset = || replica.info("slave_repl_offset");
        replica.info("master_link_status") == "up" && offset() == master.info("master_repl_offset")
    });
    let (mut left, mut right) = (master.client(), replica.client());
    right.call(&["READONLY"]);
    let names = (0..ZSETS).map(name);
    let others = ["{s}big", "{s}copy", "{s}renamed", "{s}union", "{s}range"].map(str::to_owned);
    for key in names.chain(others).filter(|key| *key != name(39)) {
        if left.call(&["EXISTS", &key]) == ReplyValue::Integer(0) {
            assert_eq!(
                right.call(&["EXISTS", &key]),
                ReplyValue::Integer(0),
                "{key}"
            );
            continue;
        }
        assert!(
            records(&mut left, &key) == records(&mut right, &key),
            "{key}"
        );
        for question in [&["OBJECT", "ENCODING"][..], &["PEXPIRETIME"]] {
            let ask = [question, &[key.as_str()]].concat();
            assert_eq!(left.call(&ask), right.call(&ask), "{ask:?}");
        }
    }
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
        server.client().call(&["SAVE"]);
        let loaded = Server::node(&["--dir", &server.dir().to_string_lossy()]);
        let (mut left, mut right) = (server.client(), loaded.client());
        assert_eq!(left.call(&["DBSIZE"]), right.call(&["DBSIZE"]));
        for key in (0..ZSETS).map(name).chain(["{s}big".to_owned()]) {
            assert!(
                records(&mut left, &key) == records(&mut right, &key),
                "{key}"
            );
            let ask = ["OBJECT", "ENCODING", &key];
            assert_eq!(left.call(&ask), right.call(&ask), "{key}");
        }
    }
}
