//! Full syncs for those that want the length of the payload in front: SYNC, and PSYNC without
//! `REPLCONF capa eof`.

use std::collections::BTreeMap;

use slotkeeper_node::config::Config;
use slotkeeper_node::io::SessionId;
use slotkeeper_node::persistence::rdb::{RdbItem, RdbReader};
use slotkeeper_node::resp::encode_command;

use crate::network::Network;
use crate::replicas::config;

const KEYS: usize = 2000;

/// A master with keys, and a client of it.
fn master(network: &mut Network, config: Config) -> SessionId {
    network.start(config, None);
    let client = network.connect(0);
    network.call(0, client, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    network.until("it serves", |network| {
        network.call(0, client, &["SET", "key:0", "0"]) == "+OK\r\n"
    });
    set(network, client, "0");
    client
}

/// Sets all keys.
fn set(network: &mut Network, client: SessionId, value: &str) {
    for number in 0..KEYS {
        let reply = network.call(0, client, &["SET", &format!("key:{number}"), value]);
        assert_eq!(reply, "+OK\r\n");
    }
}

fn ask(network: &mut Network, words: &[&str]) -> SessionId {
    let session = network.connect(0);
    let mut request = Vec::new();
    encode_command(&mut request, words);
    network.send(0, session, &request);
    session
}

/// What a replica was sent: the line of PSYNC, the payload's keys, and the stream.
struct Heard {
    line: String,
    keys: BTreeMap<String, String>,
    stream: String,
}

/// None while the payload is not whole.
fn hear(bytes: &[u8]) -> Option<Heard> {
    let start = bytes.iter().position(|byte| *byte == b'$')?;
    let head = String::from_utf8_lossy(&bytes[..start]);
    let end = start + bytes[start..].windows(2).position(|two| two == b"\r\n")?;
    let len = std::str::from_utf8(&bytes[start + 1..end]).ok()?;
    let len: usize = len.parse().expect("a length");
    let body = bytes.get(end + 2..end + 2 + len)?;
    let mut keys = BTreeMap::new();
    let mut sink = |item: RdbItem<'_>| {
        if let RdbItem::Entry { key, value, .. } = item {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            keys.insert(text(key), text(&value));
        }
        Ok(())
    };
    let fed = RdbReader::new().feed(body, &mut sink).expect("a payload");
    assert!(fed.done && fed.consumed == len, "the length is that of all");
    Some(Heard {
        line: head.trim_start_matches('\n').trim_end().to_owned(),
        keys,
        stream: String::from_utf8_lossy(&bytes[end + 2 + len..]).into_owned(),
    })
}

#[test]
fn who_announces_nothing_gets_the_length_first_and_then_the_stream() {
    for (words, line) in [(&["SYNC"][..], ""), (&["PSYNC", "?", "-1"], "+FULLRESYNC ")] {
        let mut network = Network::new();
        let client = master(&mut network, config(7000));
        let session = ask(&mut network, words);
        // The state is that of the first turn that has the file; what changes then is the stream.
        network.until("the file is begun", |network| {
            network.hosts[0].payload.is_some()
        });
        network.step();
        set(&mut network, client, "1");
        let mut bytes = Vec::new();
        network.until("the payload is there, and the stream", |network| {
            bytes.extend(network.take(0, session, 10_000));
            hear(&bytes).is_some_and(|heard| heard.stream.contains("key:1999\r\n$1\r\n1\r\n"))
        });
        let heard = hear(&bytes).expect("it is whole");
        assert!(heard.line.starts_with(line), "{}", heard.line);
        assert_eq!(heard.keys.len(), KEYS);
        let old = heard.keys.values().filter(|value| *value == "0").count();
        assert_eq!(old, KEYS, "a key in the payload is of another time");
        assert_eq!(heard.stream.matches("key:").count(), KEYS);
        assert_eq!(network.hosts[0].payload, None, "the file is closed");
        assert_eq!(network.info(0, "connected_slaves"), "1");
        // SYNC has no way to confirm anything: silence is not its end.
        if line.is_empty() {
            for _ in 0..100_000 {
                network.step();
                network.take(0, session, 10_000);
            }
            assert_eq!(network.info(0, "connected_slaves"), "1");
        }
    }
}

#[test]
fn each_reads_at_its_own_pace_and_writers_wait_for_none() {
    let mut network = Network::new();
    let client = master(&mut network, config(7000));
    let big = "x".repeat(4 << 20);
    network.call(0, client, &["SET", "big", &big]);
    let sessions = [ask(&mut network, &["SYNC"]), ask(&mut network, &["SYNC"])];
    network.until("the file is written", |network| {
        network.hosts[0]
            .log
            .iter()
            .any(|line| line.starts_with("The data set is written"))
    });
    network.most_unsent = 0;
    let mut bytes = Vec::new();
    network.until("the fast one has all", |network| {
        bytes.extend(network.take(0, sessions[0], 1 << 20));
        hear(&bytes).is_some()
    });
    assert!(
        network.hosts[0].payload.is_some(),
        "the other one still reads"
    );
    for value in ["1", "2", "3"] {
        set(&mut network, client, value);
    }
    assert!(
        network.most_unsent < 1 << 20,
        "{} bytes wait",
        network.most_unsent
    );
    let late = ask(&mut network, &["PSYNC", "?", "-1"]);
    let mut slow = Vec::new();
    network.until("the slow one has all", |network| {
        slow.extend(network.take(0, sessions[1], 100_000));
        hear(&slow).is_some()
    });
    let mut bytes = Vec::new();
    network.until("who came late has the next file", |network| {
        bytes.extend(network.take(0, late, 1 << 20));
        hear(&bytes).is_some_and(|heard| heard.keys["key:7"] == "3")
    });
    assert_eq!(network.hosts[0].payload, None, "both files are closed");
}

#[test]
fn who_leaves_takes_the_file_along() {
    let mut network = Network::new();
    let client = master(&mut network, config(7000));
    network.call(0, client, &["SET", "big", &"x".repeat(4 << 20)]);
    for written in [false, true] {
        let session = ask(&mut network, &["SYNC"]);
        network.until("the file is begun", |network| {
            network.hosts[0].payload.is_some()
        });
        if written {
            network.until("it is sent", |network| {
                !network.take(0, session, 100_000).is_empty()
            });
        } else {
            network.step();
        }
        network.close_session(0, session);
        network.until("the file is closed", |network| {
            network.hosts[0].payload.is_none()
        });
        assert!(
            network.hosts[0].engine.walk_serialised().is_none(),
            "no walk goes on"
        );
    }
    network.send(0, client, b"*1\r\n$4\r\nSAVE\r\n");
    network.until("others may walk", |network| network.hosts[0].file.is_some());
}

#[test]
fn a_full_disk_ends_the_sync_and_nothing_else() {
    let mut network = Network::new();
    let client = master(&mut network, config(7000));
    network.full_disk = Some(0);
    let session = ask(&mut network, &["SYNC"]);
    network.until("it is dropped", |network| {
        network.info(0, "connected_slaves") == "0"
    });
    let line = "the file with its data set cannot be written or read: No space left on device";
    let log = &network.hosts[0].log;
    assert!(log.iter().any(|l| l.ends_with(line)), "{log:?}");
    assert!(!network.is_parked(0, session));
    assert_eq!(network.call(0, client, &["GET", "key:1"]), "$1\r\n0\r\n");
    assert_eq!(network.hosts[0].exited, None);
    network.full_disk = None;
    let session = ask(&mut network, &["SYNC"]);
    let mut bytes = Vec::new();
    network.until("there is room again", |network| {
        bytes.extend(network.take(0, session, 1 << 20));
        hear(&bytes).is_some()
    });
}

#[test]
fn who_wants_the_payload_only_is_closed_behind_it() {
    let mut network = Network::new();
    master(&mut network, config(7000));
    let session = network.connect(0);
    network.call(0, session, &["REPLCONF", "rdb-only", "1"]);
    let mut request = Vec::new();
    encode_command(&mut request, &["SYNC"]);
    network.send(0, session, &request);
    network.until("it is closed", |network| {
        network.info(0, "connected_slaves") == "0"
    });
}

#[test]
fn the_stream_that_is_held_meanwhile_is_bounded() {
    let mut network = Network::new();
    let mut small = config(7000);
    small.client_output_buffer_limit.replica.hard = 1 << 20;
    let client = master(&mut network, small);
    network.call(0, client, &["SET", "big", &"x".repeat(4 << 20)]);
    ask(&mut network, &["SYNC"]);
    network.until("the file is written", |network| {
        network.hosts[0]
            .log
            .iter()
            .any(|line| line.starts_with("The data set is written"))
    });
    for _ in 0..20 {
        network.call(0, client, &["SET", "more", &"y".repeat(100_000)]);
        network.step();
    }
    network.until("it is dropped", |network| {
        network.info(0, "connected_slaves") == "0"
    });
    assert_eq!(network.hosts[0].payload, None);
}
