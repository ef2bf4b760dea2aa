//! LMPOP.

use super::{end, event, limits, show_from, take_from};
use crate::command::parse::{SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::End;
use crate::resp::{Args, Reply};
use crate::spec::Flag::Write;
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, BeginSearch, FindKeys, Flags, Group, KeySpec, Spec};

/// The number of keys, and then the keys.
const KEYS: FindKeys = FindKeys::KeyNum {
    number: 0,
    first: 1,
    step: 1,
};

pub(super) static LMPOP: Definition = Definition {
    spec: Spec {
        name: "lmpop",
        arity: -4,
        flags: Flags::of(&[Write]),
        keys: &[KeySpec::new(
            BeginSearch::Index(1),
            KEYS,
            &[RW, Access, Delete],
        )],
        since: "7.0.0",
        complexity: "O(N+M) with N the number of keys and M the number of elements that are returned",
        summary: "Removes and returns elements from an end of the first list that exists",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key").multiple(),
            Argument::one_of(
                "where",
                &[
                    Argument::word("left", "LEFT"),
                    Argument::word("right", "RIGHT"),
                ],
            ),
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(lmpop)
};

fn lmpop(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (keys, end, count) = parse(args)?;
    let (db, limits) = (exec.session.db, limits(exec));
    for at in 2..2 + keys {
        let key = args.key(exec.data, at);
        let taken = exec.data.change_list(db, &key, limits, |list| {
            let taken = count.min(list.view().len());
            if taken == 0 {
                return (0, None);
            }
            reply.array(2);
            reply.bulk(key.bytes);
            show_from(reply, &list.view(), end, taken);
            take_from(list, end, taken);
            (taken, Some(event(end, false)))
        })?;
        if taken > 0 {
            let name: &[u8] = match end {
                End::Left => b"LPOP",
                End::Right => b"RPOP",
            };
            let taken = taken.to_string();
            return Ok(Effect::rewritten(&[name, key.bytes, taken.as_bytes()]));
        }
    }
    reply.null_array();
    Ok(Effect::None)
}

/// How many keys there are, the end, and how many elements are wanted.
fn parse(args: &Args<'_>) -> Result<(usize, End, usize), Refused> {
    let positive = |text: &[u8], refusal: Refused| {
        let number = integer(text).ok().and_then(|it| usize::try_from(it).ok());
        number.filter(|number| *number > 0).ok_or(refusal)
    };
    let few = const { Refused::new("ERR numkeys should be greater than 0") };
    let keys = positive(args.get(1), few)?;
    let at = keys.checked_add(2).ok_or(SYNTAX)?;
    let end = end(args.opt(at).ok_or(SYNTAX)?)?;
    if args.len() == at + 1 {
        return Ok((keys, end, 1));
    }
    if !args.is(at + 1, "count") || args.len() < at + 3 {
        return Err(SYNTAX);
    }
    let few = const { Refused::new("ERR count should be greater than 0") };
    let count = positive(args.get(at + 2), few)?;
    if args.len() > at + 3 {
        return Err(SYNTAX);
    }
    Ok((keys, end, count))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn takes_from_the_first_list_that_is_there() {
        let mut bench = Bench::new();
        bench.reply("rpush b 1 2 3 4");
        bench.replies(&[
            ("lmpop 2 a b LEFT", "*2|$1|b|*1|$1|1"),
            ("lmpop 2 a b right COUNT 2", "*2|$1|b|*2|$1|4|$1|3"),
            ("lmpop 1 a left", "*-1"),
        ]);
        bench.reply("rpush b 5");
        assert_eq!(bench.effect("lmpop 2 a b left count 9"), "LPOP b 2");
        bench.reply("rpush b 6");
        assert_eq!(bench.events("lmpop 1 b right"), "rpop b;del b");
        assert_eq!(bench.effect("lmpop 1 b right"), "");
        bench.session.resp3 = true;
        assert_eq!(bench.reply("lmpop 1 a left"), "_");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        let few = "-ERR numkeys should be greater than 0";
        let count = "-ERR count should be greater than 0";
        bench.replies(&[
            ("lmpop 0 a left", few),
            ("lmpop x a left", few),
            ("lmpop 9223372036854775807 a left", "-ERR syntax error"),
            ("lmpop 2 a left", "-ERR syntax error"),
            ("lmpop 1 a middle", "-ERR syntax error"),
            ("lmpop 1 a left count", "-ERR syntax error"),
            ("lmpop 1 a left count 0", count),
            ("lmpop 1 a left count 1 count 1", "-ERR syntax error"),
            (
                "lmpop 2 a s left",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
