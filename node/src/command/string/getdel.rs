//! GETDEL: replicas get a DEL.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static GETDEL: Definition = Definition {
    spec: Spec {
        name: "getdel",
        arity: 2,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Delete])],
        since: "6.2.0",
        summary: "Returns the value of a key and removes the key",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::String)
    },
    ..Definition::run(getdel)
};

fn getdel(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let Some(string) = exec.data.get_str(db, &key)? else {
        reply.null();
        return Ok(Effect::None);
    };
    reply.bulk(string);
    exec.data.remove(db, &key);
    Ok(Effect::rewritten(&[b"DEL", key.bytes]))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_and_removes() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        assert_eq!(bench.effect("getdel a"), "DEL a");
        assert_eq!(bench.reply("getdel a"), "$-1");
        bench.reply("set a 1");
        assert_eq!(bench.reply("getdel a"), "$1|1");
    }
}
