//! ZMPOP: replicas get the ZPOPMIN or ZPOPMAX that it came to.

use super::Shape;
use super::zpop::{End, pop, take};
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::number::{Decimal, parse_integer};
use crate::resp::{Args, Reply};
use crate::spec::Flag::Write;
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, BeginSearch, FindKeys, Flags, Group, KeySpec, Spec};

pub(super) static ZMPOP: Definition = Definition {
    spec: Spec {
        name: "zmpop",
        arity: -4,
        flags: Flags::of(&[Write]),
        keys: &[KeySpec::new(
            BeginSearch::Index(1),
            FindKeys::KeyNum {
                number: 0,
                first: 1,
                step: 1,
            },
            &[RW, Access, Delete],
        )],
        since: "7.0.0",
        complexity: "O(K+M*log(N)) with K the number of keys, N the number of members and M the number of those that are removed",
        summary: "Removes members of the first of several sorted sets that has some, and returns them",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key").multiple(),
            Argument::one_of(
                "where",
                &[Argument::word("min", "MIN"), Argument::word("max", "MAX")],
            ),
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(zmpop)
};

/// How many keys there are, from which end, and how many members.
fn parse(args: &Args<'_>) -> Result<(usize, End, usize), Refused> {
    let positive = |text: &[u8]| {
        let number = parse_integer(text).filter(|number| *number > 0);
        number.and_then(|number| usize::try_from(number).ok())
    };
    let keys = positive(args.get(1))
        .ok_or(const { Refused::new("ERR numkeys should be greater than 0") })?;
    let at = keys.checked_add(2).ok_or(SYNTAX)?;
    let end = match args.opt(at) {
        Some(word) if word.eq_ignore_ascii_case(b"min") => End::Min,
        Some(word) if word.eq_ignore_ascii_case(b"max") => End::Max,
        _ => return Err(SYNTAX),
    };
    if args.len() == at + 1 {
        return Ok((keys, end, 1));
    }
    if args.len() < at + 3 || !args.is(at + 1, "count") {
        return Err(SYNTAX);
    }
    let count = positive(args.get(at + 2))
        .ok_or(const { Refused::new("ERR count should be greater than 0") })?;
    if args.len() > at + 3 {
        return Err(SYNTAX);
    }
    Ok((keys, end, count))
}

fn zmpop(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (keys, end, wanted) = parse(args)?;
    for at in 2..2 + keys {
        let key = args.key(exec.data, at);
        let popped = pop(exec, &key, end, wanted, |zset, count| {
            reply.array(2);
            reply.bulk(key.bytes);
            Shape::Nested.begin(reply, count);
            take(zset, end, count, Shape::Nested, reply);
        })?;
        if popped > 0 {
            let count = Decimal::new(popped as i64);
            let argv = [end.command(), key.bytes, count.as_bytes()];
            return Ok(Effect::rewritten(&argv));
        }
    }
    reply.null_array();
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

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
