//! SADD.

use super::limits;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Fast, Write};
use crate::spec::KeyFlag::{Insert, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static SADD: Definition = Definition {
    spec: Spec {
        name: "sadd",
        arity: -3,
        flags: Flags::of(&[Write, DenyOom, Fast]),
        keys: &[KeySpec::one(1, &[RW, Insert])],
        complexity: "O(N) with N the number of members that are added",
        summary: "Adds members to a set; returns how many of them are new",
        history: &[("2.4.0", "With several members.")],
        arguments: &[Argument::key("key"), Argument::string("member").multiple()],
        ..Spec::new(Group::Set)
    },
    ..Definition::run(sadd)
};

fn sadd(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let added = exec.data.change_set(db, &key, limits, |set| {
        set.announce(args.get(2), args.len() - 2);
        let added = set.add_each(args.from(2));
        (added, (added > 0).then_some(Event::SAdd))
    })?;
    reply.integer(added as i64);
    Ok(Effect::if_changed(added > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn adds_members_and_counts_the_new_ones() {
        let mut bench = Bench::new();
        assert_eq!(bench.reply("sadd s a b a"), ":2");
        assert_eq!(bench.reply("sadd s a c"), ":1");
        assert_eq!(bench.reply("smembers s"), "*3|$1|a|$1|b|$1|c");
        assert_eq!(bench.effect("sadd s d a"), "sadd s d a");
        assert_eq!(bench.effect("sadd s d a"), "", "nothing is new");
        assert_eq!(bench.events("sadd s e"), "sadd s");
        assert_eq!(bench.events("sadd s e"), "");
        bench.reply("expire s 10");
        bench.reply("sadd s f");
        assert_eq!(bench.reply("ttl s"), ":10");
        bench.reply("set str 1");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(bench.reply("sadd str a"), wrong_type);
    }

    /// When redis-server 7.2 says another encoding, it is said here, too.
    #[test]
    fn the_encoding_follows_the_directives_and_stays() {
        let mut bench = Bench::new();
        let numbers = |range: std::ops::Range<u32>| {
            let words: Vec<_> = range.map(|number| number.to_string()).collect();
            words.join(" ")
        };
        let long = "x".repeat(65);
        for (lines, expected) in [
            (vec![format!("sadd s {}", numbers(0..512))], "intset"),
            (vec![format!("sadd s {}", numbers(0..513))], "hashtable"),
            (
                vec![
                    format!("sadd s {}", numbers(0..512)),
                    "sadd s 512".to_owned(),
                ],
                "hashtable",
            ),
            (
                vec![format!("sadd s {}", numbers(0..127)), "sadd s x".to_owned()],
                "listpack",
            ),
            (
                vec![format!("sadd s {}", numbers(0..128)), "sadd s x".to_owned()],
                "hashtable",
            ),
            (vec![format!("sadd s x {}", numbers(0..127))], "listpack"),
            (vec![format!("sadd s x {}", numbers(0..128))], "hashtable"),
            (vec![format!("sadd s {}", &long[1..])], "listpack"),
            (vec![format!("sadd s {long}")], "hashtable"),
            (
                vec![
                    "sadd s a".to_owned(),
                    format!("sadd s {}", "a ".repeat(128) + "a"),
                ],
                "hashtable",
            ),
            (
                vec![format!("sadd s a {long}"), format!("srem s {long}")],
                "hashtable",
            ),
        ] {
            bench.reply("del s");
            for line in &lines {
                bench.reply(line);
            }
            let said = bench.reply("object encoding s");
            assert!(said.ends_with(expected), "{lines:?}: {said}");
        }
        bench.config.set_max_intset_entries = 1;
        bench.config.set_max_listpack_entries = 2;
        bench.config.set_max_listpack_value = 3;
        for (line, expected) in [
            ("sadd a 1", "intset"),
            ("sadd a 2", "hashtable"),
            ("sadd b 1 2", "listpack"),
            ("sadd b xxx", "hashtable"),
            ("sadd c xxxx", "hashtable"),
        ] {
            bench.reply(line);
            let key = line.split(' ').nth(1).unwrap();
            let said = bench.reply(&format!("object encoding {key}"));
            assert!(said.ends_with(expected), "{line}: {said}");
        }
    }
}
