//! ZUNION, ZINTER, ZDIFF and ZINTERCARD.

use super::algebra::{AGGREGATE, Op, Request, WEIGHTS, keys_from};
use super::{Shape, limits};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, Spec};

const NUMBER: Argument = Argument::integer("numkeys");
const KEYS: Argument = Argument::key("key").multiple();
const WITH_SCORES: Argument = Argument::word("withscores", "WITHSCORES").optional();

pub(super) static ZUNION: Definition = Definition {
    spec: Spec {
        name: "zunion",
        complexity: "O(N*log(N)) with N the number of members of all sets",
        summary: "Returns the union of sorted sets",
        arguments: &[NUMBER, KEYS, WEIGHTS, AGGREGATE, WITH_SCORES],
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, (Op::Union, "zunion")))
};

pub(super) static ZINTER: Definition = Definition {
    spec: Spec {
        name: "zinter",
        complexity: "O(N*K*log(M)) with N the members of the smallest of K sets, and M those of the largest",
        summary: "Returns the intersection of sorted sets",
        arguments: &[NUMBER, KEYS, WEIGHTS, AGGREGATE, WITH_SCORES],
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, (Op::Inter, "zinter")))
};

pub(super) static ZDIFF: Definition = Definition {
    spec: Spec {
        name: "zdiff",
        complexity: "O(N*K*log(M)) with N the members of the first of K sets, and M those of the largest",
        summary: "Returns the members of the first of several sorted sets that no other one has",
        arguments: &[NUMBER, KEYS, WITH_SCORES],
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, (Op::Diff, "zdiff")))
};

pub(super) static ZINTERCARD: Definition = Definition {
    spec: Spec {
        name: "zintercard",
        since: "7.0.0",
        complexity: "O(N*K*log(M)) with N the members of the smallest of K sets, and M those of the largest",
        summary: "Returns how many members the intersection of sorted sets has",
        arguments: &[
            NUMBER,
            KEYS,
            Argument::integer("limit").token("LIMIT").optional(),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        let what = (Op::InterCard, "zintercard", false);
        let request = Request::parse(exec, args, 1, what)?;
        let count = request.count(&exec.data.reader(), exec.session.db);
        reply.integer(count as i64);
        Ok(Effect::None)
    })
};

const fn family() -> Spec {
    Spec {
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: const { &[keys_from(1, &[RO, Access])] },
        since: "6.2.0",
        ..Spec::new(Group::SortedSet)
    }
}

fn show(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    (op, name): (Op, &str),
) -> Result<Effect, Refused> {
    let request = Request::parse(exec, args, 1, (op, name, false))?;
    let (db, limits) = (exec.session.db, limits(exec));
    let shape = Shape::of(reply, request.with_scores);
    exec.data.with_zset(limits, |made, reader| {
        // As in Redis, a zero may be negative here.
        made.unpack();
        request.compute(reader, db, made);
        let zset = made.view();
        shape.begin(reply, zset.len());
        zset.for_each(|record| shape.show(reply, record));
    });
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::data::Event;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.reply("zadd a 1 x 2 y 3 z");
        bench.reply("zadd b 10 y 20 z 30 w");
        let (key, limits) = (bench.data.key(b"s"), bench.config.set_limits());
        let added = bench.data.change_set(0, &key, limits, |set| {
            let members: [&[u8]; 3] = [b"z", b"w", b"v"];
            let added = members.map(|member| set.add(member));
            (added, Some(Event::SAdd))
        });
        assert_eq!(added, Ok([true; 3]));
        bench
    }

    #[test]
    fn computes_with_sorted_sets_and_sets() {
        let mut bench = bench();
        bench.replies(&[
            (
                "zunion 2 a b withscores",
                "*8|$1|x|$1|1|$1|y|$2|12|$1|z|$2|23|$1|w|$2|30",
            ),
            (
                "zunion 2 a b weights 2 -1 aggregate max withscores",
                "*8|$1|w|$3|-30|$1|x|$1|2|$1|y|$1|4|$1|z|$1|6",
            ),
            ("zunion 2 a missing", "*3|$1|x|$1|y|$1|z"),
            ("zinter 2 a b withscores", "*4|$1|y|$2|12|$1|z|$2|23"),
            (
                "zinter 2 b a aggregate min withscores",
                "*4|$1|y|$1|2|$1|z|$1|3",
            ),
            ("zinter 2 a missing", "*0"),
            ("zinter 2 a s withscores", "*2|$1|z|$1|4"),
            (
                "zinter 2 s b weights 5 1 withscores",
                "*4|$1|z|$2|25|$1|w|$2|35",
            ),
            ("zdiff 2 a b withscores", "*2|$1|x|$1|1"),
            ("zdiff 2 a s withscores", "*4|$1|x|$1|1|$1|y|$1|2"),
            ("zdiff 2 missing a", "*0"),
            ("zdiff 2 a a", "*0"),
            ("zintercard 2 a b", ":2"),
            ("zintercard 2 a b limit 1", ":1"),
            ("zintercard 2 a b limit 0", ":2"),
            ("zintercard 2 a missing", ":0"),
        ]);
        bench.session.resp3 = true;
        assert_eq!(
            bench.reply("zinter 2 a b withscores"),
            "*2|*2|$1|y|,12|*2|$1|z|,23"
        );
    }

    #[test]
    fn infinities_that_cancel_each_other_out_are_0() {
        let mut bench = Bench::new();
        bench.reply("zadd p inf m");
        bench.reply("zadd n -inf m");
        bench.replies(&[
            ("zunion 2 p n withscores", "*2|$1|m|$1|0"),
            ("zinter 2 p n withscores", "*2|$1|m|$1|0"),
            ("zunion 1 p weights 0 withscores", "*2|$1|m|$1|0"),
        ]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = bench();
        bench.reply("set str x");
        let none = "-ERR at least 1 input key is needed for 'zunion' command";
        bench.replies(&[
            ("zunion 0 a", none),
            ("zunion -1 a", none),
            ("zunion x a", "-ERR value is not an integer or out of range"),
            ("zunion 3 a b", "-ERR syntax error"),
            ("zunion 9223372036854775807 a", "-ERR syntax error"),
            ("zunion 2 a b weights 1", "-ERR syntax error"),
            (
                "zunion 2 a b weights 1 x",
                "-ERR weight value is not a float",
            ),
            ("zunion 2 a b aggregate foo", "-ERR syntax error"),
            ("zunion 2 a b limit 1", "-ERR syntax error"),
            ("zdiff 2 a b weights 1 2", "-ERR syntax error"),
            ("zintercard 2 a b withscores", "-ERR syntax error"),
            ("zintercard 2 a b limit -1", "-ERR LIMIT can't be negative"),
            (
                "zunion 2 a str foo",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
