//! RENAME and RENAMENX.

use crate::command::parse::NO_SUCH_KEY;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Key;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, Delete, Insert, OW, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

const ARGUMENTS: &[Argument] = &[Argument::key("key"), Argument::key_of("newkey", 1)];

pub(super) static RENAME: Definition = Definition {
    spec: Spec {
        name: "rename",
        arity: 3,
        flags: Flags::of(&[Write]),
        keys: &[
            KeySpec::one(1, &[RW, Access, Delete]),
            KeySpec::one(2, &[OW, Update]),
        ],
        summary: "Renames a key; replaces an existing key of the new name",
        arguments: ARGUMENTS,
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(rename)
};

pub(super) static RENAMENX: Definition = Definition {
    spec: Spec {
        name: "renamenx",
        history: &[("3.2.0", "Both names may be the same.")],
        arity: 3,
        flags: Flags::of(&[Write, Fast]),
        keys: &[
            KeySpec::one(1, &[RW, Access, Delete]),
            KeySpec::one(2, &[OW, Insert]),
        ],
        summary: "Renames a key, unless a key of the new name exists",
        arguments: ARGUMENTS,
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(rename_nx)
};

fn rename(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, from, to) = names(exec, args)?;
    reply.ok();
    if from.bytes == to.bytes {
        return Ok(Effect::None);
    }
    exec.data.rename(db, &from, &to);
    Ok(Effect::AsWritten)
}

fn rename_nx(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, from, to) = names(exec, args)?;
    if exec.data.peek(db, &to).is_some() {
        reply.integer(0);
        return Ok(Effect::None);
    }
    exec.data.rename(db, &from, &to);
    reply.integer(1);
    Ok(Effect::AsWritten)
}

/// The database, the key that is there, and its new name.
fn names<'a>(exec: &mut Exec<'_>, args: &Args<'a>) -> Result<(usize, Key<'a>, Key<'a>), Refused> {
    let (db, from) = (exec.session.db, args.key(exec.data, 1));
    if exec.data.peek(db, &from).is_none() {
        return Err(NO_SUCH_KEY);
    }
    Ok((db, from, args.key(exec.data, 2)))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn renames_with_the_time_to_live() {
        let mut bench = Bench::new();
        bench.reply("set a 1 ex 10");
        bench.reply("set b 2");
        assert_eq!(bench.effect("rename a b"), "rename a b");
        assert_eq!(bench.reply("get b"), "$1|1");
        assert_eq!(bench.reply("ttl b"), ":10");
        assert_eq!(bench.reply("rename a b"), "-ERR no such key");
        assert_eq!(bench.reply("rename b b"), "+OK");
        assert_eq!(bench.reply("dbsize"), ":1");
    }

    #[test]
    fn renamenx_overwrites_nothing() {
        let mut bench = Bench::new();
        bench.reply("mset a 1 b 2");
        assert_eq!(bench.effect("renamenx a b"), "");
        assert_eq!(bench.reply("renamenx a a"), ":0");
        assert_eq!(bench.reply("renamenx a c"), ":1");
        assert_eq!(bench.reply("mget a b c"), "*3|$-1|$1|2|$1|1");
    }
}
