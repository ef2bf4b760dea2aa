//! SMEMBERS.

use super::show;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SMEMBERS: Definition = Definition {
    spec: Spec {
        name: "smembers",
        arity: 2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) with N the number of members",
        summary: "Returns all members of a set",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::Set)
    },
    shows_value: true,
    ..Definition::run(smembers)
};

fn smembers(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let set = exec.data.get_set(exec.session.db, &key)?;
    reply.set(set.map_or(0, |set| set.len()));
    if let Some(set) = set {
        set.for_each(|member| show(reply, member));
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_all_members() {
        let mut bench = Bench::new();
        bench.reply("sadd s 3 1 2");
        assert_eq!(bench.reply("smembers s"), "*3|$1|1|$1|2|$1|3");
        assert_eq!(bench.reply("smembers missing"), "*0");
        bench.session.resp3 = true;
        assert_eq!(bench.reply("smembers s"), "~3|$1|1|$1|2|$1|3");
        assert_eq!(bench.reply("smembers missing"), "~0");
    }
}
