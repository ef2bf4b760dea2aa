use crate::command::testing::Bench;

#[test]
fn groups_are_made_moved_and_removed() {
    let mut bench = Bench::new();
    let no_key = "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you \
                  may want to use the MKSTREAM option to create an empty stream automatically.";
    bench.replies(&[
        ("xgroup create s g $", no_key),
        ("xgroup create s g $ mkstream", "+OK"),
        ("xlen s", ":0"),
        (
            "xgroup create s g $",
            "-BUSYGROUP Consumer Group name already exists",
        ),
        ("xadd s 1-1 a 1", "$3|1-1"),
        ("xgroup create s late $ entriesread 1", "+OK"),
        ("xgroup setid s g 1-1 entriesread 1", "+OK"),
        (
            "xgroup setid s g 1-1 entriesread 1 entriesread 1",
            "-ERR unknown subcommand or wrong number of arguments for 'setid'. Try XGROUP HELP.",
        ),
        ("xgroup setid s g $", "+OK"),
        (
            "xgroup setid s none $",
            "-NOGROUP No such consumer group 'none' for key name 's'",
        ),
        ("xgroup setid missing g $", no_key),
        ("xgroup createconsumer s g alice", ":1"),
        ("xgroup createconsumer s g alice", ":0"),
        (
            "xgroup createconsumer s none bob",
            "-NOGROUP No such consumer group 'none' for key name 's'",
        ),
        ("xgroup delconsumer s g bob", ":0"),
        ("xgroup delconsumer s g alice", ":0"),
        ("xgroup destroy s late", ":1"),
        ("xgroup destroy s late", ":0"),
        ("xgroup destroy missing late", no_key),
    ]);
}

#[test]
fn a_consumer_goes_with_what_is_pending_with_it() {
    let mut bench = Bench::new();
    for ms in 1..=200 {
        bench.reply(&format!("xadd s {ms}-0 a 1"));
    }
    bench.reply("xgroup create s g 0");
    bench.reply("xreadgroup group g alice count 150 streams s >");
    bench.reply("xreadgroup group g bob streams s >");
    bench.replies(&[
        ("xgroup delconsumer s g alice", ":150"),
        (
            "xpending s g",
            "*4|:50|$5|151-0|$5|200-0|*1|*2|$3|bob|$2|50",
        ),
        ("xgroup createconsumer s g carol", ":1"),
        ("xclaim s g carol 0 151 justid", "*1|$5|151-0"),
        ("xgroup delconsumer s g bob", ":49"),
        (
            "xpending s g",
            "*4|:1|$5|151-0|$5|151-0|*1|*2|$5|carol|$1|1",
        ),
        ("xgroup destroy s g", ":1"),
    ]);
    while bench.data.reclaim_step(1) {}
    bench.reply("del s");
    while bench.data.reclaim_step(1) {}
    let memory = bench.data.stats().memory;
    bench.reply("xgroup create s g $ mkstream");
    bench.reply("del s");
    while bench.data.reclaim_step(1) {}
    assert_eq!(bench.data.stats().memory, memory, "all of it came back");
}

#[test]
fn tells_of_changes_only() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.events("xgroup create s g $ mkstream"),
        "xgroup-create s"
    );
    assert_eq!(bench.events("xgroup create s g $ mkstream"), "");
    assert_eq!(bench.events("xgroup setid s g 5"), "xgroup-setid s");
    assert_eq!(
        bench.events("xgroup createconsumer s g c"),
        "xgroup-createconsumer s"
    );
    assert_eq!(bench.events("xgroup createconsumer s g c"), "");
    assert_eq!(
        bench.events("xgroup delconsumer s g c"),
        "xgroup-delconsumer s"
    );
    assert_eq!(bench.events("xgroup destroy s g"), "xgroup-destroy s");
    assert_eq!(bench.effect("xgroup destroy s g"), "");
    assert_eq!(bench.effect("xgroup create s g 0"), "xgroup create s g 0");
}

#[test]
fn refuses_as_redis_does() {
    let mut bench = Bench::new();
    bench.reply("set str x");
    bench.reply("xadd s 1-1 a 1");
    let unknown = |name: &str| {
        format!(
            "-ERR unknown subcommand or wrong number of arguments for '{name}'. Try XGROUP HELP."
        )
    };
    let invalid = "-ERR Invalid stream ID specified as stream command argument";
    for (line, reply) in [
        ("xgroup create s g 0 foo", unknown("create")),
        ("xgroup setid s g 0 mkstream", unknown("setid")),
        (
            "xgroup create s g 0 entriesread 1 entriesread 1",
            unknown("create"),
        ),
        ("xgroup create s g x", invalid.to_owned()),
        ("xgroup create s g -", invalid.to_owned()),
        (
            "xgroup create s g 0 entriesread -2",
            "-ERR value for ENTRIESREAD must be positive or -1".to_owned(),
        ),
        (
            "xgroup create str g 0",
            "-WRONGTYPE Operation against a key holding the wrong kind of value".to_owned(),
        ),
        (
            "xgroup destroy str g",
            "-WRONGTYPE Operation against a key holding the wrong kind of value".to_owned(),
        ),
    ] {
        assert_eq!(bench.reply(line), reply, "{line}");
    }
    assert!(
        bench
            .reply("xgroup help")
            .starts_with("*13|+XGROUP <subcommand>")
    );
}
