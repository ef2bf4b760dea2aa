//! HDEL: a hash without fields goes, too.

use super::limits;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HDEL: Definition = Definition {
    spec: Spec {
        name: "hdel",
        arity: -3,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Delete])],
        since: "2.0.0",
        complexity: "O(N) with N the number of fields that are removed",
        summary: "Removes fields of a hash; returns how many existed",
        history: &[("2.4.0", "With several fields.")],
        arguments: &[Argument::key("key"), Argument::string("field").multiple()],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hdel)
};

fn hdel(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let removed = exec.data.change_hash(db, &key, limits, |hash| {
        let removed = hash.remove_each(args.from(2));
        (removed, (removed > 0).then_some(Event::HDel))
    })?;
    reply.integer(removed as i64);
    Ok(Effect::if_changed(removed > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn removes_fields_and_with_the_last_one_the_key() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2 c 3");
        assert_eq!(bench.reply("hdel h a a x"), ":1");
        assert_eq!(bench.effect("hdel h x"), "");
        assert_eq!(bench.events("hdel h x"), "");
        assert_eq!(bench.events("hdel h b"), "hdel h");
        assert_eq!(bench.effect("hdel missing x"), "");
        assert_eq!(bench.events("hdel h c"), "hdel h;del h");
        assert_eq!(bench.reply("exists h"), ":0");
        assert_eq!(bench.reply("hdel h c"), ":0");
    }
}
