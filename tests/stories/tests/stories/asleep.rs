//! A master is stopped (SIGSTOP) while clients are connected, and continues after its replica has
//! taken over or is about to.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use slotkeeper_stories::patience::until;
use slotkeeper_stories::server::Server;
use slotkeeper_stories::workspace::Workspace;
use slotkeeper_topology::Slot;

use super::by_hand::{MINUTE, PASSWORD, cli, form, nodes, role, six_nodes};

/// A connection that sends without waiting.
struct Client {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
    sent: Vec<String>,
}

impl Client {
    fn connect(server: &Server) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("the node listens");
        stream
            .set_read_timeout(Some(MINUTE))
            .expect("a socket takes a timeout");
        let replies = BufReader::new(stream.try_clone().expect("a socket can be shared"));
        let mut client = Client {
            stream,
            replies,
            sent: Vec::new(),
        };
        client.send(&format!("AUTH {PASSWORD}"));
        assert_eq!(client.reply().as_deref(), Some("+OK"));
        client
    }

    fn send(&mut self, line: &str) {
        // The node may have closed the connection: then there is no answer either.
        let _ = self.stream.write_all(format!("{line}\r\n").as_bytes());
    }

    fn set(&mut self, key: &str) {
        self.send(&format!("SET {key} x"));
        self.sent.push(key.to_owned());
    }

    /// The next line; none once the connection is closed.
    fn reply(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.replies.read_line(&mut line).unwrap_or_default();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Waits for all answers: the keys that were acknowledged.
    fn acknowledged(mut self) -> Vec<String> {
        let mut keys = Vec::new();
        for key in std::mem::take(&mut self.sent) {
            match self.reply().as_deref() {
                Some("+OK") => keys.push(key),
                Some(error) => assert!(
                    error.starts_with("-MOVED") || error.starts_with("-CLUSTERDOWN"),
                    "{error}"
                ),
                None => break,
            }
        }
        keys
    }
}

/// Stops the master of slot 866 with clients connected to it, lets it go on when `is_time`, and
/// checks that whatever it acknowledges is there in the end.
fn stop_and_go(servers: &[Server], round: &str, is_time: impl Fn(&Server, &Server) -> bool) {
    let owner = (servers.iter())
        .position(owns)
        .expect("slot 866 has an owner");
    let master = &servers[owner];
    let id = cli(master).say(&["CLUSTER", "MYID"]);
    let replica = (servers.iter())
        .find(|server| {
            let view = nodes(&cli(server));
            view.iter()
                .any(|n| n.flags.myself && n.master.is_some_and(|m| m.to_string() == id))
        })
        .expect("it has a replica");
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(master)).collect();
    master.signal(Signal::STOP);
    let write = |clients: &mut Vec<Client>, when: &str| {
        for (nth, client) in clients.iter_mut().enumerate() {
            client.set(&format!("{{hello}}:{round}:{when}:{nth}"));
        }
    };
    write(&mut clients, "stopped");
    until(MINUTE, "it is time to wake it", || is_time(master, replica));
    write(&mut clients, "missed");
    master.signal(Signal::CONT);
    write(&mut clients, "awake");
    let acknowledged: Vec<String> = clients.into_iter().flat_map(Client::acknowledged).collect();
    until(MINUTE, "all agree on one owner", || {
        let serves = |s: &Server| cli(s).field(&["CLUSTER", "INFO"], "cluster_state");
        let owners = servers.iter().filter(|server| owns(server)).count();
        owners == 1 && servers.iter().all(|s| serves(s).as_deref() == Ok("ok"))
    });
    for key in acknowledged {
        let value = cli(&servers[0]).say(&["-c", "GET", &key]);
        assert_eq!(value, "x", "{key} was acknowledged by a master that woke");
    }
    until(MINUTE, "its replica is in sync", || {
        servers.iter().filter(|s| role(s) == "slave").all(|s| {
            let link = cli(s).info("master_link_status");
            link.as_deref() == Ok("up")
        })
    });
}

/// Whether a node says that slot 866, `hello`'s, is its own.
fn owns(server: &Server) -> bool {
    let slot = Slot::new(866).expect("it is below 16384");
    nodes(&cli(server))
        .iter()
        .any(|n| n.flags.myself && n.slots.contains(slot))
}

#[test]
fn a_master_that_wakes_after_its_replacement_acknowledges_nothing() {
    let workspace = Workspace::new("asleep");
    let servers = six_nodes(&workspace, "2000");
    form(&workspace, &servers);
    for round in 0..5 {
        stop_and_go(&servers, &format!("late{round}"), |_, replica| {
            role(replica) == "master"
        });
    }
    let slept = servers.iter().filter(|server| {
        let count = cli(server).info("slotkeeper_sleeps");
        count.is_ok_and(|count| count != "0")
    });
    assert!(slept.count() >= 2, "the two of the shard took turns");
}

#[test]
fn a_master_that_wakes_while_its_replica_is_elected_acknowledges_nothing_that_is_lost() {
    let workspace = Workspace::new("half-asleep");
    let servers = six_nodes(&workspace, "2000");
    form(&workspace, &servers);
    for round in 0..3 {
        stop_and_go(&servers, &format!("early{round}"), |master, replica| {
            let port = master.port();
            nodes(&cli(replica))
                .iter()
                .any(|n| n.address.port == port && n.flags.fail)
        });
    }
}
