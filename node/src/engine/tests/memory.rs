//! What clients make the node hold is counted, refused and bounded.

use super::{Client, Node};
use crate::config::{ClientMemory, Config};
use crate::io::{Output, SessionId, SessionState, Unsent};

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

fn limited(maxmemory: u64) -> Node {
    Node::with(Config {
        maxmemory,
        save: Vec::new(),
        ..Config::default()
    })
}

/// A number of INFO.
fn field(node: &mut Node, name: &str) -> usize {
    let mut client = node.client();
    let info = node.ask(&mut client, "INFO everything");
    node.engine.close(client.session, node.now);
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.expect("the field is there").parse().expect("a number")
}

/// A number of a client's own line.
fn own(node: &mut Node, client: &mut Client, name: &str) -> usize {
    let line = node.ask(client, "CLIENT INFO");
    let word = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix(&format!("{name}=")));
    word.expect("the field is there").parse().expect("a number")
}

fn closed(node: &mut Node, session: SessionId) -> bool {
    node.drain();
    let of =
        |output: &Output| matches!(output, Output::Close { session: id, .. } if *id == session);
    node.outputs.iter().any(of)
}

fn logged(node: &mut Node, text: &str) -> bool {
    node.drain();
    let has = |output: &Output| matches!(output, Output::Log(.., line) if line.contains(text));
    node.outputs.iter().any(has)
}

#[test]
fn unfinished_requests_count_and_writes_of_others_are_refused() {
    let mut node = limited(4 << 20);
    let mut other = node.client();
    assert_eq!(node.ask(&mut other, "SET a 1"), "+OK\r\n");
    let mut senders: Vec<Client> = (0..8).map(|_| node.client()).collect();
    let begun = [
        &b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1000000\r\n"[..],
        &[b'x'; 600_000],
    ]
    .concat();
    for sender in &mut senders {
        assert_eq!(node.send(sender, &begun), "");
    }
    let used = field(&mut node, "used_memory");
    assert!(used >= 8 * 600_000, "{used}");
    assert!(field(&mut node, "mem_clients_normal") >= 8 * 600_000);
    assert_eq!(
        node.ask(&mut other, "SET a 2\nGET a"),
        format!("{OOM}$1\r\n1\r\n")
    );
    for sender in senders {
        node.engine.close(sender.session, node.now);
    }
    assert_eq!(node.ask(&mut other, "SET a 2"), "+OK\r\n");
    assert!(field(&mut node, "used_memory") < 1 << 20);
}

#[test]
fn what_the_shell_allocates_for_input_counts_until_it_is_free() {
    let mut node = limited(0);
    let client = node.client();
    let before = field(&mut node, "mem_clients_normal");
    node.engine.on_received(client.session, 10, 5000);
    let line = node.engine.sessions.line(client.session, node.now);
    assert!(line.contains(" qbuf=10 qbuf-free=4990 "), "{line}");
    assert_eq!(field(&mut node, "mem_clients_normal"), before + 5000);
    node.engine.on_received(client.session, 0, 0);
    assert_eq!(field(&mut node, "mem_clients_normal"), before);
}

#[test]
fn a_queue_that_grows_beyond_maxmemory_is_refused_and_exec_aborts() {
    let mut node = limited(1 << 20);
    let mut client = node.client();
    let value = "v".repeat(50_000);
    node.ask(&mut client, "MULTI");
    let mut replies = String::new();
    for _ in 0..40 {
        replies += &node.ask(&mut client, &format!("SET a {value}"));
    }
    assert!(replies.starts_with("+QUEUED\r\n"), "{replies}");
    assert!(replies.contains(OOM), "{replies}");
    // The reason is gone with the queue, which will not be executed.
    assert!(field(&mut node, "used_memory") < 1 << 20);
    assert_eq!(
        node.ask(&mut client, "EXEC\nGET a"),
        "-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n"
    );
}

#[test]
fn no_command_is_queued_without_memory_but_a_transaction_can_be_ended() {
    let mut node = limited(1 << 20);
    let (mut one, mut two) = (node.client(), node.client());
    node.ask(&mut two, "MULTI\nPING");
    node.ask(&mut one, "SETRANGE a 1100000 x");
    assert_eq!(node.ask(&mut one, "SET b 1"), OOM);
    assert_eq!(node.ask(&mut two, "PING"), OOM);
    assert_eq!(node.ask(&mut two, "DISCARD\nGET b"), "+OK\r\n$-1\r\n");
    assert_eq!(node.ask(&mut two, "DEL a\nSET b 1"), ":1\r\n+OK\r\n");
}

#[test]
fn small_commands_in_a_queue_count_with_their_overhead() {
    let mut node = limited(0);
    let mut client = node.client();
    let bare = own(&mut node, &mut client, "tot-mem");
    node.ask(&mut client, "MULTI");
    for _ in 0..100 {
        node.ask(&mut client, &"PING\n".repeat(100));
    }
    let line = node.engine.sessions.line(client.session, node.now);
    assert!(line.contains(" multi=10000 "), "{line}");
    let (bytes, spans_and_ends) = (10_000 * 4, 10_000 * (8 + 4));
    assert!(field(&mut node, "used_memory") >= bytes + spans_and_ends);
    node.ask(&mut client, "DISCARD");
    assert_eq!(own(&mut node, &mut client, "multi-mem"), 0);
    assert_eq!(own(&mut node, &mut client, "tot-mem"), bare);
}

#[test]
fn watched_keys_count() {
    let mut node = limited(0);
    let mut client = node.client();
    let name = "k".repeat(1000);
    for number in 0..10 {
        node.ask(&mut client, &format!("WATCH {name}{number}"));
    }
    assert!(own(&mut node, &mut client, "multi-mem") >= 10_000);
    node.ask(&mut client, "UNWATCH");
    assert_eq!(own(&mut node, &mut client, "multi-mem"), 0);
}

#[test]
fn arguments_of_an_unfinished_request_count() {
    let mut node = limited(0);
    let mut client = node.client();
    let begun = format!("*100000\r\n{}", "$0\r\n\r\n".repeat(50_000));
    node.send(&mut client, begun.as_bytes());
    let line = node.engine.sessions.line(client.session, node.now);
    let argv = line.split(" argv-mem=").nth(1).expect("it is there");
    let argv: usize = argv
        .split(' ')
        .next()
        .expect("a word")
        .parse()
        .expect("a number");
    assert!(argv >= 50_000 * 8, "{line}");
}

#[test]
fn a_request_beyond_the_query_limit_closes_its_client() {
    let mut node = Node::with(Config {
        client_query_buffer_limit: 1 << 20,
        ..Config::default()
    });
    let mut client = node.client();
    let begun = [
        &b"*2\r\n$3\r\nGET\r\n$2000000\r\nsecret"[..],
        &[b'x'; 1 << 20],
    ]
    .concat();
    assert_eq!(node.send(&mut client, &begun), "");
    assert_eq!(client.state, SessionState::Close);
    assert!(logged(
        &mut node,
        "Closing client that reached max query buffer length: id=1 "
    ));
    assert!(!logged(&mut node, "secret"));
    assert_eq!(
        field(&mut node, "client_query_buffer_limit_disconnections"),
        1
    );
}

#[test]
fn a_queue_beyond_the_query_limit_closes_its_client() {
    let mut node = Node::with(Config {
        client_query_buffer_limit: 1 << 20,
        ..Config::default()
    });
    let mut client = node.client();
    node.ask(&mut client, "MULTI");
    let pings = "PING\n".repeat(1000);
    for _ in 0..200 {
        if client.state == SessionState::Close {
            break;
        }
        node.ask(&mut client, &pings);
    }
    assert_eq!(client.state, SessionState::Close);
    assert_eq!(
        field(&mut node, "client_query_buffer_limit_disconnections"),
        1
    );
}

#[test]
fn who_has_not_authenticated_is_held_shorter() {
    let mut node = Node::with(Config {
        requirepass: Some(b"pw".to_vec()),
        ..Config::default()
    });
    let mut client = node.client();
    let reply = node.send(&mut client, b"*2\r\n$4\r\nAUTH\r\n$20000\r\n");
    assert_eq!(
        reply,
        "-ERR Protocol error: unauthenticated bulk length\r\n"
    );
    let id = node.client().session;
    node.engine.on_sent(id, Unsent::of(1024), node.now);
    assert!(!closed(&mut node, id));
    node.engine.on_sent(id, Unsent::of(1025), node.now);
    assert!(closed(&mut node, id));
}

#[test]
fn the_largest_clients_go_first_and_those_who_mind_stay() {
    let mut node = limited(0);
    let mut kept = node.client();
    let ids: Vec<SessionId> = (0..4).map(|_| node.client().session).collect();
    node.ask(&mut kept, "CLIENT NO-EVICT on");
    node.engine.on_received(kept.session, 0, 900_000);
    for (number, id) in ids.iter().enumerate() {
        node.engine.on_received(*id, 0, 100_000 * (number + 1));
    }
    node.ask(&mut kept, "CONFIG SET maxmemory-clients 1300000");
    let gone: Vec<bool> = ids.iter().map(|id| closed(&mut node, *id)).collect();
    assert_eq!(gone, [false, false, true, true]);
    assert!(logged(&mut node, "Evicting client: id=5 "));
    assert_eq!(field(&mut node, "evicted_clients"), 2);
    node.ask(&mut kept, "CONFIG SET maxmemory-clients 200kb");
    assert!(ids.iter().all(|id| closed(&mut node, *id)));
    assert!(!closed(&mut node, kept.session));
    let text = "Over client maxmemory after evicting all evictable clients";
    assert!(logged(&mut node, text));
}

#[test]
fn info_tells_what_waits_to_be_freed_and_what_was() {
    let mut node = limited(0);
    let mut client = node.client();
    for first in (0..4000).step_by(1000) {
        let pairs: Vec<_> = (first..first + 1000).map(|n| format!("k{n} 1")).collect();
        node.ask(&mut client, &format!("MSET {}", pairs.join(" ")));
    }
    for first in (0..2000).step_by(100) {
        let members: Vec<_> = (first..first + 100).map(|n| n.to_string()).collect();
        node.ask(&mut client, &format!("RPUSH big {}", members.join(" ")));
    }
    let told = |text: &str| {
        let of = |name: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name));
            value.unwrap().parse::<u32>().unwrap()
        };
        (of("lazyfree_pending_objects:"), of("lazyfreed_objects:"))
    };
    let text = node.ask(&mut client, "DEL big\nINFO memory");
    assert_eq!(told(&text), (1, 0));
    while node.engine.on_turn(node.now) {}
    let text = node.ask(&mut client, "FLUSHALL\nINFO memory");
    let (pending, freed) = told(&text);
    assert!(pending > 0, "some are freed at once, not all");
    assert_eq!(pending + freed, 4001);
    while node.engine.on_turn(node.now) {}
    let text = node.ask(&mut client, "INFO memory\nCONFIG RESETSTAT");
    assert_eq!(told(&text), (0, 4001));
    assert_eq!(told(&node.ask(&mut client, "INFO memory")), (0, 0));
}

#[test]
fn a_client_may_change_its_mind_about_being_closed() {
    let mut node = limited(0);
    let mut admin = node.client();
    let mut large = node.client();
    node.ask(&mut admin, "CLIENT NO-EVICT on");
    node.ask(&mut large, "CLIENT NO-EVICT on");
    node.engine.on_received(large.session, 0, 900_000);
    node.ask(&mut admin, "CONFIG SET maxmemory-clients 200kb");
    assert!(!closed(&mut node, large.session));
    node.ask(&mut large, "CLIENT NO-EVICT off");
    node.engine.on_turn(node.now);
    assert!(closed(&mut node, large.session));
}

#[test]
fn many_clients_are_closed_over_several_turns() {
    let mut node = limited(0);
    let mut kept = node.client();
    node.ask(&mut kept, "CLIENT NO-EVICT on");
    let ids: Vec<SessionId> = (0..200).map(|_| node.client().session).collect();
    for id in &ids {
        node.engine.on_received(*id, 0, 10_000);
    }
    node.engine.config.maxmemory_clients = ClientMemory::Bytes(128 << 10);
    assert!(node.engine.on_turn(node.now), "there is more to do");
    let first = node.engine.stats.evicted_clients;
    let mut turns = 1;
    while node.engine.on_turn(node.now) {
        turns += 1;
    }
    let all = node.engine.stats.evicted_clients;
    assert!((1..all).contains(&first) && turns > 1, "{first} of {all}");
    assert!(node.engine.sessions.ordinary_memory() <= 128 << 10);
}

#[test]
fn a_part_of_maxmemory_is_a_limit_for_clients() {
    let mut node = Node::with(Config {
        maxmemory: 10 << 20,
        maxmemory_clients: ClientMemory::Percent(5),
        ..Config::default()
    });
    let (small, large) = (node.client(), node.client());
    node.engine.on_received(small.session, 0, 10_000);
    node.engine.on_received(large.session, 0, 600_000);
    node.engine.on_turn(node.now);
    assert!(closed(&mut node, large.session));
    assert!(!closed(&mut node, small.session));
}

#[test]
fn replies_that_wait_count_until_they_have_left() {
    let mut node = limited(2 << 20);
    let (mut one, two) = (node.client(), node.client());
    node.engine
        .on_sent(two.session, Unsent::of(3 << 20), node.now);
    assert!(field(&mut node, "mem_clients_normal") >= 3 << 20);
    assert_eq!(node.ask(&mut one, "SET a 1"), OOM);
    node.engine
        .on_sent(two.session, Unsent::default(), node.now);
    assert_eq!(node.ask(&mut one, "SET a 1"), "+OK\r\n");
}

#[test]
fn what_waits_for_replicas_is_told_and_not_held_against_writers() {
    let mut node = limited(2 << 20);
    let mut replica = node.client();
    let lines = "REPLCONF listening-port 1\nREPLCONF capa eof capa psync2\nPSYNC ? -1";
    node.ask(&mut replica, lines);
    node.engine
        .on_sent(replica.session, Unsent::of(3 << 20), node.now);
    node.pass(200);
    let (slaves, not_counted) = ("mem_clients_slaves", "mem_not_counted_for_evict");
    assert!(field(&mut node, slaves) >= 3 << 20);
    assert_eq!(field(&mut node, slaves), field(&mut node, not_counted));
    assert!(field(&mut node, "used_memory") >= 3 << 20);
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "SET a 1"), "+OK\r\n");
}

#[test]
fn the_backlog_counts_and_never_exceeds_its_size() {
    let mut node = limited(0);
    node.engine.config.repl_backlog_size = 1 << 20;
    node.engine.replication.stream.keep(1 << 20);
    let mut client = node.client();
    node.ask(&mut client, "SETRANGE a 100 x");
    let large = "v".repeat(5 << 20);
    let set = format!(
        "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n${}\r\n{large}\r\n",
        large.len()
    );
    assert_eq!(node.send(&mut client, set.as_bytes()), "+OK\r\n");
    let backlog = field(&mut node, "mem_replication_backlog");
    let kept = 1 << 20..(3 << 20);
    assert!(kept.contains(&backlog), "{backlog}");
    assert_eq!(
        field(&mut node, "mem_total_replication_buffers"),
        backlog + field(&mut node, "mem_clients_slaves")
    );
}

#[test]
fn a_batch_of_very_many_arguments_gives_its_memory_back() {
    let mut node = limited(0);
    let mut client = node.client();
    let request = format!("*100001\r\n$3\r\nDEL\r\n{}", "$1\r\nk\r\n".repeat(100_000));
    assert_eq!(node.send(&mut client, request.as_bytes()), ":0\r\n");
    node.ask(&mut client, "PING");
    assert!(node.engine.batch.memory() < 1 << 20);
}

#[test]
fn each_database_with_keys_is_told_of() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "SET a 1\nSELECT 3\nSET b 1 EX 100\nSET c 1");
    let stats = node.ask(&mut client, "MEMORY STATS");
    let of = |db: &str, field: &str| -> u64 {
        let (_, after) = stats.split_once(&format!("\r\n{db}\r\n")).expect(db);
        let (_, after) = after.split_once(&format!("{field}\r\n:")).expect(field);
        let (number, _) = after.split_once("\r\n").expect("a line");
        number.parse().expect("a number")
    };
    assert!(!stats.contains("db.1\r\n"), "{stats}");
    assert!(of("db.0", "overhead.hashtable.main") > 0);
    assert_eq!(of("db.0", "overhead.hashtable.expires"), 0);
    assert!(of("db.3", "overhead.hashtable.expires") > 0);
    assert_eq!(of("db.3", "overhead.hashtable.slot-to-keys"), 0);
}
