//! SET with all its options, SETNX and GETSET. Replicas get the moment of expiry itself, and no
//! comparison.

use crate::command::expiry::Given;
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{Entry, Expire, Key};
use crate::resp::number::Decimal;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Access, Insert, OW, RW, Update, VariableFlags};
use crate::spec::{Argument, Deprecated, Flags, Group, KeyFlag, KeySpec, Spec};

pub(super) static SET: Definition = Definition {
    spec: Spec {
        name: "set",
        arity: -3,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(1, &[RW, Access, Update, VariableFlags])
            .note("It reads only with the `GET` and `IFEQ` options")
            .by_request(key_flags)],
        summary: "Sets a key to a string",
        history: &[
            ("2.6.12", "With `EX`, `PX`, `NX` and `XX`."),
            ("6.0.0", "With `KEEPTTL`."),
            ("6.2.0", "With `GET`, `EXAT` and `PXAT`."),
            ("7.0.0", "`NX` together with `GET`."),
            ("8.1.0", "With `IFEQ`, as in Valkey."),
        ],
        arguments: &[
            Argument::key("key"),
            Argument::string("value"),
            Argument::one_of(
                "condition",
                &[
                    Argument::word("nx", "NX"),
                    Argument::word("xx", "XX"),
                    Argument::string("comparison-value")
                        .token("IFEQ")
                        .since("8.1.0"),
                ],
            )
            .optional()
            .since("2.6.12"),
            Argument::word("get", "GET").optional().since("6.2.0"),
            Argument::one_of(
                "expiration",
                &[
                    Argument::integer("seconds").token("EX").since("2.6.12"),
                    Argument::integer("milliseconds")
                        .token("PX")
                        .since("2.6.12"),
                    Argument::unix_time("unix-time-seconds")
                        .token("EXAT")
                        .since("6.2.0"),
                    Argument::unix_time("unix-time-milliseconds")
                        .token("PXAT")
                        .since("6.2.0"),
                    Argument::word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ],
        ..Spec::new(Group::String)
    },
    ..Definition::run(set)
};

/// With GET and IFEQ the old value is read.
fn key_flags(args: &Args<'_>) -> &'static [KeyFlag] {
    match (3..args.len()).any(|at| args.is(at, "get") || args.is(at, "ifeq")) {
        true => &[RW, Access, Update],
        false => &[OW, Update],
    }
}

pub(super) static SETNX: Definition = Definition {
    spec: Spec {
        name: "setnx",
        arity: 3,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[OW, Insert])],
        summary: "Sets a key to a string, unless it exists",
        deprecated: Some(Deprecated {
            since: "2.6.12",
            replaced_by: "`SET` with the `NX` argument",
        }),
        arguments: &[Argument::key("key"), Argument::string("value")],
        ..Spec::new(Group::String)
    },
    ..Definition::run(setnx)
};

pub(super) static GETSET: Definition = Definition {
    spec: Spec {
        name: "getset",
        arity: 3,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Update])],
        summary: "Sets a key to a string and returns its old value",
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`SET` with the `GET` argument",
        }),
        arguments: &[Argument::key("key"), Argument::string("value")],
        ..Spec::new(Group::String)
    },
    ..Definition::run(getset)
};

#[derive(Default)]
struct Options<'a> {
    nx: bool,
    xx: bool,
    /// Only if the old value is this one.
    equal: Option<&'a [u8]>,
    get: bool,
    keep: bool,
    expire: Option<Given<'a>>,
}

impl<'a> Options<'a> {
    fn parse(args: &Args<'a>) -> Result<Options<'a>, Refused> {
        let mut options = Options::default();
        let mut at = 3;
        while at < args.len() {
            let compared = options.equal.is_some();
            if args.is(at, "nx") && !options.xx && !compared {
                options.nx = true;
            } else if args.is(at, "xx") && !options.nx && !compared {
                options.xx = true;
            } else if let (true, Some(wanted)) = (options.may_compare(args, at), args.opt(at + 1)) {
                options.equal = Some(wanted);
                at += 1;
            } else if args.is(at, "get") {
                options.get = true;
            } else if args.is(at, "keepttl") && options.expire.is_none() {
                options.keep = true;
            } else if let (false, Some(given)) = (options.keep, Given::parse(args, at))
                && given.may_follow(options.expire)
            {
                options.expire = Some(given);
                at += 1;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }

    fn may_compare(&self, args: &Args<'_>, at: usize) -> bool {
        args.is(at, "ifeq") && !self.nx && !self.xx && self.equal.is_none()
    }

    /// Whether a value is set, where this was.
    fn is_met(&self, old: Option<Entry<'_>>) -> Result<bool, Refused> {
        match (self.equal, old) {
            (Some(wanted), Some(old)) => Ok(old.as_str()? == wanted),
            (Some(_), None) => Ok(false),
            (None, old) => Ok(!(self.nx && old.is_some() || self.xx && old.is_none())),
        }
    }
}

fn set(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    if args.len() == 3 {
        exec.data.set(db, &key, args.get(2), Expire::Never);
        reply.ok();
        return Ok(Effect::AsWritten);
    }
    set_with_options(exec, args, reply, key)
}

fn set_with_options(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    key: Key<'_>,
) -> Result<Effect, Refused> {
    let options = Options::parse(args)?;
    let at = options
        .expire
        .map(|given| given.at(exec, "set"))
        .transpose()?;
    let db = exec.session.db;
    let is_met = if options.get {
        let old = exec.data.get(db, &key);
        match old {
            Some(entry) => reply.bulk(entry.as_str()?),
            None => reply.null(),
        }
        options.is_met(old)?
    } else {
        options.is_met(exec.data.peek(db, &key))?
    };
    if !is_met {
        if !options.get {
            reply.null();
        }
        return Ok(Effect::None);
    }
    let value = args.get(2);
    let expire = match at {
        Some(at) => Expire::At(at),
        None if options.keep => Expire::Keep,
        None => Expire::Never,
    };
    exec.data.set(db, &key, value, expire);
    if !options.get {
        reply.ok();
    }
    Ok(match at {
        Some(at) => {
            let at = Decimal::new(at);
            Effect::rewritten(&[b"SET", key.bytes, value, b"PXAT", at.as_bytes()])
        }
        None if !options.get && options.equal.is_none() => Effect::AsWritten,
        None if options.keep => Effect::rewritten(&[b"SET", key.bytes, value, b"KEEPTTL"]),
        None => Effect::rewritten(&[b"SET", key.bytes, value]),
    })
}

fn setnx(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    if exec.data.peek(db, &key).is_some() {
        reply.integer(0);
        return Ok(Effect::None);
    }
    exec.data.set(db, &key, args.get(2), Expire::Never);
    reply.integer(1);
    Ok(Effect::AsWritten)
}

fn getset(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key) = (exec.session.db, args.key(exec.data, 1));
    match exec.data.get_str(db, &key)? {
        Some(string) => reply.bulk(string),
        None => reply.null(),
    }
    exec.data.set(db, &key, args.get(2), Expire::Never);
    Ok(Effect::rewritten(&[b"SET", key.bytes, args.get(2)]))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::{Bench, START_MS};

    #[test]
    fn sets_and_forgets_the_time_to_live() {
        let mut bench = Bench::new();
        assert_eq!(bench.effect("set a 1"), "set a 1");
        bench.reply("expire a 10");
        assert_eq!(bench.reply("set a 2 keepttl"), "+OK");
        assert_eq!(bench.reply("ttl a"), ":10");
        assert_eq!(bench.reply("set a 2"), "+OK");
        assert_eq!(bench.reply("ttl a"), ":-1");
    }

    #[test]
    fn replicas_get_the_moment() {
        let mut bench = Bench::new();
        for (option, at) in [
            ("ex 10", START_MS + 10_000),
            ("PX 10", START_MS + 10),
            ("exat 1800000000", 1_800_000_000_000),
            ("pxat 1800000000001", 1_800_000_000_001),
        ] {
            let wanted = format!("SET a 1 PXAT {at}");
            assert_eq!(bench.effect(&format!("set a 1 {option}")), wanted);
            assert_eq!(bench.reply("pexpiretime a"), format!(":{at}"));
        }
        assert_eq!(bench.effect("set a 1 get"), "SET a 1");
        assert_eq!(bench.effect("set a 1 get keepttl"), "SET a 1 KEEPTTL");
        assert_eq!(bench.effect("set a 1 xx keepttl"), "set a 1 xx keepttl");
    }

    #[test]
    fn conditions() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("set a 1 xx"), "$-1");
        assert_eq!(bench.reply("set a 1 nx"), "+OK");
        assert_eq!(bench.reply("set a 2 nx"), "$-1");
        assert_eq!(bench.effect("set a 2 nx get"), "");
        assert_eq!(bench.reply("set a 2 nx get"), "$1|1");
        assert_eq!(bench.reply("set a 2 xx get"), "$1|1");
        assert_eq!(bench.reply("set b 2 xx get"), "$-1");
        assert_eq!(bench.reply("set b 2 nx get"), "$-1");
        assert_eq!(bench.reply("mget a b"), "*2|$1|2|$1|2");
    }

    /// As Valkey 8.1 has it.
    #[test]
    fn compares_with_the_old_value() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("set a 2 ifeq 1", "$-1"),
            ("set a 2 ifeq 1 get", "$-1"),
            ("exists a", ":0"),
            ("set a 1", "+OK"),
            ("set a 2 ifeq 2", "$-1"),
            ("set a 2 IFEQ 1", "+OK"),
            ("set a 3 get ifeq 1", "$1|2"),
            ("set a 3 ifeq 2 get", "$1|2"),
            ("get a", "$1|3"),
        ]);
        assert_eq!(bench.effect("set a 3 ifeq 2"), "");
        assert_eq!(bench.effect("set a 4 ifeq 3"), "SET a 4");
        assert_eq!(bench.effect("set a 5 ifeq 4 keepttl"), "SET a 5 KEEPTTL");
        let at = START_MS + 10;
        let wanted = format!("SET a 6 PXAT {at}");
        assert_eq!(bench.effect("set a 6 px 10 ifeq 5"), wanted);
        bench.plant_hash("h");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[("set h 1 ifeq x", wrong), ("set h 1 get ifeq x", wrong)]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        for line in [
            "set a 1 nx ifeq 1",
            "set a 1 ifeq 1 xx",
            "set a 1 ifeq",
            "set a 1 ifeq 1 ifeq 1",
            "set a 1 nx xx",
            "set a 1 ex",
            "set a 1 ex 1 px 1",
            "set a 1 keepttl ex 1",
            "set a 1 ex 1 keepttl",
            "set a 1 persist",
            "set a 1 foo",
        ] {
            assert_eq!(bench.reply(line), "-ERR syntax error", "{line}");
        }
        for value in ["0", "-1", "9223372036854775807"] {
            assert_eq!(
                bench.reply(&format!("set a 1 ex {value}")),
                "-ERR invalid expire time in 'set' command"
            );
        }
        assert_eq!(
            bench.reply("set a 1 ex x"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(bench.reply("exists a"), ":0");
    }

    #[test]
    fn siblings() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("setnx a 1"), ":1");
        assert_eq!(bench.effect("setnx a 2"), "");
        bench.reply("expire a 10");
        assert_eq!(bench.reply("getset a 2"), "$1|1");
        assert_eq!(bench.reply("ttl a"), ":-1");
        assert_eq!(bench.effect("getset b 2"), "SET b 2");
        assert_eq!(bench.reply("getset c 2"), "$-1");
    }
}
