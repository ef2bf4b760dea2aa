//! SETRANGE.

use super::check_length;
use crate::command::parse::{OFFSET_OUT_OF_RANGE, integer};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SETRANGE: Definition = Definition {
    spec: Spec {
        name: "setrange",
        arity: 4,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        since: "2.2.0",
        complexity: "O(N) with N the length of the value, if the string need not grow",
        summary: "Overwrites part of a string, padded with zero bytes; returns its new length",
        arguments: &[
            Argument::key("key"),
            Argument::integer("offset"),
            Argument::string("value"),
        ],
        ..Spec::new(Group::String)
    },
    ..Definition::run(setrange)
};

fn setrange(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let offset = usize::try_from(integer(args.get(2))?).map_err(|_| OFFSET_OUT_OF_RANGE)?;
    let (db, key, value) = (exec.session.db, args.key(exec.data, 1), args.get(3));
    let old = exec.data.peek(db, &key).map(|entry| entry.as_str());
    let length = old.transpose()?.map_or(0, <[u8]>::len);
    if value.is_empty() {
        reply.integer(length as i64);
        return Ok(Effect::None);
    }
    check_length(exec, offset.saturating_add(value.len()))?;
    let event = Some(Event::SetRange);
    let length = exec.data.set_range(db, &key, offset, value, event);
    reply.integer(length as i64);
    Ok(Effect::AsWritten)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn overwrites_and_fills_up() {
        let mut bench = Bench::new();
        bench.reply("set a hello");
        assert_eq!(bench.reply("setrange a 1 ipp"), ":5");
        assert_eq!(bench.reply("get a"), "$5|hippo");
        assert_eq!(bench.reply("setrange a 7 x"), ":8");
        assert_eq!(bench.reply("get a"), "$8|hippo\0\0x");
        assert_eq!(bench.effect("setrange b 1 \"\""), "");
        assert_eq!(bench.reply("exists b"), ":0");
        assert_eq!(bench.effect("setrange b 1 x"), "setrange b 1 x");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("setrange a -1 x", "-ERR offset is out of range"),
            (
                "setrange a 536870912 x",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            ),
            (
                "setrange a x x",
                "-ERR value is not an integer or out of range",
            ),
        ]);
    }
}
