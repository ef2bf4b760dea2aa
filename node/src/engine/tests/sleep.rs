//! What a node does after it slept.

use super::*;

/// The first of three masters; nobody answers for the other two.
fn one_of_three() -> Node {
    nth_of_three(1, Config::default())
}

/// One of three masters; nobody answers for the other two.
pub(super) fn nth_of_three(own: u16, config: Config) -> Node {
    let line = |nth: u16, slots: &str| {
        let id = nth.to_string().repeat(40);
        let flags = if nth == own {
            "myself,master"
        } else {
            "master"
        };
        format!(
            "{id} 127.0.0.1:{0}@1{0} {flags} - 0 0 {nth} connected {slots}\n",
            7000 + nth
        )
    };
    let nodes_conf = [
        line(1, "0-5460"),
        line(2, "5461-10922"),
        line(3, "10923-16383"),
        "vars currentEpoch 3 lastVoteEpoch 0\n".to_owned(),
    ];
    let config = Config {
        cluster_enabled: true,
        ..config
    };
    let boot = Boot {
        nodes_conf: Some(nodes_conf.concat()),
        ..boot()
    };
    let mut node = Node::started(config, boot);
    node.pass(2500);
    node
}

fn sleep(node: &mut Node, millis: u64) {
    node.now.mono_us += millis * 1000;
    node.now.unix_us += millis.cast_signed() * 1000;
}

#[test]
fn a_master_that_slept_executes_nothing_about_keys_and_answers_all_else() {
    let mut node = one_of_three();
    let (mut writer, mut reader, mut queue) = (node.client(), node.client(), node.client());
    assert_eq!(node.ask(&mut writer, "SET hello 1"), "+OK\r\n");
    node.ask(&mut queue, "MULTI\nGET hello");
    sleep(&mut node, 7499);
    assert_eq!(
        node.ask(&mut writer, "SET hello 2"),
        "+OK\r\n",
        "not long enough"
    );
    sleep(&mut node, 7501);
    for (client, request) in [
        (&mut writer, "SET hello 3"),
        (&mut reader, "GET hello"),
        (&mut queue, "EXEC"),
    ] {
        assert_eq!(node.ask(client, request), "");
        assert_eq!(client.state, SessionState::Parked, "{request}");
    }
    let mut other = node.client();
    assert_eq!(node.ask(&mut other, "PING"), "+PONG\r\n");
    let info = node.ask(&mut other, "INFO replication\nCLUSTER INFO");
    assert!(
        info.contains("slotkeeper_holding:1\r\nslotkeeper_sleeps:1\r\n"),
        "{info}"
    );
    assert!(info.contains("cluster_state:ok"));
    assert!(node.engine.health(node.now).ready.is_err());
    // Nobody answers: the cluster is down, as for everybody without a majority.
    node.pass(16_000);
    assert!(node.resumed(writer.session));
    let down = "-CLUSTERDOWN The cluster is down\r\n";
    assert_eq!(node.send(&mut writer, b""), down);
    assert_eq!(node.ask(&mut other, "GET hello"), down);
}

#[test]
fn a_machine_that_was_suspended_has_slept_too() {
    let mut node = one_of_three();
    let mut client = node.client();
    node.now.unix_us += 8_000_000;
    assert_eq!(node.ask(&mut client, "GET hello"), "");
    assert_eq!(node.engine.holds(), 1);
}

#[test]
fn nothing_expires_while_it_holds() {
    let mut node = one_of_three();
    let mut client = node.client();
    node.ask(&mut client, "SET hello 1 PX 100");
    sleep(&mut node, 8000);
    node.engine.on_timer(node.now);
    node.pass(300);
    let info = node.ask(&mut client, "INFO keyspace");
    assert!(info.contains("keys=1"), "{info}");
}

#[test]
fn a_master_of_all_slots_asks_nobody() {
    let mut node = Node::master();
    let mut client = node.client();
    sleep(&mut node, 600_000);
    assert_eq!(node.ask(&mut client, "SET hello 1"), "+OK\r\n");
    assert_eq!(node.engine.holds(), 0);
}
