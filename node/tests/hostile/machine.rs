//! A whole node that is spoken to badly: by clients, other nodes, its master and its disk.

use slotkeeper_node::config::Config;
use slotkeeper_node::io::{LinkEvent, LinkId};
use slotkeeper_node::resp::encode_command;

use crate::allocation::peak;
use crate::cases;
use crate::mutation::Mutator;
use crate::node::{Node, config, data_file, frames, nodes_conf};

/// A node is started anew after so many cases, so that no case can spoil all that follow.
const LIFE: usize = 500;

/// What stands behind commands; each is an option, a number or a name to some of them.
const WORDS: &str = "a b {a}c {a}d key:1 * ? [a-z]* 0 1 -1 2 7 100 16383 16384 1048575 1048576 \
    4294967296 9223372036854775807 -9223372036854775808 1.5 -0.1 1e400 0x1p4 inf nan NX XX GT LT EX \
    PX EXAT PXAT GET KEEPTTL PERSIST MATCH COUNT TYPE string REPLACE DB LEN IDX MINMATCHLEN \
    WITHMATCHLEN LIMIT ON OFF SKIP YES NO ID ADDR LADDR USER default SKIPME normal replica master \
    pubsub SETNAME AUTH FORCE TAKEOVER ABORT SOFT HARD NODE STABLE MIGRATING IMPORTING SLOTS SHARDS \
    KEYSLOT FILTERBY PATTERN ACLCAT MODULE maxmemory timeout save 127.0.0.1 7001 17001 sleep \
    everything server stats keyspace commandstats LOADONLY BYVAL";

/// Every command's words, by the node's own account.
fn commands() -> Vec<Vec<String>> {
    let mut node = Node::start(config(), None).expect("a fresh node");
    let list = node.send(b"COMMAND LIST\r\n");
    let list = String::from_utf8(list).expect("names are text");
    let names = list.lines().filter(|line| !line.starts_with(['*', '$']));
    // These end the node, or the conversation with it.
    let ending = ["shutdown", "replconf", "psync", "sync", "hello", "debug"];
    let names = names.filter(|name| !ending.iter().any(|end| name.starts_with(end)));
    let words = |name: &str| name.split('|').map(str::to_owned).collect();
    names.map(words).collect()
}

fn talk(count: usize, seed: u64, start: impl Fn() -> Node) {
    let commands = commands();
    assert!(commands.len() > 80, "{}", commands.len());
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut mutator = Mutator::new(seed, vec![Vec::new()]);
    let mut node = start();
    let mut done = 0;
    for number in 0..count {
        if number % LIFE == 0 {
            node = start();
        }
        let mut request = mutator.pick(&commands);
        for _ in 0..mutator.below(6) {
            let word = mutator.pick(&words);
            request.push(if mutator.below(30) == 0 {
                String::new()
            } else {
                word.to_owned()
            });
        }
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &request);
        let guard = Said(&request);
        done += usize::from(!node.send(&bytes).starts_with(b"-"));
        if number % 10 == 0 {
            node.pass(1 + number as u64 % 200);
        }
        if number % 50 == 0 {
            node.send(b"CLIENT UNPAUSE\r\n");
        }
        std::mem::forget(guard);
    }
    // Most are refused for their number of arguments: some commands want five or more.
    assert!(done > count / 10, "{done} of {count} were carried out");
}

/// Dropped by a panic only.
struct Said<'a>(&'a [String]);

impl Drop for Said<'_> {
    fn drop(&mut self) {
        eprintln!("the request was {:?}", self.0);
    }
}

#[test]
fn commands_are_carried_out_or_refused() {
    talk(20_000, 11, || {
        Node::start(config(), None).expect("a fresh node")
    });
}

#[test]
fn commands_are_carried_out_or_refused_in_a_cluster() {
    talk(10_000, 12, || {
        let clustered = Config {
            cluster_enabled: true,
            ..config()
        };
        let mut node = Node::start(clustered, None).expect("a fresh node");
        node.send(b"CLUSTER ADDSLOTSRANGE 0 16383\r\n");
        for _ in 0..30 {
            node.pass(100);
        }
        node
    });
}

#[test]
fn clients_that_speak_badly_are_answered_or_closed() {
    let examples = [
        "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n10\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n",
        "MULTI\r\nGET a\r\nEXEC\r\nWATCH a\r\n",
        "*2\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n",
        "*5\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\nx\r\n$2\r\nPX\r\n$3\r\n100\r\nDEL a b\r\n",
        "HELLO 3\r\nCLIENT LIST\r\nCLIENT REPLY OFF\r\n",
    ];
    let examples = examples.map(|text| text.as_bytes().to_vec()).to_vec();
    let mut mutator = Mutator::new(13, examples);
    let mut node = Node::start(config(), None).expect("a fresh node");
    let mut number = 0;
    cases(20_000, &mut mutator, |_, bytes| {
        number += 1;
        if number % LIFE == 0 {
            node = Node::start(config(), None).expect("a fresh node");
        }
        node.send(bytes);
        node.hang_up();
    });
}

fn replica() -> Config {
    Config {
        cluster_enabled: true,
        port: 7000,
        ..config()
    }
}

#[test]
fn frames_of_the_bus_are_taken_or_refused() {
    let conf = nodes_conf();
    let mut mutator = Mutator::new(14, frames());
    let start = || Node::start(replica(), Some(conf.clone())).expect("a valid nodes.conf");
    let mut node = start();
    for frame in frames() {
        node.bus(&[&frame]);
    }
    let info = String::from_utf8_lossy(&node.send(b"CLUSTER INFO\r\n")).into_owned();
    for kind in ["ping", "pong", "fail", "update", "auth-req", "mfstart"] {
        let counted = format!("cluster_stats_messages_{kind}_received:");
        assert!(
            info.contains(&counted),
            "{kind} is not known to the node: {info}"
        );
    }
    let mut number = 0;
    cases(20_000, &mut mutator, |mutator, bytes| {
        number += 1;
        if number % LIFE == 0 {
            node = start();
        }
        let pieces = mutator.pieces(bytes);
        let ((), held) = peak(|| node.bus(&pieces));
        assert!(
            held <= (256 << 10) + 8 * bytes.len(),
            "{held} for {}",
            bytes.len()
        );
        if number % 20 == 0 {
            node.pass(100);
        }
    });
}

#[test]
fn a_nodes_conf_is_taken_or_refused() {
    let mut mutator = Mutator::new(15, vec![nodes_conf().into_bytes()]);
    let mut taken = 0;
    cases(3000, &mut mutator, |_, bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Ok(mut node) = Node::start(replica(), Some(text)) {
            node.pass(200);
            node.send(b"CLUSTER NODES\r\n");
            taken += 1;
        }
    });
    assert!(taken > 30, "{taken}");
}

/// What a master says to a replica, from the first answer to the stream.
fn sync() -> Vec<u8> {
    let (id, mark) = ("c".repeat(40), "d".repeat(40));
    let head = format!("+PONG\r\n+OK\r\n+OK\r\n+OK\r\n+FULLRESYNC {id} 100\r\n\n$EOF:{mark}\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&single_key_file());
    bytes.extend_from_slice(mark.as_bytes());
    for words in [
        &["SELECT", "0"][..],
        &["SET", "a", "1"],
        &["PING"],
        &["MULTI"],
        &["INCR", "a"],
        &["EXEC"],
        &["PEXPIREAT", "a", "1900000000000"],
        &["REPLCONF", "GETACK", "*"],
        &["DEL", "a"],
    ] {
        encode_command(&mut bytes, words);
    }
    bytes
}

fn single_key_file() -> Vec<u8> {
    let mut node = Node::start(config(), None).expect("a fresh node");
    node.send(b"SET a 1\r\nBGSAVE\r\n");
    for _ in 0..50 {
        node.pass(1);
    }
    std::mem::take(&mut node.written)
}

#[test]
fn a_master_that_speaks_badly_is_followed_or_left() {
    let conf = nodes_conf();
    let valid = sync();
    let mut mutator = Mutator::new(16, vec![valid.clone()]);
    let start = || Node::start(replica(), Some(conf.clone())).expect("a valid nodes.conf");
    let mut node = start();
    let listen = |node: &mut Node, pieces: &[&[u8]]| -> bool {
        for _ in 0..50 {
            if node
                .opened
                .iter()
                .any(|link| matches!(link, LinkId::Master(_)))
            {
                break;
            }
            node.pass(100);
        }
        let Some(link) = node
            .opened
            .iter()
            .copied()
            .find(|link| matches!(link, LinkId::Master(_)))
        else {
            return false;
        };
        let local = Node::peer().local;
        node.engine
            .on_link(link, LinkEvent::Opened { local }, node.now);
        for piece in pieces {
            node.drain();
            if node.opened.contains(&link) {
                node.engine.on_link(link, LinkEvent::Bytes(piece), node.now);
            }
        }
        node.drain();
        let info = String::from_utf8_lossy(&node.send(b"INFO replication\r\n")).into_owned();
        if node.opened.contains(&link) {
            let closed = LinkEvent::Closed { reason: "it ends" };
            node.engine.on_link(link, closed, node.now);
            node.opened.retain(|open| *open != link);
        }
        node.drain();
        info.contains("master_link_status:up")
    };
    assert!(listen(&mut node, &[&valid]), "the example is a valid one");
    let mut number = 0;
    cases(4000, &mut mutator, |mutator, bytes| {
        number += 1;
        if number % 20 == 0 {
            node = start();
        }
        let pieces = mutator.pieces(bytes);
        listen(&mut node, &pieces);
    });
}

#[test]
fn a_data_file_is_loaded_or_refused() {
    let mut mutator = Mutator::new(17, vec![data_file()]);
    cases(1000, &mut mutator, |mutator, bytes| {
        let pieces = mutator.pieces(bytes);
        let mut node = Node::starting(config());
        let ((), held) = peak(|| node.load(&pieces));
        assert!(
            held <= (1 << 20) + 200 * bytes.len(),
            "{held} for {}",
            bytes.len()
        );
    });
}
