//! DBSIZE, FLUSHALL and FLUSHDB.

use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::Action;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly, Write};
use crate::spec::{Argument, Category, Flags, Group, Spec};

pub(super) static DBSIZE: Definition = Definition {
    spec: Spec {
        name: "dbsize",
        flags: Flags::of(&[ReadOnly, Fast]),
        categories: &[Category::Keyspace],
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        summary: "Returns the number of keys in the database",
        ..Spec::new(Group::Server)
    },
    ..Definition::run(|exec, _, reply| {
        reply.integer(exec.data.len(exec.session.db) as i64);
        Ok(Effect::None)
    })
};

pub(super) static FLUSHALL: Definition = Definition {
    spec: Spec {
        name: "flushall",
        summary: "Removes all keys of all databases",
        ..flush()
    },
    ..Definition::run(flush_all)
};

pub(super) static FLUSHDB: Definition = Definition {
    spec: Spec {
        name: "flushdb",
        summary: "Removes all keys of the database",
        ..flush()
    },
    ..Definition::run(flush_db)
};

const MODE: &[Argument] = &[Argument::one_of(
    "flush-type",
    &[
        Argument::word("async", "ASYNC").since("4.0.0"),
        Argument::word("sync", "SYNC").since("6.2.0"),
    ],
)
.optional()];

const fn flush() -> Spec {
    Spec {
        arity: -1,
        flags: Flags::of(&[Write]),
        categories: &[Category::Keyspace, Category::Dangerous],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        complexity: "O(N) with N the number of keys",
        history: &[("4.0.0", "With `ASYNC`."), ("6.2.0", "With `SYNC`.")],
        arguments: MODE,
        ..Spec::new(Group::Server)
    }
}

fn flush_all(_: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    check_mode(args)?;
    Ok(Effect::ask(Action::Flush(None)))
}

fn flush_db(exec: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    check_mode(args)?;
    Ok(Effect::ask(Action::Flush(Some(exec.session.db))))
}

/// Both modes do the same here: memory is always freed in the background.
fn check_mode(args: &Args<'_>) -> Result<(), Refused> {
    match args.len() {
        1 => Ok(()),
        2 if args.is(1, "async") || args.is(1, "sync") => Ok(()),
        _ => Err(SYNTAX),
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn counts_and_flushes() {
        let mut bench = Bench::new();
        bench.reply("mset a 1 b 2");
        assert_eq!(bench.reply("dbsize"), ":2");
        assert_eq!(bench.ask("flushall ASYNC"), Action::Flush(None));
        bench.reply("select 3");
        assert_eq!(bench.ask("flushdb"), Action::Flush(Some(3)));
        assert_eq!(bench.reply("dbsize"), ":0");
        assert_eq!(bench.reply("flushall foo"), "-ERR syntax error");
        assert_eq!(bench.reply("flushdb sync x"), "-ERR syntax error");
    }
}
