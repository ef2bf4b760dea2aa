//! Commands on keys of any type.

use super::Node;
use crate::config::Config;

#[test]
fn databases_are_apart() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(
        node.ask(&mut client, "SET a 1\nSELECT 1\nGET a"),
        "+OK\r\n+OK\r\n$-1\r\n"
    );
    assert_eq!(
        node.ask(&mut client, "SET a 2\nFLUSHDB\nDBSIZE"),
        "+OK\r\n+OK\r\n:0\r\n"
    );
    assert_eq!(
        node.ask(&mut client, "SELECT 0\nGET a\nFLUSHALL\nDBSIZE"),
        "+OK\r\n$1\r\n1\r\n+OK\r\n:0\r\n"
    );
}

#[test]
fn expired_keys_go_by_themselves() {
    let mut node = Node::standalone();
    let mut client = node.client();
    for n in 0..1000 {
        node.ask(&mut client, &format!("SET k{n} v PX {}", 100 + n % 50));
    }
    assert_eq!(node.ask(&mut client, "DBSIZE"), ":1000\r\n");
    node.pass(1000);
    assert_eq!(node.ask(&mut client, "DBSIZE"), ":0\r\n");
    assert!(
        node.ask(&mut client, "INFO stats")
            .contains("expired_keys:1000\r\n")
    );
}

#[test]
fn how_soon_and_how_many_expired_keys_go_is_said_by_hz_and_effort() {
    let left = |hz, effort| {
        let mut node = Node::with(Config {
            hz,
            active_expire_effort: effort,
            ..Config::default()
        });
        let mut client = node.client();
        node.pass(2000);
        for n in 0..500 {
            node.ask(&mut client, &format!("SET k{n} v PX 5"));
        }
        // The first cycle after that.
        let from = node.engine.data.len(0);
        let mut waited = 0;
        while node.engine.data.len(0) == from {
            node.pass(1);
            waited += 1;
        }
        (waited, from - node.engine.data.len(0))
    };
    assert_eq!(left(100, 1).1, 200);
    assert_eq!(left(100, 10).1, 380);
    assert!(left(1, 1).0 >= 50 && left(100, 1).0 <= 20);
}

#[test]
fn beyond_maxmemory_only_what_frees_is_allowed() {
    let mut node = Node::with(Config {
        maxmemory: 1,
        ..Config::default()
    });
    let mut client = node.client();
    node.ask(
        &mut client,
        "CONFIG SET maxmemory 0\nSET a 1\nCONFIG SET maxmemory 1",
    );
    let oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    assert_eq!(node.ask(&mut client, "SET b 1"), oom);
    assert_eq!(node.ask(&mut client, "GET a\nDEL a"), "$1\r\n1\r\n:1\r\n");
}

#[test]
fn too_few_replicas_refuse_writes() {
    let mut node = Node::with(Config {
        min_replicas_to_write: 1,
        ..Config::default()
    });
    let mut client = node.client();
    let no = "-NOREPLICAS Not enough good replicas to write.\r\n";
    assert_eq!(node.ask(&mut client, "SET a 1"), no);
    assert_eq!(node.ask(&mut client, "GET a"), "$-1\r\n");
    let replies = node.ask(&mut client, "MULTI\nSET a 1\nEXEC");
    assert!(
        replies.contains("NOREPLICAS") && replies.contains("EXECABORT"),
        "{replies}"
    );
}
