//! LPUSH and RPUSH; LPUSHX and RPUSHX, which need the list to be there.

use super::{event, limits};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::End;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Insert, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LPUSH: Definition = Definition {
    spec: Spec {
        name: "lpush",
        summary: "Puts elements before the first one of a list; returns its new length",
        history: &[("2.4.0", "With several elements.")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| push(exec, args, reply, End::Left, false))
};

pub(super) static RPUSH: Definition = Definition {
    spec: Spec {
        name: "rpush",
        summary: "Puts elements behind the last one of a list; returns its new length",
        history: &[("2.4.0", "With several elements.")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| push(exec, args, reply, End::Right, false))
};

pub(super) static LPUSHX: Definition = Definition {
    spec: Spec {
        name: "lpushx",
        since: "2.2.0",
        summary: "Puts elements before the first one of a list that exists; returns its new length",
        history: &[("4.0.0", "With several elements.")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| push(exec, args, reply, End::Left, true))
};

pub(super) static RPUSHX: Definition = Definition {
    spec: Spec {
        name: "rpushx",
        since: "2.2.0",
        summary: "Puts elements behind the last one of a list that exists; returns its new length",
        history: &[("4.0.0", "With several elements.")],
        ..family()
    },
    ..Definition::run(|exec, args, reply| push(exec, args, reply, End::Right, true))
};

const fn family() -> Spec {
    Spec {
        arity: -3,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: const { &[KeySpec::one(1, &[RW, Insert])] },
        complexity: "O(N) with N the number of elements that are added",
        arguments: const { &[Argument::key("key"), Argument::string("element").multiple()] },
        ..Spec::new(Group::List)
    }
}

fn push(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    end: End,
    existing: bool,
) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let elements = args.from(2);
    let len = exec.data.change_list(db, &key, limits, |list| {
        if existing && list.view().is_empty() {
            return (0, None);
        }
        let bytes = args.from(2).map(<[u8]>::len).sum();
        list.will_add(bytes, elements.len());
        elements.for_each(|element| list.push(end, element));
        (list.view().len(), Some(event(end, true)))
    })?;
    reply.integer(len as i64);
    Ok(Effect::if_changed(len > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn adds_at_either_end_one_after_the_other() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("rpush l a b"), ":2");
        assert_eq!(bench.reply("lpush l 1 2"), ":4");
        assert_eq!(bench.reply("lrange l 0 -1"), "*4|$1|2|$1|1|$1|a|$1|b");
        assert_eq!(bench.effect("rpush l c"), "rpush l c");
        assert_eq!(bench.events("lpush l d e"), "lpush l");
        assert_eq!(bench.events("rpush new d e"), "rpush new");
        bench.reply("expire l 10");
        bench.reply("rpush l x");
        assert_eq!(bench.reply("ttl l"), ":10");
    }

    #[test]
    fn adds_only_to_what_is_there() {
        let mut bench = Bench::new();
        for line in ["lpushx l a", "rpushx l a"] {
            assert_eq!(bench.reply(line), ":0");
            assert_eq!(bench.effect(line), "");
            assert_eq!(bench.events(line), "");
        }
        assert_eq!(bench.reply("exists l"), ":0");
        bench.reply("rpush l a");
        assert_eq!(bench.reply("lpushx l b c"), ":3");
        assert_eq!(bench.reply("rpushx l d"), ":4");
        assert_eq!(bench.reply("lrange l 0 -1"), "*4|$1|c|$1|b|$1|a|$1|d");
    }

    #[test]
    fn refuses_another_type() {
        let mut bench = Bench::new();
        bench.reply("set s 1");
        for name in ["lpush", "rpush", "lpushx", "rpushx"] {
            let reply = bench.reply(&format!("{name} s a"));
            assert!(reply.starts_with("-WRONGTYPE"), "{name}");
        }
        assert_eq!(bench.reply("get s"), "$1|1");
    }

    /// When redis-server 7.2 says another encoding, it is said here, too.
    #[test]
    fn the_encoding_follows_the_directive_and_returns_at_half() {
        let mut bench = Bench::new();
        let encoding = |bench: &mut Bench| bench.reply("object encoding l");
        // Each element takes 102 bytes with its lengths: 80 of them with the list's 7 are 8167.
        let element = "x".repeat(99);
        for _ in 0..80 {
            bench.reply(&format!("rpush l {element}"));
        }
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply(&format!("rpush l {element}"));
        assert_eq!(encoding(&mut bench), "$9|quicklist");
        bench.reply("ltrim l 0 40");
        assert_eq!(encoding(&mut bench), "$9|quicklist");
        bench.reply("rpop l");
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply(&format!("lset l 0 {}", "y".repeat(9000)));
        assert_eq!(encoding(&mut bench), "$9|quicklist");
        bench.reply("lset l 0 y");
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply("del l");
        bench.config.list_max_listpack_size = 4;
        bench.reply("rpush l a b c d");
        assert_eq!(encoding(&mut bench), "$8|listpack");
        bench.reply("linsert l before a x");
        assert_eq!(encoding(&mut bench), "$9|quicklist");
        bench.reply("lrem l 2 x");
        bench.reply("lpop l 1");
        assert_eq!(encoding(&mut bench), "$9|quicklist");
        bench.reply("lpop l 1");
        assert_eq!(encoding(&mut bench), "$8|listpack");
    }
}
