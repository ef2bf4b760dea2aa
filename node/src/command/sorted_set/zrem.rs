//! ZREM: a sorted set without members goes, too.

use super::limits;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZREM: Definition = Definition {
    spec: Spec {
        name: "zrem",
        arity: -3,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Delete])],
        since: "1.2.0",
        complexity: "O(M*log(N)) with N the number of members and M the number of those that are removed",
        summary: "Removes members of a sorted set; returns how many existed",
        history: &[("2.4.0", "With several members.")],
        arguments: &[Argument::key("key"), Argument::string("member").multiple()],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(zrem)
};

fn zrem(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let removed = exec.data.change_zset(db, &key, limits, |zset| {
        let removed = zset.remove_each(args.from(2));
        (removed, (removed > 0).then_some(Event::ZRem))
    })?;
    reply.integer(removed as i64);
    Ok(Effect::if_changed(removed > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn removes_members_and_with_the_last_one_the_key() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b 3 c");
        assert_eq!(bench.reply("zrem z a a x"), ":1");
        assert_eq!(bench.effect("zrem z x"), "");
        assert_eq!(bench.events("zrem z x"), "");
        assert_eq!(bench.events("zrem z b"), "zrem z");
        assert_eq!(bench.effect("zrem missing x"), "");
        assert_eq!(bench.events("zrem z c"), "zrem z;del z");
        assert_eq!(bench.reply("exists z"), ":0");
    }
}
