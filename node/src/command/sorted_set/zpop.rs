//! ZPOPMIN and ZPOPMAX.

use super::{Shape, limits};
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Event, Key, WrongType, ZsetMut};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZPOPMIN: Definition = Definition {
    spec: Spec {
        name: "zpopmin",
        summary: "Removes the members of a sorted set with the lowest scores, and returns them",
        ..family()
    },
    ..Definition::run(|exec, args, reply| run(exec, args, reply, End::Min))
};

pub(super) static ZPOPMAX: Definition = Definition {
    spec: Spec {
        name: "zpopmax",
        summary: "Removes the members of a sorted set with the highest scores, and returns them",
        ..family()
    },
    ..Definition::run(|exec, args, reply| run(exec, args, reply, End::Max))
};

const fn family() -> Spec {
    Spec {
        arity: -2,
        flags: Flags::of(&[Write, Fast]),
        keys: const { &[KeySpec::one(1, &[RW, Access, Delete])] },
        since: "5.0.0",
        complexity: "O(log(N)*M) with N the number of members and M the number of those that are removed",
        arguments: const { &[Argument::key("key"), Argument::integer("count").optional()] },
        ..Spec::new(Group::SortedSet)
    }
}

/// From which end members are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> Event {
        match self {
            End::Min => Event::ZPopMin,
            End::Max => Event::ZPopMax,
        }
    }

    /// The command that takes members from there.
    pub(super) fn command(self) -> &'static [u8] {
        match self {
            End::Min => b"ZPOPMIN",
            End::Max => b"ZPOPMAX",
        }
    }
}

fn run(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    end: End,
) -> Result<Effect, Refused> {
    if args.len() > 3 {
        return Err(SYNTAX);
    }
    let count = args.opt(2);
    let wanted = match count {
        None => 1,
        Some(text) => parse_integer(text)
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(const { Refused::new("ERR value is out of range, must be positive") })?,
    };
    let key = args.key(exec.data, 1);
    let shape = if reply.resp3() && count.is_some() {
        Shape::Nested
    } else {
        Shape::Flat
    };
    let popped = pop(exec, &key, end, wanted, |zset, count| {
        shape.begin(reply, count);
        take(zset, end, count, shape, reply);
    })?;
    if popped == 0 {
        reply.array(0);
        return Ok(Effect::None);
    }
    Ok(Effect::AsWritten)
}

/// Takes up to so many members out of a set: `taking` does it, and is not called if there are none.
pub(super) fn pop(
    exec: &mut Exec<'_>,
    key: &Key<'_>,
    end: End,
    wanted: usize,
    taking: impl FnOnce(&mut ZsetMut<'_>, usize),
) -> Result<usize, WrongType> {
    let (db, limits) = (exec.session.db, limits(exec));
    exec.data.change_zset(db, key, limits, |zset| {
        let count = wanted.min(zset.view().len());
        if count > 0 {
            taking(zset, count);
        }
        (count, (count > 0).then_some(end.event()))
    })
}

/// Takes so many members out, which are there, and shows them.
pub(super) fn take(
    zset: &mut ZsetMut<'_>,
    end: End,
    count: usize,
    shape: Shape,
    reply: &mut Reply,
) {
    match end {
        End::Min => {
            zset.remove_ranks(0, count, |record| shape.show(reply, record));
        }
        End::Max => {
            for _ in 0..count {
                let last = zset.view().len() - 1;
                zset.remove_ranks(last, 1, |record| shape.show(reply, record));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn takes_members_from_either_end() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b 3 c 4 d 5 e");
        bench.replies(&[
            ("zpopmin z", "*2|$1|a|$1|1"),
            ("zpopmax z 2", "*4|$1|e|$1|5|$1|d|$1|4"),
            ("zpopmin z 0", "*0"),
            ("zpopmin missing", "*0"),
            ("zpopmin missing 3", "*0"),
            (
                "zpopmin z -1",
                "-ERR value is out of range, must be positive",
            ),
            (
                "zpopmin z x",
                "-ERR value is out of range, must be positive",
            ),
            ("zpopmin z 1 2", "-ERR syntax error"),
        ]);
        bench.session.resp3 = true;
        assert_eq!(bench.reply("zpopmin z"), "*2|$1|b|,2");
        bench.reply("zadd z 1 x");
        assert_eq!(bench.reply("zpopmax z 5"), "*2|*2|$1|c|,3|*2|$1|x|,1");
        assert_eq!(bench.reply("exists z"), ":0");
    }

    #[test]
    fn tells_of_what_it_took_only() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b 3 c");
        assert_eq!(bench.events("zpopmin z"), "zpopmin z");
        assert_eq!(bench.events("zpopmax z"), "zpopmax z");
        assert_eq!(bench.effect("zpopmax z 0"), "");
        assert_eq!(bench.events("zpopmax z 0"), "");
        assert_eq!(bench.events("zpopmax z 9"), "zpopmax z;del z");
        assert_eq!(bench.effect("zpopmax z"), "");
    }
}
