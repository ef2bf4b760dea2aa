//! How the program starts, and when it refuses to.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::ports::free_port;
use crate::support::{Directory, Node, run_to_end, run_unread};

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
fn does_not_mind_when_nobody_reads_what_it_prints() {
    for args in [&["--version"][..], &["--help"], &["--check-config"]] {
        assert_eq!(run_unread(args).code(), Some(0), "{args:?}");
    }
    for args in [&["--no-such-thing", "1"][..], &["--dir", "/no/such/place"]] {
        assert_eq!(run_unread(args).code(), Some(1), "{args:?}");
    }
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

/// A file of the data set that was cut, or emptied, is not taken for an empty data set.
#[test]
fn no_part_of_a_data_file_is_taken_for_the_whole() {
    let directory = Directory::new();
    let mut node = Node::start(&directory, &["--save", "3600 1"]);
    let mut client = node.client();
    for number in 0..3 {
        client.call(&["SET", &format!("key:{number}"), "value", "EX", "1000"]);
    }
    assert_eq!(client.text(&["SAVE"]), "OK");
    node.kill();
    let file = directory.path().join("dump.rdb");
    let whole = std::fs::read(&file).unwrap();
    let path = std::fs::canonicalize(&file).unwrap();
    for len in [0, 1, 9, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        std::fs::write(&file, &whole[..len]).unwrap();
        let mut node = Node::spawn(&directory, &["--save", "3600 1"]);
        assert_eq!(node.exit_code(), Some(1), "{len} bytes");
        assert_eq!(std::fs::read(&file).unwrap(), whole[..len]);
        let (log, name) = (directory.read("log"), path.display());
        let line = format!("Fatal error loading the DB from {name}: Unexpected end of the RDB");
        assert!(log.lines().last().unwrap().contains(&line), "{log}");
        std::fs::remove_file(directory.path().join("log")).unwrap();
    }
    std::fs::write(&file, &whole).unwrap();
    let node = Node::start(&directory, &[]);
    node.wait_for("loaded", || {
        (node.client().text(&["DBSIZE"]) == "3").then_some(())
    });
}

#[test]
fn a_pid_file_that_cannot_be_written_stops_nothing() {
    let directory = Directory::new();
    let node = Node::start(&directory, &["--pidfile", "/no/such/dir/x.pid"]);
    assert_eq!(node.client().text(&["PING"]), "PONG");
    let log = directory.read("log");
    let line = "# Can't write the pid file /no/such/dir/x.pid: No such file or directory";
    assert!(log.contains(line), "{log}");
}

#[test]
fn a_pid_file_is_removed_by_the_process_that_it_names() {
    let directory = Directory::new();
    let mut node = Node::start(&directory, &["--pidfile", "x.pid", "--save", ""]);
    let pid = directory.read("x.pid");
    let info = node.client().text(&["INFO", "server"]);
    assert!(
        info.contains(&format!("process_id:{}", pid.trim())),
        "{pid}"
    );
    node.signal(Signal::TERM);
    assert_eq!(node.exit_code(), Some(0));
    assert!(!directory.path().join("x.pid").exists());
    let mut node = Node::start(&directory, &["--pidfile", "x.pid", "--save", ""]);
    std::fs::write(directory.path().join("x.pid"), "1\n").unwrap();
    node.signal(Signal::TERM);
    assert_eq!(node.exit_code(), Some(0));
    assert_eq!(directory.read("x.pid"), "1\n");
}

/// The file of Debian's package, whose places need not exist here, and no more changed than what
/// docs/redis-conf.md names.
#[test]
fn the_configuration_of_debian_starts() {
    let Ok(text) = std::fs::read_to_string("/etc/redis/redis.conf") else {
        eprintln!("no /etc/redis/redis.conf: redis-server is not installed");
        return;
    };
    let directory = Directory::new();
    let refused = [
        "set-proc-title yes",
        "repl-diskless-load disabled",
        "daemonize yes",
    ];
    for line in refused {
        assert!(
            text.lines().any(|l| l == line),
            "{line} is not there any more"
        );
    }
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !refused.contains(line))
        .collect();
    let file = directory.path().join("redis.conf");
    std::fs::write(&file, kept.join("\n")).unwrap();
    let (status, shown) = run_to_end(&["--check-config", file.to_str().unwrap()]);
    assert!(status.success(), "{shown}");
    assert!(
        shown.contains("\npidfile /run/redis/redis-server.pid\n"),
        "{shown}"
    );
    // As the file has it, the port and the places are those of the whole machine.
    let node = Node::start(
        &directory,
        &[file.to_str().unwrap(), "--pidfile", "/no/such/x.pid"],
    );
    assert_eq!(node.client().text(&["PING"]), "PONG");
}

#[test]
fn includes_are_expanded() {
    let directory = Directory::new();
    let conf = directory.path().join("conf.d");
    std::fs::create_dir(&conf).unwrap();
    std::fs::write(conf.join("20.conf"), "timeout 20\n").unwrap();
    std::fs::write(conf.join("10.conf"), "timeout 10\nmaxclients 77\n").unwrap();
    std::fs::write(conf.join("not.txt"), "nonsense\n").unwrap();
    let file = directory.path().join("redis.conf");
    let conf = conf.display();
    std::fs::write(
        &file,
        format!("include {conf}/*.conf\ninclude {conf}/*.none\n"),
    )
    .unwrap();
    let (status, text) = run_to_end(&["--check-config", file.to_str().unwrap()]);
    assert!(status.success(), "{text}");
    assert!(
        text.contains("\ntimeout 20\n") && text.contains("\nmaxclients 77\n"),
        "{text}"
    );
    std::fs::write(&file, format!("include {conf}/none.conf\n")).unwrap();
    let (status, text) = run_to_end(&["--check-config", file.to_str().unwrap()]);
    assert_eq!(
        status.code(),
        Some(1),
        "without wildcards it has to be there: {text}"
    );
}
