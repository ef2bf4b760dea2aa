//! LREM.

use super::limits;
use crate::command::parse::integer;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{End, Event};
use crate::resp::{Args, Reply};
use crate::spec::Flag::Write;
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LREM: Definition = Definition {
    spec: Spec {
        name: "lrem",
        arity: 4,
        flags: Flags::of(&[Write]),
        keys: &[KeySpec::one(1, &[RW, Delete])],
        complexity: "O(N+M*log(N)) with N the length of the list and M the number of elements removed",
        summary: "Removes elements that equal one, all or some from either end; returns how many",
        arguments: &[
            Argument::key("key"),
            Argument::integer("count"),
            Argument::string("element"),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(lrem)
};

fn lrem(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let count = integer(args.get(2))?;
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let end = if count < 0 { End::Right } else { End::Left };
    let most = match count.unsigned_abs() {
        0 => usize::MAX,
        most => usize::try_from(most).unwrap_or(usize::MAX),
    };
    let removed = exec.data.change_list(db, &key, limits, |list| {
        let removed = list.remove_equal(args.get(3), end, most);
        (removed, (removed > 0).then_some(Event::LRem))
    })?;
    reply.integer(removed as i64);
    Ok(Effect::if_changed(removed > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn removes_equal_elements_from_either_end() {
        let mut bench = Bench::new();
        bench.reply("rpush l 1 a 1 b 1 c 1");
        bench.replies(&[
            ("lrem l 1 1", ":1"),
            ("lrem l -1 1", ":1"),
            ("lrange l 0 -1", "*5|$1|a|$1|1|$1|b|$1|1|$1|c"),
            ("lrem l 9 x", ":0"),
            ("lrem l 0 1", ":2"),
            ("lrange l 0 -1", "*3|$1|a|$1|b|$1|c"),
            ("lrem missing 0 a", ":0"),
            (
                "lrem missing x a",
                "-ERR value is not an integer or out of range",
            ),
        ]);
        assert_eq!(bench.effect("lrem l 0 x"), "");
        assert_eq!(bench.events("lrem l 0 x"), "");
        assert_eq!(bench.effect("lrem l -2 a"), "lrem l -2 a");
        bench.reply("rpush l b b");
        assert_eq!(bench.reply("lrem l -2 b"), ":2");
        assert_eq!(bench.reply("lrange l 0 -1"), "*2|$1|b|$1|c");
        bench.reply("lrem l 0 b");
        assert_eq!(bench.events("lrem l 0 c"), "lrem l;del l");
        assert_eq!(bench.reply("exists l"), ":0");
    }
}
