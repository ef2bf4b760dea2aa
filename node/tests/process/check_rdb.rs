//! `--check-rdb`: what a data file holds, or where it is damaged.

use crate::support::{Directory, Node, run_to_end};

#[test]
fn says_what_a_data_file_holds_or_where_it_is_damaged() {
    let directory = Directory::new();
    let node = Node::start(&directory, &["--save", ""]);
    let mut client = node.client();
    for request in [
        "SET text hello PX 100000",
        "SET gone soon PX 1",
        "SADD set a b",
        "ZADD scores 1.5 a",
        "RPUSH list a b c",
        "XADD stream 1-1 field value",
        "SELECT 3",
        "HSET hash field value",
    ] {
        let words: Vec<&str> = request.split(' ').collect();
        client.text(&words);
    }
    assert_eq!(client.text(&["SAVE"]), "OK");
    let file = directory.path().join("dump.rdb");
    let path = file.to_str().unwrap();
    let (status, text) = run_to_end(&["--check-rdb", path]);
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("RDB version 10, "), "{text}");
    assert!(
        text.contains("slotkeeper-ver: ") || text.contains("redis-ver: "),
        "{text}"
    );
    assert!(
        text.contains("list 1; set 1; stream 1; string 2; zset 1"),
        "{text}"
    );
    assert!(
        text.contains("database 0: 6 keys, 2 with a time to live, 1 expired"),
        "{text}"
    );
    assert!(
        text.contains("database 3: 1 keys, 0 with a time to live, 0 expired; hash 1"),
        "{text}"
    );

    let whole = std::fs::read(&file).unwrap();
    let at = whole
        .windows(5)
        .position(|bytes| bytes == b"field")
        .unwrap();
    let mut damaged = whole.clone();
    damaged[at - 1] = 0xFF;
    for (bytes, reason) in [
        (&damaged[..], "offset "),
        (&whole[..whole.len() - 1], "unexpected end"),
        (&[&whole[..], b"x"].concat(), "more data follow"),
        (b"not such a file", "Wrong signature"),
        (b"", "unexpected end"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let (status, text) = run_to_end(&["--check-rdb", path]);
        assert_eq!(status.code(), Some(1), "{text}");
        assert!(
            text.contains(reason) && text.contains("dump.rdb: offset"),
            "{text}"
        );
    }
    let (status, text) = run_to_end(&["--check-rdb", "/no/such/file"]);
    assert_eq!(
        (status.code(), text.contains("/no/such/file: ")),
        (Some(1), true),
        "{text}"
    );
    let (status, text) = run_to_end(&["--check-rdb"]);
    assert_eq!(
        (status.code(), text.contains("one file")),
        (Some(1), true),
        "{text}"
    );
}
