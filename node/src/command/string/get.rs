//! GET.

use crate::command::spec::Flag::{Fast, ReadOnly};
use crate::command::spec::{Argument, Flags, Group, KeySpec, Spec};
use crate::command::{Effect, Exec, Refused};
use crate::resp::{Args, Reply};

pub(super) static GET: Spec = Spec {
    name: "get",
    arity: 2,
    flags: Flags::of(&[ReadOnly, Fast]),
    keys: &[KeySpec::one(1, "RO access")],
    summary: "The value of a key",
    arguments: &[Argument::key("key")],
    ..Spec::new(Group::String, get)
};

fn get(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    show(exec, args, 1, reply);
    Ok(Effect::None)
}

/// The value of the key that is one of the arguments, or null.
#[inline]
pub(super) fn show(exec: &mut Exec<'_>, args: &Args<'_>, index: usize, reply: &mut Reply) {
    let key = args.key(exec.data, index);
    match exec.data.get(exec.session.db, &key) {
        Some(entry) => reply.bulk(entry.str()),
        None => reply.null(),
    }
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
