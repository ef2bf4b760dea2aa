//! HINCRBY.

use super::limits;
use crate::command::parse::integer;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::number::Decimal;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Access, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

use slotkeeper_tree::element::Element;

pub(super) static HINCRBY: Definition = Definition {
    spec: Spec {
        name: "hincrby",
        arity: 4,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Update])],
        since: "2.0.0",
        summary: "Adds to a number in a field of a hash; a missing field counts as 0",
        arguments: &[
            Argument::key("key"),
            Argument::string("field"),
            Argument::integer("increment"),
        ],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hincrby)
};

const NOT_AN_INTEGER: Refused = Refused::new("ERR hash value is not an integer");
const OVERFLOW: Refused = Refused::new("ERR increment or decrement would overflow");

fn hincrby(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (field, by) = (args.get(2), integer(args.get(3))?);
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let sum = exec.data.change_hash(db, &key, limits, |hash| {
        let old = match hash.view().get(field) {
            None => Ok(0),
            Some(Element::Int(number)) => Ok(number),
            Some(Element::Str(_)) => Err(NOT_AN_INTEGER),
        };
        let sum = old.and_then(|old| old.checked_add(by).ok_or(OVERFLOW));
        if let Ok(sum) = &sum {
            hash.set_keeping(field, Decimal::new(*sum).as_bytes());
        }
        let event = sum.is_ok().then_some(Event::HIncrBy);
        (sum, event)
    })?;
    reply.integer(sum?);
    Ok(Effect::AsWritten)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn adds_to_a_field() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("hincrby h a 5"), "hincrby h a 5");
        assert_eq!(bench.reply("hincrby h a -7"), ":-2");
        assert_eq!(bench.events("hincrby h a 1"), "hincrby h");
        assert_eq!(bench.reply("hget h a"), "$2|-1");
        bench.reply("hexpire h 10 FIELDS 1 a");
        assert_eq!(bench.effect("hincrby h a 1"), "hincrby h a 1");
        assert_eq!(bench.reply("httl h FIELDS 1 a"), "*1|:10");
        bench.advance_ms(10_000);
        assert_eq!(bench.reply("hincrby h a 1"), ":1");
        assert_eq!(bench.reply("httl h FIELDS 1 a"), "*1|:-1");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("hset h text x max 9223372036854775807 spaced 01");
        bench.replies(&[
            (
                "hincrby h a x",
                "-ERR value is not an integer or out of range",
            ),
            ("hincrby h text 1", "-ERR hash value is not an integer"),
            ("hincrby h spaced 1", "-ERR hash value is not an integer"),
            (
                "hincrby h max 1",
                "-ERR increment or decrement would overflow",
            ),
            ("hget h max", "$19|9223372036854775807"),
            ("hlen h", ":3"),
        ]);
        assert_eq!(bench.events("hincrby h text 1"), "");
    }
}
