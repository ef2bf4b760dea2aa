//! MGET.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::WrongType;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static MGET: Definition = Definition {
    spec: Spec {
        name: "mget",
        arity: -2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::rest(1, &[RO, Access])],
        tips: &["request_policy:multi_shard"],
        complexity: "O(N) with N the number of keys",
        summary: "Returns the values of keys",
        arguments: &[Argument::key("key").multiple()],
        ..Spec::new(Group::String)
    },
    ..Definition::run(mget)
};

fn mget(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    reply.array(args.len() - 1);
    for index in 1..args.len() {
        let key = args.key(exec.data, index);
        match exec.data.get_str(exec.session.db, &key) {
            Ok(Some(string)) => reply.bulk(string),
            // A value of another type is no string, and refuses no others.
            Ok(None) | Err(WrongType) => reply.null(),
        }
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_values_in_order() {
        let mut bench = Bench::new();
        bench.reply("mset a 1 c 3");
        assert_eq!(bench.reply("mget a b c a"), "*4|$1|1|$-1|$1|3|$1|1");
    }
}
