//! ZMPOP, and BZMPOP, which waits for a sorted set if none is there: replicas get the ZPOPMIN or
//! ZPOPMAX that it came to.

use std::ops::Range;

use super::zpop::{End, pop, take};
use super::{Shape, wait};
use crate::command::parse::{SYNTAX, deadline_after_seconds};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::number::{Decimal, parse_integer};
use crate::resp::{Args, Reply, is_word};
use crate::spec::Flag::{Blocking, Write};
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, BeginSearch, FindKeys, Flags, Group, KeySpec, Spec};

/// The number of keys at an index, and then the keys.
const fn keys(index: u8) -> KeySpec {
    let find = FindKeys::KeyNum {
        number: 0,
        first: 1,
        step: 1,
    };
    KeySpec::new(BeginSearch::Index(index), find, &[RW, Access, Delete])
}

const WHERE: Argument = Argument::one_of(
    "where",
    &[Argument::word("min", "MIN"), Argument::word("max", "MAX")],
);

const COMPLEXITY: &str = "O(K+M*log(N)) with K the number of keys, N the number of members and M the number of those that are removed";

pub(super) static ZMPOP: Definition = Definition {
    spec: Spec {
        name: "zmpop",
        arity: -4,
        flags: Flags::of(&[Write]),
        keys: &[keys(1)],
        since: "7.0.0",
        complexity: COMPLEXITY,
        summary: "Removes members of the first of several sorted sets that has some, and returns them",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key").multiple(),
            WHERE,
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(zmpop)
};

pub(super) static BZMPOP: Definition = Definition {
    spec: Spec {
        name: "bzmpop",
        arity: -5,
        flags: Flags::of(&[Write, Blocking]),
        keys: &[keys(2)],
        since: "7.0.0",
        complexity: COMPLEXITY,
        summary: "Removes and returns members of the first sorted set that has some; waits for one",
        arguments: &[
            Argument::double("timeout"),
            Argument::integer("numkeys"),
            Argument::key("key").multiple(),
            WHERE,
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(bzmpop)
};

/// What a request wants.
struct Wanted {
    /// Which arguments are the keys.
    keys: Range<usize>,
    end: End,
    /// How many members.
    count: usize,
}

/// Reads what stands from the number of keys on.
fn parse(args: &Args<'_>, from: usize) -> Result<Wanted, Refused> {
    let positive = |text: &[u8]| {
        let number = parse_integer(text).filter(|number| *number > 0);
        number.and_then(|number| usize::try_from(number).ok())
    };
    let keys = positive(args.get(from))
        .ok_or(const { Refused::new("ERR numkeys should be greater than 0") })?;
    let at = keys.checked_add(from + 1).ok_or(SYNTAX)?;
    let end = match args.opt(at) {
        Some(word) if is_word(word, "min") => End::Min,
        Some(word) if is_word(word, "max") => End::Max,
        _ => return Err(SYNTAX),
    };
    let mut wanted = Wanted {
        keys: from + 1..at,
        end,
        count: 1,
    };
    if args.len() == at + 1 {
        return Ok(wanted);
    }
    if args.len() < at + 3 || !args.is(at + 1, "count") {
        return Err(SYNTAX);
    }
    wanted.count = positive(args.get(at + 2))
        .ok_or(const { Refused::new("ERR count should be greater than 0") })?;
    if args.len() > at + 3 {
        return Err(SYNTAX);
    }
    Ok(wanted)
}

fn zmpop(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let wanted = parse(args, 1)?;
    let popped = pop_first(exec, args, reply, &wanted)?;
    Ok(popped.unwrap_or_else(|| {
        reply.null_array();
        Effect::None
    }))
}

fn bzmpop(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let wanted = parse(args, 2)?;
    let deadline = deadline_after_seconds(args.get(1), exec.now)?;
    let popped = pop_first(exec, args, reply, &wanted)?;
    Ok(popped.unwrap_or_else(|| wait(wanted.keys, deadline)))
}

/// Takes members out of the first set that is there; none if there is none.
fn pop_first(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    wanted: &Wanted,
) -> Result<Option<Effect>, Refused> {
    let end = wanted.end;
    for at in wanted.keys.clone() {
        let key = args.key(exec.data, at);
        let popped = pop(exec, &key, end, wanted.count, |zset, count| {
            reply.array(2);
            reply.bulk(key.bytes);
            Shape::Nested.begin(reply, count);
            take(zset, end, count, Shape::Nested, reply);
        })?;
        if popped > 0 {
            let count = Decimal::new(popped as i64);
            let argv = [end.command(), key.bytes, count.as_bytes()];
            return Ok(Some(Effect::rewritten(&argv)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Awaited;

    #[test]
    fn takes_from_the_first_set_that_has_members() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b 3 c");
        bench.replies(&[
            ("zmpop 2 missing z min", "*2|$1|z|*1|*2|$1|a|$1|1"),
            (
                "zmpop 1 z max count 9",
                "*2|$1|z|*2|*2|$1|c|$1|3|*2|$1|b|$1|2",
            ),
            ("zmpop 1 z max", "*-1"),
        ]);
        bench.reply("zadd z 1 a 2 b");
        assert_eq!(bench.effect("zmpop 2 x z min count 5"), "ZPOPMIN z 2");
        bench.reply("zadd z 1 a");
        assert_eq!(bench.events("zmpop 1 z max"), "zpopmax z;del z");
        assert_eq!(bench.effect("zmpop 1 z max"), "");
    }

    #[test]
    fn waits_for_all_of_its_keys_if_none_is_there() {
        let mut bench = Bench::new();
        let block = bench.block("bzmpop 1.5 2 a b min count 3");
        assert_eq!((block.keys, block.awaited), (3..5, Awaited::SortedSet));
        assert_eq!(block.deadline, Some(bench.now.mono_ms() + 1500));
        bench.reply("zadd b 1 x 2 y 3 z");
        let line = "bzmpop 0 2 a b max count 2";
        assert_eq!(bench.reply(line), "*2|$1|b|*2|*2|$1|z|$1|3|*2|$1|y|$1|2");
        assert_eq!(bench.effect(line), "ZPOPMAX b 1");
        bench.replies(&[
            ("bzmpop -1 1 a min", "-ERR timeout is negative"),
            ("bzmpop x 1 a middle", "-ERR syntax error"),
            ("bzmpop 0 0 a min", "-ERR numkeys should be greater than 0"),
        ]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        let number = "-ERR numkeys should be greater than 0";
        bench.replies(&[
            ("zmpop 0 z min", number),
            ("zmpop x z min", number),
            ("zmpop 9223372036854775807 z min", "-ERR syntax error"),
            ("zmpop 2 z min", "-ERR syntax error"),
            ("zmpop 1 z foo", "-ERR syntax error"),
            ("zmpop 1 z min count", "-ERR syntax error"),
            (
                "zmpop 1 z min count 0",
                "-ERR count should be greater than 0",
            ),
            ("zmpop 1 z min count 1 count 2", "-ERR syntax error"),
        ]);
    }
}
