//! BZPOPMIN and BZPOPMAX: from the first of several sorted sets; wait for one if none is there.

use super::zpop::{End, pop, take};
use super::{Shape, wait};
use crate::command::parse::deadline_after_seconds;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Blocking, Fast, NoScript, Write};
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static BZPOPMIN: Definition = Definition {
    spec: Spec {
        name: "bzpopmin",
        summary: "Removes and returns the member with the lowest score of the first set that exists",
        ..family()
    },
    ..Definition::run(|exec, args, reply| run(exec, args, reply, End::Min))
};

pub(super) static BZPOPMAX: Definition = Definition {
    spec: Spec {
        name: "bzpopmax",
        summary: "Removes and returns the member with the highest score of the first set that exists",
        ..family()
    },
    ..Definition::run(|exec, args, reply| run(exec, args, reply, End::Max))
};

const fn family() -> Spec {
    Spec {
        arity: -3,
        flags: Flags::of(&[Write, Fast, NoScript, Blocking]),
        keys: const { &[KeySpec::range(1, -2, 1, &[RW, Access, Delete])] },
        since: "5.0.0",
        complexity: "O(log(N)) with N the number of members",
        history: &[("6.0.0", "`timeout` may have a fraction.")],
        arguments: const { &[Argument::key("key").multiple(), Argument::double("timeout")] },
        ..Spec::new(Group::SortedSet)
    }
}

fn run(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    end: End,
) -> Result<Effect, Refused> {
    let keys = 1..args.len() - 1;
    let deadline = deadline_after_seconds(args.get(keys.end), exec.now)?;
    for at in keys.clone() {
        let key = args.key(exec.data, at);
        let popped = pop(exec, &key, end, 1, |zset, count| {
            reply.array(3);
            reply.bulk(key.bytes);
            take(zset, end, count, Shape::Flat, reply);
        })?;
        if popped > 0 {
            return Ok(Effect::rewritten(&[end.command(), key.bytes]));
        }
    }
    Ok(wait(keys, deadline))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Awaited, Nothing};

    #[test]
    fn takes_from_the_first_set_that_is_there() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b 3 c 4 d");
        bench.replies(&[
            ("bzpopmin x z 0", "*3|$1|z|$1|a|$1|1"),
            ("bzpopmax x z 0.5", "*3|$1|z|$1|d|$1|4"),
        ]);
        assert_eq!(bench.effect("bzpopmin x z 0"), "ZPOPMIN z");
        bench.session.resp3 = true;
        assert_eq!(bench.reply("bzpopmax z 0"), "*3|$1|z|$1|c|,3");
        assert_eq!(bench.reply("exists z"), ":0");
    }

    #[test]
    fn waits_for_all_of_its_keys_if_none_is_there() {
        let mut bench = Bench::new();
        let block = bench.block("bzpopmin a b 2");
        assert_eq!((block.keys, block.awaited), (1..3, Awaited::SortedSet));
        assert_eq!(block.deadline, Some(bench.now.mono_ms() + 2000));
        assert_eq!(block.otherwise, Nothing::Array);
        bench.reply("set s 1");
        assert!(bench.reply("bzpopmax a s 0").starts_with("-WRONGTYPE"));
        assert_eq!(bench.reply("bzpopmin a -1"), "-ERR timeout is negative");
    }
}
