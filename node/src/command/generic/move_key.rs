//! MOVE.

use crate::command::parse::{database, database_number};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, Write};
use crate::spec::KeyFlag::{Access, RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static MOVE: Definition = Definition {
    spec: Spec {
        name: "move",
        arity: 3,
        flags: Flags::of(&[Write, Fast]),
        keys: &[KeySpec::one(1, &[RW, Access, Update])],
        summary: "Moves a key to another database, unless it exists there; not in a cluster",
        arguments: &[Argument::key("key"), Argument::integer("db")],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(move_key)
};

fn move_key(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    if exec.node.config.cluster_enabled {
        return Err(Refused::new("ERR MOVE is not allowed in cluster mode"));
    }
    let (from, key) = (exec.session.db, args.key(exec.data, 1));
    let to = database(exec.data, database_number(args.get(2))?)?;
    if from == to {
        return Err(Refused::new(
            "ERR source and destination objects are the same",
        ));
    }
    // What has expired there may be on its way to a replica: then it is not removed yet.
    let done = !exec.data.must_wait(to, &key) && exec.data.move_key(from, &key, to);
    reply.integer(i64::from(done));
    Ok(Effect::if_changed(done))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn moves_a_key_with_its_time_to_live() {
        let mut bench = Bench::new();
        bench.reply("set a 1 ex 100");
        bench.reply("hset h f v");
        assert_eq!(bench.effect("move a 3"), "move a 3");
        assert_eq!(bench.reply("move a 3"), ":0");
        assert_eq!(bench.events("move h 3"), "move_from h;move_to h");
        bench.reply("set a 2");
        assert_eq!(bench.effect("move a 3"), "", "it is there already");
        bench.reply("select 3");
        bench.replies(&[
            ("get a", "$1|1"),
            ("ttl a", ":100"),
            ("hget h f", "$1|v"),
            ("dbsize", ":2"),
        ]);
        bench.advance_ms(100_000);
        bench.reply("select 0");
        bench.replies(&[("move a 3", ":1"), ("exists a", ":0")]);
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set a 1");
        bench.replies(&[
            (
                "move a 0",
                "-ERR source and destination objects are the same",
            ),
            ("move a 16", "-ERR DB index is out of range"),
            ("move a -1", "-ERR DB index is out of range"),
            ("move a x", "-ERR value is not an integer or out of range"),
            (
                "move a 2147483648",
                "-ERR value is out of range, value must between -2147483648 and 2147483647",
            ),
        ]);
        bench.config.cluster_enabled = true;
        let refused = "-ERR MOVE is not allowed in cluster mode";
        bench.replies(&[("move a 1", refused), ("move a x", refused)]);
    }
}
