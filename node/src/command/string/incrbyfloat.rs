//! INCRBYFLOAT: replicas get the sum, so that they need not compute as we do.

use crate::command::long_double::LongDouble;
use crate::command::parse::NOT_A_FLOAT;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Access, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static INCRBYFLOAT: Definition = Definition {
    spec: Spec {
        name: "incrbyfloat",
        arity: 3,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Update])],
        since: "2.6.0",
        summary: "Adds to a number that may have a fraction; a missing key counts as 0",
        arguments: &[Argument::key("key"), Argument::double("increment")],
        ..Spec::new(Group::String)
    },
    ..Definition::run(incrbyfloat)
};

fn incrbyfloat(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let old = match exec.data.get_to_change(db, &key) {
        Some(entry) => LongDouble::parse(entry.as_str()?).ok_or(NOT_A_FLOAT)?,
        None => LongDouble::ZERO,
    };
    let by = LongDouble::parse(args.get(2)).ok_or(NOT_A_FLOAT)?;
    let sum = old
        .add(by)
        .filter(|sum| sum.is_finite())
        .ok_or(const { Refused::new("ERR increment would produce NaN or Infinity") })?;
    let text = sum.to_string();
    exec.data
        .update(db, &key, text.as_bytes(), Event::IncrByFloat);
    reply.bulk(text.as_bytes());
    Ok(Effect::rewritten(&[
        b"SET",
        key.bytes,
        text.as_bytes(),
        b"KEEPTTL",
    ]))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn adds_without_the_noise_of_doubles() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("incrbyfloat a 0.1"), "SET a 0.1 KEEPTTL");
        bench.reply("expire a 10");
        assert_eq!(bench.reply("incrbyfloat a 0.2"), "$3|0.3");
        assert_eq!(
            bench.reply("incrbyfloat a 5.0e3"),
            "$22|5000.29999999999999982"
        );
        assert_eq!(bench.reply("incrbyfloat a -5000.3"), "$1|0");
        assert_eq!(bench.reply("ttl a"), ":10");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set text x");
        bench.replies(&[
            ("incrbyfloat text 1", "-ERR value is not a valid float"),
            ("incrbyfloat a x", "-ERR value is not a valid float"),
            ("incrbyfloat a nan", "-ERR value is not a valid float"),
            (
                "incrbyfloat a inf",
                "-ERR increment would produce NaN or Infinity",
            ),
        ]);
    }
}
