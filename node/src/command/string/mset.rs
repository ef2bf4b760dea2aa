//! MSET and MSETNX.

use crate::command::{Definition, Effect, Exec, Refused, wrong_arity};
use crate::data::Expire;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Insert, OW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

const PAIRS: &[Argument] = &[Argument::block(
    "key_value",
    &[Argument::key("key"), Argument::string("value")],
)
.multiple()];

pub(super) static MSET: Definition = Definition {
    spec: Spec {
        name: "mset",
        arity: -3,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::range(1, -1, 2, &[OW, Update])],
        tips: &[
            "request_policy:multi_shard",
            "response_policy:all_succeeded",
        ],
        since: "1.0.1",
        complexity: "O(N) with N the number of keys",
        summary: "Sets keys to strings, all at once",
        arguments: PAIRS,
        ..Spec::new(Group::String)
    },
    ..Definition::run(mset)
};

pub(super) static MSETNX: Definition = Definition {
    spec: Spec {
        name: "msetnx",
        arity: -3,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::range(1, -1, 2, &[OW, Insert])],
        tips: &["request_policy:multi_shard", "response_policy:agg_min"],
        since: "1.0.1",
        complexity: "O(N) with N the number of keys",
        summary: "Sets keys to strings, all at once, unless one of them exists",
        arguments: PAIRS,
        ..Spec::new(Group::String)
    },
    ..Definition::run(msetnx)
};

fn mset(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    check_pairs(args, "mset")?;
    set_all(exec, args);
    reply.ok();
    Ok(Effect::AsWritten)
}

fn msetnx(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    check_pairs(args, "msetnx")?;
    let db = exec.session.db;
    for index in (1..args.len()).step_by(2) {
        let key = args.key(exec.data, index);
        if exec.data.peek(db, &key).is_some() {
            reply.integer(0);
            return Ok(Effect::None);
        }
    }
    set_all(exec, args);
    reply.integer(1);
    Ok(Effect::AsWritten)
}

fn check_pairs(args: &Args<'_>, name: &str) -> Result<(), Refused> {
    if args.len() % 2 == 1 {
        Ok(())
    } else {
        Err(wrong_arity(name))
    }
}

fn set_all(exec: &mut Exec<'_>, args: &Args<'_>) {
    let db = exec.session.db;
    for index in (1..args.len()).step_by(2) {
        let key = args.key(exec.data, index);
        exec.data.set(db, &key, args.get(index + 1), Expire::Never);
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn sets_pairs() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("mset a 1 b 2"), "mset a 1 b 2");
        assert_eq!(bench.reply("mset a 1 b 2 a 3"), "+OK");
        assert_eq!(bench.reply("mget a b"), "*2|$1|3|$1|2");
        assert_eq!(
            bench.reply("mset a 1 b"),
            "-ERR wrong number of arguments for 'mset' command"
        );
    }

    #[test]
    fn msetnx_sets_all_or_none() {
        let mut bench = Bench::new();
        bench.reply("set b 1");
        assert_eq!(bench.effect("msetnx a 1 b 2"), "");
        assert_eq!(bench.reply("msetnx a 1 b 2"), ":0");
        assert_eq!(bench.reply("exists a"), ":0");
        assert_eq!(bench.reply("msetnx a 1 c 2"), ":1");
    }
}
