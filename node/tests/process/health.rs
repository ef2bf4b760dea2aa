//! The health port.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use slotkeeper_node::resp::encode_command;

use crate::ports::free_port;
use crate::support::{Directory, Node};

pub fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

pub fn is_ok(response: &str) -> bool {
    response.starts_with("HTTP/1.1 200 OK\r\n")
}

#[test]
fn a_node_is_live_before_it_is_ready() {
    let directory = Directory::new();
    let port = free_port();
    let text = port.to_string();
    let health = ["--health-port", &text, "--health-bind", "127.0.0.1"];
    let node = Node::start(
        &directory,
        &[&health[..], &["--cluster-enabled", "yes"]].concat(),
    );
    assert!(is_ok(&get(port, "/livez")));
    assert!(!is_ok(&get(port, "/readyz")), "it owns no slot");
    let reply = node
        .client()
        .text(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    assert_eq!(reply, "OK");
    node.wait_for("ready", || is_ok(&get(port, "/readyz")).then_some(()));
    let metrics = get(port, "/metrics");
    assert!(is_ok(&metrics), "{metrics}");
    let samples = metrics
        .lines()
        .filter(|line| line.contains(' ') && !line.starts_with('#'));
    assert!(samples.count() > 20, "{metrics}");
}

#[test]
fn idle_connections_keep_no_probe_waiting() {
    let directory = Directory::new();
    let port = free_port();
    let text = port.to_string();
    let health = ["--health-port", &text, "--health-bind", "127.0.0.1"];
    let _node = Node::start(&directory, &health);
    let connect = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        // One that had to leave already takes no more.
        let _ = stream.write_all(b"GET ");
        stream
    };
    for idle in [64, 128, 500] {
        let idle: Vec<TcpStream> = (0..idle).map(connect).collect();
        assert!(is_ok(&get(port, "/livez")), "beside {}", idle.len());
        assert!(is_ok(&get(port, "/metrics")), "beside {}", idle.len());
    }
}

#[test]
fn probes_and_metrics_are_answered_while_the_port_is_busy() {
    let directory = Directory::new();
    let port = free_port();
    let text = port.to_string();
    let node = Node::start(
        &directory,
        &["--health-port", &text, "--health-bind", "127.0.0.1"],
    );
    let stop = Arc::new(AtomicBool::new(false));
    let mut requests = Vec::new();
    for i in 0..5000 {
        encode_command(&mut requests, &["SET", &format!("key:{i}"), "value"]);
    }
    let requests = Arc::new(requests);
    let mut threads = Vec::new();
    for _ in 0..4 {
        let (stop, requests) = (Arc::clone(&stop), Arc::clone(&requests));
        let mut stream = node.client().stream;
        threads.push(std::thread::spawn(move || {
            let mut replies = vec![0; 5 * 5000];
            while !stop.load(Ordering::Relaxed) {
                stream.write_all(&requests).unwrap();
                stream.read_exact(&mut replies).unwrap();
            }
        }));
    }
    for path in ["/livez", "/readyz", "/metrics"].repeat(5) {
        let asked = Instant::now();
        let response = get(port, path);
        let taken = asked.elapsed();
        assert!(
            !response.is_empty() && taken < Duration::from_secs(5),
            "{path}: {taken:?}"
        );
        assert!(path == "/readyz" || is_ok(&response), "{path}: {response}");
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn snapshots_that_fail_are_seen_while_the_node_stays_ready() {
    let directory = Directory::new();
    let port = free_port();
    let text = port.to_string();
    let health = ["--health-port", &text, "--health-bind", "127.0.0.1"];
    let node = Node::start(&directory, &[&health[..], &["--save", "3600 1"]].concat());
    let mut client = node.client();
    assert_eq!(client.text(&["SET", "key", "value"]), "OK");
    let metric = |line: &str| {
        let metrics = get(port, "/metrics");
        assert!(is_ok(&metrics), "{metrics}");
        metrics.contains(&format!("\nslotkeeper_{line}\n"))
    };
    assert!(metric("snapshot_ok 1") && metric("snapshot_unsaved_changes 1"));
    // A name that is taken by a directory: no rename can succeed.
    let taken = directory.path().join("dump.rdb");
    std::fs::create_dir_all(taken.join("in-use")).unwrap();
    assert!(client.text(&["SAVE"]).contains("the snapshot failed"));
    assert!(metric("snapshot_ok 0") && metric("snapshot_failures_total 1"));
    assert!(metric("snapshot_unsaved_changes 1") && metric("snapshots_total 0"));
    let info = client.text(&["INFO", "persistence"]);
    assert!(info.contains("rdb_last_bgsave_status:err\r\n"), "{info}");
    assert!(
        info.contains("slotkeeper_snapshot_error:Is a directory\r\n"),
        "{info}"
    );
    assert!(client.text(&["SET", "key", "other"]).contains("MISCONF"));
    assert!(is_ok(&get(port, "/readyz")), "it serves reads");
    std::fs::remove_dir_all(taken).unwrap();
    assert_eq!(client.text(&["SAVE"]), "OK");
    assert!(metric("snapshot_ok 1") && metric("snapshot_unsaved_changes 0"));
    let info = client.text(&["INFO", "persistence"]);
    assert!(info.contains("slotkeeper_snapshot_error:\r\n"), "{info}");
    assert_eq!(client.text(&["SET", "key", "other"]), "OK");
}
