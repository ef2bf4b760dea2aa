//! Long values in transactions, and replies that come later.

use super::*;

/// What a request is answered, and after how many turns. In each of them others are served.
fn served(
    node: &mut Node,
    client: &mut Client,
    argv: &[&[u8]],
    mut meanwhile: impl FnMut(&mut Node),
) -> (Vec<u8>, usize) {
    encode_command(&mut client.unread, argv);
    let (mut reply, mut turns) = (Reply::new(), 0);
    node.execute(client, &mut reply);
    while client.state == SessionState::Parked {
        turns += 1;
        assert!(turns < 10_000, "it does not end");
        meanwhile(node);
        node.engine.on_turn(node.now);
        node.drain();
        if node.resumed(client.session) {
            node.execute(client, &mut reply);
        }
    }
    (reply.bytes().to_vec(), turns)
}

/// The same where nothing else happens; only the turns.
fn turns(node: &mut Node, client: &mut Client, argv: &[&[u8]]) -> usize {
    served(node, client, argv, |_| ()).1
}

#[test]
fn after_multi_a_long_value_is_decoded_in_steps_before_it_is_queued() {
    let mut node = node();
    let mut client = node.client();
    fill(&mut node, &mut client, "ZADD zset", ELEMENTS);
    let expected = digest(&mut node, &mut client, "zset");
    let payload = dump(&mut node, &mut client, "zset");
    let mut damaged = payload.clone();
    damaged[5000] ^= 1;
    let restore = |payload| -> [&[u8]; 4] { [b"RESTORE", b"new", b"0", payload] };

    node.ask(&mut client, "MULTI\nSET first 1");
    turns(&mut node, &mut client, &restore(&damaged));
    assert!(turns(&mut node, &mut client, &restore(&payload)) > 5);
    // Its key is taken by then.
    assert!(turns(&mut node, &mut client, &restore(&payload)) > 5);
    assert_eq!(node.engine.restoring.len(), 3);
    assert_eq!(node.ask(&mut client, "DEL zset"), "+QUEUED\r\n");
    let reply = call(&mut node, &mut client, &[b"EXEC"]);
    assert_eq!(
        String::from_utf8_lossy(&reply),
        "*5\r\n+OK\r\n-ERR DUMP payload version or checksum are wrong\r\n+OK\r\n\
         -BUSYKEY Target key name already exists.\r\n:1\r\n"
    );
    assert_eq!(digest(&mut node, &mut client, "new"), expected);
    assert!(node.engine.restoring.is_empty());
    assert!(node.engine.data.aside(|data| data.is_empty()));
}

#[test]
fn a_transaction_that_is_not_executed_leaves_no_decoded_value() {
    let mut node = node();
    let (mut client, mut other) = (node.client(), node.client());
    fill(&mut node, &mut client, "SADD set", ELEMENTS);
    let payload = dump(&mut node, &mut client, "set");
    let restore: [&[u8]; 4] = [b"RESTORE", b"new", b"0", &payload];
    for end in ["DISCARD", "RESET", "SET new\nEXEC", "EXEC"] {
        node.ask(&mut client, "WATCH watched\nMULTI");
        assert!(turns(&mut node, &mut client, &restore) > 5);
        assert_eq!(node.engine.restoring.len(), 1, "{end}");
        node.ask(&mut other, "SET watched 1");
        node.ask(&mut client, end);
        assert!(node.engine.restoring.is_empty(), "{end}");
        assert!(node.engine.data.aside(|data| data.is_empty()), "{end}");
    }
    assert_eq!(node.ask(&mut client, "EXISTS new"), ":0\r\n");
}

#[test]
fn what_an_exec_dumps_is_encoded_in_steps_and_is_as_it_was_then() {
    let mut node = node();
    let mut client = node.client();
    fill(&mut node, &mut client, "HSET hash", ELEMENTS);
    fill(&mut node, &mut client, "RPUSH list", 3 * ELEMENTS);
    let [hash, list] = ["hash", "list"].map(|key| dump(&mut node, &mut client, key));
    let lines = "MULTI\nDUMP hash\nINCR count\nDUMP list\nRPUSH list more\nDUMP none";
    node.ask(&mut client, lines);
    // The others are served meanwhile; nothing that they write after it is in it.
    let (mut other, mut written) = (node.client(), false);
    let (reply, turns) = served(&mut node, &mut client, &[b"EXEC"], |node| {
        if !written && node.ask(&mut other, "GET count") == "$1\r\n1\r\n" {
            node.ask(&mut other, "DEL hash\nLPUSH list less");
            written = true;
        }
    });
    assert!(written && turns > 10, "{turns}");
    let bulk = |bytes: &[u8]| [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let (hash, list) = (bulk(&hash), bulk(&list));
    let expected = [b"*5\r\n", &hash[..], b":1\r\n", &list, b":30001\r\n$-1\r\n"].concat();
    assert!(reply == expected, "{} bytes", reply.len());
    assert!(node.engine.dumps.is_empty());
    let left = node.ask(&mut client, "LLEN list\nEXISTS hash");
    assert_eq!(left, ":30002\r\n:0\r\n");
}

#[test]
fn a_reply_that_is_to_be_skipped_is_skipped_though_it_comes_later() {
    let mut node = node();
    let mut client = node.client();
    fill(&mut node, &mut client, "HSET hash", ELEMENTS);
    let expected = dump(&mut node, &mut client, "hash");
    node.ask(&mut client, "CLIENT REPLY SKIP");
    assert_eq!(call(&mut node, &mut client, &[b"DUMP", b"hash"]), b"");
    assert_eq!(node.ask(&mut client, "PING"), "+PONG\r\n");
    assert!(dump(&mut node, &mut client, "hash") == expected);
}
