//! Clients that wait for messages of streams.

use super::Node;
use super::stream::streamed;

#[test]
fn every_reader_of_a_stream_gets_what_comes() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    node.ask(&mut writer, "XADD s 1-1 a 1");
    let mut last = node.waiting("XREAD BLOCK 0 STREAMS s t $ 0");
    let mut behind = node.waiting("XREAD BLOCK 0 COUNT 1 STREAMS s 1-5");
    assert_eq!(node.ask(&mut writer, "XADD s 1-2 a 2"), "$3\r\n1-2\r\n");
    assert_eq!(node.got(&mut last), "*1|*2|$1|s|*1|*2|$3|1-2|*2|$1|a|$1|2");
    assert_eq!(node.got(&mut behind), "", "that is not behind its id");
    node.ask(&mut writer, "MULTI\nXADD s 2-1 a 3\nXADD s 2-2 a 4\nEXEC");
    let one = "*1|*2|$1|s|*1|*2|$3|2-1|*2|$1|a|$1|3";
    assert_eq!(node.got(&mut behind), one);
}

#[test]
fn consumers_of_a_group_share_and_replicas_are_told_who_got_what() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    node.ask(&mut writer, "XGROUP CREATE s g $ MKSTREAM");
    let mut one = node.waiting("XREADGROUP GROUP g one COUNT 1 BLOCK 0 STREAMS s >");
    let mut two = node.waiting("XREADGROUP GROUP g two BLOCK 0 STREAMS s >");
    let add = "MULTI\nXADD s 1-1 a 1\nXADD s 1-2 a 2\nEXEC";
    let told = streamed(&mut node, &mut writer, add);
    assert_eq!(node.got(&mut one), "*1|*2|$1|s|*1|*2|$3|1-1|*2|$1|a|$1|1");
    assert_eq!(node.got(&mut two), "*1|*2|$1|s|*1|*2|$3|1-2|*2|$1|a|$1|2");
    let names = told
        .iter()
        .map(|it| it.split(' ').take(5).collect::<Vec<_>>().join(" "));
    let expected = [
        "SELECT 0",
        "MULTI",
        "XADD s 1-1 a 1",
        "XADD s 1-2 a 2",
        "EXEC",
        "MULTI",
        "XCLAIM s g one 0",
        "XGROUP SETID s g 1-1",
        "EXEC",
        "MULTI",
        "XCLAIM s g two 0",
        "XGROUP SETID s g 1-2",
        "EXEC",
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn who_waits_in_a_group_that_goes_is_told() {
    let mut node = Node::standalone();
    let mut writer = node.client();
    let gone = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    for (end, reply) in [
        ("XGROUP DESTROY s g", gone),
        ("DEL s", gone),
        ("SET s x", wrong),
    ] {
        node.ask(&mut writer, "DEL s\nXGROUP CREATE s g $ MKSTREAM");
        let mut waiting = node.waiting("XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
        node.ask(&mut writer, end);
        assert_eq!(node.got(&mut waiting), reply, "{end}");
    }
    // Those who wait without a group go on.
    node.ask(&mut writer, "DEL s\nXADD s 1-1 a 1");
    let mut waiting = node.waiting("XREAD BLOCK 0 STREAMS s $");
    node.ask(&mut writer, "DEL s");
    assert_eq!(node.got(&mut waiting), "");
    node.ask(&mut writer, "XADD s 1-2 a 1");
    assert!(node.got(&mut waiting).starts_with("*1|*2|$1|s|"));
}

#[test]
fn the_time_to_wait_ends_with_no_array() {
    let mut node = Node::standalone();
    let mut waiting = node.waiting("XREAD BLOCK 50 STREAMS s $");
    node.pass(60);
    assert_eq!(node.got(&mut waiting), "*-1");
    let mut client = node.client();
    let replies = node.ask(&mut client, "MULTI\nXREAD BLOCK 0 STREAMS s $\nEXEC");
    assert!(replies.ends_with("*1\r\n*-1\r\n"), "{replies}");
}
