//! SETEX and PSETEX. Replicas get the moment of expiry itself.

use crate::command::expiry::{Given, Scale};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Expire;
use crate::resp::number::Decimal;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{OW, Update};
use crate::spec::{Argument, Deprecated, Flags, Group, KeySpec, Spec};

pub(super) static SETEX: Definition = Definition {
    spec: Spec {
        name: "setex",
        since: "2.0.0",
        summary: "Sets a key to a string with a time to live in seconds",
        deprecated: Some(Deprecated {
            since: "2.6.12",
            replaced_by: "`SET` with the `EX` argument",
        }),
        arguments: &[
            Argument::key("key"),
            Argument::integer("seconds"),
            Argument::string("value"),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| setex(exec, args, reply, ("setex", Scale::Seconds)))
};

pub(super) static PSETEX: Definition = Definition {
    spec: Spec {
        name: "psetex",
        since: "2.6.0",
        summary: "Sets a key to a string with a time to live in milliseconds",
        deprecated: Some(Deprecated {
            since: "2.6.12",
            replaced_by: "`SET` with the `PX` argument",
        }),
        arguments: &[
            Argument::key("key"),
            Argument::integer("milliseconds"),
            Argument::string("value"),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| setex(exec, args, reply, ("psetex", Scale::Millis)))
};

const fn family() -> Spec {
    Spec {
        arity: 4,
        flags: Flags::of(&[Write, DenyOom]),
        keys: const { &[KeySpec::one(1, &[OW, Update])] },
        ..Spec::new(Group::String)
    }
}

fn setex(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    (name, scale): (&str, Scale),
) -> Result<Effect, Refused> {
    let count = args.get(2);
    let at = Given { scale, count }.at(exec, name)?;
    let (key, value) = (args.key(exec.data, 1), args.get(3));
    exec.data.set(exec.session.db, &key, value, Expire::At(at));
    reply.ok();
    let at = Decimal::new(at);
    Ok(Effect::rewritten(&[
        b"SET",
        key.bytes,
        value,
        b"PXAT",
        at.as_bytes(),
    ]))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn replicas_get_the_moment() {
        let mut bench = Bench::new();
        let wanted = format!("SET a v PXAT {}", START_MS + 5000);
        assert_eq!(bench.effect("setex a 5 v"), wanted);
        let wanted = format!("SET a v PXAT {}", START_MS + 5);
        assert_eq!(bench.effect("psetex a 5 v"), wanted);
        assert_eq!(bench.reply("pttl a"), ":5");
        assert_eq!(
            bench.reply("setex a 0 v"),
            "-ERR invalid expire time in 'setex' command"
        );
        assert_eq!(
            bench.reply("psetex a x v"),
            "-ERR value is not an integer or out of range"
        );
    }
}
