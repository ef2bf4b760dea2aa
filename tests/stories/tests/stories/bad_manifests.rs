//! A manifest that cannot work is refused in one clear line, and nothing is left running.

use std::net::TcpListener;
use std::process::Output;

use slotkeeper_stories::local::Local;

fn refused(local: &Local, output: &Output, wanted: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    for words in wanted {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
    for nth in 0..6 {
        let port = local.port(nth);
        assert!(
            TcpListener::bind(("127.0.0.1", port)).is_ok(),
            "{port} is left in use"
        );
    }
}

#[test]
fn a_manifest_out_of_bounds_is_refused() {
    let cases: [(&str, &str, &[&str]); 8] = [
        ("shards: 3", "shards: 0", &["spec.shards"]),
        (
            "replicasPerShard: 1",
            "replicasPerShard: 9",
            &["spec.replicasPerShard"],
        ),
        ("shards: 3", "shards: three", &["spec.shards"]),
        (
            "maxmemory: 256mb",
            "cluster-enabled: \"no\"",
            &["spec.config", "cluster-enabled"],
        ),
        (
            "maxmemory: 256mb",
            "maxmemory: much",
            &["spec.config", "maxmemory much", "must be a memory value"],
        ),
        ("key: password", "key: passwort", &["passwort"]),
        (
            "stringData:",
            "data:",
            &[
                "Secret tour-password: data.password is not base64",
                "stringData",
            ],
        ),
        (
            "maxmemory: 256mb",
            "cluster-require-full-coverage: yes",
            &[
                "spec.config.cluster-require-full-coverage",
                "put it in quotes",
            ],
        ),
    ];
    for (old, new, wanted) in cases {
        let local = Local::new("bad", &[(old, new)]);
        let output = local.up_to_the_end(&[]);
        refused(&local, &output, wanted);
    }
}

#[test]
fn a_taken_port_is_named_with_the_process_that_holds_it() {
    let local = Local::new("taken", &[]);
    let holder = TcpListener::bind(("127.0.0.1", local.port(2))).expect("the port is leased");
    let output = local.up_to_the_end(&[]);
    drop(holder);
    let port = local.port(2).to_string();
    refused(&local, &output, &[&port, &std::process::id().to_string()]);
}

#[test]
fn a_missing_node_program_is_named() {
    let local = Local::new("missing", &[]);
    let output = local.up_to_the_end(&["--node-binary", "/nonexistent/slotkeeper-node"]);
    refused(&local, &output, &["/nonexistent/slotkeeper-node"]);
}
