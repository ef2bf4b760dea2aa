//! LLEN.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LLEN: Definition = Definition {
    spec: Spec {
        name: "llen",
        arity: 2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO])],
        summary: "Returns the length of a list",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::List)
    },
    ..Definition::run(llen)
};

fn llen(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let list = exec.data.get_list(exec.session.db, &key)?;
    reply.integer(list.map_or(0, |list| list.len()) as i64);
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_elements() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("llen missing"), ":0");
        bench.reply("rpush l a b c");
        assert_eq!(bench.reply("llen l"), ":3");
        bench.reply("set s 1");
        assert!(bench.reply("llen s").starts_with("-WRONGTYPE"));
    }
}
