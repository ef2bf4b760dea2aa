//! SCARD.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SCARD: Definition = Definition {
    spec: Spec {
        name: "scard",
        arity: 2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO])],
        summary: "Returns the number of members of a set",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(scard)
};

fn scard(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let set = exec.data.get_set(exec.session.db, &key)?;
    reply.integer(set.map_or(0, |set| set.len()) as i64);
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_members() {
        let mut bench = Bench::new();
        bench.reply("sadd s a 1");
        assert_eq!(bench.reply("scard s"), ":2");
        assert_eq!(bench.reply("scard missing"), ":0");
    }
}
