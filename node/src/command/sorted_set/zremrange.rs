//! ZREMRANGEBYRANK, ZREMRANGEBYSCORE and ZREMRANGEBYLEX.

use super::limits;
use super::range::{By, Range};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Direction, Event};
use crate::resp::{Args, Reply};
use crate::spec::Flag::Write;
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZREMRANGEBYRANK: Definition = Definition {
    spec: Spec {
        name: "zremrangebyrank",
        since: "2.0.0",
        summary: "Removes the members of a sorted set in a range of ranks; returns how many there were",
        arguments: &[
            Argument::key("key"),
            Argument::integer("start"),
            Argument::integer("stop"),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        remove(exec, args, reply, By::Rank, Event::ZRemRangeByRank)
    })
};

pub(super) static ZREMRANGEBYSCORE: Definition = Definition {
    spec: Spec {
        name: "zremrangebyscore",
        since: "1.2.0",
        summary: "Removes the members of a sorted set in a range of scores; returns how many there were",
        arguments: &[
            Argument::key("key"),
            Argument::double("min"),
            Argument::double("max"),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        remove(exec, args, reply, By::Score, Event::ZRemRangeByScore)
    })
};

pub(super) static ZREMRANGEBYLEX: Definition = Definition {
    spec: Spec {
        name: "zremrangebylex",
        since: "2.8.9",
        summary: "Removes the members of a sorted set of equal scores in a range of strings",
        arguments: &[
            Argument::key("key"),
            Argument::string("min"),
            Argument::string("max"),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| remove(exec, args, reply, By::Lex, Event::ZRemRangeByLex))
};

const fn family() -> Spec {
    Spec {
        arity: 4,
        flags: Flags::of(&[Write]),
        keys: const { &[KeySpec::one(1, &[RW, Delete])] },
        complexity: "O(log(N)*M) with N the number of members and M the number of those that are removed",
        ..Spec::new(Group::SortedSet)
    }
}

fn remove(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    by: By,
    event: Event,
) -> Result<Effect, Refused> {
    let range = Range::parse(by, args, 2, 3)?;
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let removed = exec.data.change_zset(db, &key, limits, |zset| {
        let found = range.select(&zset.view(), Direction::Up, (0, -1));
        let removed = zset.remove_ranks(found.rank, found.count, |_| ());
        (removed, (removed > 0).then_some(event))
    })?;
    reply.integer(removed as i64);
    Ok(Effect::if_changed(removed > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn removes_ranges_and_with_the_last_member_the_key() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b 3 c 4 d 5 e 6 f");
        bench.replies(&[
            ("zremrangebyrank z 1 2", ":2"),
            ("zremrangebyrank z 9 10", ":0"),
            ("zremrangebyscore z (4 5", ":1"),
            ("zrange z 0 -1", "*3|$1|a|$1|d|$1|f"),
            ("zremrangebyrank missing 0 -1", ":0"),
            ("zremrangebyscore z a 5", "-ERR min or max is not a float"),
        ]);
        assert_eq!(bench.events("zremrangebyrank z 0 0"), "zremrangebyrank z");
        assert_eq!(bench.effect("zremrangebyrank z 7 8"), "");
        let gone = "zremrangebyscore z;del z";
        assert_eq!(bench.events("zremrangebyscore z -inf inf"), gone);
        bench.reply("zadd l 0 a 0 b 0 c");
        assert_eq!(bench.events("zremrangebylex l [b (c"), "zremrangebylex l");
        assert_eq!(bench.reply("zrange l 0 -1"), "*2|$1|a|$1|c");
    }
}
