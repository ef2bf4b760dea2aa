//! DELIFEQ, as in Valkey 9: replicas get a DEL.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, Delete, RM};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static DELIFEQ: Definition = Definition {
    spec: Spec {
        name: "delifeq",
        arity: 3,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RM, Access, Delete])],
        since: "9.0.0",
        summary: "Removes a key if its string is this one; returns 1 if it did",
        arguments: &[Argument::key("key"), Argument::string("value")],
        ..Spec::new(Group::String)
    },
    ..Definition::run(delifeq)
};

fn delifeq(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let is_equal = match exec.data.get_to_change(db, &key) {
        Some(entry) => entry.as_str()? == args.get(2),
        None => false,
    };
    reply.integer(i64::from(is_equal));
    if !is_equal {
        return Ok(Effect::None);
    }
    exec.data.remove(db, &key);
    Ok(Effect::rewritten(&[b"DEL", key.bytes]))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn removes_what_is_equal() {
        let mut bench = Bench::new();
        bench.plant_hash("h");
        bench.reply("set a token");
        bench.replies(&[
            ("delifeq a other", ":0"),
            ("delifeq missing token", ":0"),
            (
                "delifeq h token",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
        assert_eq!(bench.effect("delifeq a tok"), "");
        assert_eq!(bench.effect("delifeq a token"), "DEL a");
        bench.reply("set a 1");
        assert_eq!(bench.events("delifeq a 1"), "del a");
        assert_eq!(bench.reply("delifeq a 1"), ":0");
    }
}
