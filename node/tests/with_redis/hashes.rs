//! Hashes on their way between our node and redis-server, small and big ones.

use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::process::{Client, Server};
use crate::sync::{Load, each};

const HASHES: usize = 60;
const BIG: usize = 20_000;

fn name(number: usize) -> String {
    format!("{{s}}hash:{number}")
}

/// Hashes of 1 to 600 fields, and a big one with a few long values.
fn fill(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..HASHES, |number, batch| {
        let mut words = vec!["HSET".to_owned(), name(number)];
        for field in 0..1 + number * 10 {
            words.push(format!("field:{field}"));
            words.push((field * number * 1000).to_string());
        }
        encode_command(batch, &words);
    });
    each(&mut client, 0..BIG, |number, batch| {
        let value = "v".repeat(if number % 1000 == 7 {
            50_000
        } else {
            number % 90
        });
        encode_command(batch, &["HSET", "{s}big", &number.to_string(), &value]);
    });
    client.call(&["PEXPIREAT", &name(3), "4102444800123"]);
}

fn change(master: &Server) {
    let mut client = master.client();
    each(&mut client, 0..HASHES, |number, batch| {
        let key = name(number);
        match number % 5 {
            0 => encode_command(batch, &["HDEL", &key, "field:0"]),
            1 => encode_command(batch, &["HINCRBY", &key, "field:0", "7"]),
            2 => encode_command(batch, &["HINCRBYFLOAT", &key, "new", "0.1"]),
            3 => encode_command(batch, &["HSETNX", &key, "field:0", "not so"]),
            _ => encode_command(batch, &["HMSET", &key, "a", "1", "b", "2"]),
        }
    });
    each(&mut client, 0..BIG, |number, batch| match number % 3 {
        0 => encode_command(batch, &["HDEL", "{s}big", &number.to_string()]),
        _ => encode_command(batch, &["HSET", "{s}big", &format!("new:{number}"), "x"]),
    });
    client.call(&["COPY", "{s}big", "{s}copy"]);
    client.call(&["RENAME", &name(59), "{s}renamed"]);
}

/// Its fields and values, in order of the fields.
fn fields(client: &mut Client, key: &str) -> Vec<(String, String)> {
    let ReplyValue::Array(words) = client.call(&["HGETALL", key]) else {
        panic!("{key} is no hash");
    };
    let text =
        |word: &ReplyValue| String::from_utf8_lossy(word.text().expect("a text")).into_owned();
    let pairs = words.chunks_exact(2);
    let mut fields: Vec<_> = pairs.map(|p| (text(&p[0]), text(&p[1]))).collect();
    fields.sort();
    fields
}

fn compare(left: &mut Client, right: &mut Client) {
    let names = (0..HASHES).map(name);
    let others = ["{s}big", "{s}copy", "{s}renamed"].map(str::to_owned);
    for key in names.chain(others).filter(|key| *key != name(59)) {
        if left.call(&["EXISTS", &key]) == ReplyValue::Integer(0) {
            assert_eq!(
                right.call(&["EXISTS", &key]),
                ReplyValue::Integer(0),
                "{key}"
            );
            continue;
        }
        assert!(fields(left, &key) == fields(right, &key), "{key}");
        for question in [&["OBJECT", "ENCODING"][..], &["PEXPIRETIME"]] {
            let ask = [question, &[key.as_str()]].concat();
            assert_eq!(left.call(&ask), right.call(&ask), "{ask:?}");
        }
    }
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

#[test]
fn our_node_loads_what_it_and_redis_have_saved() {
    for server in [Server::node(&[]), Server::redis(&[])] {
        fill(&server);
        server.client().call(&["SAVE"]);
        let loaded = Server::node(&["--dir", &server.dir().to_string_lossy()]);
        let (mut left, mut right) = (server.client(), loaded.client());
        assert_eq!(left.call(&["DBSIZE"]), right.call(&["DBSIZE"]));
        for key in (0..HASHES).map(name).chain(["{s}big".to_owned()]) {
            assert!(fields(&mut left, &key) == fields(&mut right, &key), "{key}");
            let ask = ["OBJECT", "ENCODING", &key];
            assert_eq!(left.call(&ask), right.call(&ask), "{key}");
        }
    }
}
