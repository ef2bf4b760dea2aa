//! What commands write to the replication stream.

use super::{Client, Node};
use crate::io::{Level, Output};

/// What the commands add to the replication stream: each a line, its words apart by blanks.
pub(super) fn streamed(node: &mut Node, client: &mut Client, lines: &str) -> Vec<String> {
    node.engine.replication.stream.keep(1 << 20);
    let from = node.engine.replication.stream.offset() + 1;
    node.ask(client, lines);
    let stream = &node.engine.replication.stream;
    let bytes = stream.since(stream.id(), from).expect("it is kept");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let words = text.split("\r\n").filter(|word| !word.starts_with('$'));
    let commands = words.collect::<Vec<_>>().join(" ");
    commands
        .split('*')
        .filter_map(|command| Some(command.split_once(' ')?.1.trim().to_owned()))
        .collect()
}

#[test]
fn only_changes_are_written_and_each_database_is_selected_once() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let stream = streamed(
        &mut node,
        &mut client,
        "SET a 1\nGET a\nDEL none\nINCR x a\nSELECT 2\nSET b 1\nSET c 1",
    );
    assert_eq!(
        stream,
        ["SELECT 0", "SET a 1", "SELECT 2", "SET b 1", "SET c 1"]
    );
}

#[test]
fn a_transaction_stands_between_multi_and_exec() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "SET warm 1");
    let stream = streamed(
        &mut node,
        &mut client,
        "MULTI\nSET a 1\nGET a\nINCR a\nEXEC",
    );
    assert_eq!(stream, ["SELECT 0", "MULTI", "SET a 1", "INCR a", "EXEC"]);
    let stream = streamed(&mut node, &mut client, "MULTI\nGET a\nEXEC");
    assert!(stream.is_empty(), "{stream:?}");
}

#[test]
fn what_expired_goes_first_and_relative_times_become_absolute() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "DEBUG SET-ACTIVE-EXPIRE 0\nSET a 1 PX 5");
    node.engine.active_expiry = false;
    node.pass(10);
    let stream = streamed(&mut node, &mut client, "INCR a");
    assert_eq!(stream, ["SELECT 0", "DEL a", "INCR a"]);
    node.ask(
        &mut client,
        "CONFIG SET lazyfree-lazy-expire yes\nSET a 1 PX 5",
    );
    node.pass(10);
    let stream = streamed(&mut node, &mut client, "INCR a");
    assert_eq!(stream, ["UNLINK a", "INCR a"]);
    let at = node.now.unix_ms() + 1000;
    let stream = streamed(&mut node, &mut client, "SET b 1 PX 1000");
    assert_eq!(stream, [format!("SET b 1 PXAT {at}")]);
}

#[test]
fn a_key_that_expires_by_itself_is_deleted_in_the_stream() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, "SET a 1 PX 5");
    node.engine.replication.stream.keep(1 << 20);
    let from = node.engine.replication.stream.offset() + 1;
    node.pass(300);
    let stream = &node.engine.replication.stream;
    let bytes = stream.since(stream.id(), from).expect("it is kept");
    assert!(
        bytes.ends_with(b"*2\r\n$3\r\nDEL\r\n$1\r\na\r\n"),
        "{bytes:?}"
    );
}

fn applied(node: &mut Node, stream: &str) -> Result<usize, String> {
    node.engine.apply_stream(stream.as_bytes(), node.now)
}

#[test]
fn a_stream_is_applied_by_whole_commands_and_whole_transactions() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let first = "SELECT 3\r\nSET a 1\r\n";
    assert_eq!(
        applied(&mut node, &format!("{first}SET b")),
        Ok(first.len())
    );
    let open = "MULTI\r\nSET b 1\r\nSET c 1\r\n";
    assert_eq!(applied(&mut node, open), Ok(0), "EXEC is still to come");
    assert_eq!(node.ask(&mut client, "SELECT 3\nDBSIZE"), "+OK\r\n:1\r\n");
    let whole = format!("{open}EXEC\r\n");
    assert_eq!(applied(&mut node, &whole), Ok(whole.len()));
    assert_eq!(node.ask(&mut client, "DBSIZE"), ":3\r\n");
}

#[test]
fn a_long_transaction_arrives_in_pieces() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let commands: String = (0..100).map(|n| format!("SET k{n} 1\r\n")).collect();
    let whole = format!("MULTI\r\n{commands}EXEC\r\n");
    assert_eq!(applied(&mut node, &whole[..whole.len() / 2]), Ok(0));
    assert_eq!(applied(&mut node, &whole), Ok(whole.len()));
    assert_eq!(node.ask(&mut client, "DBSIZE"), ":100\r\n");
}

#[test]
fn a_stream_that_cannot_be_followed_says_why() {
    let mut node = Node::standalone();
    let unknown = applied(&mut node, "SET a 1\r\nFCALL f 0\r\n").unwrap_err();
    assert!(unknown.contains("unknown command 'FCALL'"), "{unknown}");
    let garbled = applied(&mut node, "*1\r\n!x\r\n").unwrap_err();
    assert!(garbled.contains("expected '$', got '!'"), "{garbled}");
}

fn critical(node: &mut Node) -> Vec<String> {
    node.drain();
    let line = |output: &Output| match output {
        Output::Log(_, Level::Warning, line) if line.starts_with("== CRITICAL ==") => {
            Some(line.clone())
        }
        _ => None,
    };
    node.outputs.iter().filter_map(line).collect()
}

#[test]
fn errors_of_replicated_commands_are_counted_and_told_even_within_exec() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let stream = "SET a x\r\nMULTI\r\nINCR a\r\nSET b 1\r\nEXEC\r\nINCR a\r\n";
    assert_eq!(applied(&mut node, stream), Ok(stream.len()));
    assert_eq!(node.ask(&mut client, "GET b"), "$1\r\n1\r\n", "it goes on");
    let info = node.ask(&mut client, "INFO stats");
    assert!(
        info.contains("\r\nunexpected_error_replies:2\r\n"),
        "{info}"
    );
    let lines = critical(&mut node);
    let told = "== CRITICAL == This replica is sending an error to its master: 'ERR value is not \
                an integer or out of range' after processing the command 'incr'";
    assert_eq!(lines, [told, told]);
    let exits = |output: &Output| matches!(output, Output::Exit(_));
    assert!(!node.outputs.iter().any(exits));
}

#[test]
fn an_error_of_a_replicated_command_ends_the_node_if_that_is_wanted() {
    for behavior in ["panic", "panic-on-replicas"] {
        let mut node = Node::standalone();
        let mut client = node.client();
        let set = format!("CONFIG SET propagation-error-behavior {behavior}");
        assert_eq!(node.ask(&mut client, &set), "+OK\r\n");
        node.ask(&mut client, "SET a x\nINCR a");
        let exits = |node: &mut Node| {
            node.drain();
            node.outputs
                .iter()
                .any(|output| matches!(output, Output::Exit(1)))
        };
        assert!(!exits(&mut node), "a client may err");
        assert_eq!(applied(&mut node, "INCR a\r\n"), Ok(8));
        assert!(exits(&mut node), "{behavior}");
    }
}

#[test]
fn a_key_that_is_past_its_time_is_there_for_the_stream() {
    let mut node = Node::standalone();
    node.engine.active_expiry = false;
    let past = node.now.unix_ms() - 1000;
    let stream = format!("SET a 1 PXAT {past}\r\nINCR a\r\n");
    assert_eq!(applied(&mut node, &stream), Ok(stream.len()));
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "GET a"), "$-1\r\n");
}

#[test]
fn what_a_partial_resync_sends_is_output_of_replication_alone() {
    let mut node = Node::standalone();
    let (mut client, mut replica) = (node.client(), node.client());
    node.engine.replication.stream.keep(1 << 20);
    let stream = &node.engine.replication.stream;
    let psync = format!("PSYNC {} {}", stream.id(), stream.offset() + 1);
    node.ask(&mut client, &format!("SET key {}", "x".repeat(10_000)));
    let clients = node.engine.stats.clients.output;
    let reply = node.ask(&mut replica, &psync);
    assert!(reply.starts_with("+CONTINUE"), "{reply}");
    assert_eq!(node.engine.stats.clients.output, clients);
    let sent = node.engine.stats.replication.output;
    assert!(sent > 10_000 && sent == reply.len() as u64, "{sent}");
}
