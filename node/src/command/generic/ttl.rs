//! TTL and its siblings.

use crate::command::expiry::Scale;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static TTL: Definition = Definition {
    spec: Spec {
        name: "ttl",
        history: &[("2.8.0", "The reply -2.")],
        tips: &["nondeterministic_output"],
        summary: "Returns the seconds until a key expires; -1 for never, -2 for no key",
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Scale::Seconds))
};

pub(super) static PTTL: Definition = Definition {
    spec: Spec {
        name: "pttl",
        history: &[("2.8.0", "The reply -2.")],
        tips: &["nondeterministic_output"],
        since: "2.6.0",
        summary: "Returns the milliseconds until a key expires; -1 for never, -2 for no key",
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Scale::Millis))
};

pub(super) static EXPIRETIME: Definition = Definition {
    spec: Spec {
        name: "expiretime",
        since: "7.0.0",
        summary: "Returns the unix time in seconds at which a key expires; -1 for never, -2 for no key",
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Scale::AtSeconds))
};

pub(super) static PEXPIRETIME: Definition = Definition {
    spec: Spec {
        name: "pexpiretime",
        since: "7.0.0",
        summary: "Returns the unix time in milliseconds at which a key expires; -1 for never, -2 for no key",
        ..family()
    },
    ..Definition::run(|exec, args, reply| show(exec, args, reply, Scale::AtMillis))
};

const fn family() -> Spec {
    Spec {
        arity: 2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: const { &[KeySpec::one(1, &[RO, Access])] },
        arguments: const { &[Argument::key("key")] },
        ..Spec::new(Group::Generic)
    }
}

fn show(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    scale: Scale,
) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let (unit, from) = (scale.unit(), scale.from(exec.now));
    reply.integer(match exec.data.probe(exec.session.db, &key) {
        None => -2,
        Some(entry) => entry.expire_at().map_or(-1, |at| {
            let left = if scale.is_moment() {
                at
            } else {
                (at - from).max(0)
            };
            // To the nearest.
            left.div_euclid(unit) + i64::from(left.rem_euclid(unit) > (unit - 1) / 2)
        }),
    });
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn shows_the_time_in_four_ways() {
        let mut bench = Bench::new();
        bench.reply("set a 1 px 1499");
        bench.reply("set b 1");
        for (name, shown) in [
            ("ttl", ":1"),
            ("pttl", ":1499"),
            ("expiretime", ":1700000001"),
            ("pexpiretime", ":1700000001499"),
        ] {
            assert_eq!(bench.reply(&format!("{name} a")), shown);
            assert_eq!(bench.reply(&format!("{name} b")), ":-1");
            assert_eq!(bench.reply(&format!("{name} c")), ":-2");
        }
        bench.advance_ms(1499);
        assert_eq!(bench.reply("ttl a"), ":-2");
        // The last moment there is, to the nearest second.
        bench.reply("set d 1 pxat 9223372036854775807");
        assert_eq!(bench.reply("expiretime d"), ":9223372036854776");
    }
}
