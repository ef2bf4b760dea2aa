//! XPENDING.

use slotkeeper_tree::StreamId;

use super::{ids, no_group, show};
use crate::command::parse::{SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Group as StreamGroup, Pending};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XPENDING: Definition = Definition {
    spec: Spec {
        name: "xpending",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output"],
        since: "5.0.0",
        complexity: "O(N) with N the entries that are looked at, or without a range the consumers",
        summary: "Shows what is pending in a group of a stream",
        history: &[("6.2.0", "`IDLE` and exclusive ranges.")],
        arguments: &[
            Argument::key("key"),
            Argument::string("group"),
            Argument::block(
                "filters",
                &[
                    Argument::integer("min-idle-time")
                        .token("IDLE")
                        .since("6.2.0")
                        .optional(),
                    Argument::string("start"),
                    Argument::string("end"),
                    Argument::integer("count"),
                    Argument::string("consumer").optional(),
                ],
            )
            .optional(),
        ],
        ..Spec::new(Group::Stream)
    },
    ..Definition::run(xpending)
};

/// Which entries are asked for.
struct Range<'a> {
    min_idle: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Range<'a> {
    fn parse(args: &Args<'a>) -> Result<Option<Range<'a>>, Refused> {
        if args.len() == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&args.len()) {
            return Err(SYNTAX);
        }
        let (mut at, mut min_idle) = (3, 0);
        if args.is(3, "idle") {
            min_idle = integer(args.get(4))?;
            if args.len() < 8 {
                return Err(SYNTAX);
            }
            at = 5;
        }
        let count = usize::try_from(integer(args.get(at + 2))?).unwrap_or(0);
        Ok(Some(Range {
            min_idle,
            start: ids::bound(args.get(at), false)?,
            end: ids::bound(args.get(at + 1), true)?,
            count,
            consumer: args.opt(at + 3),
        }))
    }
}

fn xpending(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let range = Range::parse(args)?;
    let (key, now_ms) = (args.key(exec.data, 1), exec.now.unix_ms());
    let stream = exec.data.get_stream(exec.session.db, &key)?;
    let shown = stream.and_then(|stream| {
        stream.group(args.get(2), |group| match range {
            None => summary(reply, group),
            Some(range) => entries(reply, group, &range, now_ms),
        })
    });
    shown.ok_or_else(|| no_group(args.get(1), args.get(2)))?;
    Ok(Effect::None)
}

fn summary(reply: &mut Reply, group: &StreamGroup) {
    reply.array(4);
    reply.integer(group.pending_len().cast_signed());
    let Some((first, last)) = group.pending_ends() else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    show::id(reply, first);
    show::id(reply, last);
    show::counted(reply, |reply| {
        let consumers = group.consumers().map(|(_, consumer)| consumer);
        let busy = consumers.filter(|consumer| consumer.pending() > 0);
        let each = busy.map(|consumer| {
            reply.array(2);
            reply.bulk(consumer.name());
            reply.bulk_display(consumer.pending());
        });
        each.count()
    });
}

fn entries(reply: &mut Reply, group: &StreamGroup, range: &Range<'_>, now_ms: i64) {
    let consumer = range.consumer.map(|name| group.consumer(name));
    if consumer == Some(None) {
        return reply.array(0);
    }
    show::counted(reply, |reply| {
        let mut count = 0;
        let mut visit = |entry: &Pending| {
            if count == range.count || entry.id() > range.end {
                return false;
            }
            let idle = now_ms - entry.time();
            if range.min_idle == 0 || idle >= range.min_idle {
                reply.array(4);
                show::id(reply, entry.id());
                reply.bulk(group.consumer_of(entry.consumer()).name());
                reply.integer(idle.max(0));
                reply.integer(entry.count().cast_signed());
                count += 1;
            }
            true
        };
        match consumer.flatten() {
            None => group.for_each_pending(range.start, visit),
            Some(consumer) => group.for_each_owned(consumer, range.start, |id| {
                let entry = group.pending(id);
                visit(&entry.expect("what a consumer has, its group has"))
            }),
        }
        count
    });
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn shows_entries_by_range_consumer_and_idle_time() {
        let mut bench = Bench::new();
        for ms in 1..=4 {
            bench.reply(&format!("xadd s {ms}-0 a 1"));
        }
        bench.reply("xgroup create s g 0");
        assert_eq!(bench.reply("xpending s g"), "*4|:0|$-1|$-1|*-1");
        assert_eq!(bench.reply("xpending s g - + 9"), "*0");
        bench.reply("xreadgroup group g bob count 3 streams s >");
        bench.advance_ms(50);
        bench.reply("xreadgroup group g alice streams s >");
        bench.advance_ms(10);
        let one = |id: &str, name: &str, idle: u64, count: u64| {
            format!("*4|$3|{id}|${}|{name}|:{idle}|:{count}", name.len())
        };
        let (first, second) = (one("1-0", "bob", 60, 1), one("2-0", "bob", 60, 1));
        let (third, fourth) = (one("3-0", "bob", 60, 1), one("4-0", "alice", 10, 1));
        let all = |some: &[&String]| {
            let head = format!("*{}", some.len());
            let some = some.iter().map(|it| it.as_str());
            std::iter::once(head.as_str())
                .chain(some)
                .collect::<Vec<_>>()
                .join("|")
        };
        for (line, shown) in [
            (
                "xpending s g - + 10",
                all(&[&first, &second, &third, &fourth]),
            ),
            ("xpending s g (1 3 10", all(&[&second, &third])),
            ("xpending s g - + 1", all(&[&first])),
            ("xpending s g - + -1", all(&[])),
            ("xpending s g - + 10 alice", all(&[&fourth])),
            ("xpending s g 2 + 10 bob", all(&[&second, &third])),
            ("xpending s g - + 10 nobody", all(&[])),
            (
                "xpending s g idle 60 - + 10",
                all(&[&first, &second, &third]),
            ),
            ("xpending s g idle 20 - + 10 alice", all(&[])),
        ] {
            assert_eq!(bench.reply(line), shown, "{line}");
        }
        let summary = "*4|:4|$3|1-0|$3|4-0|*2|*2|$5|alice|$1|1|*2|$3|bob|$1|3";
        assert_eq!(bench.reply("xpending s g"), summary);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set str x");
        bench.reply("xadd s 1-1 a 1");
        bench.replies(&[
            ("xpending s g - +", "-ERR syntax error"),
            ("xpending s g idle 5 - +", "-ERR syntax error"),
            ("xpending s g - + 1 c x y z", "-ERR syntax error"),
            (
                "xpending s g - + x",
                "-ERR value is not an integer or out of range",
            ),
            (
                "xpending s g x + 1",
                "-ERR Invalid stream ID specified as stream command argument",
            ),
            (
                "xpending s g",
                "-NOGROUP No such key 's' or consumer group 'g'",
            ),
            (
                "xpending none g",
                "-NOGROUP No such key 'none' or consumer group 'g'",
            ),
            (
                "xpending str g",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
