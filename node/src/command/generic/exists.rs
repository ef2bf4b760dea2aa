//! EXISTS, TOUCH and TYPE.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

const FLAGS: Flags = Flags::of(&[ReadOnly, Fast]);
const TIPS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

pub(super) static EXISTS: Definition = Definition {
    spec: Spec {
        name: "exists",
        arity: -2,
        flags: FLAGS,
        keys: &[KeySpec::rest(1, &[RO])],
        tips: TIPS,
        complexity: "O(N) with N the number of keys",
        summary: "Returns how many of the keys exist; a key that is given twice counts twice",
        history: &[("3.0.3", "With several keys.")],
        arguments: &[Argument::key("key").multiple()],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(|exec, args, reply| {
        let db = exec.session.db;
        count(exec, args, reply, |exec, index| {
            let key = args.key(exec.data, index);
            exec.data.probe(db, &key).is_some()
        })
    })
};

pub(super) static TOUCH: Definition = Definition {
    spec: Spec {
        name: "touch",
        arity: -2,
        flags: FLAGS,
        keys: &[KeySpec::rest(1, &[RO])],
        tips: TIPS,
        since: "3.2.1",
        complexity: "O(N) with N the number of keys",
        summary: "Marks keys as used; returns how many exist",
        arguments: &[Argument::key("key").multiple()],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(|exec, args, reply| {
        let db = exec.session.db;
        count(exec, args, reply, |exec, index| {
            let key = args.key(exec.data, index);
            exec.data.get(db, &key).is_some()
        })
    })
};

pub(super) static TYPE: Definition = Definition {
    spec: Spec {
        name: "type",
        arity: 2,
        flags: FLAGS,
        keys: &[KeySpec::one(1, &[RO])],
        summary: "Returns the type of a key's value",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(|exec, args, reply| {
        let key = args.key(exec.data, 1);
        let entry = exec.data.probe(exec.session.db, &key);
        reply.simple(entry.map_or("none", |entry| entry.kind().name()));
        Ok(Effect::None)
    })
};

fn count(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    found: impl Fn(&mut Exec<'_>, usize) -> bool,
) -> Result<Effect, Refused> {
    let count = (1..args.len()).filter(|index| found(exec, *index)).count();
    reply.integer(count as i64);
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        assert_eq!(bench.reply("exists a a b"), ":2");
        bench.advance_ms(9000);
        bench.reply("exists a");
        assert_eq!(bench.reply("object idletime a"), ":9");
        assert_eq!(bench.reply("touch a b"), ":1");
        assert_eq!(bench.reply("object idletime a"), ":0");
    }

    #[test]
    fn names_types() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        assert_eq!(bench.reply("type a"), "+string");
        assert_eq!(bench.reply("type b"), "+none");
    }
}
