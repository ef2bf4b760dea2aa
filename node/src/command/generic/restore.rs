//! RESTORE and RESTORE-ASKING.

use crate::command::parse::{SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Preparation, Refused};
use crate::request::{Action, Restore};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Asking, DenyOom, Write};
use crate::spec::KeyFlag::{OW, Update};
use crate::spec::{Argument, Category, Flags, Group, KeySpec, Spec};

pub(super) static RESTORE: Definition = Definition {
    spec: Spec {
        name: "restore",
        flags: Flags::of(&[Write, DenyOom]),
        since: "2.6.0",
        summary: "Makes a key of what DUMP has returned",
        ..spec(Group::Generic)
    },
    preparation: Preparation::Decode,
    ..Definition::run(restore)
};

pub(super) static RESTORE_ASKING: Definition = Definition {
    spec: Spec {
        name: "restore-asking",
        flags: Flags::of(&[Write, DenyOom, Asking]),
        since: "3.0.0",
        summary: "Makes a key of a slot that is being imported, for MIGRATE",
        is_internal: true,
        ..spec(Group::Server)
    },
    preparation: Preparation::Decode,
    ..Definition::run(restore)
};

const fn spec(group: Group) -> Spec {
    Spec {
        arity: -4,
        keys: const { &[KeySpec::one(1, &[OW, Update])] },
        categories: const { &[Category::Keyspace, Category::Dangerous] },
        complexity: "O(N) with N the length of the value, O(N*log(N)) for sorted sets",
        history: const {
            &[
                ("3.0.0", "The option `REPLACE`."),
                ("5.0.0", "The option `ABSTTL`."),
                ("5.0.0", "The options `IDLETIME` and `FREQ`."),
            ]
        },
        arguments: const {
            &[
                Argument::key("key"),
                Argument::integer("ttl"),
                Argument::string("serialized-value"),
                Argument::word("replace", "REPLACE")
                    .since("3.0.0")
                    .optional(),
                Argument::word("absttl", "ABSTTL").since("5.0.0").optional(),
                Argument::integer("seconds")
                    .token("IDLETIME")
                    .since("5.0.0")
                    .optional(),
                Argument::integer("frequency")
                    .token("FREQ")
                    .since("5.0.0")
                    .optional(),
            ]
        },
        ..Spec::new(group)
    }
}

fn restore(exec: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    let mut wanted = options(args)?;
    let key = args.key(exec.data, 1);
    if !wanted.replace && exec.data.get_to_change(exec.session.db, &key).is_some() {
        return Err(Refused::new("BUSYKEY Target key name already exists."));
    }
    wanted.ttl = integer(args.get(2))?;
    if wanted.ttl < 0 {
        return Err(Refused::new("ERR Invalid TTL value, must be >= 0"));
    }
    Ok(Effect::ask(Action::Restore(wanted)))
}

/// What stands behind the payload.
fn options(args: &Args<'_>) -> Result<Restore, Refused> {
    let mut wanted = Restore::default();
    let mut idle = None;
    let mut at = 4;
    while at < args.len() {
        let has_value = at + 1 < args.len();
        if args.is(at, "replace") {
            wanted.replace = true;
        } else if args.is(at, "absttl") {
            wanted.absolute = true;
        } else if args.is(at, "idletime") && has_value && wanted.uses.is_none() {
            at += 1;
            let seconds = integer(args.get(at))?;
            idle = Some(
                u64::try_from(seconds)
                    .map_err(|_| Refused::new("ERR Invalid IDLETIME value, must be >= 0"))?,
            );
        } else if args.is(at, "freq") && has_value && idle.is_none() {
            at += 1;
            let uses = integer(args.get(at))?;
            wanted.uses =
                Some(u8::try_from(uses).map_err(|_| {
                    Refused::new("ERR Invalid FREQ value, must be >= 0 and <= 255")
                })?);
        } else {
            return Err(SYNTAX);
        }
        at += 1;
    }
    wanted.idle_secs = idle.unwrap_or(0);
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;

    #[test]
    fn asks_for_what_was_said() {
        let mut bench = Bench::new();
        let plain = Restore::default();
        assert_eq!(bench.ask("restore a 0 x"), Action::Restore(plain));
        let wanted = Restore {
            ttl: 9,
            replace: true,
            absolute: true,
            idle_secs: 7,
            uses: None,
        };
        let line = "restore-asking a 9 x REPLACE absttl idletime 7";
        assert_eq!(bench.ask(line), Action::Restore(wanted));
        let used = Restore {
            uses: Some(255),
            ..plain
        };
        assert_eq!(bench.ask("restore a 0 x FREQ 255"), Action::Restore(used));
    }

    #[test]
    fn refuses_in_redis_words() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        bench.replies(&[
            ("restore a 0 x", "-BUSYKEY Target key name already exists."),
            ("restore a x x", "-BUSYKEY Target key name already exists."),
            (
                "restore b x x",
                "-ERR value is not an integer or out of range",
            ),
            ("restore b -1 x", "-ERR Invalid TTL value, must be >= 0"),
            (
                "restore b 0 x idletime -1",
                "-ERR Invalid IDLETIME value, must be >= 0",
            ),
            (
                "restore b 0 x freq 256",
                "-ERR Invalid FREQ value, must be >= 0 and <= 255",
            ),
            ("restore b 0 x freq 1 idletime 1", "-ERR syntax error"),
            ("restore b 0 x idletime", "-ERR syntax error"),
            ("restore a 0 x other", "-ERR syntax error"),
        ]);
    }
}
