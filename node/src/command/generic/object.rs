//! OBJECT and its subcommands.

use crate::command::spec::Flag::ReadOnly;
use crate::command::spec::{Argument, Category, Flags, Group, KeySpec, Spec};
use crate::command::{Effect, Refused, Run};

pub(super) static OBJECT: Spec = Spec {
    name: "object",
    since: "2.2.3",
    summary: "Commands about how values are held",
    subcommands: &[&ENCODING, &IDLETIME, &REFCOUNT, &FREQ, &HELP],
    ..Spec::container(Group::Generic)
};

static ENCODING: Spec = Spec {
    name: "object|encoding",
    since: "2.2.3",
    summary: "How a value is held: int, embstr or raw for strings",
    ..inspection(|exec, args, reply| {
        let key = args.key(exec.data, 2);
        match exec.data.peek(exec.session.db, &key) {
            Some(entry) => reply.bulk(entry.encoding().as_bytes()),
            None => reply.null(),
        }
        Ok(Effect::None)
    })
};

static IDLETIME: Spec = Spec {
    name: "object|idletime",
    since: "2.2.3",
    summary: "For how many seconds a key was not used",
    ..inspection(|exec, args, reply| {
        let key = args.key(exec.data, 2);
        match exec.data.peek(exec.session.db, &key) {
            Some(entry) => reply.integer(entry.idle_secs(exec.now).cast_signed()),
            None => reply.null(),
        }
        Ok(Effect::None)
    })
};

static REFCOUNT: Spec = Spec {
    name: "object|refcount",
    since: "2.2.3",
    summary: "How often a value is shared: always 1, since none is",
    ..inspection(|exec, args, reply| {
        let key = args.key(exec.data, 2);
        match exec.data.peek(exec.session.db, &key) {
            Some(_) => reply.integer(1),
            None => reply.null(),
        }
        Ok(Effect::None)
    })
};

static FREQ: Spec = Spec {
    name: "object|freq",
    since: "4.0.0",
    summary: "How often a key is used, on a logarithmic scale",
    ..inspection(|exec, args, reply| {
        let key = args.key(exec.data, 2);
        if exec.data.peek(exec.session.db, &key).is_some() {
            return Err(Refused::new(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
                 Please note that when switching between policies at runtime LRU and LFU data \
                 will take some time to adjust.",
            ));
        }
        reply.null();
        Ok(Effect::None)
    })
};

static HELP: Spec = Spec {
    categories: &[Category::Keyspace],
    since: "6.2.0",
    ..Spec::help("object|help", Group::Generic)
};

const fn inspection(run: Run) -> Spec {
    Spec {
        arity: 3,
        flags: Flags::of(&[ReadOnly]),
        keys: const { &[KeySpec::one(2, "RO")] },
        tips: &["nondeterministic_output"],
        arguments: const { &[Argument::key("key")] },
        ..Spec::new(Group::Generic, run)
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

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
        assert_eq!(bench.reply("object refcount a"), ":1");
        assert_eq!(bench.reply("object refcount b"), "$-1");
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
