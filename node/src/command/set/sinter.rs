//! SINTER and SINTERSTORE: the members of the smallest set are looked for in the others.

use super::algebra::{self, by_size, intersect, put_intersection, sets};
use crate::command::Definition;
use crate::data::Event;
use crate::spec::KeyFlag::{Access, RO, RW, Update};
use crate::spec::{KeySpec, Spec};

pub(super) static SINTER: Definition = Definition {
    spec: Spec {
        name: "sinter",
        complexity: COMPLEXITY,
        summary: "Returns what all sets have",
        ..algebra::showing()
    },
    ..Definition::run(|exec, args, reply| {
        algebra::show(exec, args, reply, |exec, keys, visit| {
            let sets = by_size(&sets(&exec.data.reader(), exec.session.db, keys));
            intersect(&sets.unwrap_or_default(), |member| {
                visit(member);
                true
            });
        })
    })
};

pub(super) static SINTERSTORE: Definition = Definition {
    spec: Spec {
        name: "sinterstore",
        keys: &[
            KeySpec::one(1, &[RW, Update]),
            KeySpec::rest(2, &[RO, Access]),
        ],
        complexity: COMPLEXITY,
        summary: "Stores what all sets have; returns how many members that are",
        ..algebra::storing()
    },
    ..Definition::run(|exec, args, reply| {
        algebra::store(exec, args, reply, Event::SInterStore, put_intersection)
    })
};

pub(super) const COMPLEXITY: &str =
    "O(N*M) with N the number of members of the smallest set and M the number of sets";

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn gives_what_all_have() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1 2 3 x");
        bench.reply("sadd b x 3 2 y z");
        bench.reply("sadd c 2 x");
        bench.reply("set str 1");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.replies(&[
            ("sinter a b c", "*2|$1|2|$1|x"),
            ("sinter b a", "*3|$1|2|$1|3|$1|x"),
            ("sinter c", "*2|$1|2|$1|x"),
            ("sinter a a", "*4|$1|1|$1|2|$1|3|$1|x"),
            ("sinter a missing b", "*0"),
            ("sinter missing str", wrong_type),
        ]);
        bench.session.resp3 = true;
        assert_eq!(bench.reply("sinter c a"), "~2|$1|2|$1|x");
    }

    #[test]
    fn stores_it_whatever_was_there() {
        let mut bench = Bench::new();
        bench.reply("sadd a 1 2 3 x");
        bench.reply("sadd b x 3 2 y z");
        bench.reply("set d str ex 100");
        assert_eq!(bench.reply("sinterstore d a b"), ":3");
        assert_eq!(bench.reply("ttl d"), ":-1");
        assert_eq!(bench.effect("sinterstore a a b"), "sinterstore a a b");
        assert_eq!(bench.reply("scard a"), ":3", "one of its own sources");
        assert_eq!(bench.events("sinterstore d a b"), "sinterstore d");
        assert_eq!(bench.events("sinterstore d a missing"), "del d");
        assert_eq!(
            bench.effect("sinterstore d a missing"),
            "",
            "nothing is there"
        );
        assert_eq!(bench.reply("sinterstore d a missing"), ":0");
    }

    /// As redis-server 7.2.
    #[test]
    fn what_is_stored_is_an_intset_if_it_can_be() {
        let mut bench = Bench::new();
        bench.reply("sadd words 1 2 3 x");
        bench.reply("sadd numbers 1 2 3");
        bench.reply("sadd more 1 2 x y z");
        for (line, expected) in [
            ("sinterstore d words numbers", "intset"),
            ("sinterstore d words more", "listpack"),
            ("sinterstore d words words", "listpack"),
        ] {
            bench.reply(line);
            let said = bench.reply("object encoding d");
            assert!(said.ends_with(expected), "{line}: {said}");
        }
        let many: Vec<_> = (0..600).map(|number| number.to_string()).collect();
        bench.reply(&format!("sadd many x {}", many.join(" ")));
        bench.reply("sinterstore d many many");
        assert_eq!(bench.reply("object encoding d"), "$9|hashtable");
    }
}
