//! DEBUG, with a data file in memory.

use super::{Client, Node};
use crate::config::{Config, Gate};
use crate::io::{DiskEvent, DiskOp, Output, SessionState};
use crate::resp::Reply;

fn node() -> (Node, Client) {
    let mut node = Node::with(Config {
        enable_debug_command: Gate::Yes,
        save: Vec::new(),
        ..Config::default()
    });
    let client = node.client();
    (node, client)
}

impl Node {
    /// Carries out what is asked of the data file, up to when it is to be loaded if `load` is false.
    fn serve_file(&mut self, file: &mut Vec<u8>, load: bool) {
        let mut writing = Vec::new();
        loop {
            let ops = std::mem::take(&mut self.outputs).into_iter();
            let ops = ops.filter_map(|output| match output {
                Output::Disk(op) => Some(op),
                _ => None,
            });
            let ops: Vec<DiskOp> = ops.collect();
            if ops.is_empty() {
                return;
            }
            for op in ops {
                match op {
                    DiskOp::SnapshotBegin => self.disk(DiskEvent::SnapshotWritten(0)),
                    DiskOp::SnapshotWrite(bytes) => {
                        writing.extend_from_slice(&bytes);
                        self.disk(DiskEvent::SnapshotWritten(bytes.len()));
                    }
                    DiskOp::SnapshotCommit => {
                        *file = std::mem::take(&mut writing);
                        self.disk(DiskEvent::SnapshotSaved);
                    }
                    DiskOp::Load if !load => return,
                    DiskOp::Load => {
                        self.disk(DiskEvent::LoadBytes(&[]));
                        for piece in file.chunks(7) {
                            self.disk(DiskEvent::LoadBytes(piece));
                        }
                        self.disk(DiskEvent::LoadEnd);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// What a client that was parked is replied now.
    fn late_reply(&mut self, client: &mut Client) -> String {
        let mut reply = Reply::new();
        self.execute(client, &mut reply);
        self.engine.on_turn(self.now);
        self.drain();
        String::from_utf8_lossy(&reply.bytes()).into_owned()
    }
}

#[test]
fn a_reload_keeps_everything_and_holds_writers() {
    let (mut node, mut client) = node();
    let mut writer = node.client();
    node.ask(
        &mut client,
        "SET s x EX 100\nRPUSH l a b\nSADD t 1 2\nZADD z 1 a\nHSET h f v",
    );
    let before = node.ask(&mut client, "DEBUG DIGEST");
    assert_eq!(node.ask(&mut client, "DEBUG RELOAD"), "");
    assert_eq!(node.ask(&mut writer, "SET late 1"), "");
    assert_eq!(writer.state, SessionState::Parked);
    let mut file = Vec::new();
    node.serve_file(&mut file, false);
    assert!(node.ask(&mut writer, "").is_empty());
    let mut reader = node.client();
    assert!(node.ask(&mut reader, "GET s").starts_with("-LOADING"));
    node.disk(DiskEvent::LoadBytes(&file));
    node.disk(DiskEvent::LoadEnd);
    assert_eq!(node.late_reply(&mut client), "+OK\r\n");
    assert_eq!(node.ask(&mut client, "DEBUG DIGEST"), before);
    assert_eq!(node.late_reply(&mut writer), "+OK\r\n", "it is not lost");
    assert_eq!(node.ask(&mut client, "GET late"), "$1\r\n1\r\n");
}

#[test]
fn a_file_may_replace_the_keys_or_join_them() {
    let (mut node, mut client) = node();
    let mut file = Vec::new();
    node.ask(&mut client, "SET a file\nSET b file");
    node.ask(&mut client, "SAVE");
    node.serve_file(&mut file, true);
    assert_eq!(node.late_reply(&mut client), "+OK\r\n");
    for (options, wanted) in [
        ("NOSAVE", ["file", "", ""]),
        ("NOSAVE NOFLUSH MERGE", ["file", "other", ""]),
        (
            "NOSAVE NOFLUSH",
            ["other", "other", "-ERR Error trying to load the RDB dump"],
        ),
    ] {
        node.ask(&mut client, "FLUSHALL\nSET a other\nSET c other");
        assert_eq!(
            node.ask(&mut client, &format!("DEBUG RELOAD {options}")),
            ""
        );
        node.serve_file(&mut file, true);
        let reply = node.late_reply(&mut client);
        let [a, c, refusal] = wanted;
        let refused = !refusal.is_empty();
        assert!(
            reply.starts_with(if refused { refusal } else { "+OK" }),
            "{options}: {reply}"
        );
        let shown = |text: &str| match text {
            "" => "$-1\r\n".to_owned(),
            text => format!("${}\r\n{text}\r\n", text.len()),
        };
        assert_eq!(node.ask(&mut client, "GET a"), shown(a), "{options}");
        assert_eq!(node.ask(&mut client, "GET c"), shown(c), "{options}");
    }
    assert!(
        node.ask(&mut client, "DEBUG RELOAD ALL")
            .starts_with("-ERR DEBUG RELOAD only")
    );
}

#[test]
fn of_a_broken_file_nothing_is_kept() {
    let (mut node, mut client) = node();
    node.ask(&mut client, "SET a 1\nSET b 2");
    node.ask(&mut client, "SAVE");
    let mut file = Vec::new();
    node.serve_file(&mut file, true);
    node.late_reply(&mut client);
    let end = file.len() - 12;
    file[end] ^= 1;
    assert_eq!(node.ask(&mut client, "DEBUG RELOAD NOSAVE"), "");
    node.serve_file(&mut file, true);
    assert!(
        node.late_reply(&mut client)
            .starts_with("-ERR Error trying to load")
    );
    assert_eq!(node.ask(&mut client, "DBSIZE\nSET a 1"), ":0\r\n+OK\r\n");
}

#[test]
fn keys_are_made_where_there_are_none() {
    let (mut node, mut client) = node();
    node.ask(&mut client, "SET key:1 mine");
    assert_eq!(node.ask(&mut client, "DEBUG POPULATE 1500"), "+OK\r\n");
    assert_eq!(node.ask(&mut client, "DBSIZE"), ":1500\r\n");
    assert_eq!(node.ask(&mut client, "GET key:1"), "$4\r\nmine\r\n");
    assert_eq!(
        node.ask(&mut client, "GET key:1499"),
        "$10\r\nvalue:1499\r\n"
    );
    assert_eq!(node.ask(&mut client, "DEBUG POPULATE 2 other 9"), "+OK\r\n");
    assert_eq!(
        node.ask(&mut client, "GET other:0"),
        "$9\r\nvalue:0\0\0\r\n"
    );
    for line in [
        "DEBUG POPULATE x",
        "DEBUG POPULATE 1 k -1",
        "DEBUG POPULATE 1 k 9999999999",
    ] {
        assert!(
            node.ask(&mut client, line).starts_with("-ERR value"),
            "{line}"
        );
    }
}

/// What redis-server 7.0 prints for the same.
#[test]
fn digests_are_those_of_redis() {
    let (mut node, mut client) = node();
    assert_eq!(
        node.ask(&mut client, "DEBUG DIGEST"),
        "+0000000000000000000000000000000000000000\r\n"
    );
    assert_eq!(
        node.ask(&mut client, "DEBUG DIGEST-VALUE none"),
        "*1\r\n+0000000000000000000000000000000000000000\r\n"
    );
    node.ask(&mut client, "HSET h f 1.5\nZADD z 0.1 m");
    node.ask(&mut client, "SELECT 3\nSET s x EX 100");
    assert_eq!(
        node.ask(&mut client, "DEBUG DIGEST"),
        "+8cde860e36ee007de7c766ecbc1f254fe6b1bb01\r\n"
    );
}

#[test]
fn small_questions() {
    let (mut node, mut client) = node();
    node.ask(&mut client, "HSET h f v\nSET s x");
    for (line, wanted) in [
        ("DEBUG STRINGMATCH-LEN 10 *", ":1\r\n"),
        ("DEBUG STRINGMATCH-LEN 10 a*", ":0\r\n"),
        (
            "DEBUG LISTPACK h",
            "+Listpack structure printed on stdout\r\n",
        ),
        (
            "DEBUG LISTPACK s",
            "-ERR Not a listpack encoded object.\r\n",
        ),
        ("DEBUG LISTPACK none", "-ERR no such key\r\n"),
        ("DEBUG CHANGE-REPL-ID", "+OK\r\n"),
        ("DEBUG QUICKLIST-PACKED-THRESHOLD 0", "+OK\r\n"),
        ("DEBUG QUICKLIST-PACKED-THRESHOLD 256b", "+OK\r\n"),
        (
            "DEBUG QUICKLIST-PACKED-THRESHOLD 100",
            "-ERR The threshold is fixed: an element of 256 bytes or more has a block of its own in \
             a big list\r\n",
        ),
        (
            "DEBUG QUICKLIST-PACKED-THRESHOLD 4gb",
            "-ERR argument must be a memory value bigger than 1 and smaller than 4gb\r\n",
        ),
        (
            "DEBUG DROP-CLUSTER-PACKET-FILTER 1",
            "-ERR This instance has cluster support disabled\r\n",
        ),
    ] {
        assert_eq!(node.ask(&mut client, line), wanted, "{line}");
    }
    let small = node.ask(&mut client, "DEBUG HTSTATS-KEY h");
    assert!(small.starts_with("-ERR The value stored"), "{small}");
    let values: Vec<String> = (0..500).map(|n| format!("f{n} v")).collect();
    node.ask(&mut client, &format!("HSET big {}", values.join(" ")));
    let big = node.ask(&mut client, "DEBUG HTSTATS-KEY big");
    assert!(big.contains("elements: 500"), "{big}");
}

#[test]
fn keys_can_be_made_slow_to_load() {
    let (mut node, mut client) = node();
    node.ask(&mut client, "DEBUG POPULATE 100");
    node.ask(&mut client, "SAVE");
    let mut file = Vec::new();
    node.serve_file(&mut file, true);
    node.late_reply(&mut client);
    for (delay, wanted) in [(0, 0), (500, 50), (10, 1), (9, 0), (-1, 0)] {
        node.ask(&mut client, &format!("CONFIG SET key-load-delay {delay}"));
        node.ask(&mut client, "DEBUG RELOAD NOSAVE");
        node.serve_file(&mut Vec::new(), false);
        node.disk(DiskEvent::LoadBytes(&file));
        assert_eq!(node.engine.load_delay_ms(), wanted, "{delay}");
        node.disk(DiskEvent::LoadEnd);
        assert_eq!(node.late_reply(&mut client), "+OK\r\n");
    }
}

#[test]
fn keys_can_be_made_slow_to_save() {
    let (mut node, mut client) = node();
    node.ask(
        &mut client,
        "DEBUG POPULATE 100\nCONFIG SET rdb-key-save-delay 5000",
    );
    let begun = node.now;
    node.ask(&mut client, "BGSAVE");
    let mut file = Vec::new();
    let saving = |node: &mut Node, client: &mut Client| {
        let info = node.ask(client, "INFO persistence");
        info.contains("rdb_bgsave_in_progress:1")
    };
    node.serve_file(&mut file, true);
    assert!(saving(&mut node, &mut client));
    while saving(&mut node, &mut client) {
        assert_eq!(
            node.ask(&mut client, "SET key:1 x"),
            "+OK\r\n",
            "nobody waits"
        );
        node.pass(1);
        node.serve_file(&mut file, true);
    }
    let took_ms = (node.now.mono_us - begun.mono_us) / 1000;
    assert!((500..600).contains(&took_ms), "{took_ms}");
    assert!(!file.is_empty());
}
