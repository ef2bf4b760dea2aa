//! GET.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static GET: Definition = Definition {
    spec: Spec {
        name: "get",
        arity: 2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        summary: "Returns the value of a key",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::String)
    },
    ..Definition::run(get)
};

fn get(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    match exec.data.get_str(exec.session.db, &key)? {
        Some(string) => reply.bulk(string),
        None => reply.null(),
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_the_value_or_null() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("get a"), "$-1");
        bench.reply("set a 1");
        assert_eq!(bench.reply("get a"), "$1|1");
        bench.session.resp3 = true;
        assert_eq!(bench.reply("get b"), "_");
    }
}
