//! Requests and replies as bytes.

use super::Node;
use crate::config::Config;
use crate::io::SessionState;

/// Elements of big values are looked ahead for; a request may name none, and changes come in between.
#[test]
fn a_pipeline_for_elements_of_one_key_is_answered_in_order() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let members: Vec<_> = (0..600).map(|number| format!("member:{number}")).collect();
    node.ask(&mut client, &format!("sadd set {}", members.join(" ")));
    node.ask(&mut client, &format!("hset hash {}", members.join(" ")));
    let scored = members.iter().enumerate();
    let scored: Vec<_> = scored.map(|(at, name)| format!("{at} {name}")).collect();
    node.ask(&mut client, &format!("zadd zset {}", scored.join(" ")));
    let mut pipeline = String::new();
    let mut expected = String::new();
    for number in (0..600).step_by(2) {
        let (field, value) = (&members[number], &members[number + 1]);
        for (line, reply) in [
            (format!("sismember set {field}"), ":1".to_owned()),
            (format!("srem set {field}"), ":1".to_owned()),
            (format!("sismember set {field}"), ":0".to_owned()),
            (format!("sadd set {field} {value}"), ":1".to_owned()),
            ("sadd set".to_owned(), wrong_arity("sadd")),
            (
                format!("hget hash {field}"),
                format!("${}|{value}", value.len()),
            ),
            (format!("hset hash {field} 7"), ":0".to_owned()),
            (format!("hincrby hash {field} 1"), ":8".to_owned()),
            (format!("hdel hash {field}"), ":1".to_owned()),
            (format!("hdel hash {field}"), ":0".to_owned()),
            ("hget hash".to_owned(), wrong_arity("hget")),
            (
                format!("zscore zset {field}"),
                format!("${}|{number}", number.to_string().len()),
            ),
            (format!("zrem zset {field}"), ":1".to_owned()),
            (format!("zscore zset {field}"), "$-1".to_owned()),
            (format!("zrank zset {value}"), format!(":{}", number / 2)),
            ("zscore zset".to_owned(), wrong_arity("zscore")),
        ] {
            pipeline += &format!("{line}\r\n");
            expected += &format!("{reply}|");
        }
    }
    pipeline += "del set hash zset\r\n";
    expected += ":2|";
    let replies = node.send(&mut client, pipeline.as_bytes());
    assert_eq!(replies.replace("\r\n", "|"), expected);
}

/// Values that are shown as a whole are looked ahead for, whatever they are.
#[test]
fn a_pipeline_for_whole_values_is_answered_as_single_requests_are() {
    let mut node = Node::standalone();
    let mut client = node.client();
    node.ask(&mut client, &format!("set long {}", "x".repeat(50_000)));
    node.ask(&mut client, "rpush list a b");
    for count in [1, 20, 60, 2000] {
        let members: Vec<_> = (0..count * 2).map(|at| format!("{at}:name")).collect();
        let pairs: Vec<_> = (0..count).map(|at| format!("{at} name:{at}")).collect();
        node.ask(
            &mut client,
            &format!("sadd set:{count} {}", members.join(" ")),
        );
        node.ask(
            &mut client,
            &format!("hset hash:{count} {}", members.join(" ")),
        );
        node.ask(
            &mut client,
            &format!("zadd zset:{count} {}", pairs.join(" ")),
        );
    }
    let mut lines = Vec::new();
    for key in ["long", "list", "missing"] {
        lines.extend([format!("smembers {key}"), format!("hgetall {key}")]);
    }
    for count in [1, 20, 60, 2000] {
        for verb in ["smembers set", "hgetall hash", "hkeys hash", "hvals hash"] {
            lines.push(format!("{verb}:{count}"));
        }
        lines.push(format!("zrange zset:{count} 0 -1"));
        lines.push(format!("zrange zset:{count} -3 -1 withscores"));
    }
    lines.push("smembers".to_owned());
    let single: String = (lines.iter())
        .map(|line| node.send(&mut client, format!("{line}\r\n").as_bytes()))
        .collect();
    let pipeline = lines.join("\r\n") + "\r\n";
    assert!(single.contains("name:1999") && !single.contains("-ERR Protocol"));
    let first = (client.session, pipeline.as_bytes());
    node.engine.look_ahead([first; 3].into_iter());
    assert_eq!(node.send(&mut client, pipeline.as_bytes()), single);
}

fn wrong_arity(name: &str) -> String {
    format!("-ERR wrong number of arguments for '{name}' command")
}

#[test]
fn a_pipeline_is_answered_in_order() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let pipeline: String = (0..40)
        .map(|n| format!("SET k{n} {n}\nGET k{n}\n"))
        .collect();
    let expected: String = (0..40)
        .map(|n: usize| {
            let text = n.to_string();
            format!("+OK\r\n${}\r\n{text}\r\n", text.len())
        })
        .collect();
    assert_eq!(node.send(&mut client, pipeline.as_bytes()), expected);
    assert_eq!(client.state, SessionState::NeedInput);
    assert!(client.unread.is_empty());
}

#[test]
fn an_unfinished_request_waits_for_its_rest() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(node.send(&mut client, b"*2\r\n$4\r\nECHO\r\n$5\r\nhe"), "");
    assert_eq!(node.send(&mut client, b"llo\r\n"), "$5\r\nhello\r\n");
}

#[test]
fn a_protocol_error_ends_the_connection_after_what_came_before() {
    let mut node = Node::standalone();
    let mut client = node.client();
    let replies = node.send(&mut client, b"PING\r\n*1\r\n!4\r\nPING\r\n");
    assert_eq!(
        replies,
        "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n"
    );
    assert_eq!(client.state, SessionState::Close);
}

#[test]
fn unknown_commands_and_wrong_arity_have_redis_words() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(
        node.ask(&mut client, "NOSUCH a b"),
        "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n"
    );
    assert_eq!(
        node.ask(&mut client, "GET"),
        "-ERR wrong number of arguments for 'get' command\r\n"
    );
    assert_eq!(
        node.ask(&mut client, "CONFIG NOSUCH"),
        "-ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP.\r\n"
    );
}

#[test]
fn before_auth_nothing_but_auth() {
    let mut node = Node::with(Config {
        requirepass: Some(b"123456".to_vec()),
        ..Config::default()
    });
    let mut client = node.client();
    let no = "-NOAUTH Authentication required.\r\n";
    assert_eq!(node.ask(&mut client, "PING"), no);
    assert_eq!(node.ask(&mut client, "INFO replication"), no);
    assert_eq!(
        node.ask(&mut client, "AUTH wrong"),
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
    );
    assert!(
        node.ask(&mut client, "HELLO 3")
            .starts_with("-NOAUTH HELLO must be called")
    );
    assert_eq!(node.ask(&mut client, "AUTH 123456"), "+OK\r\n");
    assert_eq!(node.ask(&mut client, "PING"), "+PONG\r\n");
    assert_eq!(node.ask(&mut client, "RESET"), "+RESET\r\n");
    assert_eq!(node.ask(&mut client, "PING"), no);
    let hello = node.ask(&mut client, "HELLO 3 AUTH default 123456 SETNAME me");
    assert!(hello.starts_with("%7\r\n"), "{hello}");
    assert_eq!(node.ask(&mut client, "CLIENT GETNAME"), "$2\r\nme\r\n");
}

#[test]
fn clients_learn_in_which_zone_a_node_runs() {
    let mut node = Node::with(Config::default());
    let mut client = node.client();
    assert!(node.ask(&mut client, "HELLO 3").starts_with("%7\r\n"));
    let set = "CONFIG SET availability-zone eu-west-1b";
    assert_eq!(node.ask(&mut client, set), "+OK\r\n");
    let hello = node.ask(&mut client, "HELLO 3");
    assert!(hello.starts_with("%8\r\n"), "{hello}");
    let zone = "$17\r\navailability_zone\r\n$10\r\neu-west-1b\r\n";
    assert!(hello.ends_with(zone), "{hello}");
    let info = node.ask(&mut client, "INFO server");
    assert!(info.contains("availability_zone:eu-west-1b\r\n"), "{info}");
}

#[test]
fn a_long_request_may_follow_auth_at_once() {
    let mut node = Node::with(Config {
        requirepass: Some(b"p".to_vec()),
        ..Config::default()
    });
    let mut client = node.client();
    let value = "x".repeat(20_000);
    let set = format!("AUTH p\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$20000\r\n{value}\r\n");
    assert_eq!(node.send(&mut client, set.as_bytes()), "+OK\r\n+OK\r\n");
}

#[test]
fn auth_without_a_password_says_so() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(
        node.ask(&mut client, "AUTH x"),
        "-ERR AUTH <password> called without any password configured for the default user. Are \
         you sure your configuration is correct?\r\n"
    );
    assert_eq!(node.ask(&mut client, "AUTH default x"), "+OK\r\n");
}

#[test]
fn strangers_are_kept_out_while_there_is_no_password() {
    let mut node = Node::standalone();
    assert!(
        node.client_from([10, 0, 0, 9])
            .is_err_and(|text| text.starts_with("-DENIED "))
    );
    let mut open = Node::with(Config {
        protected_mode: false,
        maxclients: 1,
        ..Config::default()
    });
    let _first = open.client_from([10, 0, 0, 9]).expect("not protected");
    let second = open.client_from([10, 0, 0, 9]);
    assert_eq!(
        second.err().as_deref(),
        Some("-ERR max number of clients reached\r\n")
    );
}

#[test]
fn quit_answers_and_closes() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "QUIT\nPING"), "+OK\r\n");
    assert_eq!(client.state, SessionState::Close);
}

#[test]
fn a_browser_is_disconnected_without_a_word() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(node.ask(&mut client, "POST / HTTP/1.1\r\nHost: x"), "");
    assert_eq!(client.state, SessionState::Close);
}

#[test]
fn client_reply_silences_what_follows() {
    let mut node = Node::standalone();
    let mut client = node.client();
    assert_eq!(
        node.ask(&mut client, "CLIENT REPLY SKIP\nPING\nECHO a"),
        "$1\r\na\r\n"
    );
    assert_eq!(node.ask(&mut client, "CLIENT REPLY OFF\nPING\nECHO a"), "");
    assert_eq!(
        node.ask(&mut client, "CLIENT REPLY ON\nPING"),
        "+OK\r\n+PONG\r\n"
    );
}
