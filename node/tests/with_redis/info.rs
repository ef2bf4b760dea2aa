//! The fields of INFO, beside those of redis-server 7.0: exporters and dashboards read them.

use std::collections::BTreeMap;

use slotkeeper_node::command::docs::MISSING_INFO;

use crate::process::Server;
use crate::sync::{CLUSTER, is_up, join, serve_all};

/// What we have that Redis 7.0 has not, beside what begins with `slotkeeper_`.
const OURS: [(&str, &str); 16] = [
    ("acl_access_denied_auth", "of 7.2"),
    ("acl_access_denied_channel", "of 7.2"),
    ("acl_access_denied_cmd", "of 7.2"),
    ("acl_access_denied_key", "of 7.2"),
    ("availability_zone", "of Valkey"),
    ("client_output_buffer_limit_disconnections", "of 7.4"),
    ("client_query_buffer_limit_disconnections", "of 7.4"),
    ("eventloop_cycles", "of 7.2"),
    ("eventloop_duration_cmd_sum", "of 7.2"),
    ("eventloop_duration_sum", "of 7.2"),
    ("expired_subkeys", "of 7.4"),
    ("instantaneous_eventloop_cycles_per_sec", "of 7.2"),
    ("instantaneous_eventloop_duration_usec", "of 7.2"),
    ("listener0", "of 7.2"),
    ("total_blocking_keys", "of 7.2"),
    ("total_blocking_keys_on_nokey", "of 7.2"),
];

/// All fields with their values.
fn fields(server: &Server) -> BTreeMap<String, String> {
    let reply = server.client().call(&["INFO", "everything"]);
    let text = String::from_utf8_lossy(reply.text().expect("INFO is text")).into_owned();
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    // What clients did is not alike.
    let counted = ["cmdstat_", "errorstat_", "latency_percentiles_"];
    let pairs = pairs.filter(|(name, _)| !counted.iter().any(|known| name.starts_with(known)));
    (pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned()))).collect()
}

/// What a value looks like to a program that reads it.
fn shape(value: &str) -> &'static str {
    let number = value.trim_end_matches('%');
    match number {
        _ if number.parse::<i64>().is_ok() => "a whole number",
        _ if number.parse::<f64>().is_ok() => "a number",
        _ => "text",
    }
}

fn compare(ours: &Server, theirs: &Server) {
    let (ours, theirs) = (fields(ours), fields(theirs));
    let missing: Vec<&str> = MISSING_INFO.iter().map(|(name, _)| *name).collect();
    let absent = theirs.keys().filter(|name| !ours.contains_key(*name));
    assert_eq!(absent.collect::<Vec<_>>(), missing);
    let known =
        |name: &str| name.starts_with("slotkeeper_") || OURS.iter().any(|(ours, _)| *ours == name);
    let more = ours
        .keys()
        .filter(|name| !theirs.contains_key(*name) && !known(name));
    assert_eq!(more.collect::<Vec<_>>(), Vec::<&String>::new());
    for (name, there) in &theirs {
        // Of a build, and of a machine.
        if let Some(here) = ours.get(name)
            && name != "redis_build_id"
        {
            assert_eq!(shape(here), shape(there), "{name}: {here}, there {there}");
        }
    }
}

#[test]
fn info_has_the_fields_that_redis_has() {
    let (ours, theirs) = (Server::node(&[]), Server::redis(&[]));
    for server in [&ours, &theirs] {
        server.client().call(&["SET", "key", "value", "EX", "1000"]);
    }
    compare(&ours, &theirs);
}

#[test]
fn masters_and_replicas_of_a_cluster_have_the_fields_that_those_of_redis_have() {
    let shard = |start: fn(&[&str]) -> Server| {
        let (master, replica) = (start(&CLUSTER), start(&CLUSTER));
        serve_all(&master);
        join(&master, &replica);
        replica.until("the replica is in sync", || is_up(&replica));
        (master, replica)
    };
    let (ours, theirs) = (shard(Server::node), shard(Server::redis));
    compare(&ours.0, &theirs.0);
    compare(&ours.1, &theirs.1);
}

#[test]
fn info_tells_what_the_last_load_and_the_traffic_were() {
    let server = Server::node(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    for key in ["a", "b", "c"] {
        client.call(&["SET", key, "value"]);
    }
    let number = |name: &str| server.info(name).parse::<u64>().expect("a number");
    assert_eq!(number("rdb_last_load_keys_loaded"), 0);
    client.call(&["DEBUG", "RELOAD"]);
    assert_eq!(number("rdb_last_load_keys_loaded"), 3);
    assert_eq!(number("rdb_last_load_keys_expired"), 0);
    let (reads, writes) = (
        number("total_reads_processed"),
        number("total_writes_processed"),
    );
    for _ in 0..10 {
        client.call(&["PING"]);
    }
    assert!(number("total_reads_processed") >= reads + 10);
    assert!(number("total_writes_processed") >= writes + 10);
    client.call(&["CONFIG", "RESETSTAT"]);
    assert!(number("total_reads_processed") < reads + 10);
}
