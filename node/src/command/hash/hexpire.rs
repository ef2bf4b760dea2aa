//! HEXPIRE and its siblings. Replicas get an HPEXPIREAT with the fields that it concerned, so that a
//! delay changes nothing.

use super::limits;
use super::timed::{FIELDS, check_type, fields, hdel, hpexpireat, is_past, time};
use crate::command::expiry::{CONDITION, Condition, Scale};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HEXPIRE: Definition = Definition {
    spec: Spec {
        name: "hexpire",
        summary: "Sets the time to live of fields of a hash in seconds",
        arguments: &[
            Argument::key("key"),
            Argument::integer("seconds"),
            CONDITION,
            FIELDS,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| hexpire(exec, args, reply, ("hexpire", Scale::Seconds)))
};

pub(super) static HPEXPIRE: Definition = Definition {
    spec: Spec {
        name: "hpexpire",
        summary: "Sets the time to live of fields of a hash in milliseconds",
        arguments: &[
            Argument::key("key"),
            Argument::integer("milliseconds"),
            CONDITION,
            FIELDS,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| hexpire(exec, args, reply, ("hpexpire", Scale::Millis)))
};

pub(super) static HEXPIREAT: Definition = Definition {
    spec: Spec {
        name: "hexpireat",
        summary: "Sets the unix time in seconds at which fields of a hash expire",
        arguments: &[
            Argument::key("key"),
            Argument::unix_time("unix-time-seconds"),
            CONDITION,
            FIELDS,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        hexpire(exec, args, reply, ("hexpireat", Scale::AtSeconds))
    })
};

pub(super) static HPEXPIREAT: Definition = Definition {
    spec: Spec {
        name: "hpexpireat",
        summary: "Sets the unix time in milliseconds at which fields of a hash expire",
        arguments: &[
            Argument::key("key"),
            Argument::unix_time("unix-time-milliseconds"),
            CONDITION,
            FIELDS,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        hexpire(exec, args, reply, ("hpexpireat", Scale::AtMillis))
    })
};

const fn family() -> Spec {
    Spec {
        arity: -6,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: const { &[KeySpec::one(1, &[RW, Update])] },
        since: "7.4.0",
        complexity: "O(N) with N the number of fields",
        ..Spec::new(Group::Hash)
    }
}

const NO_COUNT: Refused = Refused::new("ERR Parameter `numFields` should be greater than 0");

/// What became of a field, as it is replied.
const MISSING: i64 = -2;
const NOT_MET: i64 = 0;
const SET: i64 = 1;
const DELETED: i64 = 2;

fn hexpire(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    (name, scale): (&str, Scale),
) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    check_type(exec, &key)?;
    let at = time(exec, scale, args.get(2), name)?;
    let mut condition = Condition::default();
    let is_asked = condition.ask(args.get(3));
    let fields = fields(args, 3 + usize::from(is_asked), NO_COUNT)?;
    let is_past = is_past(exec, at);
    let mut codes = Vec::with_capacity(fields.len());
    let mut concerned = Vec::new();
    exec.data.change_hash(db, &key, limits, |hash| {
        for field in fields.map(|index| args.get(index)) {
            let view = hash.view();
            let code = match view.get(field) {
                None => MISSING,
                Some(_) if !condition.holds(view.time(field), at) => NOT_MET,
                Some(_) if is_past => DELETED,
                Some(_) => SET,
            };
            match code {
                DELETED => {
                    hash.remove(field);
                }
                SET => {
                    hash.set_time(field, Some(at));
                }
                _ => {}
            }
            if code > NOT_MET {
                concerned.push(field);
            }
            codes.push(code);
        }
        let event = match is_past {
            true => Event::HDel,
            false => Event::HExpire,
        };
        ((), (!concerned.is_empty()).then_some(event))
    })?;
    reply.array(codes.len());
    codes.iter().for_each(|code| reply.integer(*code));
    Ok(Effect::rewritten_all(match concerned.is_empty() {
        true => Vec::new(),
        false if is_past => {
            exec.data.count_expired_fields(concerned.len());
            vec![hdel(&key, &concerned)]
        }
        false => vec![hpexpireat(&key, at, &concerned)],
    }))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn sets_times_and_replicas_get_them_as_such() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2 c 3");
        let reply = bench.reply("hexpire h 10 fields 3 a x b");
        assert_eq!(reply, "*3|:1|:-2|:1");
        for (line, at) in [
            ("hexpire h 10 FIELDS 2 a x", START_MS + 10_000),
            ("hpexpire h 10 FIELDS 1 a", START_MS + 10),
            ("hexpireat h 1700000001 FIELDS 1 a", START_MS + 1000),
            ("hpexpireat h 1700000000007 xx FIELDS 1 a", START_MS + 7),
        ] {
            let told = format!("HPEXPIREAT h {at} FIELDS 1 a");
            assert_eq!(bench.effect(line), told, "{line}");
        }
        assert_eq!(bench.reply("hpttl h fields 3 a b c"), "*3|:7|:10000|:-1");
        assert_eq!(bench.events("hexpire h 10 FIELDS 1 a"), "hexpire h");
        assert_eq!(bench.events("hexpire h 10 FIELDS 1 x"), "");
        assert_eq!(bench.effect("hexpire missing 1 FIELDS 1 a"), "");
        assert_eq!(bench.reply("hexpire missing 1 FIELDS 2 a b"), "*2|:-2|:-2");
        assert_eq!(bench.reply("exists missing"), ":0");
        assert_eq!(bench.reply("object encoding h"), "$10|listpackex");
    }

    #[test]
    fn conditions() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1");
        for (line, done) in [
            ("hexpire h 10 xx fields 1 a", false),
            ("hexpire h 10 gt fields 1 a", false),
            ("hexpire h 10 lt fields 1 a", true),
            ("hexpire h 10 nx fields 1 a", false),
            ("hexpire h 10 gt fields 1 a", false),
            ("hexpire h 11 GT fields 1 a", true),
            ("hexpire h 11 lt fields 1 a", false),
            ("hexpire h 5 LT fields 1 a", true),
            ("hexpire h 7 xx fields 1 a", true),
        ] {
            let code = if done { "*1|:1" } else { "*1|:0" };
            assert_eq!(bench.reply(line), code, "{line}");
            assert_eq!(bench.reply("hlen h"), ":1");
        }
        bench.reply("hpersist h fields 1 a");
        assert!(!bench.effect("hexpire h 5 nx fields 1 a").is_empty());
    }

    #[test]
    fn a_time_that_has_passed_removes_the_field_and_with_the_last_one_the_key() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2 c 3");
        assert_eq!(bench.reply("hexpire h 0 FIELDS 2 a x"), "*2|:2|:-2");
        assert_eq!(bench.reply("hlen h"), ":2");
        assert_eq!(bench.effect("hpexpireat h 1 FIELDS 2 b x"), "HDEL h b");
        assert_eq!(bench.data.stats().expired_fields, 2);
        assert_eq!(bench.events("hexpireat h 1 FIELDS 1 c"), "hdel h;del h");
        bench.reply("hset h a 1");
        bench.is_replica = true;
        let told = "HPEXPIREAT h 1 FIELDS 1 a";
        assert_eq!(bench.effect("hpexpireat h 1 FIELDS 1 a"), told);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1");
        bench.reply("set s 1");
        let position = "-ERR Mandatory argument FIELDS is missing or not at the right position";
        let count = "-ERR Parameter `numFields` should be greater than 0";
        let number = "-ERR The `numfields` parameter must match the number of arguments";
        bench.replies(&[
            (
                "hexpire s x FIELDS 1 a",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            (
                "hexpire h x FIELDS 1 a",
                "-ERR value is not an integer or out of range",
            ),
            (
                "hexpire h -1 FIELDS 1 a",
                "-ERR invalid expire time, must be >= 0",
            ),
            (
                "hexpire h 9223372036854775807 FIELDS 1 a",
                "-ERR invalid expire time in 'hexpire' command",
            ),
            (
                "hpexpireat h 70368744177664 FIELDS 1 a",
                "-ERR invalid expire time in 'hpexpireat' command",
            ),
            ("hexpire h 1 nx xx FIELDS 1 a", position),
            ("hexpire h 1 1 FIELDS a", position),
            ("hexpire h 1 FIELDS 0 a", count),
            ("hexpire h 1 FIELDS x a", count),
            ("hexpire h 1 FIELDS 2 a", number),
            ("hexpire h 1 FIELDS 1 a b", number),
            ("hpexpireat h 70368744177663 FIELDS 1 a", "*1|:1"),
        ]);
    }
}
