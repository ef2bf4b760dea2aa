use std::fs;

use crate::ports::free_port;
use crate::support::{Client, Directory, Node};

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
