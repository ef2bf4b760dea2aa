//! MEMORY and its subcommands.

use crate::command::{Definition, Effect, Refused, docs};
use crate::request::{Action, MemoryRequest};
use crate::resp::number::parse_integer;
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static MEMORY: Definition = Definition {
    spec: Spec {
        name: "memory",
        since: "4.0.0",
        summary: "Commands about what memory is spent on",
        ..Spec::container(Group::Server)
    },
    subcommands: &[&DOCTOR, &HELP, &MALLOC_STATS, &PURGE, &STATS, &USAGE],
    ..Definition::CONTAINER
};

/// What those have in common that look at no key.
const SPEC: Spec = Spec {
    arity: 2,
    tips: &[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ],
    since: "4.0.0",
    ..Spec::new(Group::Server)
};

fn ask(request: MemoryRequest) -> Effect {
    Effect::ask(Action::Memory(request))
}

static DOCTOR: Definition = Definition {
    spec: Spec {
        name: "memory|doctor",
        summary: "Says in words what is unusual about the memory of the server",
        ..SPEC
    },
    ..Definition::run(|_, _, _| Ok(ask(MemoryRequest::Doctor)))
};

static MALLOC_STATS: Definition = Definition {
    spec: Spec {
        name: "memory|malloc-stats",
        summary: "Returns what the allocator has of the system",
        ..SPEC
    },
    ..Definition::run(|_, _, _| Ok(ask(MemoryRequest::MallocStats)))
};

static PURGE: Definition = Definition {
    spec: Spec {
        name: "memory|purge",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        complexity: "O(N), N is the memory that is given back",
        summary: "Gives memory that is not used back to the system",
        ..SPEC
    },
    ..Definition::run(|_, _, _| Ok(ask(MemoryRequest::Purge)))
};

static STATS: Definition = Definition {
    spec: Spec {
        name: "memory|stats",
        summary: "Returns what memory is spent on",
        ..SPEC
    },
    ..Definition::run(|_, _, _| Ok(ask(MemoryRequest::Stats)))
};

static USAGE: Definition = Definition {
    spec: Spec {
        name: "memory|usage",
        arity: -3,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(2, &[RO])],
        since: "4.0.0",
        summary: "Returns the bytes that a key and its value take; exact, whatever SAMPLES says",
        arguments: &[
            Argument::key("key"),
            Argument::integer("count").token("SAMPLES").optional(),
        ],
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|exec, args, reply| {
        // The account of each value is kept, so there is nothing to sample.
        let samples = match args.len() {
            3 => Some(0),
            5 if args.is(3, "SAMPLES") => match parse_integer(args.get(4)) {
                None => {
                    return Err(Refused::new("ERR value is not an integer or out of range"));
                }
                samples => samples,
            },
            _ => None,
        };
        if samples.is_none_or(|samples| samples < 0) {
            return Err(Refused::new("ERR syntax error"));
        }
        let key = exec.data.key(args.get(2));
        match exec.data.probe(exec.session.db, &key) {
            Some(entry) => reply.integer(entry.memory() as i64),
            None => reply.null(),
        }
        Ok(Effect::None)
    })
};

static HELP: Definition = Definition {
    spec: Spec {
        since: "4.0.0",
        ..Spec::help("memory|help", Group::Server)
    },
    ..Definition::run(docs::help)
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, MemoryRequest};

    fn usage(bench: &mut Bench, line: &str) -> i64 {
        let reply = bench.reply(line);
        let number = reply
            .trim()
            .strip_prefix(':')
            .and_then(|text| text.parse().ok());
        number.unwrap_or_else(|| panic!("{line}: {reply}"))
    }

    #[test]
    fn usage_follows_the_value() {
        let mut bench = Bench::new();
        bench.reply("set s x");
        let small = usage(&mut bench, "memory usage s");
        assert!((16..64).contains(&small), "{small}");
        bench.reply(&format!("append s {}", "x".repeat(1000)));
        let large = usage(&mut bench, "memory usage s samples 0");
        assert!((small + 1000..small + 1100).contains(&large), "{large}");
        for number in 0..1000 {
            bench.reply(&format!("sadd set member:{number}"));
        }
        let set = usage(&mut bench, "memory usage set SAMPLES 5");
        assert!((10_000..40_000).contains(&set), "{set}");
        assert_eq!(bench.reply("memory usage none"), "$-1");
        for line in [
            "memory usage s samples",
            "memory usage s samples -1",
            "memory usage s x 1",
        ] {
            assert_eq!(bench.reply(line), "-ERR syntax error", "{line}");
        }
    }

    #[test]
    fn the_rest_is_asked_of_the_engine() {
        let mut bench = Bench::new();
        for (line, wanted) in [
            ("memory stats", MemoryRequest::Stats),
            ("memory doctor", MemoryRequest::Doctor),
            ("memory purge", MemoryRequest::Purge),
            ("memory malloc-stats", MemoryRequest::MallocStats),
        ] {
            assert_eq!(bench.ask(line), Action::Memory(wanted), "{line}");
        }
    }
}
