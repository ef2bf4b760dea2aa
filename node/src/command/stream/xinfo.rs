//! XINFO and its subcommands.

mod full;

use slotkeeper_tree::StreamId;

use super::{no_such_group, show};
use crate::command::parse::{NO_SUCH_KEY, bad_subcommand, integer};
use crate::command::{Definition, Effect, Exec, Refused, docs};
use crate::data::{Facts, Group as StreamGroup, Stream};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Category, Flags, Group, KeySpec, Spec};

pub(super) static XINFO: Definition = Definition {
    spec: Spec {
        name: "xinfo",
        since: "5.0.0",
        summary: "Commands that tell about streams",
        ..Spec::container(Group::Stream)
    },
    subcommands: &[&STREAM, &GROUPS, &CONSUMERS, &HELP],
    ..Definition::CONTAINER
};

static STREAM: Definition = Definition {
    spec: Spec {
        name: "xinfo|stream",
        arity: -3,
        complexity: "O(1), or with FULL O(N) with N what is shown",
        summary: "Tells about a stream",
        history: &[
            ("6.0.0", "`FULL`."),
            ("7.0.0", "More counters."),
            (
                "7.2.0",
                "`active-time`, and another meaning of `seen-time`.",
            ),
        ],
        arguments: &[
            Argument::key("key"),
            Argument::block(
                "full-block",
                &[
                    Argument::word("full", "FULL"),
                    Argument::integer("count").token("COUNT").optional(),
                ],
            )
            .optional(),
        ],
        ..family()
    },
    ..Definition::run(stream)
};

static GROUPS: Definition = Definition {
    spec: Spec {
        name: "xinfo|groups",
        arity: 3,
        complexity: "O(N) with N the number of groups",
        summary: "Tells about the groups of a stream",
        history: &[("7.0.0", "`entries-read` and `lag`.")],
        arguments: &[Argument::key("key")],
        ..family()
    },
    ..Definition::run(groups)
};

static CONSUMERS: Definition = Definition {
    spec: Spec {
        name: "xinfo|consumers",
        arity: 4,
        tips: &["nondeterministic_output"],
        complexity: "O(N) with N the number of consumers",
        summary: "Tells about the consumers of a group",
        history: &[("7.2.0", "`inactive`.")],
        arguments: &[Argument::key("key"), Argument::string("group")],
        ..family()
    },
    ..Definition::run(consumers)
};

static HELP: Definition = Definition {
    spec: Spec {
        categories: &[Category::Stream],
        ..Spec::help("xinfo|help", Group::Stream)
    },
    ..Definition::run(docs::help)
};

const KEYS: &[KeySpec] = &[KeySpec::one(2, &[RO, Access])];

const fn family() -> Spec {
    Spec {
        flags: Flags::of(&[ReadOnly]),
        keys: KEYS,
        since: "5.0.0",
        ..Spec::new(Group::Stream)
    }
}

/// How many messages and entries FULL shows where nothing else is said.
const USUAL_COUNT: usize = 10;

/// None if not everything is asked for; 0 for any number.
fn full_count(args: &Args<'_>) -> Result<Option<usize>, Refused> {
    match args.len() {
        3 => Ok(None),
        4 if args.is(3, "full") => Ok(Some(USUAL_COUNT)),
        6 if args.is(3, "full") && args.is(4, "count") => {
            let count = usize::try_from(integer(args.get(5))?);
            Ok(Some(count.unwrap_or(USUAL_COUNT)))
        }
        _ => Err(bad_subcommand(args.get(1), "XINFO")),
    }
}

fn found<'d>(exec: &'d mut Exec<'_>, args: &Args<'_>) -> Result<&'d Stream, Refused> {
    let key = args.key(exec.data, 2);
    let stream = exec.data.get_stream(exec.session.db, &key)?;
    stream.ok_or(NO_SUCH_KEY)
}

fn stream(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let stream = found(exec, args)?;
    let full = full_count(args)?;
    reply.map(if full.is_some() { 9 } else { 10 });
    let facts = stream.facts();
    let (leaves, levels) = stream.nodes();
    let number = |reply: &mut Reply, name: &str, number: u64| {
        reply.bulk(name.as_bytes());
        reply.integer(number.cast_signed());
    };
    number(reply, "length", facts.len);
    number(reply, "radix-tree-keys", leaves);
    number(reply, "radix-tree-nodes", leaves + levels as u64 + 1);
    for (name, id) in [
        ("last-generated-id", facts.last_id),
        ("max-deleted-entry-id", facts.max_deleted),
    ] {
        reply.bulk(name.as_bytes());
        show::id(reply, id);
    }
    number(reply, "entries-added", facts.entries_added);
    reply.bulk(b"recorded-first-entry-id");
    show::id(reply, facts.first_id);
    if let Some(count) = full {
        full::show(reply, stream, count);
        return Ok(Effect::None);
    }
    number(reply, "groups", stream.group_count() as u64);
    for (name, id, forward) in [
        ("first-entry", StreamId::MIN, true),
        ("last-entry", StreamId::MAX, false),
    ] {
        reply.bulk(name.as_bytes());
        match stream.range(id, forward).next() {
            Some(message) => show::message(reply, &message),
            None => reply.null(),
        }
    }
    Ok(Effect::None)
}

fn groups(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let stream = found(exec, args)?;
    let facts = stream.facts();
    reply.array(stream.group_count());
    stream.for_each_group(|name, group| {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        reply.bulk(b"consumers");
        reply.integer(group.consumers().len() as i64);
        reply.bulk(b"pending");
        reply.integer(group.pending_len().cast_signed());
        show_progress(reply, group, facts);
    });
    Ok(Effect::None)
}

/// How far a group has come.
fn show_progress(reply: &mut Reply, group: &StreamGroup, facts: Facts) {
    let known = |reply: &mut Reply, number: Option<i64>| match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    };
    reply.bulk(b"last-delivered-id");
    show::id(reply, group.last_id());
    reply.bulk(b"entries-read");
    known(reply, group.entries_read().map(u64::cast_signed));
    reply.bulk(b"lag");
    known(reply, facts.lag(group.last_id(), group.entries_read()));
}

fn consumers(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let now_ms = exec.now.unix_ms();
    let stream = found(exec, args)?;
    let shown = stream.group(args.get(3), |group| show_consumers(reply, group, now_ms));
    shown.ok_or_else(|| no_such_group(args.get(2), args.get(3)))?;
    Ok(Effect::None)
}

fn show_consumers(reply: &mut Reply, group: &StreamGroup, now_ms: i64) {
    reply.array(group.consumers().len());
    for (_, consumer) in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply.bulk(b"pending");
        reply.integer(consumer.pending().cast_signed());
        reply.bulk(b"idle");
        reply.integer(now_ms.saturating_sub(consumer.seen).max(0));
        reply.bulk(b"inactive");
        let inactive = consumer.active.map(|active| now_ms.saturating_sub(active));
        reply.integer(inactive.unwrap_or(-1));
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn tells_about_streams_groups_and_consumers() {
        let mut bench = Bench::new();
        for ms in 1..=3 {
            bench.reply(&format!("xadd s {ms}-0 a {ms}"));
        }
        bench.reply("xgroup create s g 0 entriesread 0");
        bench.reply("xgroup create s other $");
        bench.reply("xgroup createconsumer s g lazy");
        bench.reply("xreadgroup group g busy count 2 streams s >");
        bench.advance_ms(40);
        bench.reply("xreadgroup group g busy count 1 streams s 9");
        bench.replies(&[
            (
                "xinfo stream s",
                "*20|$6|length|:3|$15|radix-tree-keys|:1|$16|radix-tree-nodes|:2|\
              $17|last-generated-id|$3|3-0|$20|max-deleted-entry-id|$3|0-0|$13|entries-added|:3|\
              $23|recorded-first-entry-id|$3|1-0|$6|groups|:2|\
              $11|first-entry|*2|$3|1-0|*2|$1|a|$1|1|$10|last-entry|*2|$3|3-0|*2|$1|a|$1|3",
            ),
            (
                "xinfo groups s",
                "*2|\
              *12|$4|name|$1|g|$9|consumers|:2|$7|pending|:2|$17|last-delivered-id|$3|2-0|\
              $12|entries-read|:2|$3|lag|:1|\
              *12|$4|name|$5|other|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$3|3-0|\
              $12|entries-read|$-1|$3|lag|:0",
            ),
            (
                "xinfo consumers s g",
                "*2|\
              *8|$4|name|$4|busy|$7|pending|:2|$4|idle|:0|$8|inactive|:40|\
              *8|$4|name|$4|lazy|$7|pending|:0|$4|idle|:40|$8|inactive|:-1",
            ),
            (
                "xinfo stream s full count 1",
                "*18|$6|length|:3|$15|radix-tree-keys|:1|\
              $16|radix-tree-nodes|:2|$17|last-generated-id|$3|3-0|$20|max-deleted-entry-id|$3|0-0|\
              $13|entries-added|:3|$23|recorded-first-entry-id|$3|1-0|\
              $7|entries|*1|*2|$3|1-0|*2|$1|a|$1|1|$6|groups|*2|\
              *14|$4|name|$1|g|$17|last-delivered-id|$3|2-0|$12|entries-read|:2|$3|lag|:1|\
              $9|pel-count|:2|$7|pending|*1|*4|$3|1-0|$4|busy|:1700000000000|:1|$9|consumers|*2|\
              *10|$4|name|$4|busy|$9|seen-time|:1700000000040|$11|active-time|:1700000000000|\
              $9|pel-count|:2|$7|pending|*1|*3|$3|1-0|:1700000000000|:1|\
              *10|$4|name|$4|lazy|$9|seen-time|:1700000000000|$11|active-time|:-1|\
              $9|pel-count|:0|$7|pending|*0|\
              *14|$4|name|$5|other|$17|last-delivered-id|$3|3-0|$12|entries-read|$-1|$3|lag|:0|\
              $9|pel-count|:0|$7|pending|*0|$9|consumers|*0",
            ),
        ]);
        let all = bench.reply("xinfo stream s full count 0");
        assert!(
            all.contains("$7|entries|*3|") && all.contains("$7|pending|*2|"),
            "{all}"
        );
        bench.reply("xtrim s maxlen 0");
        let empty = bench.reply("xinfo stream s");
        assert!(
            empty.ends_with("$11|first-entry|$-1|$10|last-entry|$-1"),
            "{empty}"
        );
        bench.session.resp3 = true;
        assert!(bench.reply("xinfo stream s full").starts_with("%9|"));
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set str x");
        bench.reply("xadd s 1-1 a 1");
        let unknown =
            "-ERR unknown subcommand or wrong number of arguments for 'stream'. Try XINFO HELP.";
        bench.replies(&[
            ("xinfo stream none", "-ERR no such key"),
            ("xinfo groups none", "-ERR no such key"),
            ("xinfo consumers none g", "-ERR no such key"),
            (
                "xinfo consumers s g",
                "-NOGROUP No such consumer group 'g' for key name 's'",
            ),
            ("xinfo stream s foo", unknown),
            ("xinfo stream s full count", unknown),
            ("xinfo stream s full limit 1", unknown),
            (
                "xinfo stream s full count x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "xinfo stream str",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
        assert!(
            bench
                .reply("xinfo help")
                .starts_with("*9|+XINFO <subcommand>")
        );
    }
}
