//! KEYS and RANDOMKEY.

use crate::command::{Definition, Effect, Exec, Refused};
use crate::glob;
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::{Argument, Category, Flags, Group, Spec};

pub(super) static KEYS: Definition = Definition {
    spec: Spec {
        name: "keys",
        arity: 2,
        flags: Flags::of(&[ReadOnly]),
        categories: &[Category::Keyspace, Category::Dangerous],
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        complexity: "O(N) with N the number of keys in the database",
        summary: "Returns all keys that match a pattern",
        arguments: &[Argument::pattern("pattern")],
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(keys)
};

pub(super) static RANDOMKEY: Definition = Definition {
    spec: Spec {
        name: "randomkey",
        flags: Flags::of(&[ReadOnly]),
        tips: &["request_policy:all_shards", "nondeterministic_output"],
        summary: "Returns a random key",
        ..Spec::new(Group::Generic)
    },
    ..Definition::run(|exec, _, reply| {
        match exec.data.random_key(exec.session.db, exec.node.random) {
            Some(key) => reply.bulk(&key),
            None => reply.null(),
        }
        Ok(Effect::None)
    })
};

fn keys(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let pattern = args.get(1);
    let now = exec.now.unix_ms();
    let (start, mut count) = (reply.len(), 0);
    exec.data.for_each_key(exec.session.db, &mut |entry| {
        let alive = entry.expire_at().is_none_or(|at| at > now);
        if alive && glob::matches(pattern, entry.key(), false) {
            reply.bulk(entry.key());
            count += 1;
        }
    });
    reply.put_before(start, |reply| reply.array(count));
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn matches_living_keys() {
        let mut bench = Bench::new();
        bench.reply("mset hello 1 hallo 2 other 3");
        bench.reply("pexpire hallo 5");
        let both = bench.reply("keys h?llo");
        assert!(both.starts_with("*2|"), "{both}");
        bench.advance_ms(5);
        assert_eq!(bench.reply("keys h?llo"), "*1|$5|hello");
        assert_eq!(bench.reply("keys x*"), "*0");
    }

    #[test]
    fn picks_a_key() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("randomkey"), "$-1");
        bench.reply("set a 1");
        assert_eq!(bench.reply("randomkey"), "$1|a");
    }
}
