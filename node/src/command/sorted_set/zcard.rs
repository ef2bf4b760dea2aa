//! ZCARD.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Fast, ReadOnly};
use crate::spec::KeyFlag::RO;
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static ZCARD: Definition = Definition {
    spec: Spec {
        name: "zcard",
        arity: 2,
        flags: Flags::of(&[ReadOnly, Fast]),
        keys: &[KeySpec::one(1, &[RO])],
        since: "1.2.0",
        summary: "Returns the number of members of a sorted set",
        arguments: &[Argument::key("key")],
        ..Spec::new(Group::SortedSet)
    },
    ..Definition::run(zcard)
};

fn zcard(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    reply.integer(zset.map_or(0, |zset| zset.len() as i64));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn counts_members() {
        let mut bench = Bench::new();
        bench.reply("zadd z 1 a 2 b");
        assert_eq!(bench.reply("zcard z"), ":2");
        assert_eq!(bench.reply("zcard missing"), ":0");
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        for line in [
            "zcard s",
            "zscore s a",
            "zmscore s a",
            "zrank s a",
            "zrevrank s a withscore",
            "zrange s 0 -1",
            "zrange s - + bylex",
            "zrevrangebyscore s 1 0",
            "zrangestore d s 0 -1",
            "zcount s 0 1",
            "zlexcount s - +",
            "zrem s a",
            "zremrangebyrank s 0 1",
            "zremrangebyscore s 0 1",
            "zremrangebylex s - +",
            "zpopmin s",
            "zpopmax s 2",
            "zmpop 1 s min",
            "zrandmember s",
            "zrandmember s 2",
            "zincrby s 1 a",
            "zunion 1 s",
            "zinter 2 z s",
            "zdiff 2 z s",
            "zintercard 1 s",
            "zunionstore d 1 s",
            "zscan s 0",
        ] {
            let reply = bench.reply(line);
            let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
            assert_eq!(reply, wrong, "{line}");
        }
    }
}
