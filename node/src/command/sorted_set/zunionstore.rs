//! ZUNIONSTORE, ZINTERSTORE and ZDIFFSTORE.

use super::algebra::{AGGREGATE, Op, Request, WEIGHTS, keys_from};
use super::limits;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Access, OW, RO, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

const DESTINATION: Argument = Argument::key("destination");
const NUMBER: Argument = Argument::integer("numkeys");
const KEYS: Argument = Argument::key_of("key", 1).multiple();

pub(super) static ZUNIONSTORE: Definition = Definition {
    spec: Spec {
        name: "zunionstore",
        since: "2.0.0",
        complexity: "O(N*log(N)) with N the number of members of all sets",
        summary: "Stores the union of sorted sets; returns how many members it has",
        arguments: &[DESTINATION, NUMBER, KEYS, WEIGHTS, AGGREGATE],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        store(
            exec,
            args,
            reply,
            (Op::Union, "zunionstore", Event::ZUnionStore),
        )
    })
};

pub(super) static ZINTERSTORE: Definition = Definition {
    spec: Spec {
        name: "zinterstore",
        since: "2.0.0",
        complexity: "O(N*K*log(M)) with N the members of the smallest of K sets, and M those of the largest",
        summary: "Stores the intersection of sorted sets; returns how many members it has",
        arguments: &[DESTINATION, NUMBER, KEYS, WEIGHTS, AGGREGATE],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        store(
            exec,
            args,
            reply,
            (Op::Inter, "zinterstore", Event::ZInterStore),
        )
    })
};

pub(super) static ZDIFFSTORE: Definition = Definition {
    spec: Spec {
        name: "zdiffstore",
        since: "6.2.0",
        complexity: "O(N*K*log(M)) with N the members of the first of K sets, and M those of the largest",
        summary: "Stores the members of the first of several sorted sets that no other one has",
        arguments: &[DESTINATION, NUMBER, KEYS],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        store(
            exec,
            args,
            reply,
            (Op::Diff, "zdiffstore", Event::ZDiffStore),
        )
    })
};

const fn family() -> Spec {
    Spec {
        arity: -4,
        flags: Flags::of(&[Write, DenyOom]),
        keys: const { &[KeySpec::one(1, &[OW, Update]), keys_from(2, &[RO, Access])] },
        ..Spec::new(Group::SortedSet)
    }
}

fn store(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    (op, name, event): (Op, &str, Event),
) -> Result<Effect, Refused> {
    let request = Request::parse(exec, args, 2, (op, name, true))?;
    let (db, limits) = (exec.session.db, limits(exec));
    let to = args.key(exec.data, 1);
    let (stored, changed) = exec
        .data
        .replace_zset(db, &to, limits, event, |made, reader| {
            request.compute(reader, db, made);
            made.view().len()
        });
    reply.integer(stored as i64);
    Ok(Effect::if_changed(changed))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn stores_what_it_computes() {
        let mut bench = Bench::new();
        bench.reply("zadd a 1 x 2 y");
        bench.reply("zadd b 10 y 20 z");
        assert_eq!(bench.events("zunionstore d 2 a b"), "zunionstore d");
        bench.replies(&[
            ("zunionstore d 2 a b weights 1 2", ":3"),
            (
                "zrange d 0 -1 withscores",
                "*6|$1|x|$1|1|$1|y|$2|22|$1|z|$2|40",
            ),
            ("zinterstore a 2 a b", ":1"),
            ("zrange a 0 -1 withscores", "*2|$1|y|$2|12"),
            ("zdiffstore a 2 b a", ":1"),
            ("zrange a 0 -1", "*1|$1|z"),
            ("zunionstore d 1 a withscores", "-ERR syntax error"),
            (
                "zdiffstore d 0 a",
                "-ERR at least 1 input key is needed for 'zdiffstore' command",
            ),
        ]);
        assert_eq!(bench.events("zinterstore d 2 a missing"), "del d");
        assert_eq!(bench.reply("exists d"), ":0");
        assert_eq!(bench.effect("zinterstore d 2 a missing"), "");
        assert_eq!(bench.events("zinterstore d 2 a missing"), "");
    }
}
