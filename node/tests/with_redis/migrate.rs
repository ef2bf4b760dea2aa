//! MIGRATE beside redis-server's: the same requests, the same replies, whatever the other server does.

use std::net::TcpListener;

use slotkeeper_node::resp::ReplyValue;

use crate::process::{Client, Server};

fn said(reply: &ReplyValue) -> String {
    match reply {
        ReplyValue::Simple(text) | ReplyValue::Error(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        other => format!("{other:?}"),
    }
}

/// Sends the same to both, and expects the same reply.
fn both(servers: &mut [Client; 2], words: &[&str]) -> String {
    let replies = servers.each_mut().map(|client| said(&client.call(words)));
    assert_eq!(replies[0], replies[1], "{words:?}");
    replies[0].clone()
}

#[test]
fn migrate_fails_in_redis_words() {
    let (ours, theirs) = (Server::node(&[]), Server::redis(&[]));
    let mut servers = [ours.client(), theirs.client()];
    let target = Server::redis(&[]);
    let protected = target
        .client()
        .call(&["CONFIG", "SET", "requirepass", "secret"]);
    assert_eq!(said(&protected), "OK");
    let open = target.port.to_string();
    // One that takes connections and says nothing.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let silent = silent.local_addr().expect("its address").port().to_string();
    let closed = crate::ports::free_port_with_bus().to_string();
    both(&mut servers, &["SET", "a", "1"]);
    for (port, rest) in [
        (&open, &["missing", "0", "1000"][..]),
        (&open, &["a", "0", "1000"]),
        (&open, &["a", "0", "1000", "AUTH", "wrong"]),
        (&open, &["a", "0", "1000", "AUTH2", "nobody", "secret"]),
        (&open, &["a", "99", "1000", "AUTH", "secret"]),
        (&open, &["a", "x", "1000"]),
        (&open, &["a", "0", "1000", "COPY", "AUTH", "secret"]),
        (&open, &["a", "0", "1000", "AUTH", "secret"]),
        (
            &open,
            &["a", "0", "-5", "COPY", "REPLACE", "AUTH", "secret"],
        ),
        (&closed, &["a", "0", "1000"]),
        (&silent, &["a", "0", "100"]),
        (&open, &["a", "0", "1000", "REPLACE", "NOTHING"]),
        (&open, &["a", "0", "1000", "KEYS", "a"]),
    ] {
        if rest.contains(&"COPY") && !rest.contains(&"REPLACE") {
            // Each of both finds the target without the key.
            for client in &mut servers {
                let mut there = target.client();
                there.call(&["AUTH", "secret"]);
                there.call(&["FLUSHALL"]);
                let words = [&["MIGRATE", "127.0.0.1", port], rest].concat();
                assert_eq!(said(&client.call(&words)), "OK");
            }
            continue;
        }
        both(
            &mut servers,
            &[&["MIGRATE", "127.0.0.1", port], rest].concat(),
        );
        assert_eq!(both(&mut servers, &["EXISTS", "a"]), "Integer(1)");
    }
    let told = both(
        &mut servers,
        &["MIGRATE", "no-such-host.invalid", &open, "a", "0", "2000"],
    );
    assert_eq!(told, "IOERR error or timeout connecting to the client");
}

#[test]
fn keys_move_to_a_host_by_its_name() {
    for (from, to) in [
        (Server::node(&[]), Server::redis(&[])),
        (Server::redis(&[]), Server::node(&[])),
        (Server::node(&[]), Server::node(&[])),
    ] {
        let mut client = from.client();
        client.call(&["SET", "a", "1", "EX", "1000"]);
        client.call(&["RPUSH", "b", "1", "2"]);
        let port = to.port.to_string();
        let words = [
            "MIGRATE",
            "localhost",
            &port,
            "",
            "0",
            "5000",
            "KEYS",
            "a",
            "b",
            "x",
        ];
        assert_eq!(said(&client.call(&words)), "OK");
        assert_eq!(client.call(&["DBSIZE"]), ReplyValue::Integer(0));
        let mut there = to.client();
        assert_eq!(there.call(&["GET", "a"]), ReplyValue::Bulk(b"1".to_vec()));
        assert_eq!(there.call(&["LLEN", "b"]), ReplyValue::Integer(2));
        assert_eq!(from.info("migrate_cached_sockets"), "1");
    }
}

#[test]
fn a_hash_whose_fields_expire_moves_to_a_node_of_ours_and_not_to_redis_7_0() {
    let (from, to, redis) = (Server::node(&[]), Server::node(&[]), Server::redis(&[]));
    let mut client = from.client();
    client.call(&["HSET", "hash", "a", "1", "b", "2"]);
    client.call(&["HEXPIRE", "hash", "1000", "FIELDS", "1", "a"]);
    let times = ["HPEXPIRETIME", "hash", "FIELDS", "2", "a", "b"];
    let before = client.call(&times);
    let mut to_port = |port: u16| {
        let port = port.to_string();
        said(&client.call(&["MIGRATE", "127.0.0.1", &port, "hash", "0", "5000"]))
    };
    let refused =
        "Target instance replied with error: ERR DUMP payload version or checksum are wrong";
    let reply = to_port(redis.port);
    assert!(reply.contains(refused), "{reply}");
    assert_eq!(from.client().call(&times), before, "it is still here");
    assert_eq!(to_port(to.port), "OK");
    assert_eq!(from.client().call(&["DBSIZE"]), ReplyValue::Integer(0));
    let mut there = to.client();
    assert_eq!(there.call(&times), before);
    assert_eq!(there.call(&["HLEN", "hash"]), ReplyValue::Integer(2));
}
