//! The protocol on a real socket.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::time::Duration;

use rustix::process::Signal;
use slotkeeper_node::resp::{ReplyValue, encode_command};

use crate::support::{Client, Directory, Node, is_error};

fn pong() -> ReplyValue {
    ReplyValue::Simple(b"PONG".to_vec())
}

#[test]
fn answers_a_pipeline_in_order() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut client = node.client();
    let mut requests = Vec::new();
    for i in 0..100 {
        encode_command(
            &mut requests,
            &["SET", &format!("key:{i}"), &format!("value {i}")],
        );
        encode_command(&mut requests, &["GET", &format!("key:{i}")]);
    }
    client.stream.write_all(&requests).unwrap();
    for i in 0..100 {
        assert_eq!(client.reply(), ReplyValue::Simple(b"OK".to_vec()));
        assert_eq!(
            client.reply(),
            ReplyValue::Bulk(format!("value {i}").into_bytes())
        );
    }
}

#[test]
fn takes_requests_byte_by_byte_and_inline() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut client = node.client();
    for byte in b"*1\r\n$4\r\nPING\r\nSET inline \"a b\"\r\nGET inline\r\n" {
        client.stream.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.reply(), pong());
    assert_eq!(client.reply(), ReplyValue::Simple(b"OK".to_vec()));
    assert_eq!(client.reply(), ReplyValue::Bulk(b"a b".to_vec()));
}

#[test]
fn takes_a_megabyte_of_requests_in_one_write() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut client = node.client();
    let count = (1 << 20) / 14 + 1;
    let mut writer = client.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        writer
            .write_all(&b"*1\r\n$4\r\nPING\r\n".repeat(count))
            .unwrap();
    });
    for _ in 0..count {
        assert_eq!(client.reply(), pong());
    }
    writing.join().unwrap();
    let other = node.client().text(&["PING"]);
    assert_eq!(other, "PONG");
}

/// They are read and executed in groups; a long command ends the turn in the middle of one.
#[test]
fn who_comes_at_the_same_time_is_answered_in_full() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut first = node.client();
    let text = "ab".repeat(1500);
    assert_eq!(first.text(&["MSET", "one", &text, "two", &text]), "OK");
    let mut clients: Vec<Client> = (0..40).map(|_| node.client()).collect();
    for client in &mut clients {
        assert_eq!(client.call(&["PING"]), pong());
    }
    let value = |i: usize| "x".repeat(if i.is_multiple_of(3) { 30_000 } else { i });
    node.signal(Signal::STOP);
    first.send(&["LCS", "one", "two", "LEN"]);
    for (i, client) in clients.iter_mut().enumerate() {
        let key = format!("key:{i}");
        let mut requests = Vec::new();
        encode_command(&mut requests, &["SET", &key, &value(i)]);
        encode_command(&mut requests, &["GET", &key]);
        client.stream.write_all(&requests).unwrap();
        client.stream.write_all(b"*1\r\n$4\r\nPI").unwrap();
    }
    node.signal(Signal::CONT);
    for client in &mut clients {
        client.stream.write_all(b"NG\r\n").unwrap();
    }
    assert_eq!(first.reply(), ReplyValue::Integer(3000));
    for (i, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.reply(), ReplyValue::Simple(b"OK".to_vec()), "{i}");
        assert_eq!(client.reply(), ReplyValue::Bulk(value(i).into()), "{i}");
        assert_eq!(client.reply(), pong(), "{i}");
    }
}

#[test]
fn takes_and_gives_large_values() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut client = node.client();
    let value = "0123456789abcdef".repeat(500_000);
    assert_eq!(client.text(&["SET", "large", &value]), "OK");
    assert_eq!(
        client.call(&["GET", "large"]),
        ReplyValue::Bulk(value.into_bytes())
    );
}

#[test]
fn a_client_that_reads_slowly_holds_up_nobody_and_loses_nothing() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let value = "x".repeat(100_000);
    let mut slow = node.client();
    assert_eq!(slow.text(&["SET", "k", &value]), "OK");
    let mut requests = Vec::new();
    for _ in 0..300 {
        encode_command(&mut requests, &["GET", "k"]);
    }
    slow.stream.write_all(&requests).unwrap();
    let mut other = node.client();
    for _ in 0..100 {
        assert_eq!(other.text(&["PING"]), "PONG");
    }
    for _ in 0..300 {
        assert_eq!(slow.reply(), ReplyValue::Bulk(value.clone().into_bytes()));
    }
}

#[test]
fn closes_after_quit_and_after_nonsense() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut client = node.client();
    client.send(&["QUIT"]);
    assert_eq!(client.rest(), "+OK\r\n");
    let mut client = node.client();
    client.stream.write_all(b"*1\r\nx4\r\nPING\r\n").unwrap();
    assert_eq!(
        client.rest(),
        "-ERR Protocol error: expected '$', got 'x'\r\n"
    );
    assert_eq!(node.client().text(&["PING"]), "PONG");
}

#[test]
fn limits_the_number_of_clients() {
    let directory = Directory::new();
    let node = Node::start(&directory, &["--maxclients", "2"]);
    // A client that has left may still be counted for a moment.
    let admitted = || {
        node.wait_for("free for another client", || {
            let mut client = node.client();
            client.stream.write_all(b"PING\r\n").unwrap();
            let mut reply = [0; 7];
            client.stream.read_exact(&mut reply).ok()?;
            (&reply == b"+PONG\r\n").then_some(client)
        })
    };
    let first = admitted();
    let _second = admitted();
    assert_eq!(
        node.client().rest(),
        "-ERR max number of clients reached\r\n"
    );
    drop(first);
    admitted();
}

#[test]
fn protected_mode_refuses_other_machines() {
    let directory = Directory::new();
    let Some(address) = own_address() else {
        panic!("this machine has no address but its loopback: the test cannot run");
    };
    let refused = |directives: &[&str]| {
        let node = Node::start(&directory, directives);
        let stream = std::net::TcpStream::connect((address.as_str(), node.port)).unwrap();
        let mut client = Client::over(stream);
        client.send(&["PING"]);
        let reply = client.reply();
        is_error(&reply, "DENIED Redis is running in protected mode")
    };
    let bind = ["--bind", "127.0.0.1", &address];
    assert!(refused(&bind));
    assert!(!refused(&[&bind[..], &["--protected-mode", "no"]].concat()));
    assert!(!refused(
        &[&bind[..], &["--requirepass", "secret"]].concat()
    ));
}

/// An address of this machine that others could reach; nothing is sent to find it.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

#[test]
fn a_client_that_does_not_read_does_not_fill_the_memory() {
    let directory = Directory::new();
    let node = Node::start(&directory, &[]);
    let mut other = node.client();
    assert_eq!(other.text(&["SET", "a", &"x".repeat(1 << 20)]), "OK");
    let mut client = node.client();
    let mut requests = Vec::new();
    for _ in 0..500 {
        encode_command(&mut requests, &["GET", "a"]);
    }
    client.stream.write_all(&requests).unwrap();
    // The output grows up to its bound, and no further.
    let output = |other: &mut Client| {
        let list = other.text(&["CLIENT", "LIST"]);
        let of = |line: &str| line.split_once(" omem=")?.1.split(' ').next()?.parse().ok();
        list.lines().filter_map(of).max().unwrap_or(0usize)
    };
    node.wait_for("at its bound", || {
        (output(&mut other) >= 64 << 20).then_some(())
    });
    for _ in 0..100 {
        assert!(output(&mut other) < 80 << 20);
    }
    for _ in 0..500 {
        assert_eq!(client.reply().text().map(<[u8]>::len), Some(1 << 20));
    }
}
