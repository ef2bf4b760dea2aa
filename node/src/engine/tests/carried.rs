//! DUMP and RESTORE: values of every type there and back, in steps where they are long, and damaged
//! payloads.

mod waiting;

use super::{Client, Node};
use crate::config::{Config, Gate};
use crate::io::SessionState;
use crate::persistence::rdb::crc64;
use crate::random::Random;
use crate::resp::{Reply, encode_command};

/// Enough for many steps.
const ELEMENTS: usize = 10_000;

fn node() -> Node {
    Node::with(Config {
        save: Vec::new(),
        enable_debug_command: Gate::Yes,
        ..Config::default()
    })
}

/// What a request is answered, however many turns that takes.
fn call(node: &mut Node, client: &mut Client, argv: &[&[u8]]) -> Vec<u8> {
    let mut request = Vec::new();
    encode_command(&mut request, argv);
    client.unread.extend_from_slice(&request);
    let mut reply = Reply::new();
    node.execute(client, &mut reply);
    for _ in 0..100_000 {
        if client.state != SessionState::Parked {
            node.engine.on_turn(node.now);
            node.drain();
            return reply.bytes().to_vec();
        }
        node.engine.on_turn(node.now);
        node.drain();
        if node.resumed(client.session) {
            node.execute(client, &mut reply);
        }
    }
    panic!("it does not end");
}

/// The payload of a key.
pub(super) fn dump(node: &mut Node, client: &mut Client, key: &str) -> Vec<u8> {
    let reply = call(node, client, &[b"DUMP", key.as_bytes()]);
    let head = reply
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a bulk");
    reply[head + 1..reply.len() - 2].to_vec()
}

pub(super) fn restore(node: &mut Node, client: &mut Client, key: &str, payload: &[u8]) -> String {
    let argv: [&[u8]; 5] = [b"RESTORE", key.as_bytes(), b"0", payload, b"REPLACE"];
    String::from_utf8(call(node, client, &argv)).expect("a text")
}

fn seal(value: &[u8]) -> Vec<u8> {
    seal_as(value, 10)
}

/// Of that version: 80 is Valkey's own.
fn seal_as(value: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [value, &version.to_le_bytes()].concat();
    payload.extend_from_slice(&crc64(0, &payload).to_le_bytes());
    payload
}

/// Fills a key with what `element` says of each number, and of each few more.
fn fill(node: &mut Node, client: &mut Client, command: &str, count: usize) {
    for first in (0..count).step_by(100) {
        let elements: String = (first..count.min(first + 100))
            .map(|n| match command.split(' ').next() {
                Some("HSET") => format!(" field:{n} {}", "v".repeat(1 + n % 90)),
                Some("ZADD") => format!(" {}.5 member:{n}", n * 7919 % 1000),
                _ => format!(" element:{n}:{}", "e".repeat(n % 70)),
            })
            .collect();
        node.ask(client, &format!("{command}{elements}"));
    }
}

/// Keys of every type, small ones and, if `count` is large, big ones.
fn everything(node: &mut Node, client: &mut Client, count: usize) -> Vec<&'static str> {
    fill(node, client, "HSET hash", count);
    fill(node, client, "HSET timed", count);
    for number in (0..count).step_by(3) {
        let line = format!(
            "HPEXPIRE timed {} FIELDS 1 field:{number}",
            100_000 + number
        );
        node.ask(client, &line);
    }
    fill(node, client, "SADD set", count);
    fill(node, client, "RPUSH list", count);
    fill(node, client, "ZADD zset", count);
    for number in 0..count.min(3000) {
        let line = format!("XADD stream {}-1 number {number} more text", number + 1);
        node.ask(client, &line);
    }
    let lines = "XGROUP CREATE stream group 0\nXREADGROUP GROUP group alice COUNT 9 STREAMS stream >\n\
                 XGROUP CREATECONSUMER stream group bob\nXDEL stream 3-1\nSADD numbers 1 2 -70000\n\
                 ZADD infinite inf a -inf b 0 c\nSET number 12345\nSET short text\nSETRANGE long 70000 x";
    node.ask(client, lines);
    let text = "abc".repeat(count);
    call(node, client, &[b"SET", b"text", text.as_bytes()]);
    vec![
        "hash", "timed", "set", "list", "zset", "stream", "numbers", "infinite", "number", "short",
        "long", "text",
    ]
}

fn digest(node: &mut Node, client: &mut Client, key: &str) -> String {
    node.ask(
        client,
        &format!("DEBUG DIGEST-VALUE {key}\nOBJECT ENCODING {key}"),
    )
}

#[test]
fn values_of_every_type_go_there_and_back() {
    for count in [3, 200, ELEMENTS] {
        let mut node = node();
        let mut client = node.client();
        for key in everything(&mut node, &mut client, count) {
            let before = digest(&mut node, &mut client, key);
            let payload = dump(&mut node, &mut client, key);
            assert_eq!(restore(&mut node, &mut client, "copy", &payload), "+OK\r\n");
            assert_eq!(
                digest(&mut node, &mut client, "copy"),
                before,
                "{key}, {count}"
            );
            assert_eq!(dump(&mut node, &mut client, key), payload, "{key}, {count}");
        }
        assert!(node.engine.restoring.is_empty() && node.engine.dumps.is_empty());
    }
}

#[test]
fn a_long_value_is_carried_in_steps_and_is_out_of_sight_until_it_is_whole() {
    let mut node = node();
    let (mut client, mut other) = (node.client(), node.client());
    fill(&mut node, &mut client, "HSET hash", ELEMENTS);
    node.ask(&mut client, "DUMP hash");
    let mut turns = 0;
    while !node.resumed(client.session) || node.send(&mut client, b"").is_empty() {
        assert_eq!(client.state, SessionState::Parked);
        assert_eq!(node.ask(&mut other, "SET a 1"), "+OK\r\n");
        turns += 1;
    }
    assert!(turns > 5, "{turns}");

    let payload = dump(&mut node, &mut client, "hash");
    let mut request = Vec::new();
    encode_command(&mut request, &[&b"RESTORE"[..], b"new", b"0", &payload]);
    node.send(&mut client, &request);
    for _ in 0..5 {
        assert_eq!(client.state, SessionState::Parked);
        assert_eq!(node.ask(&mut other, "EXISTS new\nDBSIZE"), ":0\r\n:2\r\n");
        assert!(node.resumed(client.session), "it goes on in every turn");
        assert_eq!(node.send(&mut client, b""), "");
    }
    // Somebody else comes first.
    node.ask(&mut other, "SET new 1");
    node.resumed(client.session);
    let busy = "-BUSYKEY Target key name already exists.\r\n";
    assert_eq!(node.send(&mut client, b""), busy);
    assert!(node.engine.restoring.is_empty());
    assert!(node.engine.data.aside(|data| data.is_empty()));
}

#[test]
fn who_goes_leaves_nothing_behind() {
    let mut node = node();
    let (mut client, mut other) = (node.client(), node.client());
    fill(&mut node, &mut client, "SADD set", ELEMENTS);
    let payload = dump(&mut node, &mut client, "set");
    let mut request = Vec::new();
    encode_command(&mut request, &[&b"RESTORE"[..], b"new", b"0", &payload]);
    node.send(&mut client, &request);
    assert_eq!(node.engine.restoring.len(), 1);
    node.engine.close(client.session, node.now);
    let mut killed = node.client();
    node.send(&mut killed, &request);
    assert_eq!(node.engine.restoring.len(), 1);
    let id = killed.session.number();
    node.ask(&mut other, &format!("CLIENT KILL ID {id}"));
    assert!(node.engine.restoring.is_empty());
    assert!(node.engine.data.aside(|data| data.is_empty()));

    let mut client = node.client();
    node.ask(&mut client, "DUMP set");
    while node.engine.dumps.is_empty() {
        assert!(node.resumed(client.session) || client.state == SessionState::Parked);
        node.send(&mut client, b"");
    }
    node.engine.close(client.session, node.now);
    node.pass(1);
    assert!(node.engine.dumps.is_empty());
}

#[test]
fn time_to_live_and_what_replicas_hear_are_as_in_redis() {
    let mut node = node();
    let mut client = node.client();
    node.ask(&mut client, "SET a 1");
    let payload = dump(&mut node, &mut client, "a");
    let restore = |node: &mut Node, client: &mut Client, options: &[&str]| {
        let head = [
            &b"RESTORE"[..],
            options[0].as_bytes(),
            options[1].as_bytes(),
        ];
        let rest = options[2..].iter().map(|word| word.as_bytes());
        let argv: Vec<&[u8]> = head.into_iter().chain([&payload[..]]).chain(rest).collect();
        call(node, client, &argv)
    };
    assert_eq!(
        restore(&mut node, &mut client, &["b", "5000", "IDLETIME", "70"]),
        b"+OK\r\n"
    );
    assert_eq!(
        restore(&mut node, &mut client, &["c", "1", "ABSTTL"]),
        b"+OK\r\n"
    );
    assert_eq!(
        restore(&mut node, &mut client, &["a", "1", "ABSTTL", "REPLACE"]),
        b"+OK\r\n"
    );
    let asked = node.ask(&mut client, "PTTL b\nOBJECT IDLETIME b\nEXISTS c a");
    assert_eq!(asked, ":5000\r\n:70\r\n:0\r\n");
    node.ask(&mut client, "CONFIG SET maxmemory-policy allkeys-lfu");
    assert_eq!(
        restore(&mut node, &mut client, &["d", "0", "FREQ", "99"]),
        b"+OK\r\n"
    );
    assert_eq!(
        node.ask(&mut client, "OBJECT FREQ d\nDEL d"),
        ":99\r\n:1\r\n"
    );

    node.engine.replication.stream.keep(1 << 20);
    node.ask(&mut client, "SET a 1");
    let from = node.engine.replication.stream.offset() + 1;
    assert_eq!(
        restore(&mut node, &mut client, &["b", "500", "REPLACE"]),
        b"+OK\r\n"
    );
    assert_eq!(restore(&mut node, &mut client, &["c", "0"]), b"+OK\r\n");
    assert_eq!(
        restore(&mut node, &mut client, &["a", "1", "ABSTTL", "REPLACE"]),
        b"+OK\r\n"
    );
    let stream = &node.engine.replication.stream;
    let heard = stream.since(stream.id(), from).expect("it is kept");
    let at = (node.now.unix_ms() + 500).to_string();
    let mut expected = Vec::new();
    encode_command(
        &mut expected,
        &[
            &b"RESTORE"[..],
            b"b",
            at.as_bytes(),
            &payload,
            b"REPLACE",
            b"ABSTTL",
        ],
    );
    encode_command(&mut expected, &[&b"RESTORE"[..], b"c", b"0", &payload]);
    encode_command(&mut expected, &["DEL", "a"]);
    assert_eq!(
        heard.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

#[test]
fn an_empty_collection_is_none_and_what_is_no_value_is_refused() {
    let mut node = node();
    let mut client = node.client();
    for value in [
        &b"\x04\0"[..],
        b"\x02\0",
        b"\x05\0",
        b"\x12\0",
        b"\x07\x01module",
        b"\x16\x01\0",
        b"\xFE",
        b"",
        b"\x00\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x02\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01a",
        b"\x02\x02\x01a\x01a",
    ] {
        let reply = restore(&mut node, &mut client, "a", &seal(value));
        assert_eq!(
            reply,
            "-ERR Bad data format\r\n",
            "{}",
            value.escape_ascii()
        );
    }
    assert_eq!(node.ask(&mut client, "DBSIZE"), ":0\r\n");
    assert!(node.engine.data.aside(|data| data.is_empty()));
}

/// Payloads of every type with bytes changed at random, and right checksums. What is taken must be a
/// value that can be used, saved and read again. `ROUNDS` says how many of each, `SEED` which ones,
/// and `ELEMENTS` how big they are.
#[test]
fn damaged_payloads_of_every_type_harm_nothing() {
    let given = |name| std::env::var(name).ok().and_then(|it| it.parse().ok());
    let (rounds, mut node) = (given("ROUNDS").unwrap_or(200), node());
    let mut client = node.client();
    let mut values = Vec::new();
    let elements = given("ELEMENTS").unwrap_or(12) as usize;
    for key in everything(&mut node, &mut client, elements) {
        values.push(dump(&mut node, &mut client, key));
    }
    values.extend(compact_forms());
    node.ask(&mut client, "FLUSHALL");
    let mut random = Random::new(given("SEED").unwrap_or(20));
    let mut taken = 0;
    for value in &values {
        for _ in 0..rounds {
            let (body, footer) = value.split_at(value.len() - 10);
            let (mut damaged, version) = (body.to_vec(), u16::from(footer[0]));
            for _ in 0..=random.below(3) {
                let at = random.below(damaged.len() as u64) as usize;
                damaged[at] = match random.below(3) {
                    0 => damaged[at] ^ 1 << random.below(8),
                    1 => [0, 1, 0x7F, 0x80, 0xFE, 0xFF][random.below(6) as usize],
                    _ => random.below(256) as u8,
                };
            }
            if random.below(8) == 0 {
                damaged.truncate(random.below(damaged.len() as u64) as usize);
            }
            let reply = restore(&mut node, &mut client, "a", &seal_as(&damaged, version));
            if reply == "+OK\r\n" {
                taken += 1;
                let again = dump(&mut node, &mut client, "a");
                let before = digest(&mut node, &mut client, "a");
                let reply = restore(&mut node, &mut client, "a", &again);
                assert_eq!(reply, "+OK\r\n", "{}", damaged.escape_ascii());
                assert_eq!(digest(&mut node, &mut client, "a"), before);
                // Those of the other types are refused.
                node.ask(&mut client, USES);
            }
        }
    }
    assert!(
        taken > rounds,
        "what is not damaged at a vital place is taken: {taken}"
    );
    node.ask(&mut client, "DEL a");
    assert!(node.engine.data.aside(|data| data.is_empty()));
}

/// Commands that use and change a key of each type.
const USES: &str = "HSET a new 1\nHPEXPIRE a 5000 FIELDS 1 new\nHRANDFIELD a -5\nHGETALL a\nSADD a new\nSPOP a 2\n\
                    LPUSH a new\nLINSERT a BEFORE new more\nRPOP a 2\nZADD a 1 new\nZPOPMIN a 2\nXADD a * new 1\nXTRIM a MAXLEN 2\n\
                    XINFO STREAM a FULL\nXREADGROUP GROUP group bob STREAMS a 0\nAPPEND a new";

/// Values in the forms that older servers, and ours, do not write but read.
fn compact_forms() -> Vec<Vec<u8>> {
    let packed = |code: u8, body: &[u8]| seal(&[&[code, body.len() as u8][..], body].concat());
    let listpack = b"\x13\0\0\0\x04\0\x81a\x02\x01\x01\x81b\x02\x02\x01\xFF";
    let ziplist = b"\x15\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xF2\x02\x01b\x03\xF3\xFF";
    let intset = b"\x02\0\0\0\x03\0\0\0\x01\0\x02\0\x03\0";
    let zipmap = b"\x01\x01a\x01\x001\xFF";
    // A field with a time, and one without.
    let first = 1_999_999_999_999u64.to_le_bytes();
    let triples = b"\x17\0\0\0\x06\0\x81a\x02\x01\x01\x03\x01\x81b\x02\x82cc\x03\0\x01\xFF";
    let timed = |head: &[u8], rest: &[u8]| seal_as(&[head, rest].concat(), 12);
    let since = [&b"\x18"[..], &first].concat();
    let of_valkey = [
        &b"\x16\x02\x01a\x01b"[..],
        &[0xFF; 8],
        b"\x01c\x01d",
        &first,
    ]
    .concat();
    vec![
        packed(9, zipmap),
        packed(11, intset),
        packed(16, listpack),
        packed(17, listpack),
        packed(20, listpack),
        packed(10, ziplist),
        packed(12, ziplist),
        packed(13, ziplist),
        seal(&[&b"\x0E\x01\x15"[..], ziplist].concat()),
        seal(b"\x01\x02\x01a\xC0\x07"),
        seal(b"\x03\x01\x01a\x033.5"),
        timed(&since, b"\x02\x01\x01a\x01b\0\x01c\x01d"),
        timed(b"\x19", &[&first[..], b"\x17", triples].concat()),
        timed(b"\x17\x17", triples),
        timed(b"\x16", b"\x02\0\x01a\x01b\x80\x7F\0\0\0\x01c\x01d"),
        seal_as(&of_valkey, 80),
    ]
}
