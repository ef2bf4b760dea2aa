//! APPEND and STRLEN.

use super::check_length;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, ReadOnly, Write};
use crate::spec::KeyFlag::{Insert, RO, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static APPEND: Definition = Definition {
    spec: Spec {
        name: "append",
        arity: 3,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Insert])],
        since: "2.0.0",
        summary: "Appends to a string; returns its new length",
        arguments: &[Argument::key("key"), Argument::string("value")],
        ..Spec::new(Group::String)
    },
    ..Definition::run(append)
};

pub(super) static STRLEN: Definition = Definition {
    spec: Spec {
        name: "strlen",
        arity: 2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO])],
        since: "2.2.0",
        summary: "Returns the length of a string",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::String)
    },
    ..Definition::run(strlen)
};

fn append(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, tail) = (exec.session.db, args.key(exec.data, 1), args.get(2));
    let old = exec.data.peek(db, &key).map(|entry| entry.as_str());
    let length = old.transpose()?.map_or(0, <[u8]>::len);
    check_length(exec, length + tail.len())?;
    let length = exec.data.append(db, &key, tail);
    reply.integer(length as i64);
    Ok(Effect::AsWritten)
}

fn strlen(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let string = exec.data.get_str(exec.session.db, &key)?;
    reply.integer(string.map_or(0, <[u8]>::len) as i64);
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn appends_and_keeps_the_time_to_live() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("strlen a"), ":0");
        assert_eq!(bench.reply("append a xy"), ":2");
        bench.reply("expire a 10");
        assert_eq!(bench.effect("append a z"), "append a z");
        assert_eq!(bench.reply("get a"), "$3|xyz");
        assert_eq!(bench.reply("ttl a"), ":10");
        assert_eq!(bench.reply("strlen a"), ":3");
    }
}
