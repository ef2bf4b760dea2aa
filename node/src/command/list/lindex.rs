//! LINDEX.

use super::{position, show};
use crate::command::parse::integer;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LINDEX: Definition = Definition {
    spec: Spec {
        name: "lindex",
        arity: 3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        complexity: "O(log(N)) with N the length of the list",
        summary: "Returns the element of an index; negative ones count from the end",
        arguments: &[Argument::key("key"), Argument::integer("index")],
        ..Spec::new(Group::List)
    },
    ..Definition::run(lindex)
};

fn lindex(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let Some(list) = exec.data.get_list(exec.session.db, &key)? else {
        // As in Redis, the index is not even looked at.
        reply.null();
        return Ok(Effect::None);
    };
    let at = position(integer(args.get(2))?, list.len());
    match at.and_then(|at| list.get(at)) {
        Some(element) => show(reply, element),
        None => reply.null(),
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn finds_by_index_from_either_end() {
        let mut bench = Bench::new();
        bench.reply("rpush l a 2 c");
        for (line, reply) in [
            ("lindex l 0", "$1|a"),
            ("lindex l 1", "$1|2"),
            ("lindex l -1", "$1|c"),
            ("lindex l -3", "$1|a"),
            ("lindex l 3", "$-1"),
            ("lindex l -4", "$-1"),
            ("lindex missing x", "$-1"),
            ("lindex l x", "-ERR value is not an integer or out of range"),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
    }
}
