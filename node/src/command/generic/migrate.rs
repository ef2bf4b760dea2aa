//! MIGRATE.

use std::collections::BTreeSet;

use crate::command::parse::{SYNTAX, integer};
use crate::command::{Definition, Effect, Exec, Preparation, Refused};
use crate::request::{Action, Migrate};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{MovesKeys, Write};
use crate::spec::KeyFlag::{Access, Delete, Incomplete, RW};
use crate::spec::{
    Argument, BeginSearch, Category, FindKeys, Flags, Group, Indexes, KeySpec, OptionValues,
    Secret, Spec,
};

/// Where the options begin.
const OPTIONS: usize = 6;
/// The longest name of a host, in bytes.
const NAME_MAX: usize = 255;

pub(super) static MIGRATE: Definition = Definition {
    spec: Spec {
        name: "migrate",
        arity: -6,
        flags: Flags::of(&[Write, MovesKeys]),
        keys: &[
            KeySpec::one(3, &[RW, Access, Delete]).found_by(single_key),
            KeySpec::new(
                BeginSearch::Keyword {
                    word: "KEYS",
                    from: -2,
                },
                FindKeys::Range {
                    last: -1,
                    step: 1,
                    limit: 0,
                },
                &[RW, Access, Delete, Incomplete],
            )
            .found_by(listed_keys),
        ],
        secrets: &[Secret::Options(
            OPTIONS as u8,
            &[
                option("copy", 0, false),
                option("replace", 0, false),
                option("auth", 1, true),
                option("auth2", 2, true),
                option("keys", u8::MAX, false),
            ],
        )],
        categories: &[Category::Keyspace, Category::Dangerous],
        tips: &["nondeterministic_output"],
        since: "2.6.0",
        complexity: "O(N) with N the length of the values, here and at the other server",
        summary: "Moves keys to another server",
        history: &[
            ("3.0.0", "The options `COPY` and `REPLACE`."),
            ("3.0.6", "The option `KEYS`."),
            ("4.0.7", "The option `AUTH`."),
            ("6.0.0", "The option `AUTH2`."),
        ],
        arguments: &[
            Argument::string("host"),
            Argument::integer("port"),
            Argument::one_of(
                "key_or_empty_string",
                &[Argument::key("key"), Argument::word("empty_string", "")],
            ),
            Argument::integer("destination-db"),
            Argument::integer("timeout"),
            Argument::word("copy", "COPY").since("3.0.0").optional(),
            Argument::word("replace", "REPLACE")
                .since("3.0.0")
                .optional(),
            Argument::one_of(
                "authentication",
                &[
                    Argument::string("password")
                        .token("AUTH")
                        .since("4.0.7")
                        .optional(),
                    Argument::block(
                        "username_password",
                        &[Argument::string("username"), Argument::string("password")],
                    )
                    .token("AUTH2")
                    .since("6.0.0")
                    .optional(),
                ],
            )
            .optional(),
            Argument::key_of("key", 1)
                .token("KEYS")
                .since("3.0.6")
                .optional()
                .multiple(),
        ],
        ..Spec::new(Group::Generic)
    },
    preparation: Preparation::Connection,
    ..Definition::run(migrate)
};

const fn option(word: &'static str, count: u8, secret: bool) -> OptionValues {
    OptionValues {
        word,
        count,
        secret,
    }
}

/// Where KEYS stands among the options, if the key's own place is empty.
fn keys_at(args: &Args<'_>) -> Option<usize> {
    let mut at = OPTIONS;
    while args.len() > 3 && args.get(3).is_empty() && at < args.len() {
        if args.is(at, "keys") {
            return Some(at);
        }
        at += match () {
            () if args.is(at, "auth") => 2,
            () if args.is(at, "auth2") => 3,
            () => 1,
        };
    }
    None
}

fn single_key(args: &Args<'_>) -> Indexes {
    match keys_at(args) {
        None => Indexes::one(3),
        Some(_) => Indexes::NONE,
    }
}

fn listed_keys(args: &Args<'_>) -> Indexes {
    keys_at(args).map_or(Indexes::NONE, |at| Indexes {
        first: at + 1,
        end: args.len(),
        step: 1,
    })
}

fn migrate(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let mut wanted = options(args)?;
    wanted.timeout_ms = match integer(args.get(5))? {
        ..=0 => 1000,
        millis => millis.cast_unsigned(),
    };
    wanted.db = integer(args.get(4))?;
    let db = exec.session.db;
    let mut seen = BTreeSet::new();
    for index in single_key(args).into_iter().chain(listed_keys(args)) {
        let key = args.key(exec.data, index);
        if exec.data.get(db, &key).is_some() && seen.insert(key.bytes) {
            wanted.keys.push(key.bytes.to_vec());
        }
    }
    if wanted.keys.is_empty() {
        reply.simple("NOKEY");
        return Ok(Effect::None);
    }
    let text = |index| std::str::from_utf8(args.get(index)).ok();
    let host = text(1).filter(|host| (1..=NAME_MAX).contains(&host.len()));
    let port = text(2).and_then(|port| port.parse().ok());
    let (Some(host), Some(port)) = (host, port) else {
        return Err(Refused::new(
            "IOERR error or timeout connecting to the client",
        ));
    };
    (wanted.host, wanted.port) = (host.to_owned(), port);
    Ok(Effect::ask(Action::Migrate(wanted)))
}

fn options(args: &Args<'_>) -> Result<Migrate, Refused> {
    let mut wanted = Migrate::default();
    let mut at = OPTIONS;
    while at < args.len() {
        let values = args.len() - at - 1;
        if args.is(at, "copy") {
            wanted.copy = true;
        } else if args.is(at, "replace") {
            wanted.replace = true;
        } else if args.is(at, "auth") && values >= 1 {
            at += 1;
            wanted.auth = vec![args.get(at).to_vec()];
        } else if args.is(at, "auth2") && values >= 2 {
            at += 2;
            wanted.auth = vec![args.get(at - 1).to_vec(), args.get(at).to_vec()];
        } else if args.is(at, "keys") {
            if !args.get(3).is_empty() {
                return Err(Refused::new(
                    "ERR When using MIGRATE KEYS option, the key argument must be set to the \
                     empty string",
                ));
            }
            break;
        } else {
            return Err(SYNTAX);
        }
        at += 1;
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;

    #[test]
    fn asks_for_what_is_there() {
        let mut bench = Bench::new();
        bench.reply("mset a 1 b 2");
        let line = "migrate 127.0.0.1 7000 \"\" 3 0 COPY replace AUTH2 keys me KEYS a x b a";
        let wanted = Migrate {
            host: "127.0.0.1".to_owned(),
            port: 7000,
            keys: vec![b"a".to_vec(), b"b".to_vec()],
            db: 3,
            timeout_ms: 1000,
            copy: true,
            replace: true,
            auth: vec![b"keys".to_vec(), b"me".to_vec()],
        };
        assert_eq!(bench.ask(line), Action::Migrate(wanted));
    }

    #[test]
    fn refuses_in_redis_words() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        let integer = "-ERR value is not an integer or out of range";
        bench.replies(&[
            ("migrate 127.0.0.1 7000 x 0 100", "+NOKEY"),
            ("migrate 127.0.0.1 7000 \"\" 0 100 KEYS x y", "+NOKEY"),
            ("migrate 127.0.0.1 7000 a x 100", integer),
            ("migrate 127.0.0.1 7000 a 0 x", integer),
            ("migrate 127.0.0.1 7000 a 0 1 AUTH", "-ERR syntax error"),
            ("migrate 127.0.0.1 7000 a 0 1 AUTH2 x", "-ERR syntax error"),
            ("migrate 127.0.0.1 7000 a 0 1 OTHER", "-ERR syntax error"),
            (
                "migrate 127.0.0.1 7000 a 0 1 KEYS a",
                "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty \
                 string",
            ),
            (
                "migrate \"\" 7000 a 0 1",
                "-IOERR error or timeout connecting to the client",
            ),
            (
                "migrate localhost 70000 a 0 1",
                "-IOERR error or timeout connecting to the client",
            ),
        ]);
    }
}
