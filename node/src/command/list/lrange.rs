//! LRANGE.

use super::{range, show};
use crate::command::parse::integer;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LRANGE: Definition = Definition {
    spec: Spec {
        name: "lrange",
        arity: 4,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        complexity: "O(log(N)+M) with N the length of the list and M the number of elements returned",
        summary: "Returns the elements of a range of indexes; negative ones count from the end",
        arguments: &[
            Argument::key("key"),
            Argument::integer("start"),
            Argument::integer("stop"),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(lrange)
};

fn lrange(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (start, stop) = (integer(args.get(2))?, integer(args.get(3))?);
    let key = args.key(exec.data, 1);
    let Some(list) = exec.data.get_list(exec.session.db, &key)? else {
        reply.array(0);
        return Ok(Effect::None);
    };
    let (first, count) = range(start, stop, list.len());
    reply.array(count);
    let elements = list.elements(first, true).take(count);
    elements.for_each(|element| show(reply, element));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_a_range() {
        let mut bench = Bench::new();
        bench.reply("rpush l a b 3");
        for (line, reply) in [
            ("lrange l 0 -1", "*3|$1|a|$1|b|$1|3"),
            ("lrange l 1 1", "*1|$1|b"),
            ("lrange l -2 100", "*2|$1|b|$1|3"),
            ("lrange l -100 0", "*1|$1|a"),
            ("lrange l 2 1", "*0"),
            ("lrange l 3 9", "*0"),
            ("lrange missing 0 -1", "*0"),
            (
                "lrange missing 0 x",
                "-ERR value is not an integer or out of range",
            ),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
    }
}
