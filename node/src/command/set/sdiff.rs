//! SDIFF and SDIFFSTORE.

use super::algebra::{self, put_difference, subtract};
use crate::command::Definition;
use crate::data::Event;
use crate::spec::Spec;

pub(super) static SDIFF: Definition = Definition {
    spec: Spec {
        name: "sdiff",
        complexity: COMPLEXITY,
        summary: "Returns what only the first set has",
        ..algebra::showing()
    },
    ..Definition::run(|exec, args, reply| algebra::show(exec, args, reply, subtract))
};

pub(super) static SDIFFSTORE: Definition = Definition {
    spec: Spec {
        name: "sdiffstore",
        complexity: COMPLEXITY,
        summary: "Stores what only the first set has; returns how many members that are",
        ..algebra::storing()
    },
    ..Definition::run(|exec, args, reply| {
        algebra::store(exec, args, reply, Event::SDiffStore, put_difference)
    })
};

const COMPLEXITY: &str = "O(N) with N the number of members of all sets together";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::command::testing::Bench;

    #[test]
    fn gives_what_only_the_first_has() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1 2 3 x y");
        bench.reply("sadd b x 3");
        bench.reply("set str 1");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("sdiff a b", "*3|$1|1|$1|2|$1|y"),
            ("sdiff b a", "*0"),
            ("sdiff a a", "*0"),
            ("sdiff b missing", "*2|$1|x|$1|3"),
            ("sdiff missing b", "*0"),
            ("sdiff missing str", wrong_type),
        ]);
        bench.session.resp3 = true;
        assert_eq!(bench.reply("sdiff b a"), "~0");
    }

    /// A large set and many small ones: those are collected first.
    #[test]
    fn both_ways_give_the_same() {
        let mut bench = Bench::new();
        let mut expected = BTreeSet::new();
        for member in 0..600 {
            bench.reply(&format!("sadd large member:{member}"));
            expected.insert(format!("member:{member}"));
        }
        let mut line = "large".to_owned();
        for set in 0..12 {
            for member in [set, set * 7, set * 50, 1000 + set] {
                bench.reply(&format!("sadd set:{set} member:{member}"));
                expected.remove(&format!("member:{member}"));
            }
            line.push_str(&format!(" set:{set}"));
            let reply = bench.reply(&format!("sdiff {line}"));
            let members: BTreeSet<_> = reply.split('|').skip(2).step_by(2).collect();
            assert_eq!(members.len(), expected.len());
            assert!(members.iter().all(|member| expected.contains(*member)));
            let stored = bench.reply(&format!("sdiffstore d {line}"));
            assert_eq!(stored, format!(":{}", expected.len()));
            assert_eq!(bench.reply("sdiff d large"), "*0");
        }
    }

    #[test]
    fn stores_it_whatever_was_there() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1 2 x");
        bench.reply("sadd b 2 x");
        bench.reply("set d str ex 100");
        assert_eq!(bench.reply("sdiffstore d a b"), ":1");
        assert_eq!(bench.reply("smembers d"), "*1|$1|1");
        assert_eq!(bench.reply("object encoding d"), "$6|intset");
        assert_eq!(bench.events("sdiffstore d a b"), "sdiffstore d");
        assert_eq!(bench.effect("sdiffstore a a b"), "sdiffstore a a b");
        assert_eq!(bench.events("sdiffstore d a a"), "del d");
        assert_eq!(bench.effect("sdiffstore d a a"), "");
    }
}
