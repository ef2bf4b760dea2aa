//! HTTL, HPTTL, HEXPIRETIME and HPEXPIRETIME.

use super::timed::{FIELDS, NO_COUNT, check_type, fields};
use crate::command::expiry::Scale;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static HTTL: Definition = Definition {
    spec: Spec {
        name: "httl",
        tips: &["nondeterministic_output"],
        summary: "Returns the time to live of fields of a hash in seconds",
        ..family()
    },
    ..Definition::run(|exec, args, reply| httl(exec, args, reply, Scale::Seconds))
};

pub(super) static HPTTL: Definition = Definition {
    spec: Spec {
        name: "hpttl",
        tips: &["nondeterministic_output"],
        summary: "Returns the time to live of fields of a hash in milliseconds",
        ..family()
    },
    ..Definition::run(|exec, args, reply| httl(exec, args, reply, Scale::Millis))
};

pub(super) static HEXPIRETIME: Definition = Definition {
    spec: Spec {
        name: "hexpiretime",
        summary: "Returns the unix time in seconds at which fields of a hash expire",
        ..family()
    },
    ..Definition::run(|exec, args, reply| httl(exec, args, reply, Scale::AtSeconds))
};

pub(super) static HPEXPIRETIME: Definition = Definition {
    spec: Spec {
        name: "hpexpiretime",
        summary: "Returns the unix time in milliseconds at which fields of a hash expire",
        ..family()
    },
    ..Definition::run(|exec, args, reply| httl(exec, args, reply, Scale::AtMillis))
};

const fn family() -> Spec {
    Spec {
        arity: -5,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: const { &[KeySpec::one(1, &[RO, Access])] },
        since: "7.4.0",
        complexity: "O(N) with N the number of fields",
        arguments: const { &[Argument::key("key"), FIELDS] },
        ..Spec::new(Group::Hash)
    }
}

/// What is replied for a field that is not there, and for one that does not expire.
const MISSING: i64 = -2;
const ENDLESS: i64 = -1;

fn httl(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    scale: Scale,
) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    check_type(exec, &key)?;
    let fields = fields(args, 2, NO_COUNT)?;
    let (unit, from) = (scale.unit(), scale.from(exec.now));
    let hash = exec.data.see_hash(exec.session.db, &key)?;
    reply.array(fields.len());
    for field in fields.map(|index| args.get(index)) {
        let hash = hash.filter(|hash| hash.get(field).is_some());
        reply.integer(hash.map_or(MISSING, |hash| {
            let at = hash.time(field);
            at.map_or(ENDLESS, |at| (at - from + unit - 1) / unit)
        }));
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn tells_times_in_four_ways() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1 b 2");
        bench.reply("hpexpire h 1500 FIELDS 1 a");
        bench.replies(&[
            ("httl h FIELDS 3 a b x", "*3|:2|:-1|:-2"),
            ("hpttl h fields 1 a", "*1|:1500"),
            ("hexpiretime h FIELDS 1 a", "*1|:1700000002"),
            ("hpexpiretime h FIELDS 1 a", "*1|:1700000001500"),
            ("httl missing FIELDS 2 a b", "*2|:-2|:-2"),
        ]);
        bench.advance_ms(1500);
        bench.is_replica = true;
        bench
            .data
            .set_expiry_policy(crate::data::ExpiryPolicy::Hide);
        assert_eq!(bench.reply("httl h FIELDS 2 a b"), "*2|:-2|:-1");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("hset h a 1");
        bench.reply("set s 1");
        bench.replies(&[
            (
                "httl s FOO 1 a",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            (
                "httl h 1 FIELDS a",
                "-ERR Mandatory argument FIELDS is missing or not at the right position",
            ),
            (
                "hpexpiretime h FIELDS 0 a",
                "-ERR Number of fields must be a positive integer",
            ),
            (
                "hpttl missing FIELDS 2 a",
                "-ERR The `numfields` parameter must match the number of arguments",
            ),
        ]);
    }
}
