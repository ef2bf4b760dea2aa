//! ZSCORE and ZMSCORE.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZSCORE: Definition = Definition {
    spec: Spec {
        name: "zscore",
        arity: 3,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "1.2.0",
        complexity: "O(log(N)) with N the number of members",
        summary: "Returns the score of a member of a sorted set",
        arguments: &[Argument::key("key"), Argument::string("member")],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(|exec, args, reply| show_scores(exec, args, reply, false))
};

pub(super) static ZMSCORE: Definition = Definition {
    spec: Spec {
        name: "zmscore",
        arity: -3,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "6.2.0",
        complexity: "O(M*log(N)) with N the number of members and M the number of those that are asked for",
        summary: "Returns the scores of members of a sorted set",
        arguments: &[Argument::key("key"), Argument::string("member").multiple()],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(|exec, args, reply| show_scores(exec, args, reply, true))
};

fn show_scores(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    many: bool,
) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    if many {
        reply.array(args.len() - 2);
    }
    let mut give = |score| match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    };
    match zset {
        Some(zset) if many => zset.score_each(args.from(2), give),
        Some(zset) => give(zset.score(args.get(2))),
        None => args.from(2).map(|_| None).for_each(give),
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_scores() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 0.1 b -inf c 1e20 d");
        bench.replies(&[
            ("zscore z a", "$1|1"),
            ("zscore z b", "$3|0.1"),
            ("zscore z x", "$-1"),
            ("zscore missing a", "$-1"),
            ("zmscore z c x d", "*3|$4|-inf|$-1|$5|1e+20"),
            ("zmscore missing a b", "*2|$-1|$-1"),
        ]);
        bench.session.resp3 = true;
        bench.replies(&[
            ("zscore z b", ",0.1"),
            ("zscore z x", "_"),
            ("zmscore z c x", "*2|,-inf|_"),
        ]);
    }
}
