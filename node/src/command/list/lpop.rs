//! LPOP and RPOP: a list without elements goes, too.

use super::{event, limits, show, show_from, take_from};
use crate::command::parse::integer;
use crate::command::{Definition, Effect, Exec, Refused, wrong_arity};
use crate::data::End;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LPOP: Definition = Definition {
    spec: Spec {
        name: "lpop",
        summary: "Removes and returns the first elements of a list",
        ..family()
    },
    ..Definition::run(|exec, args, reply| pop(exec, args, reply, End::Left))
};

pub(super) static RPOP: Definition = Definition {
    spec: Spec {
        name: "rpop",
        summary: "Removes and returns the last elements of a list, the last one first",
        ..family()
    },
    ..Definition::run(|exec, args, reply| pop(exec, args, reply, End::Right))
};

const fn family() -> Spec {
    Spec {
        arity: -2,
        flags: Flags::of(&[Write, Fast]),
        keys: const { &[KeySpec::one(1, &[RW, Access, Delete])] },
        complexity: "O(N) with N the number of elements that are returned",
        history: &[("6.2.0", "With `count`.")],
        arguments: const {
            &[
                Argument::key("key"),
                Argument::integer("count").optional().since("6.2.0"),
            ]
        },
        ..Spec::new(Group::List)
    }
}

fn pop(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    end: End,
) -> Result<Effect, Refused> {
    let count = parse(args, end)?;
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let taken = exec.data.change_list(db, &key, limits, |list| {
        let len = list.view().len();
        let taken = count.unwrap_or(1).min(len);
        match count {
            _ if len == 0 && count.is_some() => reply.null_array(),
            _ if len == 0 => reply.null(),
            Some(_) => show_from(reply, &list.view(), end, taken),
            None => {
                if let Some(element) = list.view().at_end(end) {
                    show(reply, element);
                }
            }
        }
        if taken == 0 {
            return (0, None);
        }
        take_from(list, end, taken);
        (taken, Some(event(end, false)))
    })?;
    Ok(Effect::if_changed(taken > 0))
}

/// How many are wanted; none for one that is not in an array.
fn parse(args: &Args<'_>, end: End) -> Result<Option<usize>, Refused> {
    if args.len() > 3 {
        let name = match end {
            End::Left => "lpop",
            End::Right => "rpop",
        };
        return Err(wrong_arity(name));
    }
    let Some(count) = args.opt(2) else {
        return Ok(None);
    };
    let count = integer(count).ok().and_then(|it| usize::try_from(it).ok());
    let refusal = const { Refused::new("ERR value is out of range, must be positive") };
    count.map(Some).ok_or(refusal)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn takes_one_or_several() {
        let mut bench = Bench::new();
        bench.reply("rpush l a b c d e 6");
        for (line, reply) in [
            ("lpop l", "$1|a"),
            ("rpop l", "$1|6"),
            ("lpop l 2", "*2|$1|b|$1|c"),
            ("lpop l 0", "*0"),
            ("rpop l 9", "*2|$1|e|$1|d"),
            ("exists l", ":0"),
            ("lpop l", "$-1"),
            ("rpop l 3", "*-1"),
            ("lpop l 0", "*-1"),
        ] {
            assert_eq!(bench.reply(line), reply, "{line}");
        }
        bench.session.resp3 = true;
        assert_eq!(bench.reply("lpop l"), "_");
        assert_eq!(bench.reply("lpop l 2"), "_");
    }

    #[test]
    fn tells_of_what_it_took() {
        let mut bench = Bench::new();
        bench.reply("rpush l a b c");
        assert_eq!(bench.effect("lpop l 0"), "");
        assert_eq!(bench.events("lpop l"), "lpop l");
        assert_eq!(bench.effect("rpop l"), "rpop l");
        assert_eq!(bench.events("rpop l 5"), "rpop l;del l");
        assert_eq!(bench.effect("rpop l"), "");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        let positive = "-ERR value is out of range, must be positive";
        bench.replies(&[
            ("lpop l -1", positive),
            ("lpop l x", positive),
            (
                "rpop l 1 2",
                "-ERR wrong number of arguments for 'rpop' command",
            ),
            (
                "lpop s",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
