//! maxmemory with keys that go.

use super::stream::streamed;
use super::{Client, Node};
use crate::config::{Config, EvictionPolicy};

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/// Room for some thousands of short keys.
const LIMIT: u64 = 600_000;

fn node(policy: EvictionPolicy) -> Node {
    Node::with(Config {
        maxmemory: LIMIT,
        maxmemory_policy: policy,
        save: Vec::new(),
        ..Config::default()
    })
}

fn number(node: &mut Node, client: &mut Client, name: &str) -> u64 {
    let info = node.ask(client, "INFO everything");
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.expect("the field is there").parse().expect("a number")
}

fn dbsize(node: &mut Node, client: &mut Client) -> u64 {
    let reply = node.ask(client, "DBSIZE");
    reply[1..].trim().parse().expect("a number")
}

/// Sets keys of 100 bytes; panics if one is refused.
fn fill(
    node: &mut Node,
    client: &mut Client,
    prefix: &str,
    keys: std::ops::Range<u32>,
    more: &str,
) {
    let value = "v".repeat(100);
    for key in keys {
        let reply = node.ask(client, &format!("SET {prefix}{key} {value}{more}"));
        assert_eq!(reply, "+OK\r\n", "{prefix}{key}");
    }
}

/// Lets turns follow each other for as long as there is something to do.
fn settle(node: &mut Node) {
    while node.engine.on_turn(node.now) {}
}

/// How many of these keys are there.
fn left(node: &mut Node, client: &mut Client, prefix: &str, keys: std::ops::Range<u32>) -> u32 {
    let mut count = 0;
    for key in keys {
        count += u32::from(node.ask(client, &format!("EXISTS {prefix}{key}")) == ":1\r\n");
    }
    count
}

#[test]
fn writes_go_on_at_the_limit_and_memory_stays_below_it() {
    for policy in [
        EvictionPolicy::AllKeysLru,
        EvictionPolicy::AllKeysLfu,
        EvictionPolicy::AllKeysRandom,
    ] {
        let mut node = node(policy);
        let mut client = node.client();
        fill(&mut node, &mut client, "k", 0..8000, "");
        let evicted = number(&mut node, &mut client, "evicted_keys");
        assert_eq!(dbsize(&mut node, &mut client) + evicted, 8000, "{policy:?}");
        assert!(evicted > 3000, "{policy:?}: {evicted}");
        assert!(number(&mut node, &mut client, "used_memory") <= LIMIT);
    }
}

#[test]
fn keys_that_were_not_used_for_the_longest_time_go_first() {
    let mut node = node(EvictionPolicy::AllKeysLru);
    let mut client = node.client();
    fill(&mut node, &mut client, "old", 0..3000, "");
    node.pass(10_000);
    fill(&mut node, &mut client, "used", 0..500, "");
    for _ in 0..3 {
        node.pass(10_000);
        assert_eq!(left(&mut node, &mut client, "used", 0..500), 500);
        for key in 0..500 {
            node.ask(&mut client, &format!("GET used{key}"));
        }
    }
    node.pass(1000);
    fill(&mut node, &mut client, "new", 0..3000, "");
    let (old, used) = (
        left(&mut node, &mut client, "old", 0..3000),
        left(&mut node, &mut client, "used", 0..500),
    );
    assert!(used >= 490 && old < 2200, "{used} used, {old} old");
}

#[test]
fn keys_that_are_used_often_stay() {
    let mut node = node(EvictionPolicy::AllKeysLfu);
    let mut client = node.client();
    fill(&mut node, &mut client, "used", 0..100, "");
    for _ in 0..40 {
        for key in 0..100 {
            node.ask(&mut client, &format!("GET used{key}"));
        }
    }
    let frequency = node.ask(&mut client, "OBJECT FREQ used7");
    let frequency: u32 = frequency[1..].trim().parse().expect("a number");
    assert!((6..30).contains(&frequency), "{frequency}");
    fill(&mut node, &mut client, "new", 0..8000, "");
    let used = left(&mut node, &mut client, "used", 0..100);
    assert!(used >= 98, "{used}");
}

#[test]
fn only_keys_with_a_time_to_live_go_and_without_them_writes_are_refused() {
    for policy in [
        EvictionPolicy::VolatileLru,
        EvictionPolicy::VolatileLfu,
        EvictionPolicy::VolatileRandom,
        EvictionPolicy::VolatileTtl,
    ] {
        let mut node = node(policy);
        let mut client = node.client();
        fill(&mut node, &mut client, "kept", 0..2500, "");
        // So few among many are found by their times.
        fill(&mut node, &mut client, "timed", 0..100, " EX 1000");
        fill(&mut node, &mut client, "timed", 100..3000, " EX 5000");
        assert_eq!(left(&mut node, &mut client, "kept", 0..2500), 2500);
        if policy == EvictionPolicy::VolatileTtl {
            assert_eq!(left(&mut node, &mut client, "timed", 0..100), 0);
        }
        node.ask(&mut client, "CONFIG SET maxmemory 100000");
        settle(&mut node);
        assert_eq!(dbsize(&mut node, &mut client), 2500, "{policy:?}");
        assert_eq!(node.ask(&mut client, "SET a 1"), OOM);
        assert_eq!(
            node.ask(&mut client, "DEL kept1\nGET kept2").len(),
            4 + 6 + 102
        );
    }
}

#[test]
fn keys_of_every_database_go() {
    let mut node = node(EvictionPolicy::AllKeysLru);
    let mut client = node.client();
    for db in 0..4 {
        node.ask(&mut client, &format!("SELECT {db}"));
        fill(&mut node, &mut client, "k", 0..1000, "");
    }
    node.ask(&mut client, "CONFIG SET maxmemory 1");
    settle(&mut node);
    for db in 0..4 {
        node.ask(&mut client, &format!("SELECT {db}"));
        assert_eq!(dbsize(&mut node, &mut client), 0);
    }
    assert_eq!(node.ask(&mut client, "SET a 1"), OOM);
}

#[test]
fn a_lower_limit_is_reached_by_and_by_and_the_time_beyond_it_is_told() {
    let mut node = node(EvictionPolicy::AllKeysLru);
    let mut client = node.client();
    fill(&mut node, &mut client, "k", 0..3500, "");
    node.ask(
        &mut client,
        "CONFIG SET maxmemory-eviction-tenacity 0 maxmemory 200kb",
    );
    // One key goes with each turn.
    assert!(dbsize(&mut node, &mut client) > 3000);
    assert_eq!(node.ask(&mut client, "SET a 1"), "+OK\r\n");
    settle(&mut node);
    assert!(number(&mut node, &mut client, "used_memory") <= 200 << 10);
    assert!(dbsize(&mut node, &mut client) > 500);
    node.ask(
        &mut client,
        "CONFIG SET maxmemory-policy noeviction maxmemory 1",
    );
    node.pass(3000);
    let told = |node: &mut Node, client: &mut Client| {
        let total = number(node, client, "total_eviction_exceeded_time");
        (
            total,
            number(node, client, "current_eviction_exceeded_time"),
        )
    };
    assert_eq!(told(&mut node, &mut client), (3000, 3000));
    node.ask(&mut client, "CONFIG SET maxmemory 0");
    assert_eq!(told(&mut node, &mut client), (3000, 0));
    node.ask(&mut client, "CONFIG RESETSTAT");
    assert_eq!(told(&mut node, &mut client), (0, 0));
}

#[test]
fn no_key_goes_while_clients_are_paused_or_for_what_does_not_take_memory() {
    let mut node = node(EvictionPolicy::AllKeysLru);
    let (mut client, mut other) = (node.client(), node.client());
    fill(&mut node, &mut client, "k", 0..1000, "");
    node.ask(
        &mut client,
        "CLIENT PAUSE 500 WRITE\nCONFIG SET maxmemory 1",
    );
    assert_eq!(node.ask(&mut other, "SET a 1"), "");
    node.pass(400);
    assert_eq!(dbsize(&mut node, &mut client), 1000);
    node.pass(1000);
    assert!(node.resumed(other.session));
    assert_eq!(node.ask(&mut other, "GET k1"), format!("{OOM}$-1\r\n"));
    assert_eq!(dbsize(&mut node, &mut client), 0);
}

#[test]
fn what_is_freed_in_steps_costs_no_other_key() {
    let mut node = node(EvictionPolicy::AllKeysLru);
    let mut client = node.client();
    fill(&mut node, &mut client, "k", 0..100, "");
    node.pass(5000);
    for element in 0..40 {
        let value = "e".repeat(10_000);
        node.ask(&mut client, &format!("RPUSH big {value}{element}"));
    }
    assert_eq!(left(&mut node, &mut client, "k", 0..100), 100);
    // All in one turn: the list is removed, and not free yet.
    assert_eq!(
        node.ask(&mut client, "DEL big\nSETRANGE new 300000 x\nSET more x"),
        ":1\r\n:300001\r\n+OK\r\n"
    );
    assert_eq!(left(&mut node, &mut client, "k", 0..100), 100);
    assert_eq!(number(&mut node, &mut client, "evicted_keys"), 0);
}

#[test]
fn replicas_are_told_before_the_write_that_needed_the_room() {
    let mut node = node(EvictionPolicy::AllKeysLru);
    let mut client = node.client();
    for (lazy, word) in [("no", "DEL"), ("yes", "UNLINK")] {
        node.ask(
            &mut client,
            &format!(
                "FLUSHALL\nSET old 1\nCONFIG SET maxmemory {LIMIT} lazyfree-lazy-eviction {lazy}"
            ),
        );
        node.pass(2000);
        node.ask(&mut client, "SETRANGE large 500000 x");
        let stream = streamed(&mut node, &mut client, "SETRANGE more 200000 x\nSET a 1");
        let is_removal = |line: &&String| line.starts_with("SETRANGE more") || line.contains("old");
        let told: Vec<&String> = stream.iter().filter(is_removal).collect();
        assert!(told[0].starts_with("SETRANGE more"), "{told:?}");
        assert_eq!(told[1..], [&format!("{word} old")]);
        assert_eq!(stream.last().map(String::as_str), Some("SET a 1"));
    }
}

#[test]
fn those_who_watch_a_key_see_it_go() {
    let mut node = node(EvictionPolicy::AllKeysRandom);
    let (mut client, mut other) = (node.client(), node.client());
    node.ask(&mut client, "SET a 1\nWATCH a\nMULTI\nGET a");
    node.ask(&mut other, "CONFIG SET maxmemory 1");
    node.pass(200);
    node.ask(&mut other, "CONFIG SET maxmemory 0");
    assert_eq!(node.ask(&mut client, "EXEC"), "*-1\r\n");
}

#[test]
fn a_transaction_makes_room_before_it_begins_and_is_whole() {
    let mut node = node(EvictionPolicy::AllKeysLru);
    let mut client = node.client();
    fill(&mut node, &mut client, "k", 0..6000, "");
    let before = number(&mut node, &mut client, "evicted_keys");
    let value = "w".repeat(20_000);
    node.ask(&mut client, "MULTI");
    for key in 0..5 {
        assert_eq!(
            node.ask(&mut client, &format!("SET t{key} {value}")),
            "+QUEUED\r\n"
        );
    }
    assert_eq!(
        node.ask(&mut client, "STRLEN t0\nEXEC"),
        "+QUEUED\r\n*6\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n:20000\r\n"
    );
    assert!(number(&mut node, &mut client, "evicted_keys") > before + 500);
}
