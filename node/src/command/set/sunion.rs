//! SUNION and SUNIONSTORE.

use super::algebra::{self, put_union, unite};
use crate::command::Definition;
use crate::data::Event;
use crate::spec::Spec;

pub(super) static SUNION: Definition = Definition {
    spec: Spec {
        name: "sunion",
        complexity: COMPLEXITY,
        summary: "Returns what any of the sets has",
        ..algebra::showing()
    },
    ..Definition::run(|exec, args, reply| algebra::show(exec, args, reply, unite))
};

pub(super) static SUNIONSTORE: Definition = Definition {
    spec: Spec {
        name: "sunionstore",
        complexity: COMPLEXITY,
        summary: "Stores what any of the sets has; returns how many members that are",
        ..algebra::storing()
    },
    ..Definition::run(|exec, args, reply| {
        algebra::store(exec, args, reply, Event::SUnionStore, put_union)
    })
};

const COMPLEXITY: &str = "O(N) with N the number of members of all sets together";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::testing::Bench;

    #[test]
    fn gives_what_any_has() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1 2");
        bench.reply("sadd b 2 x");
        bench.reply("set str 1");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("sunion a b", "*3|$1|1|$1|2|$1|x"),
            ("sunion b missing a b", "*3|$1|2|$1|x|$1|1"),
            ("sunion missing", "*0"),
            ("sunion a str", wrong_type),
        ]);
        bench.session.resp3 = true;
        assert_eq!(bench.reply("sunion a"), "~2|$1|1|$1|2");
    }

    #[test]
    fn gives_each_member_of_many_sets_once() {
        let mut bench = Bench::new();
        let (mut line, mut expected) = ("sunion".to_owned(), BTreeSet::new());
        for set in 0..20 {
            for member in set * 10..set * 10 + 100 {
                bench.reply(&format!("sadd set:{set} member:{member}"));
                expected.insert(format!("member:{member}"));
            }
            line.push_str(&format!(" set:{set}"));
            let reply = bench.reply(&line);
            let members: Vec<_> = reply.split('|').skip(2).step_by(2).collect();
            assert_eq!(members.len(), expected.len());
            assert!(members.iter().all(|member| expected.contains(*member)));
        }
        while bench.data.reclaim_step(1000) {}
        bench.data.flush(None);
        while bench.data.reclaim_step(1000) {}
        assert_eq!(
            bench.data.stats().memory,
            0,
            "nothing is left of what it collected"
        );
    }

    #[test]
    fn stores_it_whatever_was_there() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1 2");
        bench.reply("sadd b 2 3");
        bench.reply("set d str ex 100");
        assert_eq!(bench.reply("sunionstore d a b"), ":3");
        assert_eq!(bench.reply("ttl d"), ":-1");
        assert_eq!(bench.reply("object encoding d"), "$6|intset");
        assert_eq!(bench.reply("sunionstore a a b d"), ":3");
        assert_eq!(bench.events("sunionstore d a b"), "sunionstore d");
        assert_eq!(bench.effect("sunionstore d a b"), "sunionstore d a b");
        assert_eq!(bench.events("sunionstore d missing"), "del d");
        assert_eq!(bench.effect("sunionstore d missing"), "");
    }
}
