//! BLPOP and BRPOP: from the first of several lists; wait for one if none is there.

use super::{event, limits, pop_command, show, take_from, wait};
use crate::command::parse::deadline_after_seconds;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::End;
use crate::request::Nothing;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Blocking, NoScript, Write};
use crate::spec::KeyFlag::{Access, Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static BLPOP: Definition = Definition {
    spec: Spec {
        name: "blpop",
        summary: "Removes and returns the first element of the first list that exists; waits for one",
        ..family()
    },
    ..Definition::run(|exec, args, reply| pop(exec, args, reply, End::Left))
};

pub(super) static BRPOP: Definition = Definition {
    spec: Spec {
        name: "brpop",
        summary: "Removes and returns the last element of the first list that exists; waits for one",
        ..family()
    },
    ..Definition::run(|exec, args, reply| pop(exec, args, reply, End::Right))
};

const fn family() -> Spec {
    Spec {
        arity: -3,
        flags: Flags::of(&[Write, NoScript, Blocking]),
        keys: const { &[KeySpec::range(1, -2, 1, &[RW, Access, Delete])] },
        since: "2.0.0",
        complexity: "O(N) with N the number of keys",
        history: &[("6.0.0", "`timeout` may have a fraction.")],
        arguments: const { &[Argument::key("key").multiple(), Argument::double("timeout")] },
        ..Spec::new(Group::List)
    }
}

fn pop(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    end: End,
) -> Result<Effect, Refused> {
    let keys = 1..args.len() - 1;
    let deadline = deadline_after_seconds(args.get(keys.end), exec.now)?;
    let (db, limits) = (exec.session.db, limits(exec));
    for at in keys.clone() {
        let key = args.key(exec.data, at);
        let found = exec.data.change_list(db, &key, limits, |list| {
            match list.view().at_end(end) {
                None => return (false, None),
                Some(element) => {
                    reply.array(2);
                    reply.bulk(key.bytes);
                    show(reply, element);
                }
            }
            take_from(list, end, 1);
            (true, Some(event(end, false)))
        })?;
        if found {
            return Ok(Effect::rewritten(&[pop_command(end), key.bytes]));
        }
    }
    Ok(wait(keys, deadline, Nothing::Array))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Awaited, Nothing};

    #[test]
    fn takes_from_the_first_list_that_is_there() {
        let mut bench = Bench::new();
        bench.reply("rpush b 1 2 3 4");
        bench.replies(&[
            ("blpop a b 0", "*2|$1|b|$1|1"),
            ("brpop a b a 0.5", "*2|$1|b|$1|4"),
        ]);
        assert_eq!(bench.effect("brpop a b 0"), "RPOP b");
        assert_eq!(bench.events("blpop b 0"), "lpop b;del b");
        bench.reply("rpush b 1");
        assert_eq!(bench.effect("blpop b 0"), "LPOP b");
    }

    #[test]
    fn waits_for_all_of_its_keys_if_none_is_there() {
        let mut bench = Bench::new();
        let block = bench.block("blpop a b a 0");
        assert_eq!((block.keys, block.awaited), (1..4, Awaited::List));
        assert_eq!((block.deadline, block.otherwise), (None, Nothing::Array));
        let block = bench.block("brpop a 0.0001");
        assert_eq!(block.deadline, Some(bench.now.mono_ms() + 1));
        assert_eq!(bench.events("blpop a 0"), "");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        let float = "-ERR timeout is not a float or out of range";
        bench.replies(&[
            ("blpop a -1", "-ERR timeout is negative"),
            ("blpop a x", float),
            ("brpop a nan", float),
            ("brpop a 1e400", "-ERR timeout is out of range"),
            ("brpop a 9223372036854775", "-ERR timeout is out of range"),
            ("blpop s x", float),
            (
                "blpop a s 0",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
