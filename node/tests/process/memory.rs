//! What clients make a node hold, told and bounded by the process.

use std::io::{ErrorKind, Write};

use crate::support::{Client, Directory, Node};

const MEGABYTE: usize = 1 << 20;

fn number(client: &mut Client, section: &str, name: &str) -> usize {
    let info = client.text(&["INFO", section]);
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap().parse().unwrap()
}

/// The head of a SET of twice so many bytes.
fn head(bytes: usize) -> String {
    format!("*3\r\n$3\r\nSET\r\n$1\r\nb\r\n${}\r\n", 2 * bytes)
}

/// Sends the first half of such a SET.
fn begin(node: &Node, bytes: usize) -> Client {
    let mut client = node.client();
    client.stream.write_all(head(bytes).as_bytes()).unwrap();
    client.stream.write_all(&vec![b'x'; bytes]).unwrap();
    client
}

#[test]
fn halves_of_requests_fill_maxmemory_and_their_clients_are_closed_for_it() {
    let directory = Directory::new();
    let node = Node::start(&directory, &["--maxmemory", "16mb", "--save", ""]);
    let mut client = node.client();
    assert_eq!(client.text(&["SET", "a", "1"]), "OK");
    let senders: Vec<Client> = (0..8).map(|_| begin(&node, 4 * MEGABYTE)).collect();
    let all = 8 * 4 * MEGABYTE;
    node.wait_for("counted", || {
        (number(&mut client, "memory", "used_memory") >= all).then_some(())
    });
    let refused = client.text(&["SET", "a", "2"]);
    assert!(refused.starts_with("OOM "), "{refused}");
    assert_eq!(client.text(&["GET", "a"]), "1");
    let list = client.text(&["CLIENT", "LIST"]);
    assert!(
        list.contains(&format!(
            " qbuf={}",
            head(4 * MEGABYTE).len() + 4 * MEGABYTE
        )),
        "{list}"
    );
    assert_eq!(
        client.text(&["CONFIG", "SET", "maxmemory-clients", "50%"]),
        "OK"
    );
    let evicted = number(&mut client, "stats", "evicted_clients");
    assert!((6..=8).contains(&evicted), "{evicted}");
    assert!(number(&mut client, "memory", "mem_clients_normal") <= 8 * MEGABYTE);
    assert_eq!(client.text(&["SET", "a", "2"]), "OK");
    for sender in &senders {
        sender.stream.set_nonblocking(true).unwrap();
    }
    node.wait_for("closed", || {
        let is_open = |sender: &&Client| {
            let looked = sender.stream.peek(&mut [0]);
            looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        (senders.iter().filter(is_open).count() == 8 - evicted).then_some(())
    });
}

#[test]
fn replies_that_are_not_read_are_told_of() {
    let directory = Directory::new();
    let node = Node::start(&directory, &["--save", ""]);
    let mut client = node.client();
    let value = "v".repeat(16 * MEGABYTE);
    assert_eq!(client.text(&["SET", "a", &value]), "OK");
    let mut slow = node.client();
    slow.send(&["CLIENT", "SETNAME", "slow"]);
    slow.send(&["GET", "a"]);
    let line = node.wait_for("waiting", || {
        let list = client.text(&["CLIENT", "LIST"]);
        let line = list.lines().find(|line| line.contains("name=slow"))?;
        (!line.contains(" obl=0 ")).then(|| line.to_owned())
    });
    let field = |name: &str| -> usize {
        let word = line.split(' ').find_map(|word| word.strip_prefix(name));
        word.unwrap().parse().unwrap()
    };
    assert!(
        field("oll=") >= 1 && field("omem=") >= field("obl="),
        "{line}"
    );
    assert!(field("tot-mem=") > field("omem="), "{line}");
    let memory = number(&mut client, "memory", "mem_clients_normal");
    assert!(memory >= field("obl="), "{memory} {line}");
    slow.reply();
    slow.reply();
    node.wait_for("read", || {
        (number(&mut client, "memory", "mem_clients_normal") < MEGABYTE).then_some(())
    });
}
