//! XRANGE and XREVRANGE.

use super::{ids, show};
use crate::command::parse::{SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static XRANGE: Definition = Definition {
    spec: Spec {
        name: "xrange",
        summary: "Returns the messages of a stream between two ids",
        arguments: &[
            Argument::key("key"),
            Argument::string("start"),
            Argument::string("end"),
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| range(exec, args, reply, true))
};

pub(super) static XREVRANGE: Definition = Definition {
    spec: Spec {
        name: "xrevrange",
        summary: "Returns the messages of a stream between two ids, the last one first",
        arguments: &[
            Argument::key("key"),
            Argument::string("end"),
            Argument::string("start"),
            Argument::integer("count").token("COUNT").optional(),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| range(exec, args, reply, false))
};

const KEYS: &[KeySpec] = &[KeySpec::one(1, &[RO, Access])];

const fn family() -> Spec {
    Spec {
        arity: -4,
        flags: Flags::of(&[ReadOnly]),
        keys: KEYS,
        since: "5.0.0",
        complexity: "O(log(M) + N) with M the messages of the stream and N those returned",
        history: &[("6.2.0", "Exclusive ranges.")],
        ..Spec::new(Group::Stream)
    }
}

fn range(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    forward: bool,
) -> Result<Effect, Refused> {
    let (start, end) = if forward { (2, 3) } else { (3, 2) };
    let (start, end) = (
        ids::bound(args.get(start), false)?,
        ids::bound(args.get(end), true)?,
    );
    let mut count = None;
    for at in (4..args.len()).step_by(2) {
        if !args.is(at, "count") || at + 1 == args.len() {
            return Err(SYNTAX);
        }
        count = Some(usize::try_from(integer(args.get(at + 1))?).unwrap_or(0));
    }
    let key = args.key(exec.data, 1);
    let Some(stream) = exec.data.get_stream(exec.session.db, &key)? else {
        reply.array(0);
        return Ok(Effect::None);
    };
    if count == Some(0) {
        reply.null_array();
        return Ok(Effect::None);
    }
    let most = count.unwrap_or(usize::MAX);
    if forward {
        let all = stream.range(start, true);
        show::messages(reply, all.take_while(|it| it.id <= end), most);
    } else {
        let all = stream.range(end, false);
        show::messages(reply, all.take_while(|it| it.id >= start), most);
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn shows_what_is_between_in_both_directions() {
        let mut bench = Bench::new();
        for id in ["1-1", "1-2", "2-0"] {
            bench.reply(&format!("xadd s {id} f {id}"));
        }
        let one = |id: &str| format!("*2|$3|{id}|*2|$1|f|$3|{id}");
        let all = |ids: &[&str]| {
            let shown: Vec<_> = ids.iter().map(|id| one(id)).collect();
            [vec![format!("*{}", ids.len())], shown].concat().join("|")
        };
        for (line, ids) in [
            ("xrange s - +", &["1-1", "1-2", "2-0"][..]),
            ("xrange s 1 1", &["1-1", "1-2"]),
            ("xrange s (1-1 +", &["1-2", "2-0"]),
            ("xrange s - (2-0", &["1-1", "1-2"]),
            ("xrange s - + count 2", &["1-1", "1-2"]),
            ("xrange s - + count 1 COUNT 3", &["1-1", "1-2", "2-0"]),
            ("xrange s + -", &[]),
            ("xrange missing - +", &[]),
            ("xrevrange s + -", &["2-0", "1-2", "1-1"]),
            ("xrevrange s 1 1 count 1", &["1-2"]),
            ("xrevrange s (2-0 (1-1", &["1-2"]),
        ] {
            assert_eq!(bench.reply(line), all(ids), "{line}");
        }
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("xadd s 1-1 a 1");
        bench.reply("set str x");
        let invalid = "-ERR Invalid stream ID specified as stream command argument";
        bench.replies(&[
            ("xrange s x +", invalid),
            ("xrange s - x", invalid),
            ("xrange s (- +", invalid),
            ("xrange s - (0-0", "-ERR invalid end ID for the interval"),
            (
                "xrange s (18446744073709551615-18446744073709551615 +",
                "-ERR invalid start ID for the interval",
            ),
            ("xrange s - + count", "-ERR syntax error"),
            ("xrange s - + limit 5", "-ERR syntax error"),
            (
                "xrange s - + count x",
                "-ERR value is not an integer or out of range",
            ),
            ("xrange s - + count 0", "*-1"),
            ("xrange s - + count -5", "*-1"),
            (
                "xrange str - +",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ]);
    }
}
