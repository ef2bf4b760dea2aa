//! GETRANGE, and SUBSTR as it was called before.

use crate::command::parse::integer;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Deprecated, Flags, Group, KeySpec, Spec};

pub(super) static GETRANGE: Definition = Definition {
    spec: Spec {
        name: "getrange",
        since: "2.4.0",
        ..family()
    },
    ..Definition::run(getrange)
};

pub(super) static SUBSTR: Definition = Definition {
    spec: Spec {
        name: "substr",
        deprecated: Some(Deprecated {
            since: "2.0.0",
            replaced_by: "`GETRANGE`",
        }),
        ..family()
    },
    ..Definition::run(getrange)
};

const fn family() -> Spec {
    Spec {
        arity: 4,
        flags: Flags::of(&[ReadOnly]),
        keys: const { &[KeySpec::one(1, &[RO, Access])] },
        complexity: "O(N) with N the length of the part",
        summary: "Returns part of a string, both ends included; negative counts from the end",
        arguments: const {
            &[
                Argument::key("key"),
                Argument::integer("start"),
                Argument::integer("end"),
            ]
        },
        ..Spec::new(Group::String)
    }
}

fn getrange(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (start, end) = (integer(args.get(2))?, integer(args.get(3))?);
    let key = args.key(exec.data, 1);
    let string = exec.data.get_str(exec.session.db, &key)?;
    reply.bulk(string.map_or(&[], |string| part(string, start, end)));
    Ok(Effect::None)
}

fn part(text: &[u8], start: i64, end: i64) -> &[u8] {
    let length = text.len() as i64;
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let place = |at: i64| if at < 0 { (at + length).max(0) } else { at };
    let (start, end) = (place(start), place(end).min(length - 1));
    if start > end {
        return &[];
    }
    &text[start as usize..=end as usize]
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn cuts_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set a hello");
        for (range, wanted) in [
            ("0 -1", "$5|hello"),
            ("1 3", "$3|ell"),
            ("-3 -1", "$3|llo"),
            ("-100 100", "$5|hello"),
            ("3 1", "$0|"),
            ("-1 -3", "$0|"),
            ("5 9", "$0|"),
            ("-9 -8", "$1|h"),
            ("0 -9", "$1|h"),
        ] {
            let reply = bench.try_run(&format!("getrange a {range}")).unwrap().0;
            let reply = reply.strip_suffix("\r\n").unwrap().replace("\r\n", "|");
            assert_eq!(reply, wanted, "{range}");
        }
        assert_eq!(bench.reply("substr a 0 0"), "$1|h");
        assert_eq!(
            bench.reply("getrange a 0 x"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(bench.reply("getrange missing 0 -1"), "$0");
    }
}
