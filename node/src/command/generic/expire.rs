//! EXPIRE and its siblings. Replicas get a PEXPIREAT, so that a delay changes nothing.

use crate::command::expiry::{CONDITION, Condition, Scale};
use crate::command::parse::{integer, invalid_expire_time, shown};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::number::Decimal;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

/// They came later than the command.
const SINCE_7: Argument = CONDITION.since("7.0.0");

pub(super) static EXPIRE: Definition = Definition {
    spec: Spec {
        name: "expire",
        summary: "Sets the time to live of a key in seconds",
        arguments: &[Argument::key("key"), Argument::integer("seconds"), SINCE_7],
        ..family()
    },
    ..Definition::run(|exec, args, reply| expire(exec, args, reply, ("expire", Scale::Seconds)))
};

pub(super) static PEXPIRE: Definition = Definition {
    spec: Spec {
        name: "pexpire",
        since: "2.6.0",
        summary: "Sets the time to live of a key in milliseconds",
        arguments: &[
            Argument::key("key"),
            Argument::integer("milliseconds"),
            SINCE_7,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| expire(exec, args, reply, ("pexpire", Scale::Millis)))
};

pub(super) static EXPIREAT: Definition = Definition {
    spec: Spec {
        name: "expireat",
        since: "1.2.0",
        summary: "Sets the unix time in seconds at which a key expires",
        arguments: &[
            Argument::key("key"),
            Argument::unix_time("unix-time-seconds"),
            SINCE_7,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| expire(exec, args, reply, ("expireat", Scale::AtSeconds)))
};

pub(super) static PEXPIREAT: Definition = Definition {
    spec: Spec {
        name: "pexpireat",
        since: "2.6.0",
        summary: "Sets the unix time in milliseconds at which a key expires",
        arguments: &[
            Argument::key("key"),
            Argument::unix_time("unix-time-milliseconds"),
            SINCE_7,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| expire(exec, args, reply, ("pexpireat", Scale::AtMillis)))
};

const fn family() -> Spec {
    Spec {
        arity: -3,
        flags: Flags::of(&[Write, Fast]),
        keys: const { &[KeySpec::one(1, &[RW, Update])] },
        history: &[("7.0.0", "With `NX`, `XX`, `GT` and `LT`.")],
        ..Spec::new(Group::Generic)
    }
}

fn expire(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    (name, scale): (&str, Scale),
) -> Result<Effect, Refused> {
    let condition = condition(args)?;
    let at = scale.at(integer(args.get(2))?, exec.now);
    let at = at.ok_or_else(|| invalid_expire_time(name))?;
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    let entry = exec.data.peek(db, &key);
    if !entry.is_some_and(|entry| condition.holds(entry.expire_at(), at)) {
        reply.integer(0);
        return Ok(Effect::None);
    }
    reply.integer(1);
    Ok(expire_at(exec, key, at))
}

/// Sets the time at which a key that is there expires; removes it if that has passed already,
/// but on a replica, which leaves that to its master.
pub(in crate::command) fn expire_at(
    exec: &mut Exec<'_>,
    key: crate::data::Key<'_>,
    at: i64,
) -> Effect {
    let db = exec.session.db;
    if at <= exec.now.unix_ms() && !exec.node.is_replica {
        exec.data.remove(db, &key);
        return Effect::rewritten(&[b"DEL", key.bytes]);
    }
    exec.data.set_expire(db, &key, Some(at));
    Effect::rewritten(&[b"PEXPIREAT", key.bytes, Decimal::new(at).as_bytes()])
}

/// The options, of which some exclude each other.
fn condition(args: &Args<'_>) -> Result<Condition, Refused> {
    let mut condition = Condition::default();
    for option in args.from(3) {
        if !condition.ask(option) {
            let text = format!("ERR Unsupported option {}", shown(option));
            return Err(Refused::text(text));
        }
    }
    let Condition {
        none,
        some,
        later,
        earlier,
    } = condition;
    if none && (some || later || earlier) {
        return Err(Refused::new(
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ));
    }
    if later && earlier {
        return Err(Refused::new(
            "ERR GT and LT options at the same time are not compatible",
        ));
    }
    Ok(condition)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn replicas_get_the_time_itself() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        for (line, at) in [
            ("expire a 10", START_MS + 10_000),
            ("pexpire a 10 xx", START_MS + 10),
            ("expireat a 1700000001", START_MS + 1000),
            ("pexpireat a 1700000000007", START_MS + 7),
        ] {
            assert_eq!(bench.effect(line), format!("PEXPIREAT a {at}"), "{line}");
        }
        assert_eq!(bench.reply("pttl a"), ":7");
        assert_eq!(bench.effect("expire missing 1"), "");
    }

    #[test]
    fn a_time_that_has_passed_removes_the_key() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        assert_eq!(bench.effect("expire a -1"), "DEL a");
        assert_eq!(bench.reply("exists a"), ":0");
        bench.reply("set a 1");
        bench.is_replica = true;
        assert_eq!(bench.effect("pexpireat a 1"), "PEXPIREAT a 1");
    }

    #[test]
    fn conditions() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        for (line, done) in [
            ("expire a 10 xx", false),
            ("expire a 10 gt", false),
            ("expire a 10 lt", true),
            ("expire a 10 nx", false),
            ("expire a 10 gt", false),
            ("expire a 11 gt", true),
            ("expire a 11 lt", false),
            ("expire a 5 LT xx", true),
        ] {
            assert_eq!(bench.reply(line), if done { ":1" } else { ":0" }, "{line}");
        }
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("expire a x", "-ERR value is not an integer or out of range"),
            (
                "expire a 9223372036854775807",
                "-ERR invalid expire time in 'expire' command",
            ),
            (
                "pexpire a 9223372036854775807",
                "-ERR invalid expire time in 'pexpire' command",
            ),
            ("expire a 1 foo", "-ERR Unsupported option foo"),
            (
                "expire a 1 nx gt",
                "-ERR NX and XX, GT or LT options at the same time are not compatible",
            ),
            (
                "expire a 1 lt gt",
                "-ERR GT and LT options at the same time are not compatible",
            ),
        ]);
    }
}
