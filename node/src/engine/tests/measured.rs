//! What the node tells of its own work: LATENCY, MEMORY, CLUSTER SLOT-STATS.

use super::{Client, Node};

#[test]
fn calls_are_counted_by_command_while_they_are_tracked() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "SET a 1\nSET b 1\nGET a\nCONFIG GET port");
    let shown = node.ask(&mut client, "LATENCY HISTOGRAM set config");
    let set = "$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n*2\r\n:1\r\n:2\r\n";
    assert!(
        shown.starts_with("*4\r\n") && shown.contains(set),
        "{shown}"
    );
    assert!(
        shown.contains("config|get"),
        "those of a container: {shown}"
    );
    let info = node.ask(&mut client, "INFO latencystats");
    let line = "latency_percentiles_usec_get:p50=0.000,p99=0.000,p99.9=0.000\r\n";
    assert!(info.contains(line), "{info}");
    node.ask(
        &mut client,
        "CONFIG SET latency-tracking-info-percentiles \"12.5\"",
    );
    let info = node.ask(&mut client, "INFO latencystats");
    assert!(info.contains("usec_get:p12.5=0.000\r\n"), "{info}");
    node.ask(
        &mut client,
        "CONFIG SET latency-tracking no\nCONFIG RESETSTAT\nGET a",
    );
    assert_eq!(node.ask(&mut client, "LATENCY HISTOGRAM"), "*0\r\n");
    let refused = node.ask(
        &mut client,
        "CONFIG SET latency-tracking-info-percentiles 101",
    );
    assert!(
        refused.contains("should sit between [0.0,100.0]"),
        "{refused}"
    );
}

#[test]
fn a_slow_command_is_noted_whatever_the_slow_log_says() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(
        &mut client,
        "CONFIG SET slowlog-log-slower-than -1 latency-monitor-threshold 1",
    );
    assert_eq!(node.ask(&mut client, "LATENCY LATEST"), "*0\r\n");
    node.engine.latency.note("command", 7, 1, 5000);
    assert_eq!(
        node.ask(&mut client, "LATENCY HISTORY command"),
        "*1\r\n*2\r\n:5\r\n:7\r\n"
    );
    assert!(
        node.ask(&mut client, "LATENCY GRAPH command")
            .contains("high 7 ms, low 7 ms")
    );
    assert!(
        node.ask(&mut client, "LATENCY DOCTOR")
            .contains("command: 1 seconds")
    );
    assert_eq!(
        node.ask(&mut client, "LATENCY GRAPH none"),
        "-ERR No samples available for event 'none'\r\n"
    );
    assert_eq!(node.ask(&mut client, "LATENCY RESET"), ":1\r\n");
}

/// A node with 2000 keys, and its client.
fn filled() -> (Node, Client) {
    let mut node = Node::standalone();
    let mut client = node.client();
    let fill: String = (0..2000)
        .map(|n| format!("SET key:{n} {n:0300}\n"))
        .collect();
    node.ask(&mut client, &fill);
    (node, client)
}

/// A number of INFO memory or MEMORY STATS.
fn number(text: &str, name: &str) -> u64 {
    let mut lines = text.lines();
    lines.find(|line| line.ends_with(name) || line.starts_with(&format!("{name}:")));
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let line = line.or_else(|| lines.next().and_then(|line| line.strip_prefix(':')));
    let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    line.parse().expect("a number")
}

#[test]
fn memory_is_told_alike_by_info_and_by_memory_stats() {
    let (mut node, mut client) = filled();
    let (info, stats) = (
        node.ask(&mut client, "INFO memory"),
        node.ask(&mut client, "MEMORY STATS"),
    );
    for (ours, other) in [
        ("used_memory_startup", "startup.allocated"),
        ("used_memory_dataset", "dataset.bytes"),
        ("allocator_active", "allocator.active"),
        ("allocator_resident", "allocator.resident"),
    ] {
        assert_eq!(number(&info, ours), number(&stats, other), "{ours}");
    }
    assert_eq!(number(&stats, "keys.count"), 2000);
    assert_eq!(
        number(&info, "used_memory_overhead"),
        number(&stats, "overhead.total")
    );
    let (data, active) = (
        number(&info, "allocator_allocated"),
        number(&info, "allocator_active"),
    );
    assert!(data > 600_000 && active >= data, "{info}");
    node.ask(&mut client, "FLUSHALL");
    node.pass(200);
    let before = number(&node.ask(&mut client, "INFO memory"), "allocator_resident");
    assert_eq!(node.ask(&mut client, "MEMORY PURGE"), "+OK\r\n");
    let after = number(&node.ask(&mut client, "INFO memory"), "allocator_resident");
    assert!(after < before && after < 100_000, "{before} -> {after}");
    assert!(
        node.ask(&mut client, "MEMORY DOCTOR")
            .contains("nothing to say")
    );
    assert!(
        node.ask(&mut client, "MEMORY MALLOC-STATS")
            .contains("Their heap")
    );
}

#[test]
fn slots_are_ordered_by_what_is_asked_of_them() {
    let mut node = Node::master();
    let mut client = node.client();
    node.ask(&mut client, "SET {a}1 x\nSET {a}2 x\nSET {b}1 x");
    // Of `a` and of `b`.
    let [a, b] = [15495, 3300];
    let most = node.ask(&mut client, "CLUSTER SLOT-STATS ORDERBY key-count LIMIT 2");
    let row =
        |slot: u16, keys: u8| format!("*2\r\n:{slot}\r\n*2\r\n$9\r\nkey-count\r\n:{keys}\r\n");
    assert_eq!(most, format!("*2\r\n{}{}", row(a, 2), row(b, 1)));
    let range = format!("CLUSTER SLOT-STATS SLOTSRANGE {b} {b}");
    assert_eq!(
        node.ask(&mut client, &range),
        format!("*1\r\n{}", row(b, 1))
    );
    node.ask(&mut client, "CONFIG SET cluster-slot-stats-enabled yes");
    // 21 bytes in, 7 out.
    node.send(&mut client, b"*2\r\n$3\r\nGET\r\n$4\r\n{b}1\r\n");
    let shown = node.ask(
        &mut client,
        "CLUSTER SLOT-STATS ORDERBY network-bytes-in LIMIT 1",
    );
    let wanted = format!(
        "*1\r\n*2\r\n:{b}\r\n*8\r\n$9\r\nkey-count\r\n:1\r\n$8\r\ncpu-usec\r\n:0\r\n\
         $16\r\nnetwork-bytes-in\r\n:23\r\n$17\r\nnetwork-bytes-out\r\n:7\r\n"
    );
    assert_eq!(shown, wanted);
    node.ask(&mut client, "CONFIG RESETSTAT");
    let shown = node.ask(&mut client, &range);
    assert!(shown.contains("network-bytes-in\r\n:0\r\n"), "{shown}");
}

#[test]
fn tables_and_times_of_keys_are_part_of_what_is_used() {
    let (mut node, mut client) = filled();
    let mut measure = |requests: &str| {
        node.ask(&mut client, requests);
        let info = node.ask(&mut client, "INFO memory");
        ["used_memory", "used_memory_overhead", "used_memory_dataset"]
            .map(|name| number(&info, name).cast_signed())
    };
    let [used, overhead, dataset] = measure("PING");
    assert_eq!(used, overhead + dataset);
    assert!(overhead > 2000 * 8, "{overhead}");
    let times: String = (0..2000)
        .map(|n| format!("EXPIRE key:{n} {}\n", 100 + n))
        .collect();
    let timed = measure(&times);
    // An entry has 8 bytes more, and each time stands in a tree.
    let more = timed[1] - overhead;
    assert!((2000 * 16..2000 * 64).contains(&more), "{more}");
    assert!(timed[0] >= used + more + 2000 * 8, "{timed:?}");
    let persist: String = (0..2000).map(|n| format!("PERSIST key:{n}\n")).collect();
    let [.., overhead_after, dataset_after] = measure(&persist);
    assert_eq!((overhead_after, dataset_after), (overhead, dataset));
}
