//! HSETNX.

use super::limits;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Insert, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HSETNX: Definition = Definition {
    spec: Spec {
        name: "hsetnx",
        arity: 4,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Insert])],
        since: "2.0.0",
        summary: "Sets a field of a hash, unless it exists",
        arguments: &[
            Argument::key("key"),
            Argument::string("field"),
            Argument::string("value"),
        ],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hsetnx)
};

fn hsetnx(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let set = exec.data.change_hash(db, &key, limits, |hash| {
        let missing = hash.view().get(args.get(2)).is_none();
        if missing {
            hash.set(args.get(2), args.get(3));
        }
        (missing, missing.then_some(Event::HSet))
    })?;
    reply.integer(i64::from(set));
    Ok(Effect::if_changed(set))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn sets_only_what_is_not_there() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("hsetnx h a 1"), "hsetnx h a 1");
        assert_eq!(bench.effect("hsetnx h a 2"), "");
        assert_eq!(bench.reply("hsetnx h a 2"), ":0");
        assert_eq!(bench.events("hsetnx h a 2"), "");
        assert_eq!(bench.events("hsetnx h b 2"), "hset h");
        assert_eq!(bench.reply("hgetall h"), "*4|$1|a|$1|1|$1|b|$1|2");
    }
}
