//! COPY.

use crate::command::parse::{self, SYNTAX, database_number};
use crate::command::{Definition, Effect, Exec, Preparation, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Access, OW, RO, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static COPY: Definition = Definition {
    spec: Spec {
        name: "copy",
        arity: -3,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[
            KeySpec::one(1, &[RO, Access]),
            KeySpec::one(2, &[OW, Update]),
        ],
        since: "6.2.0",
        complexity: "O(N) with N the length of the value",
        summary: "Copies a key to another name, another database, or both",
        arguments: &[
            Argument::key("source"),
            Argument::key_of("destination", 1),
            Argument::integer("destination-db").token("DB").optional(),
            Argument::word("replace", "REPLACE").optional(),
        ],
        ..Spec::new(Group::Generic)
    },
    preparation: Preparation::CopyToKey,
    ..Definition::run(copy)
};

fn copy(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let from_db = exec.session.db;
    let (mut to_db, mut replace) = (from_db, false);
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "replace") {
            replace = true;
            at += 1;
        } else if args.is(at, "db") && at + 1 < args.len() {
            to_db = database(exec, database_number(args.get(at + 1))?)?;
            at += 2;
        } else {
            return Err(SYNTAX);
        }
    }
    let (from, to) = (args.key(exec.data, 1), args.key(exec.data, 2));
    if from_db == to_db && from.bytes == to.bytes {
        return Err(Refused::new(
            "ERR source and destination objects are the same",
        ));
    }
    // The source is used and counted as by GET.
    let done = exec.data.get(from_db, &from).is_some()
        && exec.data.copy(from_db, &from, to_db, &to, replace);
    reply.integer(i64::from(done));
    Ok(Effect::if_changed(done))
}

fn database(exec: &Exec<'_>, index: i32) -> Result<usize, Refused> {
    let config = exec.node.config;
    if config.cluster_enabled && (1..16).contains(&index) {
        return Err(Refused::new(
            "ERR Copying to another database is not allowed in cluster mode",
        ));
    }
    parse::database(exec.data, index)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn copies() {
        let mut bench = Bench::new();
        bench.reply("set a 1 ex 9");
        assert_eq!(bench.effect("copy a b"), "copy a b");
        assert_eq!(bench.reply("ttl b"), ":9");
        assert_eq!(bench.effect("copy a b"), "");
        assert_eq!(bench.reply("copy a b REPLACE"), ":1");
        assert_eq!(bench.reply("copy a a db 1"), ":1");
        assert_eq!(bench.reply("copy x y"), ":0");
        bench.replies(&[
            (
                "copy a a",
                "-ERR source and destination objects are the same",
            ),
            ("copy a b db 16", "-ERR DB index is out of range"),
            ("copy a b db", "-ERR syntax error"),
            (
                "copy a b db -2147483649",
                "-ERR value is out of range, value must between -2147483648 and 2147483647",
            ),
        ]);
    }
}
