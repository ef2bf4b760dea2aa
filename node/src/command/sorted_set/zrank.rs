//! ZRANK and ZREVRANK.

use slotkeeper_tree::Cut;

use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused, wrong_arity};
use crate::data::Direction;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZRANK: Definition = Definition {
    spec: Spec {
        name: "zrank",
        summary: "Returns the rank of a member of a sorted set, counted from the lowest score",
        ..family()
    },
    ..Definition::run(|exec, args, reply| rank(exec, args, reply, "zrank", Direction::Up))
};

pub(super) static ZREVRANK: Definition = Definition {
    spec: Spec {
        name: "zrevrank",
        summary: "Returns the rank of a member of a sorted set, counted from the highest score",
        ..family()
    },
    ..Definition::run(|exec, args, reply| rank(exec, args, reply, "zrevrank", Direction::Down))
};

const fn family() -> Spec {
    Spec {
        arity: -3,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: const { &[KeySpec::one(1, &[RO, Access])] },
        since: "2.0.0",
        complexity: "O(log(N)) with N the number of members",
        history: &[("7.2.0", "`WITHSCORE`.")],
        arguments: const {
            &[
                Argument::key("key"),
                Argument::string("member"),
                Argument::word("withscore", "WITHSCORE")
                    .since("7.2.0")
                    .optional(),
            ]
        },
        ..Spec::new(Group::SortedSet)
    }
}

fn rank(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    name: &str,
    direction: Direction,
) -> Result<Effect, Refused> {
    let with_score = args.len() > 3;
    if args.len() > 4 {
        return Err(wrong_arity(name));
    }
    if with_score && !args.is(3, "withscore") {
        return Err(SYNTAX);
    }
    let (key, member) = (args.key(exec.data, 1), args.get(2));
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    let found = zset.and_then(|zset| Some((zset, zset.score(member)?)));
    let Some((zset, score)) = found else {
        if with_score {
            reply.null_array();
        } else {
            reply.null();
        }
        return Ok(Effect::None);
    };
    let rank = match direction {
        Direction::Up => zset.rank(Cut::before(score, member)),
        Direction::Down => zset.len() - zset.rank(Cut::after(score, member)),
    };
    if with_score {
        reply.array(2);
    }
    reply.integer(rank as i64);
    if with_score {
        reply.double(score);
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_ranks_from_either_end() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 1 b 2.5 c");
        bench.replies(&[
            ("zrank z a", ":0"),
            ("zrank z b", ":1"),
            ("zrevrank z b", ":1"),
            ("zrevrank z a", ":2"),
            ("zrank z c withscore", "*2|:2|$3|2.5"),
            ("zrevrank z c WITHSCORE", "*2|:0|$3|2.5"),
            ("zrank z x", "$-1"),
            ("zrank missing x", "$-1"),
            ("zrank z x withscore", "*-1"),
            ("zrank missing x withscore", "*-1"),
            ("zrank z a foo", "-ERR syntax error"),
            (
                "zrank z a withscore x",
                "-ERR wrong number of arguments for 'zrank' command",
            ),
        ]);
        bench.session.resp3 = true;
        assert_eq!(bench.reply("zrank z c withscore"), "*2|:2|,2.5");
    }
}
