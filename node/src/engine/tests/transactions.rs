//! MULTI, EXEC and WATCH.

use super::Node;

#[test]
fn a_queue_is_executed_as_one() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let replies = node.ask(&mut client, "MULTI\nSET a 1\nINCR a\nGET a\nEXEC");
    assert_eq!(
        replies,
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n"
    );
}

#[test]
fn a_command_that_fails_does_not_stop_the_others() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "SET a x");
    let replies = node.ask(&mut client, "MULTI\nINCR a\nSET b 1\nEXEC");
    assert!(replies.ends_with("*2\r\n-ERR value is not an integer or out of range\r\n+OK\r\n"));
}

#[test]
fn a_refused_command_spoils_the_transaction() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let replies = node.ask(&mut client, "MULTI\nNOSUCH\nSET a 1\nEXEC\nGET a");
    assert!(replies.contains("-EXECABORT Transaction discarded because of previous errors.\r\n"));
    assert!(replies.ends_with("$-1\r\n"));
}

#[test]
fn a_watched_key_that_changed_aborts() {
    let mut node = Node::standalone();
    let (mut one, mut two) = (node.client(), node.client());
    node.ask(&mut one, "WATCH a\nMULTI\nSET b 1");
    node.ask(&mut two, "SET a 2");
    assert_eq!(node.ask(&mut one, "EXEC"), "*-1\r\n");
    node.ask(&mut one, "WATCH a\nMULTI\nSET b 1");
    node.ask(&mut two, "GET a");
    assert_eq!(node.ask(&mut one, "EXEC"), "*1\r\n+OK\r\n");
}

#[test]
fn a_watched_hash_changes_with_its_fields_only() {
    let mut node = Node::standalone();
    let (mut one, mut two) = (node.client(), node.client());
    for (change, changed) in [
        ("HSET h a 1", true),
        ("HGET h a\nHDEL h x\nHSETNX h a 2\nHINCRBY h a x", false),
        ("HINCRBY h a 1", true),
        ("HINCRBYFLOAT h a 1", true),
        ("EXPIRE h 100", true),
        ("HDEL h a", true),
    ] {
        node.ask(&mut one, "WATCH h\nMULTI\nPING");
        node.ask(&mut two, change);
        let reply = if changed {
            "*-1\r\n"
        } else {
            "*1\r\n+PONG\r\n"
        };
        assert_eq!(node.ask(&mut one, "EXEC"), reply, "{change}");
    }
}

#[test]
fn watches_end_with_unwatch_discard_and_exec() {
    let mut node = Node::standalone();
    let (mut one, mut two) = (node.client(), node.client());
    for ending in ["UNWATCH", "MULTI\nDISCARD", "MULTI\nEXEC"] {
        node.ask(&mut one, &format!("WATCH a\n{ending}\nMULTI\nPING"));
        node.ask(&mut two, "SET a 2");
        assert_eq!(node.ask(&mut one, "EXEC"), "*1\r\n+PONG\r\n", "{ending}");
    }
}

#[test]
fn misuse_has_redis_words() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "EXEC"), "-ERR EXEC without MULTI\r\n");
    assert_eq!(
        node.ask(&mut client, "DISCARD"),
        "-ERR DISCARD without MULTI\r\n"
    );
    let replies = node.ask(&mut client, "MULTI\nMULTI\nWATCH a\nSAVE\nDISCARD");
    assert_eq!(
        replies,
        "+OK\r\n-ERR MULTI calls can not be nested\r\n\
         -ERR WATCH inside MULTI is not allowed\r\n\
         -ERR Command not allowed inside a transaction\r\n+OK\r\n"
    );
}

#[test]
fn a_wait_in_a_transaction_does_not_wait() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let replies = node.ask(&mut client, "MULTI\nSET a 1\nWAIT 1 0\nEXEC");
    assert!(replies.ends_with("*2\r\n+OK\r\n:0\r\n"), "{replies}");
}
