//! Strangers: they reach the ports of a node and do not belong to it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Directory, Node};

fn lines(log: &str, text: &str) -> usize {
    log.lines().filter(|line| line.contains(text)).count()
}

#[test]
fn a_flood_of_nonsense_leaves_few_lines_that_name_addresses() {
    let directory = Directory::new();
    let verbose = ["--cluster-enabled", "yes", "--loglevel", "verbose"];
    let node = Node::start(&directory, &verbose);
    let mut last = String::new();
    for _ in 0..200 {
        let mut bus = TcpStream::connect(("127.0.0.1", node.bus_port)).unwrap();
        last = bus.local_addr().unwrap().to_string();
        bus.write_all(format!("INFO\r\n{:100}", "").as_bytes())
            .unwrap();
        // It is closed, by an end or by a reset.
        let _ = bus.read(&mut [0; 1]);
        let mut client = node.client();
        client.stream.write_all(b"*1\r\nx4\r\nPING\r\n").unwrap();
        client.rest();
    }
    let log = directory.read("log");
    let (bus, client) = (
        lines(&log, "Closing the bus link with 127.0.0.1:"),
        lines(
            &log,
            "Protocol error: expected '$', got 'x' from 127.0.0.1:",
        ),
    );
    // At most two whiles are begun here, unless the machine is very slow.
    assert!((1..200).contains(&bus), "{bus}, last of {last}: {log}");
    assert!((1..200).contains(&client), "{client}: {log}");
    let said = "similar lines left out in 10 s (about strangers";
    node.wait_for("told how many were left out", || {
        directory.read("log").contains(said).then_some(())
    });
}

#[test]
fn a_stranger_on_the_bus_gets_no_memory() {
    let directory = Directory::new();
    let node = Node::start(&directory, &["--cluster-enabled", "yes"]);
    let mut client = node.client();
    // A PUBLISH of 400 MB.
    let mut frame = b"RCmb".to_vec();
    frame.extend_from_slice(&(400u32 << 20).to_be_bytes());
    frame.extend_from_slice(&[0, 1, 0, 0, 0, 4]);
    frame.resize(1 << 20, 0);
    for _ in 0..100 {
        let mut bus = TcpStream::connect(("127.0.0.1", node.bus_port)).unwrap();
        // The node may have closed it before all was written.
        let _ = bus.write_all(&frame);
    }
    let held = |client: &mut crate::support::Client| -> Option<usize> {
        let info = client.text(&["INFO", "memory"]);
        let line = info
            .lines()
            .find(|line| line.starts_with("mem_cluster_links:"))?;
        line.split_once(':')?.1.parse().ok()
    };
    let bytes = held(&mut client).unwrap();
    assert!(bytes < 1 << 20, "{bytes}");
    // Connections that say nothing are few, and counted.
    let silent: Vec<TcpStream> = (0..200)
        .map(|_| TcpStream::connect(("127.0.0.1", node.bus_port)).unwrap())
        .collect();
    let mut open = 0;
    node.wait_for("down to the places that strangers have", || {
        open = (silent.iter())
            .filter(|stream| {
                stream.set_nonblocking(true).unwrap();
                let mut stream = *stream;
                matches!(stream.read(&mut [0; 1]), Err(error)
                    if error.kind() == std::io::ErrorKind::WouldBlock)
            })
            .count();
        (open <= 2 + 64).then_some(())
    });
    assert!(open > 0);
    node.wait_for("counting them", || {
        held(&mut client).filter(|&bytes| bytes > 0)
    });
}
