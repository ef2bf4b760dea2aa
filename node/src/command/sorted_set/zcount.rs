//! ZCOUNT and ZLEXCOUNT.

use super::range::{By, Range};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZCOUNT: Definition = Definition {
    spec: Spec {
        name: "zcount",
        since: "2.0.0",
        summary: "Returns how many members of a sorted set have scores in a range",
        arguments: &[
            Argument::key("key"),
            Argument::double("min"),
            Argument::double("max"),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| count(exec, args, reply, By::Score))
};

pub(super) static ZLEXCOUNT: Definition = Definition {
    spec: Spec {
        name: "zlexcount",
        since: "2.8.9",
        summary: "Returns how many members of a sorted set of equal scores are in a range of strings",
        arguments: &[
            Argument::key("key"),
            Argument::string("min"),
            Argument::string("max"),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| count(exec, args, reply, By::Lex))
};

const fn family() -> Spec {
    Spec {
        arity: 4,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: const { &[KeySpec::one(1, &[RO, Access])] },
        complexity: "O(log(N)) with N the number of members",
        ..Spec::new(Group::SortedSet)
    }
}

fn count(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    by: By,
) -> Result<Effect, Refused> {
    let range = Range::parse(by, args, 2, 3)?;
    let key = args.key(exec.data, 1);
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    reply.integer(zset.map_or(0, |zset| range.count(&zset) as i64));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_what_is_in_a_range() {
        let mut bench = Bench::new();
        bench.reply("zadd z -inf a 1 b 2 c 3 d inf e");
        bench.reply("zadd l 0 a 0 b 0 c 0 d");
        bench.replies(&[
            ("zcount z -inf +inf", ":5"),
            ("zcount z (-inf (inf", ":3"),
            ("zcount z 1 2", ":2"),
            ("zcount z (1 2", ":1"),
            ("zcount z (1 (2", ":0"),
            ("zcount z 2 1", ":0"),
            ("zcount missing 1 2", ":0"),
            ("zcount z 2\0x +inf", ":3"),
            ("zcount z x 2", "-ERR min or max is not a float"),
            ("zlexcount l - +", ":4"),
            ("zlexcount l + -", ":0"),
            ("zlexcount l [b (d", ":2"),
            ("zlexcount l (b [bb", ":0"),
            ("zlexcount missing - +", ":0"),
            (
                "zlexcount l b [c",
                "-ERR min or max not valid string range item",
            ),
        ]);
    }
}
