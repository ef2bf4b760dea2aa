//! Values that DUMP and RESTORE carry between our node and redis-server, of every type and encoding.

use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::process::{Client, Server};
use crate::tools::{holds, succeeds};

/// Sizes that are held in every way: a few elements, many, and as many as are carried in steps.
const SIZES: [usize; 4] = [2, 90, 700, 20_000];

fn bytes(value: &ReplyValue) -> Vec<u8> {
    value.text().expect("a bulk").to_vec()
}

/// Fills keys of every type on a server. Returns their names.
fn fill(client: &mut Client) -> Vec<String> {
    let mut names = Vec::new();
    for size in SIZES {
        let wide = |number: usize| format!("{number}:{}", "w".repeat(number % 100));
        let mut add = |name: &str, command: &str, element: &dyn Fn(usize) -> Vec<String>| {
            let name = format!("{name}:{size}");
            let mut batch = Vec::new();
            for number in 0..size {
                let mut words = vec![command.to_owned(), name.clone()];
                words.extend(element(number));
                encode_command(&mut batch, &words);
            }
            client.calls(&batch, size);
            names.push(name);
        };
        add("hash", "HSET", &|n| {
            vec![format!("f{n}"), (n * 7).to_string()]
        });
        add("wide-hash", "HSET", &|n| vec![format!("f{n}"), wide(n)]);
        add("intset", "SADD", &|n| vec![(n * 70_001).to_string()]);
        add("set", "SADD", &|n| vec![wide(n)]);
        add("zset", "ZADD", &|n| vec![format!("{}.25", n % 50), wide(n)]);
        add("list", "RPUSH", &|n| vec![wide(n)]);
        add("numbers", "RPUSH", &|n| vec![(n * n).to_string()]);
        add("stream", "XADD", &|n| {
            vec![format!("{}-{n}", n + 1), "field".to_owned(), wide(n)]
        });
        add("string", "APPEND", &|n| vec![wide(n)]);
        add("bits", "SETBIT", &|n| {
            vec![(n * 13).to_string(), "1".to_owned()]
        });
    }
    for lines in [
        &["XGROUP", "CREATE", "stream:700", "g", "0"][..],
        &[
            "XREADGROUP",
            "GROUP",
            "g",
            "c",
            "COUNT",
            "50",
            "STREAMS",
            "stream:700",
            ">",
        ],
        &["XDEL", "stream:700", "3-2"],
        &["SET", "number", "12345"],
        &["RPUSH", "long-elements", &"x".repeat(100_000), "y"],
        &["ZADD", "infinite", "inf", "a", "-inf", "b", "1e300", "c"],
        &["PFADD", "hll", "a", "b", "c"],
    ] {
        client.call(lines);
    }
    names.extend(["number", "long-elements", "infinite", "hll"].map(str::to_owned));
    names
}

#[test]
fn values_of_every_type_are_carried_both_ways() {
    let debug = ["--enable-debug-command", "yes"];
    let (ours, theirs) = (Server::node(&debug), Server::redis(&debug));
    for [from, to] in [[&ours, &theirs], [&theirs, &ours]] {
        let (mut source, mut target) = (from.client(), to.client());
        target.call(&["FLUSHALL"]);
        for name in fill(&mut source) {
            let payload = bytes(&source.call(&["DUMP", &name]));
            let mut request = Vec::new();
            encode_command(&mut request, &[b"RESTORE", name.as_bytes(), b"0", &payload]);
            let reply = target.calls(&request, 1);
            assert_eq!(reply, [ReplyValue::Simple(b"OK".to_vec())], "{name}");
            let digest = |client: &mut Client| client.call(&["DEBUG", "DIGEST-VALUE", &name]);
            assert_eq!(digest(&mut source), digest(&mut target), "{name}");
            let again = bytes(&target.call(&["DUMP", &name]));
            let mut request = Vec::new();
            let argv: [&[u8]; 5] = [b"RESTORE", name.as_bytes(), b"0", &again, b"REPLACE"];
            encode_command(&mut request, &argv);
            let reply = source.calls(&request, 1);
            assert_eq!(reply, [ReplyValue::Simple(b"OK".to_vec())], "{name}");
            assert_eq!(digest(&mut source), digest(&mut target), "{name}");
        }
    }
}

#[test]
fn a_replica_of_either_kind_takes_what_is_restored() {
    let master = Server::node(&[]);
    let port = master.port.to_string();
    let replica = Server::redis(&["--replicaof", "127.0.0.1", &port]);
    replica.until("the replica is in sync", || crate::sync::is_up(&replica));
    let mut client = master.client();
    client.call(&["SET", "a", "value"]);
    let payload = bytes(&client.call(&["DUMP", "a"]));
    let mut request = Vec::new();
    let argv: [&[u8]; 4] = [b"RESTORE", b"b", b"100000", &payload];
    encode_command(&mut request, &argv);
    client.calls(&request, 1);
    let expires = client.call(&["PEXPIRETIME", "b"]);
    replica.until("it has the key", || {
        let mut client = replica.client();
        client.call(&["GET", "b"]) == ReplyValue::Bulk(b"value".to_vec())
            && client.call(&["PEXPIRETIME", "b"]) == expires
    });
}

#[test]
fn data_files_of_every_type_pass_the_checks_of_both() {
    for server in [Server::node(&[]), Server::redis(&[])] {
        let mut client = server.client();
        let names = fill(&mut client);
        assert_eq!(client.call(&["SAVE"]), ReplyValue::Simple(b"OK".to_vec()));
        let file = server.dir().join("dump.rdb");
        holds(&file, names.len());
        let ours = env!("CARGO_BIN_EXE_slotkeeper-node");
        let told = succeeds(ours, &["--check-rdb", &file.to_string_lossy()]);
        let keys = format!("database 0: {} keys, 0 with a time to live", names.len());
        assert!(told.contains(&keys), "{told}");
    }
}
