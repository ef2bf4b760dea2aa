//! The replies of COMMAND.

use crate::command::testing::Bench;
use crate::command::{all_commands, commands};
use crate::resp::{ReplyParser, ReplyValue};

const COPY_INFO: &str = "*1|*10|$4|copy|:-3|*2|+write|+denyoom|:1|:2|:1|\
    *3|+@keyspace|+@write|+@slow|*0|*2|\
    *6|$5|flags|*2|+RO|+access|$12|begin_search|*4|$4|type|$5|index|$4|spec|*2|$5|index|:1|\
    $9|find_keys|*4|$4|type|$5|range|$4|spec|*6|$7|lastkey|:0|$7|keystep|:1|$5|limit|:0|\
    *6|$5|flags|*2|+OW|+update|$12|begin_search|*4|$4|type|$5|index|$4|spec|*2|$5|index|:2|\
    $9|find_keys|*4|$4|type|$5|range|$4|spec|*6|$7|lastkey|:0|$7|keystep|:1|$5|limit|:0|*0";

#[test]
fn info_has_the_shape_of_redis() {
    let mut bench = Bench::new();
    assert_eq!(bench.reply("command info copy"), COPY_INFO);
    assert_eq!(bench.reply("command info nope"), "*1|$-1");
    let sub = bench.reply("command info object|freq");
    assert!(sub.starts_with("*1|*10|$11|object|freq|:3|"), "{sub}");
}

#[test]
fn docs_have_the_shape_of_redis() {
    let mut bench = Bench::new();
    assert_eq!(bench.reply("command docs nope"), "*0");
    let text = bench.reply("command docs substr");
    assert!(text.starts_with("*2|$6|substr|*16|$7|summary|"), "{text}");
    assert!(text.contains("|$9|doc_flags|*1|+deprecated|"), "{text}");
    let text = bench.reply("command docs object");
    assert!(text.contains("|$11|subcommands|*10|"), "{text}");
}

/// Every reply must hold as many elements as it says, in both protocols.
#[test]
fn whole_replies_are_well_formed() {
    for resp3 in [false, true] {
        for line in ["command", "command info", "command docs", "command list"] {
            let mut bench = Bench::new();
            bench.session.resp3 = resp3;
            let (bytes, _) = bench.try_run(line).unwrap();
            let mut parser = ReplyParser::new(1 << 20);
            parser.feed(bytes.as_bytes());
            let Ok(Some(ReplyValue::Array(all))) = parser.next() else {
                panic!("{line} is no array");
            };
            let wanted = match line {
                "command docs" => commands().len() * 2,
                "command list" => all_commands().len(),
                _ => commands().len(),
            };
            assert_eq!(all.len(), wanted, "{line}");
            assert!(parser.take_rest().is_empty(), "{line}");
        }
    }
}

#[test]
fn lists_by_filter() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.reply("command list filterby pattern gete*"),
        "*1|$5|getex"
    );
    assert_eq!(
        bench.reply("command list filterby aclcat transaction"),
        "*5|$5|multi|$4|exec|$7|discard|$5|watch|$7|unwatch"
    );
    assert_eq!(bench.reply("command list filterby module x"), "*0");
    assert_eq!(
        bench.reply("command list filterby foo x"),
        "-ERR syntax error"
    );
    assert_eq!(bench.reply("command list foo"), "-ERR syntax error");
}

#[test]
fn finds_keys() {
    let mut bench = Bench::new();
    for (line, wanted) in [
        ("mset a 1 b 2", "*2|$1|a|$1|b"),
        ("object encoding a", "*1|$1|a"),
        ("foo a", "-ERR Invalid command specified"),
        (
            "mset a",
            "-ERR Invalid number of arguments specified for command",
        ),
        ("object help", "-ERR The command has no key arguments"),
    ] {
        assert_eq!(bench.reply(&format!("command getkeys {line}")), wanted);
    }
    assert_eq!(
        bench.reply("command getkeysandflags copy a b"),
        "*2|*2|$1|a|*2|+RO|+access|*2|$1|b|*2|+OW|+update"
    );
    let set = |bench: &mut Bench, rest: &str| {
        bench.reply(&format!("command getkeysandflags set a get{rest}"))
    };
    assert_eq!(set(&mut bench, ""), "*1|*2|$1|a|*2|+OW|+update");
    assert_eq!(
        set(&mut bench, " nx Get"),
        "*1|*2|$1|a|*3|+RW|+access|+update"
    );
    assert!(bench.reply("command count").starts_with(':'));
}
