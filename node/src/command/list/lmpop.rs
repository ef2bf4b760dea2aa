//! LMPOP, and BLMPOP, which waits for a list if none is there.

use std::ops::Range;

use super::{end, event, limits, pop_command, show_from, take_from, wait};
use crate::command::parse::{SYNTAX, deadline_after_seconds, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::End;
use crate::request::Nothing;
use crate::resp::{Args, Reply};
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
    &[
        Argument::word("left", "LEFT"),
        Argument::word("right", "RIGHT"),
    ],
);

pub(super) static LMPOP: Definition = Definition {
    spec: Spec {
        name: "lmpop",
        arity: -4,
        flags: Flags::of(&[Write]),
        keys: &[keys(1)],
        since: "7.0.0",
        complexity: COMPLEXITY,
        summary: "Removes and returns elements from an end of the first list that exists",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key").multiple(),
            WHERE,
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(lmpop)
};

pub(super) static BLMPOP: Definition = Definition {
    spec: Spec {
        name: "blmpop",
        arity: -5,
        flags: Flags::of(&[Write, Blocking]),
        keys: &[keys(2)],
        since: "7.0.0",
        complexity: COMPLEXITY,
        summary: "Removes and returns elements of the first list that exists; waits for one if none does",
        arguments: &[
            Argument::double("timeout"),
            Argument::integer("numkeys"),
            Argument::key("key").multiple(),
            WHERE,
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(blmpop)
};

const COMPLEXITY: &str =
    "O(N+M) with N the number of keys and M the number of elements that are returned";

fn lmpop(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let wanted = parse(args, 1)?;
    let taken = take(exec, args, reply, &wanted)?;
    Ok(taken.unwrap_or_else(|| {
        reply.null_array();
        Effect::None
    }))
}

fn blmpop(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let wanted = parse(args, 2)?;
    let deadline = deadline_after_seconds(args.get(1), exec.now)?;
    let taken = take(exec, args, reply, &wanted)?;
    Ok(taken.unwrap_or_else(|| wait(wanted.keys, deadline, Nothing::Array)))
}

/// What a request wants.
struct Wanted {
    /// Which arguments are the keys.
    keys: Range<usize>,
    end: End,
    /// How many elements.
    count: usize,
}

/// Takes elements from the first list that is there; none if there is none.
fn take(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    wanted: &Wanted,
) -> Result<Option<Effect>, Refused> {
    let (db, limits, end) = (exec.session.db, limits(exec), wanted.end);
    for at in wanted.keys.clone() {
        let key = args.key(exec.data, at);
        let taken = exec.data.change_list(db, &key, limits, |list| {
            let taken = wanted.count.min(list.view().len());
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
            let taken = taken.to_string();
            let argv = [pop_command(end), key.bytes, taken.as_bytes()];
            return Ok(Some(Effect::rewritten(&argv)));
        }
    }
    Ok(None)
}

/// Reads what stands from the number of keys on.
fn parse(args: &Args<'_>, from: usize) -> Result<Wanted, Refused> {
    let positive = |text: &[u8], refusal: Refused| {
        let number = integer(text).ok().and_then(|it| usize::try_from(it).ok());
        number.filter(|number| *number > 0).ok_or(refusal)
    };
    let few = const { Refused::new("ERR numkeys should be greater than 0") };
    let keys = positive(args.get(from), few)?;
    let at = keys.checked_add(from + 1).ok_or(SYNTAX)?;
    let mut wanted = Wanted {
        keys: from + 1..at,
        end: end(args.opt(at).ok_or(SYNTAX)?)?,
        count: 1,
    };
    if args.len() == at + 1 {
        return Ok(wanted);
    }
    if !args.is(at + 1, "count") || args.len() < at + 3 {
        return Err(SYNTAX);
    }
    let few = const { Refused::new("ERR count should be greater than 0") };
    wanted.count = positive(args.get(at + 2), few)?;
    if args.len() > at + 3 {
        return Err(SYNTAX);
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Awaited, Nothing};

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
    fn waits_for_all_of_its_keys_if_none_is_there() {
        let mut bench = Bench::new();
        let block = bench.block("blmpop 1.5 2 a b left count 3");
        assert_eq!((block.keys, block.awaited), (3..5, Awaited::List));
        assert_eq!(block.deadline, Some(bench.now.mono_ms() + 1500));
        assert_eq!(block.otherwise, Nothing::Array);
        bench.reply("rpush b 1 2 3 4");
        let line = "blmpop 0 2 a b right count 2";
        assert_eq!(bench.reply(line), "*2|$1|b|*2|$1|4|$1|3");
        assert_eq!(bench.effect(line), "RPOP b 2");
        bench.replies(&[
            ("blmpop -1 1 a left", "-ERR timeout is negative"),
            (
                "blmpop x 1 a left",
                "-ERR timeout is not a float or out of range",
            ),
            ("blmpop x 1 a middle", "-ERR syntax error"),
            ("blmpop 0 0 a left", "-ERR numkeys should be greater than 0"),
        ]);
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
