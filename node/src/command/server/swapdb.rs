//! SWAPDB. It waits for the end of a walk, which saves each key under the database where it found it.

use crate::command::parse::{database, database_number};
use crate::command::{Definition, Effect, Exec, Preparation, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::{Argument, Category, Flags, Group, Spec};

pub(super) static SWAPDB: Definition = Definition {
    spec: Spec {
        name: "swapdb",
        arity: 3,
        flags: Flags::of(&[Write, Fast]),
        categories: &[Category::Keyspace, Category::Dangerous],
        since: "4.0.0",
        complexity: "O(N) with N the number of clients that watch keys of both",
        summary: "Lets two databases change places, for all clients; not in a cluster",
        arguments: &[Argument::integer("index1"), Argument::integer("index2")],
        ..Spec::new(Group::Server)
    },
    preparation: Preparation::WalksEnd,
    ..Definition::run(swapdb)
};

const NO_FIRST: Refused = Refused::new("ERR invalid first DB index");
const NO_SECOND: Refused = Refused::new("ERR invalid second DB index");

fn swapdb(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if exec.node.config.cluster_enabled {
        return Err(Refused::new("ERR SWAPDB is not allowed in cluster mode"));
    }
    let [one, other] = [index(args, 1, NO_FIRST)?, index(args, 2, NO_SECOND)?];
    let (one, other) = (database(exec.data, one)?, database(exec.data, other)?);
    if one != other {
        exec.data.swap(one, other);
    }
    reply.ok();
    Ok(Effect::AsWritten)
}

fn index(args: &Args<'_>, at: usize, refused: Refused) -> Result<i32, Refused> {
    database_number(args.get(at)).map_err(|_| refused)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn databases_change_places() {
        let mut bench = Bench::new();
        bench.reply("mset a 1 b 2");
        bench.reply("expire a 100");
        bench.reply("select 1");
        bench.reply("set c 3");
        assert_eq!(bench.effect("swapdb 0 1"), "swapdb 0 1");
        bench.replies(&[
            ("get a", "$1|1"),
            ("ttl a", ":100"),
            ("exists c", ":0"),
            ("dbsize", ":2"),
            ("swapdb 1 1", "+OK"),
            ("get a", "$1|1"),
            ("select 0", "+OK"),
            ("get c", "$1|3"),
            ("dbsize", ":1"),
        ]);
        assert_eq!(bench.events("swapdb 1 0"), "all;all");
        bench.advance_ms(100_000);
        bench.replies(&[("exists a b c", ":1"), ("dbsize", ":1")]);
    }

    #[test]
    fn watched_keys_change_if_they_are_in_either() {
        let mut bench = Bench::new();
        bench.reply("set gone 1");
        bench.reply("select 1");
        bench.reply("set comes 1");
        bench.reply("select 0");
        let watch = |bench: &mut Bench, name: &str| {
            let key = bench.data.key(name.as_bytes());
            bench.data.watch(0, &key)
        };
        let watched = ["gone", "comes", "never"].map(|name| watch(&mut bench, name));
        bench.reply("swapdb 0 1");
        bench.data.drain_changes();
        let changed = watched
            .each_ref()
            .map(|watched| bench.data.watched_changed(watched));
        assert_eq!(changed, [true, true, false]);
        watched
            .iter()
            .for_each(|watched| bench.data.unwatch(watched));
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.replies(&[
            ("swapdb x 0", "-ERR invalid first DB index"),
            ("swapdb 0 x", "-ERR invalid second DB index"),
            ("swapdb 0 99999999999", "-ERR invalid second DB index"),
            ("swapdb 0 16", "-ERR DB index is out of range"),
            ("swapdb -1 0", "-ERR DB index is out of range"),
        ]);
        bench.config.cluster_enabled = true;
        let refused = "-ERR SWAPDB is not allowed in cluster mode";
        bench.replies(&[("swapdb 0 1", refused), ("swapdb x 0", refused)]);
    }
}
