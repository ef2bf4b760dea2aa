//! SREM: a set without members goes, too.

use super::limits;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SREM: Definition = Definition {
    spec: Spec {
        name: "srem",
        arity: -3,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Delete])],
        complexity: "O(N) with N the number of members that are removed",
        summary: "Removes members of a set; returns how many of them were there",
        history: &[("2.4.0", "With several members.")],
        arguments: &[Argument::key("key"), Argument::string("member").multiple()],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(srem)
};

fn srem(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let removed = exec.data.change_set(db, &key, limits, |set| {
        let removed = set.remove_each(args.from(2));
        (removed, (removed > 0).then_some(Event::SRem))
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
        bench.reply("sadd s a b 7");
        assert_eq!(bench.reply("srem s a a x"), ":1");
        assert_eq!(bench.effect("srem s x"), "");
        assert_eq!(bench.events("srem s x"), "");
        assert_eq!(bench.events("srem s b"), "srem s");
        assert_eq!(bench.effect("srem missing x"), "");
        assert_eq!(bench.effect("srem s 07"), "");
        assert_eq!(bench.events("srem s 7 x"), "srem s;del s");
        assert_eq!(bench.reply("exists s"), ":0");
    }
}
