//! ZRANDMEMBER: every member as likely as any other.

use super::Shape;
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused, draw};
use crate::random::Random;
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZRANDMEMBER: Definition = Definition {
    spec: Spec {
        name: "zrandmember",
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        tips: &["nondeterministic_output"],
        since: "6.2.0",
        complexity: "O(M*log(N)) with N the number of members and M the number of those that are returned",
        summary: "Returns random members of a sorted set; a negative count allows repeats",
        arguments: &[
            Argument::key("key"),
            Argument::block(
                "options",
                &[
                    Argument::integer("count"),
                    Argument::word("withscores", "WITHSCORES").optional(),
                ],
            )
            .optional(),
        ],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(zrandmember)
};

fn zrandmember(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let wanted = parse(args)?;
    let mut random = Random::new(exec.node.random);
    let most = exec.node.config.proto_max_bulk_len;
    let key = args.key(exec.data, 1);
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    match (zset, wanted) {
        (None, None) => reply.null(),
        (None, Some(_)) => reply.array(0),
        (Some(zset), None) => {
            Shape::Members.show(reply, draw::one(&zset, &mut random));
        }
        (Some(zset), Some((count, with_scores))) => {
            let shape = Shape::of(reply, with_scores);
            let show = |reply: &mut Reply, record| shape.show(reply, record);
            let begin = |reply: &mut Reply, count| shape.begin(reply, count);
            if count < 0 {
                let (count, into) = (count.unsigned_abs(), (reply, most));
                draw::repeatedly(&zset, count, &mut random, into, begin, show)?;
            } else {
                let count = usize::try_from(count).unwrap_or(usize::MAX).min(zset.len());
                begin(reply, count);
                draw::different(&zset, count, &mut random, |record| show(reply, record));
            }
        }
    }
    Ok(Effect::None)
}

/// The count, and whether scores are asked for, too; none for a single member.
fn parse(args: &Args<'_>) -> Result<Option<(i64, bool)>, Refused> {
    let Some(count) = args.opt(2) else {
        return Ok(None);
    };
    let count = draw::count(count)?;
    let with_scores = args.is(3, "withscores");
    if args.len() > 4 || args.len() == 4 && !with_scores {
        return Err(SYNTAX);
    }
    if with_scores && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(draw::OUT_OF_RANGE);
    }
    Ok(Some((count, with_scores)))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_one_many_or_all() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("zrandmember missing", "$-1"),
            ("zrandmember missing 3", "*0"),
            ("zadd z 1.5 a", ":1"),
            ("zrandmember z", "$1|a"),
            ("zrandmember z 0", "*0"),
            ("zrandmember z 5", "*1|$1|a"),
            ("zrandmember z -3", "*3|$1|a|$1|a|$1|a"),
            ("zrandmember z 5 withscores", "*2|$1|a|$3|1.5"),
            ("zrandmember z -2 withscores", "*4|$1|a|$3|1.5|$1|a|$3|1.5"),
            ("zrandmember z 1 foo", "-ERR syntax error"),
            (
                "zrandmember z x",
                "-ERR value is not an integer or out of range",
            ),
            ("zrandmember z -9223372036854775808", "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"),
            (
                "zrandmember z 9223372036854775807 withscores",
                "-ERR value is out of range",
            ),
            (
                "zrandmember z -9000000000000000000",
                "-ERR value is out of range",
            ),
        ]);
        bench.session.resp3 = true;
        assert_eq!(bench.reply("zrandmember z 1 withscores"), "*1|*2|$1|a|,1.5");
    }

    #[test]
    fn different_ones_are_different() {
        let mut bench = Bench::new();
        for member in 0..300 {
            bench.reply(&format!("zadd z {member} m{member}"));
        }
        for count in [1, 50, 150, 299, 300] {
            let reply = bench.reply(&format!("zrandmember z {count}"));
            let members = reply.split('|').skip(2).step_by(2);
            let distinct: std::collections::BTreeSet<_> = members.collect();
            assert_eq!(distinct.len(), count);
        }
    }
}
