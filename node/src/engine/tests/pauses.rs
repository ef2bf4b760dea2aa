//! CLIENT PAUSE.

use super::Node;
use crate::io::SessionState;

#[test]
fn a_pause_of_writes_parks_writers_only() {
    let mut node = Node::standalone();
    let (mut one, mut two) = (node.client(), node.client());
    node.ask(&mut one, "CLIENT PAUSE 1000 WRITE");
    assert_eq!(node.ask(&mut two, "GET a\nSET a 1\nGET a"), "$-1\r\n");
    assert_eq!(two.state, SessionState::Parked);
    assert_eq!(
        node.ask(&mut two, "PING"),
        "",
        "a parked session executes nothing"
    );
    assert_eq!(node.ask(&mut one, "GET a"), "$-1\r\n");
    node.pass(999);
    assert!(!node.resumed(two.session));
    node.pass(2);
    assert!(node.resumed(two.session));
    assert_eq!(node.send(&mut two, b""), "+OK\r\n$1\r\n1\r\n+PONG\r\n");
}

/// PFCOUNT writes its estimate into the key, and replicas do the same.
#[test]
fn a_pause_of_writes_parks_what_may_replicate() {
    let mut node = Node::standalone();
    let (mut one, mut two) = (node.client(), node.client());
    node.ask(&mut two, "PFADD h a b");
    node.ask(&mut one, "CLIENT PAUSE 1000 WRITE");
    assert_eq!(node.ask(&mut two, "PFCOUNT h"), "");
    assert_eq!(two.state, SessionState::Parked);
    node.ask(&mut one, "CLIENT UNPAUSE");
    assert!(node.resumed(two.session));
    assert_eq!(node.send(&mut two, b""), ":2\r\n");
}

#[test]
fn a_pause_of_everything_ends_in_time() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "CLIENT PAUSE 50\nPING"), "+OK\r\n");
    assert_eq!(client.state, SessionState::Parked);
    node.pass(60);
    assert!(node.resumed(client.session));
    assert_eq!(node.send(&mut client, b""), "+PONG\r\n");
}

#[test]
fn unpause_resumes_at_once() {
    let mut node = Node::standalone();
    let (mut one, mut two) = (node.client(), node.client());
    node.ask(&mut two, "MULTI\nSET a 1");
    node.ask(&mut one, "CLIENT PAUSE 100000 WRITE");
    assert_eq!(node.ask(&mut two, "EXEC"), "");
    assert_eq!(
        two.state,
        SessionState::Parked,
        "an EXEC is parked as a whole"
    );
    assert_eq!(node.ask(&mut one, "CLIENT UNPAUSE"), "+OK\r\n");
    assert!(node.resumed(two.session));
    assert_eq!(node.send(&mut two, b""), "*1\r\n+OK\r\n");
}

#[test]
fn nothing_expires_during_a_pause() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "SET a 1 PX 10\nCLIENT PAUSE 1000 WRITE");
    node.pass(500);
    assert_eq!(node.ask(&mut client, "GET a\nDBSIZE"), "$-1\r\n:1\r\n");
    node.pass(1000);
    assert_eq!(node.ask(&mut client, "DBSIZE"), ":0\r\n");
}

#[test]
fn wait_ends_at_its_deadline() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(
        node.ask(&mut client, "SET a 1\nWAIT 1 100\nPING"),
        "+OK\r\n"
    );
    assert_eq!(client.state, SessionState::Parked);
    node.pass(101);
    assert!(node.resumed(client.session));
    assert_eq!(node.send(&mut client, b""), ":0\r\n+PONG\r\n");
    assert_eq!(node.ask(&mut client, "WAIT 0 0"), ":0\r\n");
}
