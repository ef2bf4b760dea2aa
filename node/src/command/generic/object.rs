//! OBJECT and its subcommands.

use crate::command::{Definition, Effect, Exec, Refused, docs};
use crate::data::Entry;
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Category, Flags, Group, KeySpec, Spec};
use crate::time::Now;

pub(super) static OBJECT: Definition = Definition {
    spec: Spec {
        name: "object",
        since: "2.2.3",
        summary: "Commands about how values are held",
        ..Spec::container(Group::Generic)
    },
    subcommands: &[&ENCODING, &IDLETIME, &REFCOUNT, &FREQ, &HELP],
    ..Definition::CONTAINER
};

static ENCODING: Definition = Definition {
    spec: Spec {
        name: "object|encoding",
        since: "2.2.3",
        summary: "Returns the encoding of a value, such as int, raw, intset, listpack or hashtable",
        ..inspection()
    },
    ..Definition::run(|exec, args, reply| {
        inspect(exec, args, reply, |entry, _, reply| {
            reply.bulk(entry.encoding().as_bytes());
        })
    })
};

static IDLETIME: Definition = Definition {
    spec: Spec {
        name: "object|idletime",
        since: "2.2.3",
        summary: "Returns the seconds since the last use of a key",
        ..inspection()
    },
    ..Definition::run(|exec, args, reply| {
        let counts = exec.node.config.maxmemory_policy.counts_uses();
        inspect(exec, args, reply, |entry, now, reply| match counts {
            true => reply.error(COUNTED),
            false => reply.integer(entry.idle_secs(now).cast_signed()),
        })
    })
};

static REFCOUNT: Definition = Definition {
    spec: Spec {
        name: "object|refcount",
        since: "2.2.3",
        summary: "Returns how often a value is shared: 1, or 2147483647 for integers below 10000",
        ..inspection()
    },
    ..Definition::run(|exec, args, reply| {
        inspect(exec, args, reply, |entry, _, reply| {
            reply.integer(refcount(&entry));
        })
    })
};

static FREQ: Definition = Definition {
    spec: Spec {
        name: "object|freq",
        since: "4.0.0",
        summary: "Returns how often a key is used, on a logarithmic scale",
        ..inspection()
    },
    ..Definition::run(|exec, args, reply| {
        let frequency = exec.node.config.frequency();
        inspect(exec, args, reply, |entry, now, reply| match frequency {
            None => reply.error(NOT_COUNTED),
            Some(frequency) => {
                reply.integer(entry.frequency(now, frequency.decay_minutes).into());
            }
        })
    })
};

const NOT_COUNTED: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
    Please note that when switching between policies at runtime LRU and LFU data will take some time \
    to adjust.";
const COUNTED: &str = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note \
    that when switching between policies at runtime LRU and LFU data will take some time to adjust.";

static HELP: Definition = Definition {
    spec: Spec {
        categories: &[Category::Keyspace],
        since: "6.2.0",
        ..Spec::help("object|help", Group::Generic)
    },
    ..Definition::run(docs::help)
};

const fn inspection() -> Spec {
    Spec {
        arity: 3,
        flags: Flags::of(&[ReadOnly]),
        keys: const { &[KeySpec::one(2, &[RO])] },
        tips: &["nondeterministic_output"],
        arguments: const { &[Argument::key("key")] },
        ..Spec::new(Group::Generic)
    }
}

/// What is asked about a key; null where there is none.
fn inspect(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    show: impl FnOnce(Entry<'_>, Now, &mut Reply),
) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 2);
    match exec.data.probe(exec.session.db, &key) {
        Some(entry) => show(entry, exec.now, reply),
        None => reply.null(),
    }
    Ok(Effect::None)
}

/// Redis keeps the small numbers once for all keys, and shows that by a count that never moves.
fn refcount(entry: &Entry<'_>) -> i64 {
    const SHARED: i64 = i32::MAX as i64;
    let number = (entry.encoding() == "int")
        .then(|| entry.as_str().ok().and_then(parse_integer))
        .flatten();
    match number {
        Some(0..10_000) => SHARED,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::config::EvictionPolicy;

    #[test]
    fn names_encodings() {
        let mut bench = Bench::new();
        for (value, encoding) in [
            ("123".to_owned(), "$3|int"),
            ("0123".to_owned(), "$6|embstr"),
            ("x".repeat(44), "$6|embstr"),
            ("x".repeat(45), "$3|raw"),
        ] {
            bench.reply(&format!("set a {value}"));
            assert_eq!(bench.reply("object encoding a"), encoding, "{value}");
        }
        assert_eq!(bench.reply("object encoding b"), "$-1");
        assert_eq!(bench.reply("object refcount b"), "$-1");
        for (value, count) in [
            ("0", ":2147483647"),
            ("9999", ":2147483647"),
            ("10000", ":1"),
            ("-1", ":1"),
            ("07", ":1"),
            ("x", ":1"),
        ] {
            bench.reply(&format!("set a {value}"));
            assert_eq!(bench.reply("object refcount a"), count, "{value}");
        }
    }

    #[test]
    fn counts_uses_and_no_idle_seconds_where_the_policy_says_so() {
        let mut bench = Bench::new();
        bench.config.maxmemory_policy = EvictionPolicy::AllKeysLfu;
        bench.config.lfu_log_factor = 0;
        bench.data.set_frequency(bench.config.frequency());
        bench.reply("set a 1");
        assert_eq!(bench.reply("object freq a"), ":5");
        bench.reply("get a");
        bench.reply("append a 2");
        bench.reply("set a 3");
        assert_eq!(bench.reply("object freq a"), ":8");
        bench.advance_ms(120_000);
        assert_eq!(bench.reply("object freq a"), ":6");
        let refused = bench.reply("object idletime a");
        assert!(refused.starts_with("-ERR An LFU maxmemory policy is selected, idle time not"));
        assert_eq!(bench.reply("object idletime b"), "$-1");
    }

    #[test]
    fn counts_idle_seconds_and_no_frequency() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        bench.advance_ms(3000);
        assert_eq!(bench.reply("object idletime a"), ":3");
        assert!(bench.reply("object freq a").starts_with("-ERR An LFU"));
        assert_eq!(bench.reply("object freq b"), "$-1");
    }
}
