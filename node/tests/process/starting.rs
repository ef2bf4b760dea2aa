use std::net::TcpListener;

use crate::ports::free_port;
use crate::support::{Directory, Node, run_to_end};

#[test]
fn says_its_version_and_usage() {
    let (status, text) = run_to_end(&["--version"]);
    assert!(
        status.success() && text.starts_with("Slotkeeper node v="),
        "{text}"
    );
    let (status, text) = run_to_end(&["--help"]);
    assert!(
        status.success() && text.contains("slotkeeper-node [/path/to/redis.conf]"),
        "{text}"
    );
}

#[test]
fn names_the_directive_that_it_cannot_take() {
    let directory = Directory::new();
    let file = directory.path().join("redis.conf");
    std::fs::write(&file, "# first\nport 0\nno-such-thing 1\n").unwrap();
    let (status, text) = run_to_end(&[file.to_str().unwrap()]);
    assert_eq!(status.code(), Some(1));
    let place = format!(
        "'{}', at line 3\n>>> 'no-such-thing (redacted)'\n",
        file.display()
    );
    assert!(text.contains(&place), "{text}");
}

#[test]
fn judges_a_configuration_without_running_it() {
    let (status, text) = run_to_end(&["--check-config", "--maxmemory", "2mb"]);
    assert!(status.success(), "{text}");
    for line in [
        "maxmemory 2097152",
        "appendonly no",
        "save 3600 1 300 100 60 10000",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    let (status, text) = run_to_end(&["--check-config", "--maxmemory", "much"]);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("argument must be a memory value"), "{text}");
}

#[test]
fn names_the_taken_port() {
    let directory = Directory::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let path = directory.path().to_str().unwrap();
    let args = ["--port", &port, "--bind", "127.0.0.1", "--dir", path];
    let (status, text) = run_to_end(&args);
    assert_eq!(status.code(), Some(1));
    let line = format!(
        "Could not create server TCP listening socket 127.0.0.1:{port}: bind: Address already in use"
    );
    assert!(text.contains(&line), "{text}");

    let free = free_port().to_string();
    let args = [
        "--port",
        &free,
        "--cluster-port",
        &port,
        "--cluster-enabled",
        "yes",
        "--bind",
        "127.0.0.1",
        "--dir",
        path,
    ];
    let (status, text) = run_to_end(&args);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains(&line), "the bus port: {text}");
}

#[test]
fn names_the_missing_directory() {
    let (status, text) = run_to_end(&["--port", "0", "--dir", "/nonexistent/data"]);
    assert_eq!(status.code(), Some(1));
    assert_eq!(
        text,
        "Can't chdir to '/nonexistent/data': No such file or directory\n"
    );
}

#[test]
fn does_not_start_from_a_broken_nodes_conf() {
    let directory = Directory::new();
    std::fs::write(
        directory.path().join("nodes.conf"),
        "this is no table of nodes\n",
    )
    .unwrap();
    let mut node = Node::spawn(&directory, &["--cluster-enabled", "yes"]);
    assert_eq!(node.exit_code(), Some(1));
    assert_eq!(directory.read("nodes.conf"), "this is no table of nodes\n");
}

#[test]
fn two_nodes_do_not_share_a_nodes_conf() {
    let directory = Directory::new();
    let first = Node::start(&directory, &["--cluster-enabled", "yes"]);
    let mut second = Node::spawn(&directory, &["--cluster-enabled", "yes"]);
    assert_eq!(second.exit_code(), Some(1));
    assert!(
        directory
            .read("log")
            .contains("already used by a different Redis Cluster node")
    );
    assert_eq!(first.client().text(&["PING"]), "PONG");
}
