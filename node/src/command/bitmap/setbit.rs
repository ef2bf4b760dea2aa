//! SETBIT and GETBIT.

use super::{bit_offset, open};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, ReadOnly, Write};
use crate::spec::KeyFlag::{Access, RO, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SETBIT: Definition = Definition {
    spec: Spec {
        name: "setbit",
        arity: 4,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(1, &[RW, Access, Update])],
        since: "2.2.0",
        complexity: "O(1), if the string need not grow",
        summary: "Sets a bit of a string, filled up with zero bytes; returns what it was",
        arguments: &[
            Argument::key("key"),
            Argument::integer("offset"),
            Argument::integer("value"),
        ],
        ..Spec::new(Group::Bitmap)
    },
    ..Definition::run(setbit)
};

pub(super) static GETBIT: Definition = Definition {
    spec: Spec {
        name: "getbit",
        arity: 3,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "2.2.0",
        summary: "Returns a bit of a string; 0 behind its end",
        arguments: &[Argument::key("key"), Argument::integer("offset")],
        ..Spec::new(Group::Bitmap)
    },
    ..Definition::run(getbit)
};

fn setbit(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let offset = bit_offset(exec, args.get(2), None)?;
    let on = match parse_integer(args.get(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(Refused::new("ERR bit is not an integer or out of range")),
    };
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let (at, mask) = ((offset / 8) as usize, 0x80 >> (offset % 8));
    let grew = open(exec, db, &key, at + 1)?;
    let entry = exec.data.peek(db, &key);
    let old = entry.and_then(|entry| entry.as_str().ok()?.get(at).copied());
    let old = old.unwrap_or(0);
    let new = if on { old | mask } else { old & !mask };
    reply.integer(i64::from(old & mask != 0));
    if new == old && !grew {
        return Ok(Effect::None);
    }
    let event = Some(Event::SetBit);
    exec.data.set_range(db, &key, at, &[new], event);
    Ok(Effect::AsWritten)
}

fn getbit(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let offset = bit_offset(exec, args.get(2), None)?;
    let key = args.key(exec.data, 1);
    let string = exec.data.get_str(exec.session.db, &key)?;
    let byte = string.and_then(|string| string.get((offset / 8) as usize));
    let is_set = byte.is_some_and(|byte| byte & (0x80 >> (offset % 8)) != 0);
    reply.integer(i64::from(is_set));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn sets_bits_and_gives_what_they_were() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("setbit b 7 1", ":0"),
            ("setbit b 7 0", ":1"),
            ("setbit b 6 1", ":0"),
            ("getbit b 6", ":1"),
            ("getbit b 7", ":0"),
            ("getbit b 4294967295", ":0"),
            ("getbit missing 0", ":0"),
            ("strlen b", ":1"),
            ("setbit b 23 0", ":0"),
            ("strlen b", ":3"),
            ("object encoding b", "$3|raw"),
        ]);
        bench.reply("set n 1 ex 100");
        bench.replies(&[
            ("object encoding n", "$3|int"),
            ("setbit n 6 1", ":0"),
            ("get n", "$1|3"),
            ("ttl n", ":100"),
        ]);
        bench.reply("set n 1");
        assert_eq!(bench.effect("setbit n 7 1"), "");
        assert_eq!(bench.reply("object encoding n"), "$3|raw");
    }

    #[test]
    fn only_a_change_is_one() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("setbit b 8 0"), "setbit b 8 0");
        assert_eq!(bench.effect("setbit b 8 0"), "");
        assert_eq!(bench.events("setbit b 8 0"), "");
        assert_eq!(bench.events("setbit b 8 1"), "setbit b");
        assert_eq!(bench.events("setbit b 100 0"), "setbit b");
    }

    #[test]
    fn a_string_of_half_a_gigabyte_is_made_at_once() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("set b abc", "+OK"),
            ("setbit b 4294967295 1", ":0"),
            ("strlen b", ":536870912"),
            ("getrange b 0 3", "$4|abc\0"),
            ("getbit b 4294967295", ":1"),
            ("getbit b 4294967294", ":0"),
        ]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.plant_hash("h");
        let offset = "-ERR bit offset is not an integer or out of range";
        let bit = "-ERR bit is not an integer or out of range";
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("setbit b -1 1", offset),
            ("setbit b x 1", offset),
            ("setbit b #1 1", offset),
            ("setbit b 4294967296 1", offset),
            ("getbit b 4294967296", offset),
            ("setbit b 0 2", bit),
            ("setbit b 0 x", bit),
            ("setbit h 0 1", wrong),
            ("getbit h 0", wrong),
            ("exists b", ":0"),
        ]);
        bench.config.proto_max_bulk_len = 2;
        bench.replies(&[("setbit b 15 1", ":0"), ("setbit b 16 1", offset)]);
    }
}
