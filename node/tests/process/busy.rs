//! A command that takes long: what the process does meanwhile.

use std::io::ErrorKind;

use crate::health::{get, is_ok};
use crate::ports::free_port;
use crate::support::{Client, Directory, Node, is_error};

/// Whether something can be read: a reply, or the end of the connection.
fn has_answer(client: &Client) -> bool {
    client.stream.set_nonblocking(true).unwrap();
    let looked = client.stream.peek(&mut [0]);
    client.stream.set_nonblocking(false).unwrap();
    !looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Sends DEBUG SLEEP; the client waits for its end.
fn sleeper(node: &Node, seconds: &str) -> (Client, String) {
    let mut client = node.client();
    let id = client.text(&["CLIENT", "ID"]);
    client.send(&["DEBUG", "SLEEP", seconds]);
    (client, id)
}

fn busy_node(directory: &Directory) -> Node {
    let directives = [
        "--enable-debug-command",
        "yes",
        "--busy-reply-threshold",
        "50",
    ];
    Node::start(directory, &directives)
}

/// A new client, once the node says that it is busy.
fn told_of_it(node: &Node) -> Client {
    let mut client = node.client();
    node.wait_for("busy", || {
        let reply = client.call(&["PING"]);
        is_error(&reply, "BUSY Redis is busy running a command.").then_some(())
    });
    client
}

#[test]
fn clients_are_told_and_can_end_it() {
    let directory = Directory::new();
    let node = busy_node(&directory);
    let (mut sleeper, id) = sleeper(&node, "1000");
    let mut client = told_of_it(&node);
    let list = client.text(&["CLIENT", "LIST"]);
    assert!(list.contains(&format!("id={id} ")), "{list}");
    assert_eq!(client.text(&["CLIENT", "KILL", "ID", &id]), "1");
    assert_eq!(sleeper.rest(), "");
    assert_eq!(client.text(&["SET", "a", "1"]), "OK");
}

#[test]
fn whoever_leaves_meanwhile_is_gone_and_whoever_comes_stays() {
    let directory = Directory::new();
    let node = busy_node(&directory);
    let mut early = node.client();
    assert_eq!(early.text(&["SET", "a", "1"]), "OK");
    let (mut sleeper, id) = sleeper(&node, "1000");
    let mut client = told_of_it(&node);
    assert_eq!(client.text(&["CLIENT", "SETNAME", "late"]), "OK");
    client.send(&["QUIT"]);
    assert_eq!(client.rest(), "+OK\r\n");
    drop(client);
    assert!(is_error(&early.call(&["GET", "a"]), "BUSY "));
    let mut second = told_of_it(&node);
    assert_eq!(second.text(&["CLIENT", "KILL", "ID", &id]), "1");
    assert_eq!(sleeper.rest(), "");
    assert_eq!(early.text(&["GET", "a"]), "1");
    let list = second.text(&["CLIENT", "LIST"]);
    assert_eq!(list.lines().count(), 2, "{list}");
}

#[test]
fn a_node_can_be_ended_without_its_end() {
    let directory = Directory::new();
    let mut node = busy_node(&directory);
    let (_sleeper, _) = sleeper(&node, "1000");
    let mut client = told_of_it(&node);
    assert!(is_error(&client.call(&["SHUTDOWN"]), "BUSY "));
    client.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(node.exit_code(), Some(0));
}

/// A master of three, with its port of probes.
struct Master {
    node: Node,
    health_port: u16,
    _directory: Directory,
}

impl Master {
    fn start() -> Master {
        let (directory, health_port) = (Directory::new(), free_port());
        let port = health_port.to_string();
        let directives = [
            &["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"][..],
            &["--health-port", &port, "--health-bind", "127.0.0.1"],
            &["--enable-debug-command", "yes"],
        ];
        Master {
            node: Node::start(&directory, &directives.concat()),
            health_port,
            _directory: directory,
        }
    }
}

/// Three masters that share the slots and know each other.
fn three_masters() -> Vec<Master> {
    let masters: Vec<Master> = (0..3).map(|_| Master::start()).collect();
    let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
    for (number, (master, (from, to))) in masters.iter().zip(slots).enumerate() {
        let mut client = master.node.client();
        let epoch = (number + 1).to_string();
        assert_eq!(client.text(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]), "OK");
        assert_eq!(client.text(&["CLUSTER", "ADDSLOTSRANGE", from, to]), "OK");
        let (port, bus) = (
            masters[0].node.port.to_string(),
            masters[0].node.bus_port.to_string(),
        );
        if number > 0 {
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, &bus];
            assert_eq!(client.text(&meet), "OK");
        }
    }
    for master in &masters {
        master.node.wait_for("serving", || {
            let info = master.node.client().text(&["CLUSTER", "INFO"]);
            let ready = is_ok(&get(master.health_port, "/readyz"));
            (info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3") && ready)
                .then_some(())
        });
    }
    masters
}

#[test]
fn a_busy_master_is_held_for_failed_by_nobody_and_its_probes_stay_green() {
    let masters = three_masters();
    let busy = &masters[0];
    let id = busy.node.client().text(&["CLUSTER", "MYID"]);
    let mut peers = [masters[1].node.client(), masters[2].node.client()];
    // Longer than the node timeout, and than a main loop may stand still to be alive.
    let (mut sleeper, _) = sleeper(&busy.node, "12");
    let mut looks = 0;
    while !has_answer(&sleeper) {
        looks += 1;
        for path in ["/livez", "/readyz", "/metrics"] {
            let answer = get(busy.health_port, path);
            assert!(is_ok(&answer), "{path} after {looks} looks: {answer}");
        }
        for peer in &mut peers {
            let nodes = peer.text(&["CLUSTER", "NODES"]);
            let line = nodes.lines().find(|line| line.starts_with(&id)).unwrap();
            assert!(!line.contains("fail"), "after {looks} looks: {line}");
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(looks > 0, "it was looked at meanwhile");
    assert!(!is_error(&sleeper.reply(), ""));
    assert_eq!(busy.node.client().text(&["SET", "hello", "1"]), "OK");
}
