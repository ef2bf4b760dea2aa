//! The program and its configuration file.

use std::fs;

use slotkeeper_node::resp::ReplyValue;

use crate::ports::free_port;
use crate::support::{Client, Directory, Node, run_to_end};

#[test]
fn rewrite_keeps_the_file_and_says_what_is() {
    let directory = Directory::new();
    let file = directory.path().join("redis.conf");
    fs::write(&file, "# mine\nmaxclients 50\nsave \"\"\n").unwrap();
    let node = Node::start(&directory, &[file.to_str().unwrap()]);
    let mut client = node.client();
    assert_eq!(
        client.text(&["CONFIG", "SET", "maxclients", "60", "timeout", "7"]),
        "OK"
    );
    fs::write(&file, "# mine\n# edited\nmaxclients 50\nsave \"\"\n").unwrap();
    assert_eq!(client.text(&["CONFIG", "REWRITE"]), "OK");
    let text = directory.read("redis.conf");
    assert!(
        text.starts_with("# mine\n# edited\nmaxclients 60\nsave \"\"\n\n"),
        "{text}"
    );
    assert!(text.contains("\ntimeout 7\n"), "{text}");
}

#[test]
fn rewrite_needs_a_file() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let reply = node.client().text(&["CONFIG", "REWRITE"]);
    assert_eq!(reply, "ERR The server is running without a config file");
}

#[test]
fn the_port_moves_and_connections_stay() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut client = node.client();
    let port = free_port();
    assert_eq!(
        client.text(&["CONFIG", "SET", "port", &port.to_string()]),
        "OK"
    );
    let stream = node.wait_for("listening at its new port", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    assert_eq!(Client::over(stream).text(&["PING"]), "PONG");
    assert_eq!(client.text(&["PING"]), "PONG");
    assert!(std::net::TcpStream::connect(("127.0.0.1", node.port)).is_err());
}

#[test]
fn huge_pages_are_disabled_on_demand() {
    let directory = Directory::new();
    let enabled = |directives: &[&str]| {
        let node = Node::start(&directory, directives);
        let info = node.client().text(&["INFO", "server"]);
        let pid = info
            .lines()
            .find_map(|line| line.strip_prefix("process_id:"));
        let status = fs::read_to_string(format!("/proc/{}/status", pid.unwrap())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("THP_enabled:"));
        line.map(|value| value.trim().to_owned())
    };
    assert_eq!(enabled(&["--disable-thp", "yes"]).as_deref(), Some("0"));
    assert_eq!(enabled(&[]).as_deref(), Some("1"));
}

#[test]
fn what_the_machine_does_not_give_changes_nothing() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut client = node.client();
    let all = ["CONFIG", "GET", "timeout", "port", "bind", "maxclients"];
    let before = client.call(&all);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = "ERR CONFIG SET failed (possibly related to argument";
    assert_eq!(
        client.text(&["CONFIG", "SET", "timeout", "5", "port", &port]),
        format!("{refused} 'port') - Unable to listen on this port. Check server logs.")
    );
    assert_eq!(
        client.text(&["CONFIG", "SET", "bind", "127.0.0.1 192.0.2.1"]),
        format!("{refused} 'bind') - Failed to bind to specified addresses.")
    );
    let reply = client.text(&["CONFIG", "SET", "maxclients", "4294967295"]);
    let start = format!(
        "{refused} 'maxclients') - The operating system is not able to handle the specified \
         number of clients, try with "
    );
    assert!(reply.starts_with(&start), "{reply}");
    assert_eq!(client.call(&all), before);
    assert_eq!(node.client().text(&["PING"]), "PONG");
    assert_eq!(
        client.text(&["CONFIG", "SET", "bind", "127.0.0.1 -::1"]),
        "OK"
    );
    assert_eq!(node.client().text(&["PING"]), "PONG");
}

#[test]
fn a_password_comes_from_a_file_and_stays_there() {
    let directory = Directory::new();
    let file = directory.path().join("redis.conf");
    let secret = directory.path().join("secret");
    fs::write(&secret, "s3cret\n").unwrap();
    fs::write(&file, format!("password-file {}\n", secret.display())).unwrap();
    let start = || Node::start(&directory, &[file.to_str().unwrap()]);
    let node = start();
    let mut client = node.client();
    assert!(client.text(&["GET", "x"]).starts_with("NOAUTH"));
    assert_eq!(client.text(&["AUTH", "s3cret"]), "OK");
    assert_eq!(
        client.text(&["CONFIG", "SET", "requirepass", "passing"]),
        "OK"
    );
    assert_eq!(client.text(&["CONFIG", "REWRITE"]), "OK");
    let text = directory.read("redis.conf");
    let line = format!("password-file \"{}\"", secret.display());
    assert!(text.contains(&line), "{text}");
    assert!(
        !text.contains("s3cret") && !text.contains("passing"),
        "{text}"
    );
    assert_eq!(node.client().text(&["AUTH", "passing"]), "OK");
    drop(node);
    assert_eq!(start().client().text(&["AUTH", "s3cret"]), "OK");
}

/// Where a request, a file or a command line is shown, its secrets are not.
#[test]
fn secrets_are_shown_nowhere() {
    let directory = Directory::new();
    let file = directory.path().join("redis.conf");
    fs::write(&file, "requirepass s3cret-1\nmasterauth s3cret-2\n").unwrap();
    let file = file.to_str().unwrap();
    let node = Node::start(
        &directory,
        &[
            file,
            "--slowlog-log-slower-than",
            "0",
            "--loglevel",
            "debug",
        ],
    );
    let mut client = node.client();
    assert_eq!(client.text(&["AUTH", "s3cret-1"]), "OK");
    let requests: [&[&str]; 7] = [
        &["AUTH", "default", "s3cret-3"],
        &["HELLO", "3", "AUTH", "default", "s3cret-3"],
        &["HELLO", "3", "AUTH", "s3cret-3"],
        &["CONFIG", "SET", "masterauth", "s3cret-3"],
        &["CONFIG", "SET", "tls-key-file-pass", "s3cret-3"],
        &["CONFIG", "SET", "requirepas", "s3cret-3"],
        &["AUTHH", "s3cret-3"],
    ];
    for request in requests {
        let reply = client.text(request);
        let own = reply.starts_with("ERR unknown command 'AUTHH', with args beginning with: 's3");
        assert!(own || !reply.contains("s3cret"), "{reply}");
    }
    client.text(&["MULTI"]);
    client.text(&["CONFIG", "SET", "masterauth", "s3cret-4"]);
    client.call(&["EXEC"]);
    let entries = slow_requests(&mut client);
    assert!(
        entries.contains(&"AUTH (redacted)".to_owned()),
        "{entries:?}"
    );
    assert!(
        entries.contains(&"CONFIG SET masterauth (redacted)".to_owned()),
        "{entries:?}"
    );
    for text in [
        entries.join("\n"),
        client.text(&["CLIENT", "LIST"]),
        directory.read("log"),
    ] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

fn slow_requests(client: &mut Client) -> Vec<String> {
    let text = |value: &ReplyValue| String::from_utf8_lossy(value.text().unwrap()).into_owned();
    let ReplyValue::Array(entries) = client.call(&["SLOWLOG", "GET", "-1"]) else {
        panic!("no entries");
    };
    let request = |entry: &ReplyValue| match entry {
        ReplyValue::Array(fields) => match &fields[3] {
            ReplyValue::Array(words) => words.iter().map(text).collect::<Vec<_>>().join(" "),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    entries.iter().map(request).collect()
}

#[test]
fn a_checked_or_refused_configuration_shows_no_secret() {
    let directory = Directory::new();
    let file = directory.path().join("redis.conf");
    let path = file.to_str().unwrap();
    fs::write(&file, "requirepass s3cret\nmasterauth s3cret\n").unwrap();
    let (status, text) = run_to_end(&["--check-config", path]);
    assert!(status.success(), "{text}");
    assert!(text.contains("requirepass (redacted)\n"), "{text}");
    assert!(
        text.contains("masteruser \n"),
        "nothing is no secret: {text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
    for (line, shown) in [
        ("requirepass s3cret s3cret", "requirepass (redacted)"),
        ("requirepass \"s3cret", "requirepass (redacted)"),
        ("requirepas s3cret", "requirepas (redacted)"),
        ("user worker on >s3cret", "user (redacted)"),
        ("tls-key-file-pass s3cret", "tls-key-file-pass (redacted)"),
        ("port much", "port much"),
    ] {
        fs::write(&file, format!("{line}\n")).unwrap();
        let (status, text) = run_to_end(&[path]);
        assert_eq!(status.code(), Some(1), "{line}: {text}");
        assert!(text.contains(&format!(">>> '{shown}'")), "{line}: {text}");
        assert!(!text.contains("s3cret"), "{line}: {text}");
    }
    let (_, text) = run_to_end(&["--requirepass", "s3cret", "s3cret"]);
    assert!(text.contains(">>> '--requirepass (redacted)'"), "{text}");
}

#[test]
fn a_secret_on_the_command_line_is_warned_about() {
    let directory = Directory::new();
    let _node = Node::start(&directory, &["--requirepass", "s3cret"]);
    let log = directory.read("log");
    assert!(
        log.contains("The value of --requirepass can be read by everybody"),
        "{log}"
    );
    assert!(!log.contains("s3cret"), "{log}");
}
