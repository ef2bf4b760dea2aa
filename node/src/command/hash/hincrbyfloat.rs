//! HINCRBYFLOAT: replicas get the sum, so that they need not compute as we do.

use slotkeeper_tree::element::Text;

use super::limits;
use super::timed::{command, hpexpireat};
use crate::command::long_double::LongDouble;
use crate::command::parse::NOT_A_FLOAT;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Access, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HINCRBYFLOAT: Definition = Definition {
    spec: Spec {
        name: "hincrbyfloat",
        arity: 4,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Update])],
        since: "2.6.0",
        summary: "Adds to a number with a fraction in a field of a hash; a missing field counts as 0",
        arguments: &[
            Argument::key("key"),
            Argument::string("field"),
            Argument::double("increment"),
        ],
        ..Spec::new(Group::Hash)
    },
    ..Definition::run(hincrbyfloat)
};

const NO_FLOAT_HELD: Refused = Refused::new("ERR hash value is not a float");
const NOT_FINITE: Refused = Refused::new("ERR increment would produce NaN or Infinity");

fn hincrbyfloat(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
) -> Result<Effect, Refused> {
    let (field, by) = (args.get(2), LongDouble::parse(args.get(3)));
    let by = by.ok_or(NOT_A_FLOAT)?;
    if !by.is_finite() {
        return Err(Refused::new("ERR value is NaN or Infinity"));
    }
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let sum = exec.data.change_hash(db, &key, limits, |hash| {
        let mut text = Text::new();
        let old = match hash.view().get(field) {
            None => Ok(LongDouble::ZERO),
            Some(held) => LongDouble::parse(held.bytes(&mut text)).ok_or(NO_FLOAT_HELD),
        };
        let sum = old.map(|old| old.add(by).filter(|sum| sum.is_finite()));
        let sum = sum.and_then(|sum| Ok(sum.ok_or(NOT_FINITE)?.to_string()));
        if let Ok(sum) = &sum {
            hash.set_keeping(field, sum.as_bytes());
        }
        let event = sum.is_ok().then_some(Event::HIncrByFloat);
        let time = hash.view().time(field);
        (sum.map(|sum| (sum, time)), event)
    })?;
    let (sum, time) = sum?;
    reply.bulk(sum.as_bytes());
    let mut told = vec![command(&[b"HSET", key.bytes], &[field, sum.as_bytes()])];
    told.extend(time.map(|at| hpexpireat(&key, at, &[field])));
    Ok(Effect::Rewritten(told))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn adds_and_tells_replicas_the_sum() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("hincrbyfloat h a 0.1"), "HSET h a 0.1");
        assert_eq!(bench.reply("hincrbyfloat h a 0.2"), "$3|0.3");
        assert_eq!(bench.events("hincrbyfloat h a 1"), "hincrbyfloat h");
        bench.reply("hset h n 5");
        assert_eq!(bench.reply("hincrbyfloat h n 0.5"), "$3|5.5");
        bench.reply("hpexpireat h 1700000009000 FIELDS 1 n");
        let told = "HSET h n 6;HPEXPIREAT h 1700000009000 FIELDS 1 n";
        assert_eq!(bench.effect("hincrbyfloat h n 0.5"), told);
        assert_eq!(bench.reply("httl h FIELDS 1 n"), "*1|:9");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("hset h text x inf inf");
        bench.replies(&[
            ("hincrbyfloat h a x", "-ERR value is not a valid float"),
            ("hincrbyfloat h a nan", "-ERR value is not a valid float"),
            ("hincrbyfloat h a inf", "-ERR value is NaN or Infinity"),
            ("hincrbyfloat h text 1", "-ERR hash value is not a float"),
            (
                "hincrbyfloat h inf 1",
                "-ERR increment would produce NaN or Infinity",
            ),
            ("hlen h", ":2"),
        ]);
    }
}
