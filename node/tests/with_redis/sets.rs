//! Sets on their way between our node and redis-server, small and big ones.

use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::process::{Client, Server};
use crate::sync::{Load, each};

const SETS: usize = 60;
const BIG: usize = 20_000;

fn name(number: usize) -> String {
    format!("{{s}}set:{number}")
}

/// Sets of 1 to 600 members, of integers or of words, and a big one with a few long members.
fn fill(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..SETS, |number, batch| {
        let mut words = vec!["SADD".to_owned(), name(number)];
        for member in 0..1 + number * 10 {
            let integer = (member * number * 1_000_003).to_string();
            words.push(if number % 2 == 0 {
                integer
            } else {
                format!("member:{integer}")
            });
        }
        encode_command(batch, &words);
    });
    each(&mut client, 0..BIG, |number, batch| {
        let tail = "m".repeat(if number % 1000 == 7 {
            50_000
        } else {
            number % 90
        });
        encode_command(batch, &["SADD", "{s}big", &format!("{number}{tail}")]);
    });
    client.call(&["PEXPIREAT", &name(3), "4102444800123"]);
}

/// Among it what depends on chance: master and replica must have drawn the same.
fn change(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..SETS - 3, |number, batch| {
        let (key, next) = (name(number), name(number + 1));
        match number % 6 {
            0 => encode_command(batch, &["SREM", &key, "0", "member:0"]),
            1 => encode_command(batch, &["SPOP", &key]),
            2 => encode_command(batch, &["SPOP", &key, &(number * 5).to_string()]),
            3 => encode_command(batch, &["SUNIONSTORE", &key, &key, &next, "{s}missing"]),
            4 => encode_command(batch, &["SDIFFSTORE", &key, &next, &name(number + 3)]),
            _ => encode_command(batch, &["SINTERSTORE", &key, &key, &next]),
        }
    });
    each(&mut client, 0..BIG, |number, batch| match number % 4 {
        0 => encode_command(batch, &["SPOP", "{s}big"]),
        1 => encode_command(batch, &["SMOVE", "{s}big", "{s}moved", &number.to_string()]),
        _ => encode_command(batch, &["SADD", "{s}big", &format!("new:{number}")]),
    });
    client.call(&["SPOP", "{s}big", "3000"]);
    client.call(&["COPY", "{s}big", "{s}copy"]);
    client.call(&["SDIFFSTORE", "{s}less", "{s}big", &name(59), "{s}moved"]);
    client.call(&["RENAME", &name(59), "{s}renamed"]);
}

/// Its members in order.
fn members(client: &mut Client, key: &str) -> Vec<String> {
    let ReplyValue::Array(words) = client.call(&["SMEMBERS", key]) else {
        panic!("{key} is no set");
    };
    let text =
        |word: &ReplyValue| String::from_utf8_lossy(word.text().expect("a text")).into_owned();
    let mut members: Vec<_> = words.iter().map(text).collect();
    members.sort();
    members
}

fn compare(left: &mut Client, right: &mut Client) {
    let others = ["big", "moved", "copy", "less", "renamed"];
    let others = others.map(|name| format!("{{s}}{name}"));
    for key in (0..SETS).map(name).chain(others) {
        let here = members(left, &key);
        assert!(here == members(right, &key), "{key}");
        let ask = ["PEXPIRETIME", &key];
        assert_eq!(left.call(&ask), right.call(&ask), "{key}");
    }
    assert!(members(right, "{s}less").len() > 5000);
}

const LOAD: Load = Load {
    fill,
    change,
    compare,
};

#[test]
fn redis_follows_our_node() {
    LOAD.redis_follows_our_node(&[]);
}

#[test]
fn our_node_follows_redis() {
    LOAD.our_node_follows_redis();
}

/// What OBJECT ENCODING says. Redis 7.0 packs no sets of words yet; 7.2 does.
fn encoding(client: &mut Client, key: &str) -> String {
    let reply = client.call(&["OBJECT", "ENCODING", key]);
    let said = String::from_utf8_lossy(reply.text().expect("a text")).into_owned();
    said.replace("listpack", "hashtable")
}

#[test]
fn each_loads_what_it_and_the_other_have_saved() {
    for saves in [Server::node, Server::redis] {
        let saved = saves(&[]);
        fill(&saved);
        saved.client().call(&["SAVE"]);
        for loads in [Server::node, Server::redis] {
            let loaded = loads(&["--dir", &saved.dir().to_string_lossy()]);
            let (mut left, mut right) = (saved.client(), loaded.client());
            assert_eq!(left.call(&["DBSIZE"]), right.call(&["DBSIZE"]));
            for key in (0..SETS).map(name).chain(["{s}big".to_owned()]) {
                let here = members(&mut left, &key);
                assert!(here == members(&mut right, &key), "{key}");
                assert_eq!(
                    encoding(&mut left, &key),
                    encoding(&mut right, &key),
                    "{key}"
                );
            }
        }
    }
}
