//! Clients that wait for keys, and all the ways in which that ends.

use super::stream::streamed;
use super::{Client, Node};
use crate::config::Config;
use crate::io::{Output, SessionState};
use crate::resp::Reply;

impl Node {
    /// A client that has asked for this and waits.
    pub(super) fn waiting(&mut self, request: &str) -> Client {
        let mut client = self.client();
        assert_eq!(self.ask(&mut client, request), "", "{request}");
        assert_eq!(client.state, SessionState::Parked, "{request}");
        client
    }

    /// What a client that waited has got by now; nothing if it goes on waiting.
    pub(super) fn got(&mut self, client: &mut Client) -> String {
        if !self.resumed(client.session) {
            return String::new();
        }
        let reply = self.send(client, b"");
        reply.trim_end().replace("\r\n", "|")
    }

    fn info(&mut self, field: &str) -> String {
        let mut client = self.client();
        let info = self.ask(&mut client, "INFO everything");
        self.engine.close(client.session, self.now);
        let line = info.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|line| line.strip_prefix(':'))
            .unwrap_or("-")
            .to_owned()
    }
}

#[test]
fn clients_are_served_in_the_order_of_waiting() {
    let mut node = Node::standalone();
    let mut one = node.waiting("BLPOP k 0");
    let mut two = node.waiting("BRPOP k 0\nPING");
    let mut three = node.waiting("BLMPOP 0 1 k LEFT COUNT 5");
    let mut writer = node.client();
    assert_eq!(
        node.ask(&mut writer, "RPUSH k a b c d\nLLEN k"),
        ":4\r\n:0\r\n"
    );
    assert_eq!(node.got(&mut one), "*2|$1|k|$1|a");
    assert_eq!(node.got(&mut two), "*2|$1|k|$1|d|+PONG");
    assert_eq!(node.got(&mut three), "*2|$1|k|*2|$1|b|$1|c");
    assert_eq!(node.info("blocked_clients"), "0");
    assert_eq!(node.info("total_blocking_keys"), "0");
}

#[test]
fn who_finds_nothing_keeps_its_place() {
    let mut node = Node::standalone();
    let mut one = node.waiting("BLPOP k 0");
    let mut two = node.waiting("BLPOP k 0");
    let mut writer = node.client();
    for value in ["a", "b"] {
        node.ask(&mut writer, &format!("RPUSH k {value}"));
    }
    assert_eq!(node.got(&mut one), "*2|$1|k|$1|a");
    assert_eq!(node.got(&mut two), "*2|$1|k|$1|b");
}

#[test]
fn each_served_client_is_a_commit_of_its_own_after_the_write() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    node.ask(&mut writer, "SET warm 1");
    let waiting = [
        node.waiting("BLPOP k x 0"),
        node.waiting("BLMOVE k other LEFT RIGHT 0"),
        node.waiting("BRPOPLPUSH k third 0"),
        node.waiting("BLMPOP 0 2 x k RIGHT COUNT 2"),
        node.waiting("BZPOPMIN z 0"),
        node.waiting("BZMPOP 0 1 z MAX COUNT 3"),
    ];
    let stream = streamed(&mut node, &mut writer, "RPUSH k a b c d e\nZADD z 1 m 2 n");
    let wanted = [
        "SELECT 0",
        "RPUSH k a b c d e",
        "LPOP k",
        "LMOVE k other LEFT RIGHT",
        "RPOPLPUSH k third",
        "RPOP k 2",
        "ZADD z 1 m 2 n",
        "ZPOPMIN z",
        "ZPOPMAX z 1",
    ];
    assert_eq!(stream, wanted);
    assert!(waiting.iter().all(|client| node.resumed(client.session)));
}

#[test]
fn a_transaction_is_seen_as_a_whole_and_comes_first() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    node.ask(&mut writer, "SET warm 1");
    let mut one = node.waiting("BLPOP a b 0");
    let lines = "MULTI\nRPUSH b 1\nRPUSH a 2\nRPUSH gone x\nDEL gone\nEXEC";
    let mut gone = node.waiting("BLPOP gone 0");
    let stream = streamed(&mut node, &mut writer, lines);
    let wanted = [
        "SELECT 0",
        "MULTI",
        "RPUSH b 1",
        "RPUSH a 2",
        "RPUSH gone x",
        "DEL gone",
        "EXEC",
        "LPOP a",
    ];
    assert_eq!(stream, wanted);
    // The first of its own keys, as Redis 7.2 has it.
    assert_eq!(node.got(&mut one), "*2|$1|a|$1|2");
    assert_eq!(node.got(&mut gone), "");
    assert_eq!(node.ask(&mut writer, "LRANGE b 0 -1"), "*1\r\n$1\r\n1\r\n");
}

#[test]
fn within_a_transaction_nothing_waits() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let lines = "MULTI\nBLPOP k 0\nBLMOVE k l LEFT LEFT 0\nBZPOPMAX z 0\nBLMPOP 0 1 k LEFT\nEXEC";
    let reply = node.ask(&mut client, lines);
    assert!(
        reply.ends_with("*4\r\n*-1\r\n$-1\r\n*-1\r\n*-1\r\n"),
        "{reply}"
    );
    assert_eq!(node.info("blocked_clients"), "0");
}

#[test]
fn an_element_that_is_moved_serves_the_next_one() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    let mut last = node.waiting("BLPOP c 0");
    let mut second = node.waiting("BLMOVE b c LEFT LEFT 0");
    let mut first = node.waiting("BLMOVE a b LEFT LEFT 0");
    // Around in a circle, and to an end.
    let mut circle = node.waiting("BLMOVE c a LEFT LEFT 0");
    assert_eq!(
        node.ask(&mut writer, "RPUSH a x y\nEXISTS a b c"),
        ":2\r\n:1\r\n"
    );
    assert_eq!(node.got(&mut first), "$1|x");
    assert_eq!(node.got(&mut second), "$1|x");
    assert_eq!(node.got(&mut last), "*2|$1|c|$1|x");
    assert_eq!(node.got(&mut circle), "");
    assert_eq!(
        node.ask(&mut writer, "RPUSH c z\nLRANGE a 0 -1"),
        ":1\r\n*2\r\n$1\r\nz\r\n$1\r\ny\r\n"
    );
    assert_eq!(node.got(&mut circle), "$1|z");
}

#[test]
fn another_type_is_waited_through_and_refused_when_it_is_in_the_way() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    node.ask(&mut writer, "SET s x");
    let mut client = node.client();
    assert!(
        node.ask(&mut client, "BLPOP k s 0")
            .starts_with("-WRONGTYPE")
    );
    let mut one = node.waiting("BLPOP k 0");
    let mut set = node.waiting("BZPOPMIN k 0");
    let mut two = node.waiting("BLMOVE k s LEFT LEFT 0");
    node.ask(&mut writer, "SET k x\nDEL k\nSADD k m\nDEL k");
    assert_eq!(
        (node.got(&mut one), node.got(&mut set)),
        (String::new(), String::new())
    );
    node.ask(&mut writer, "ZADD k 1.5 m");
    assert_eq!(node.got(&mut set), "*3|$1|k|$1|m|$3|1.5");
    node.ask(&mut writer, "RPUSH k a b");
    assert_eq!(node.got(&mut one), "*2|$1|k|$1|a");
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(node.got(&mut two), wrong);
    assert_eq!(node.ask(&mut writer, "LRANGE k 0 -1"), "*1\r\n$1\r\nb\r\n");
    assert_eq!(node.info("errorstat_WRONGTYPE"), "count=2");
}

#[test]
fn a_key_becomes_ready_by_another_name_or_as_a_copy() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    for (make, wanted) in [
        ("RPUSH x 1\nRENAME x k", "*2|$1|k|$1|1"),
        ("RPUSH y 2\nCOPY y k\nDEL y", "*2|$1|k|$1|2"),
        ("RPUSH z 3\nLMOVE z k LEFT LEFT", "*2|$1|k|$1|3"),
    ] {
        let mut client = node.waiting("BLPOP k 0");
        node.ask(&mut writer, make);
        assert_eq!(node.got(&mut client), wanted, "{make}");
    }
    let mut client = node.waiting("BZPOPMAX k 0");
    node.ask(&mut writer, "ZADD z 1 a 2 b\nZRANGESTORE k z 0 -1");
    assert_eq!(node.got(&mut client), "*3|$1|k|$1|b|$1|2");
    assert_eq!(node.ask(&mut writer, "EXISTS k"), ":1\r\n");
}

#[test]
fn a_wait_ends_at_its_deadline_and_not_before() {
    let mut node = Node::standalone();
    let mut client = node.waiting("BLPOP a b 0.1\nPING");
    let mut other = node.client();
    node.ask(&mut other, "HELLO 3\nBZMPOP 5 1 a MIN");
    node.pass(99);
    assert_eq!(node.got(&mut client), "");
    assert_eq!(node.info("clients_in_timeout_table"), "2");
    node.pass(2);
    assert_eq!(node.got(&mut client), "*-1|+PONG");
    node.pass(5000);
    assert_eq!(node.got(&mut other), "_");
    let mut writer = node.client();
    assert_eq!(node.ask(&mut writer, "RPUSH a 1\nLLEN a"), ":1\r\n:1\r\n");
}

#[test]
fn client_unblock_ends_a_wait_as_its_deadline_or_with_an_error() {
    let mut node = Node::standalone();
    let mut admin = node.client();
    let mut one = node.waiting("BLPOP k 0");
    let mut two = node.waiting("BLPOP k 0");
    let mut acks = node.waiting("WAIT 3 0");
    let mut more = node.waiting("WAIT 3 0");
    let mut unblock = |node: &mut Node, client: &Client, how: &str| {
        let number = client.session.number();
        node.ask(&mut admin, &format!("CLIENT UNBLOCK {number} {how}"))
    };
    assert_eq!(unblock(&mut node, &one, ""), ":1\r\n");
    assert_eq!(unblock(&mut node, &one, ""), ":0\r\n", "it waits no longer");
    assert_eq!(unblock(&mut node, &two, "ERROR"), ":1\r\n");
    assert_eq!(unblock(&mut node, &acks, "TIMEOUT"), ":1\r\n");
    assert_eq!(unblock(&mut node, &more, "ERROR"), ":1\r\n");
    let error = "-UNBLOCKED client unblocked via CLIENT UNBLOCK";
    assert_eq!(node.got(&mut one), "*-1");
    assert_eq!(node.got(&mut two), error);
    assert_eq!(node.got(&mut acks), ":0");
    assert_eq!(node.got(&mut more), error);
    node.ask(&mut one, "CLIENT PAUSE 1000 WRITE");
    let mut paused = node.waiting("SET a 1");
    assert_eq!(
        unblock(&mut node, &paused, ""),
        ":0\r\n",
        "a pause is no wait"
    );
    assert_eq!(node.got(&mut paused), "");
    assert_eq!(unblock(&mut node, &one, ""), ":0\r\n");
}

#[test]
fn who_leaves_is_not_served() {
    let mut node = Node::standalone();
    let mut admin = node.client();
    let closed = node.waiting("BLPOP k j 0");
    let killed = node.waiting("BLPOP k 5");
    let mut last = node.waiting("BLPOP k 0");
    node.engine.close(closed.session, node.now);
    node.ask(
        &mut admin,
        &format!("CLIENT KILL ID {}", killed.session.number()),
    );
    node.ask(&mut admin, "RPUSH k a");
    assert_eq!(node.got(&mut last), "*2|$1|k|$1|a");
    assert!(!node.resumed(killed.session) && !node.resumed(closed.session));
    assert_eq!(node.info("total_blocking_keys"), "0");
    assert_eq!(node.info("clients_in_timeout_table"), "0");
}

#[test]
fn clients_that_want_no_reply_get_none() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    let mut skip = node.waiting("CLIENT REPLY SKIP\nBLPOP k 0\nPING");
    let mut off = node.waiting("CLIENT REPLY OFF\nBLPOP k 0\nPING");
    node.ask(&mut writer, "RPUSH k a b\n");
    assert_eq!(node.got(&mut skip), "+PONG");
    assert_eq!(node.got(&mut off), "");
    assert_eq!(node.ask(&mut writer, "EXISTS k"), ":0\r\n");
}

#[test]
fn what_a_wait_keeps_is_counted_and_shown() {
    let mut node = Node::standalone();
    let before = node.engine.sessions.memory();
    let empty = node.client();
    let one = node.engine.sessions.memory() - before;
    node.engine.close(empty.session, node.now);
    let mut client = node.waiting(&format!("BLPOP {} b 0", "k".repeat(5000)));
    let taken = node.engine.sessions.memory() - before - one;
    assert!((10_000..12_000).contains(&taken), "{taken} bytes");
    assert_eq!(node.info("blocked_clients"), "1");
    assert_eq!(node.info("total_blocking_keys"), "2");
    let mut admin = node.client();
    let list = node.ask(
        &mut admin,
        &format!("CLIENT LIST ID {}", client.session.number()),
    );
    assert!(
        list.contains(" flags=b ") && list.contains(" cmd=blpop "),
        "{list}"
    );
    node.ask(&mut admin, "RPUSH b x");
    assert_eq!(node.got(&mut client), "*2|$1|b|$1|x");
    node.engine.close(admin.session, node.now);
    node.engine.close(client.session, node.now);
    assert_eq!(node.engine.sessions.memory(), before);
}

#[test]
fn a_served_client_counts_one_call_and_its_write() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    let mut client = node.waiting("BLPOP k 0");
    node.ask(&mut writer, "RPUSH k a");
    assert_eq!(node.got(&mut client), "*2|$1|k|$1|a");
    let calls = node.info("cmdstat_blpop");
    assert!(
        calls.starts_with("calls=1,") && calls.contains("failed_calls=0"),
        "{calls}"
    );
    let offset = node.engine.replication.offset();
    let session = node.engine.sessions.at(client.session);
    assert_eq!(session.last_write_offset, offset, "WAIT waits for the pop");
}

/// However many wait, only those are looked at for whom there is something.
#[test]
fn a_hundred_thousand_waiting_clients_are_not_looked_at() {
    const MANY: usize = 100_000;
    let mut node = Node::with(Config {
        maxclients: 2 * MANY,
        ..Config::default()
    });
    let mut reply = Reply::new();
    // No turns between, since each of them checks all of the node.
    let mut ask = |node: &mut Node, client: &mut Client, lines: &str| {
        reply.clear();
        client.unread.extend_from_slice(lines.as_bytes());
        node.execute(client, &mut reply);
        String::from_utf8_lossy(&reply.bytes()).replace("\r\n", "|")
    };
    let mut crowd = Vec::new();
    for number in 0..MANY {
        let mut client = node.client();
        // Half of them at one key; some with a deadline.
        let key = if number % 2 == 0 { number } else { 1 };
        let request = format!("BLPOP k:{key} {}\n", number % 3 * 1000);
        assert_eq!(ask(&mut node, &mut client, &request), "");
        crowd.push(client);
    }
    assert_eq!(node.engine.parking.len(), MANY);
    let mut writer = node.client();
    let lines = "SET a 1\nRPUSH other a\nRPUSH k:1 x y\n";
    assert_eq!(ask(&mut node, &mut writer, lines), "+OK|:1|:2|");
    assert_eq!(node.engine.blocking.looks, 2, "two were served");
    node.drain();
    for (number, element) in [(1, "x"), (3, "y")] {
        assert!(node.resumed(crowd[number].session));
        let wanted = format!("*2|$3|k:1|$1|{element}|");
        assert_eq!(ask(&mut node, &mut crowd[number], ""), wanted);
    }
    node.engine.close(crowd[99_999].session, node.now);
    node.engine.close(crowd[50_001].session, node.now);
    node.engine.on_timer(node.now);
    node.engine.on_turn(node.now);
    assert_eq!(node.engine.blocking.looks, 2);
    assert_eq!(node.engine.parking.len(), MANY - 4);
}

#[test]
fn a_master_that_loses_its_slots_sends_those_who_wait_away() {
    let mut node = Node::master();
    let mut admin = node.client();
    let mut client = node.waiting("BLPOP hello 0");
    let mut other = node.waiting("BLPOP foo 0");
    node.ask(&mut admin, "CLUSTER DELSLOTS 866");
    node.pass(5000);
    for client in [&mut client, &mut other] {
        assert_eq!(node.got(client), "-CLUSTERDOWN The cluster is down");
    }
    node.ask(&mut admin, "CLUSTER ADDSLOTS 866");
    node.pass(5000);
    node.waiting("BLPOP hello 0");
}

#[test]
fn those_who_wait_at_a_master_are_dismissed_when_it_becomes_a_replica() {
    let mut node = Node::standalone();
    let client = node.waiting("BLPOP k 0");
    let acks = node.waiting("WAIT 1 0");
    node.engine.is_replica = true;
    node.engine.on_turn(node.now);
    node.drain();
    let wanted = "-UNBLOCKED force unblock from blocking operation, instance state changed \
        (master -> replica?)\r\n";
    for client in [client, acks] {
        let id = client.session;
        let mut pushed = None;
        for output in &node.outputs {
            match output {
                Output::Push(to, bytes) if *to == id => pushed = Some(bytes.clone()),
                Output::Close { session, flush } if *session == id => {
                    assert!(pushed.is_some() && *flush, "the reply comes first");
                }
                _ => {}
            }
        }
        assert_eq!(pushed.expect("it is told"), wanted.as_bytes());
        assert!(node.engine.sessions.at(id).killed);
    }
}

#[test]
fn what_other_commands_put_at_a_key_serves_those_who_wait() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    let lines = "SADD s 2 1\nGEOADD g 1 1 x\nSELECT 1\nRPUSH moved a\nRPUSH swapped b";
    node.ask(&mut writer, lines);
    for (wait, line, got) in [
        ("BLPOP d 0", "SELECT 0\nSORT s STORE d", "*2|$1|d|$1|1"),
        (
            "BZPOPMIN e 0",
            "GEOADD e 0 0 y",
            "*3|$1|e|$1|y|$16|3377699720527872",
        ),
        (
            "BZPOPMIN f 0",
            "GEOSEARCHSTORE f g FROMMEMBER x BYRADIUS 1 m STOREDIST",
            "*3|$1|f|$1|x|$1|0",
        ),
        (
            "BLPOP moved 0",
            "SELECT 1\nMOVE moved 0",
            "*2|$5|moved|$1|a",
        ),
        ("BLPOP swapped 0", "SWAPDB 0 1", "*2|$7|swapped|$1|b"),
    ] {
        let mut waiting = node.waiting(wait);
        node.ask(&mut writer, line);
        assert_eq!(node.got(&mut waiting), got, "{line}");
    }
}
