//! Lists on their way between our node and redis-server, small and big ones.

use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::process::{Client, Server};
use crate::{CLUSTER, each, join, serve_all};

const LISTS: usize = 40;
const BIG: usize = 30_000;

fn name(number: usize) -> String {
    format!("{{s}}list:{number}")
}

/// Lists of 1 to 400 elements, a big one with a few long elements, and one of long elements alone.
fn fill(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..LISTS, |number, batch| {
        let mut words = vec!["RPUSH".to_owned(), name(number)];
        for element in 0..1 + number * 10 {
            words.push(match element % 3 {
                0 => (element * number * 1000).to_string(),
                1 => format!("element:{element}"),
                _ => format!("-{element}"),
            });
        }
        encode_command(batch, &words);
    });
    each(&mut client, 0..BIG, |number, batch| {
        let element = match number % 1000 {
            7 => "v".repeat(50_000),
            8..11 => "w".repeat(300),
            _ => format!("element:{number}"),
        };
        let command = if number % 2 == 0 { "RPUSH" } else { "LPUSH" };
        encode_command(batch, &[command, "{s}big", &element]);
    });
    for number in 0..50 {
        client.call(&["RPUSH", "{s}long", &"l".repeat(250 + number * 7)]);
    }
    client.call(&["RPUSH", "{s}one", &"o".repeat(300)]);
    client.call(&["PEXPIREAT", &name(3), "4102444800123"]);
}

fn change(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..LISTS, |number, batch| {
        let key = name(number);
        match number % 8 {
            0 => encode_command(batch, &["LPOP", &key, "3"]),
            1 => encode_command(batch, &["LREM", &key, "0", "element:1"]),
            2 => encode_command(batch, &["LTRIM", &key, "1", "-2"]),
            3 => encode_command(batch, &["LSET", &key, "-1", "another"]),
            4 => encode_command(batch, &["LINSERT", &key, "BEFORE", "element:1", "between"]),
            5 => encode_command(batch, &["RPOPLPUSH", &key, &name(number + 1)]),
            6 => encode_command(
                batch,
                &["LMPOP", "2", "{s}none", &key, "RIGHT", "COUNT", "2"],
            ),
            _ => encode_command(batch, &["LMOVE", &key, &key, "LEFT", "RIGHT"]),
        }
    });
    each(&mut client, 0..BIG, |number, batch| match number % 5 {
        0 => encode_command(batch, &["LPOP", "{s}big"]),
        1 => encode_command(batch, &["RPOP", "{s}big"]),
        2 => {
            let element = "s".repeat(number % 290);
            encode_command(
                batch,
                &["LSET", "{s}big", &(number / 5).to_string(), &element],
            );
        }
        3 => encode_command(batch, &["RPUSH", "{s}big", &format!("new:{number}")]),
        _ => encode_command(batch, &["LPUSH", "{s}big", &number.to_string()]),
    });
    client.call(&["COPY", "{s}big", "{s}copy"]);
    client.call(&["LTRIM", "{s}copy", "1000", "1999"]);
    client.call(&["RENAME", &name(39), "{s}renamed"]);
}

fn elements(client: &mut Client, key: &str) -> Vec<Vec<u8>> {
    let ReplyValue::Array(words) = client.call(&["LRANGE", key, "0", "-1"]) else {
        panic!("{key} is no list");
    };
    let text = |word: &ReplyValue| word.text().expect("a text").to_vec();
    words.iter().map(text).collect()
}

fn keys() -> impl Iterator<Item = String> {
    let others = ["{s}big", "{s}long", "{s}one"].map(str::to_owned);
    (0..LISTS).map(name).chain(others)
}

fn compare(master: &Server, replica: &Server) {
    replica.until("the replica has everything", || {
        let offset = || replica.info("slave_repl_offset");
        replica.info("master_link_status") == "up" && offset() == master.info("master_repl_offset")
    });
    let (mut left, mut right) = (master.client(), replica.client());
    right.call(&["READONLY"]);
    let others = ["{s}copy", "{s}renamed"].map(str::to_owned);
    for key in keys().chain(others) {
        assert!(
            elements(&mut left, &key) == elements(&mut right, &key),
            "{key}"
        );
        for question in [&["TYPE"][..], &["PEXPIRETIME"]] {
            let ask = [question, &[key.as_str()]].concat();
            assert_eq!(left.call(&ask), right.call(&ask), "{ask:?}");
        }
    }
    assert_eq!(left.call(&["DBSIZE"]), right.call(&["DBSIZE"]));
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

/// Redis 7.0 has all lists as quicklists, and writes them so. As 7.2 does, we make listpacks of
/// those that fit.
#[test]
fn each_loads_what_the_other_has_saved() {
    type Start = fn(&[&str]) -> Server;
    let servers: [Start; 2] = [|args| Server::node(args), |args| Server::redis(args)];
    for writer in servers {
        let server = writer(&[]);
        fill(&server);
        server.client().call(&["SAVE"]);
        for reader in servers {
            let loaded = reader(&["--dir", &server.dir().to_string_lossy()]);
            let (mut left, mut right) = (server.client(), loaded.client());
            assert_eq!(left.call(&["DBSIZE"]), right.call(&["DBSIZE"]));
            for key in keys() {
                assert!(
                    elements(&mut left, &key) == elements(&mut right, &key),
                    "{key}"
                );
            }
            let encoding = right.call(&["OBJECT", "ENCODING", "{s}big"]);
            assert_eq!(encoding.text(), Some(&b"quicklist"[..]));
        }
    }
}
