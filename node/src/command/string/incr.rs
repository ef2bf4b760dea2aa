//! INCR, DECR, INCRBY and DECRBY.

use crate::command::parse::{NOT_AN_INTEGER, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::number::{Decimal, parse_integer};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Access, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static INCR: Definition = Definition {
    spec: Spec {
        name: "incr",
        arity: 2,
        summary: "Adds 1 to a number; a missing key counts as 0",
        arguments: &[Argument::key("key")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| add(exec, args, reply, 1))
};

pub(super) static DECR: Definition = Definition {
    spec: Spec {
        name: "decr",
        arity: 2,
        summary: "Subtracts 1 from a number; a missing key counts as 0",
        arguments: &[Argument::key("key")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| add(exec, args, reply, -1))
};

pub(super) static INCRBY: Definition = Definition {
    spec: Spec {
        name: "incrby",
        arity: 3,
        summary: "Adds to a number; a missing key counts as 0",
        arguments: &[Argument::key("key"), Argument::integer("increment")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        let by = integer(args.get(2))?;
        add(exec, args, reply, by)
    })
};

pub(super) static DECRBY: Definition = Definition {
    spec: Spec {
        name: "decrby",
        arity: 3,
        summary: "Subtracts from a number; a missing key counts as 0",
        arguments: &[Argument::key("key"), Argument::integer("decrement")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        let by = integer(args.get(2))?
            .checked_neg()
            .ok_or(const { Refused::new("ERR decrement would overflow") })?;
        add(exec, args, reply, by)
    })
};

const fn family() -> Spec {
    Spec {
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: const { &[KeySpec::one(1, &[RW, Access, Update])] },
        ..Spec::new(Group::String)
    }
}

fn add(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    by: i64,
) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let old = match exec.data.get_to_change(db, &key) {
        Some(entry) => parse_integer(entry.as_str()?).ok_or(NOT_AN_INTEGER)?,
        None => 0,
    };
    let new = old
        .checked_add(by)
        .ok_or(const { Refused::new("ERR increment or decrement would overflow") })?;
    let text = Decimal::new(new);
    exec.data.update(db, &key, text.as_bytes(), Event::IncrBy);
    reply.integer(new);
    Ok(Effect::AsWritten)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_and_keeps_the_time_to_live() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("incr a"), "incr a");
        bench.reply("expire a 10");
        assert_eq!(bench.reply("incrby a 41"), ":42");
        assert_eq!(bench.reply("decr a"), ":41");
        assert_eq!(bench.reply("decrby a 50"), ":-9");
        assert_eq!(bench.reply("ttl a"), ":10");
        assert_eq!(bench.reply("object encoding a"), "$3|int");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("mset text x max 9223372036854775807 spaced 01");
        bench.replies(&[
            ("incr text", "-ERR value is not an integer or out of range"),
            (
                "incr spaced",
                "-ERR value is not an integer or out of range",
            ),
            ("incr max", "-ERR increment or decrement would overflow"),
            (
                "decrby max -9223372036854775808",
                "-ERR decrement would overflow",
            ),
            (
                "incrby max x",
                "-ERR value is not an integer or out of range",
            ),
        ]);
        assert_eq!(bench.reply("get max"), "$19|9223372036854775807");
    }
}
