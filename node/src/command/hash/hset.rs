//! HSET, and HMSET as it was called with several fields.

use super::limits;
use crate::command::{Definition, Effect, Exec, Refused, wrong_arity};
use crate::data::Event;
use crate::resp::Args;
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Deprecated, Flags, Group, KeySpec, Spec};

pub(super) static HSET: Definition = Definition {
    spec: Spec {
        name: "hset",
        complexity: "O(N) with N the number of fields that are set",
        summary: "Sets fields of a hash; returns how many of them are new",
        history: &[("4.0.0", "With several fields.")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        let new = set(exec, args, "hset")?;
        reply.integer(new);
        Ok(Effect::AsWritten)
    })
};

pub(super) static HMSET: Definition = Definition {
    spec: Spec {
        name: "hmset",
        complexity: "O(N) with N the number of fields that are set",
        summary: "Sets fields of a hash",
        deprecated: Some(Deprecated {
            since: "4.0.0",
            replaced_by: "`HSET` with multiple field-value pairs",
        }),
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        set(exec, args, "hmset")?;
        reply.ok();
        Ok(Effect::AsWritten)
    })
};

const ARGUMENTS: &[Argument] = &[
    Argument::key("key"),
    Argument::block(
        "field_value",
        &[Argument::string("field"), Argument::string("value")],
    )
    .multiple(),
];

const fn family() -> Spec {
    Spec {
        arity: -4,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: const { &[KeySpec::one(1, &[RW, Update])] },
        since: "2.0.0",
        arguments: ARGUMENTS,
        ..Spec::new(Group::Hash)
    }
}

/// Sets all fields. Returns how many are new.
fn set(exec: &mut Exec<'_>, args: &Args<'_>, name: &str) -> Result<i64, Refused> {
    if args.len() % 2 == 1 {
        return Err(wrong_arity(name));
    }
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let new = exec.data.change_hash(db, &key, limits, |hash| {
        let fields = (2..args.len()).step_by(2);
        let new = hash.set_each(fields.map(|at| (args.get(at), args.get(at + 1))));
        (new as i64, Some(Event::HSet))
    })?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn sets_fields_and_counts_the_new_ones() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("hset h a 1 b 2 a 3"), ":2");
        assert_eq!(bench.reply("hset h b 4 c 5"), ":1");
        assert_eq!(bench.reply("hmget h a b c"), "*3|$1|3|$1|4|$1|5");
        assert_eq!(bench.reply("hmset h a 6"), "+OK");
        assert_eq!(bench.effect("hset h a 6"), "hset h a 6");
        assert_eq!(bench.events("hset h a 6 b 7"), "hset h");
        bench.reply("expire h 10");
        bench.reply("hset h a 7");
        assert_eq!(bench.reply("ttl h"), ":10");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            (
                "hset s a 1 b",
                "-ERR wrong number of arguments for 'hset' command",
            ),
            (
                "hmset h a 1 b",
                "-ERR wrong number of arguments for 'hmset' command",
            ),
            ("hset s a 1", wrong_type),
            ("hmset s a 1", wrong_type),
        ]);
        assert_eq!(bench.reply("get s"), "$1|1");
    }

    /// When redis-server 7.2 says another encoding, it is said here, too.
    #[test]
    fn the_encoding_follows_the_directives_and_stays() {
        let mut bench = Bench::new();
        let encoding = |bench: &mut Bench| bench.reply("object encoding h");
        let short = "x".repeat(64);
        bench.reply(&format!("hset h {short} {short}"));
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply(&format!("hset h f {short}x"));
        assert_eq!(encoding(&mut bench), "$9|hashtable");
        bench.reply("hdel h f");
        assert_eq!(encoding(&mut bench), "$9|hashtable");
        bench.reply("del h");
        for number in 0..512 {
            bench.reply(&format!("hset h {number} x"));
        }
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply("hset h 512 x");
        assert_eq!(encoding(&mut bench), "$9|hashtable");
        assert_eq!(bench.reply("hlen h"), ":513");
        bench.config.hash_max_listpack_entries = 1;
        bench.config.hash_max_listpack_value = 2;
        bench.reply("hset g 1 xx");
        assert_eq!(bench.reply("object encoding g"), "$8|listpack");
        bench.reply("hsetnx g 2 xx");
        assert_eq!(bench.reply("object encoding g"), "$9|hashtable");
        bench.reply("hincrby k long 1");
        assert_eq!(bench.reply("object encoding k"), "$9|hashtable");
    }
}
