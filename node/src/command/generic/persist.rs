//! PERSIST.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static PERSIST: Definition = Definition {
    spec: Spec {
        name: "persist",
        arity: 2,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        since: "2.2.0",
        summary: "Removes the time to live of a key",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(persist)
};

fn persist(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let entry = exec.data.peek(db, &key);
    if entry.and_then(|entry| entry.expire_at()).is_none() {
        reply.integer(0);
        return Ok(Effect::None);
    }
    exec.data.set_expire(db, &key, None);
    reply.integer(1);
    Ok(Effect::AsWritten)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn takes_the_time_to_live_away() {
        let mut bench = Bench::new();
        bench.reply("set a 1 ex 10");
        assert_eq!(bench.effect("persist a"), "persist a");
        assert_eq!(bench.reply("ttl a"), ":-1");
        assert_eq!(bench.reply("persist a"), ":0");
        assert_eq!(bench.effect("persist b"), "");
    }
}
