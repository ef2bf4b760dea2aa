//! LTRIM.

use super::{limits, range};
use crate::command::parse::integer;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::Write;
use crate::spec::KeyFlag::{Delete, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LTRIM: Definition = Definition {
    spec: Spec {
        name: "ltrim",
        arity: 4,
        flags: Flags::of(&[Write]),
        keys: &[KeySpec::one(1, &[RW, Delete])],
        complexity: "O(N) with N the number of elements that are removed, or of those that stay if \
                 these are far fewer",
        summary: "Removes all elements of a list but for a range of indexes",
        arguments: &[
            Argument::key("key"),
            Argument::integer("start"),
            Argument::integer("stop"),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(ltrim)
};

fn ltrim(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (start, stop) = (integer(args.get(2))?, integer(args.get(3))?);
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let removed = exec.data.change_list(db, &key, limits, |list| {
        let len = list.view().len();
        if len == 0 {
            return (0, None);
        }
        let (first, count) = range(start, stop, len);
        list.keep(first, count);
        // As in Redis, the key counts as changed even if nothing went.
        (len - count, Some(Event::LTrim))
    })?;
    reply.ok();
    Ok(Effect::if_changed(removed > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn keeps_a_range() {
        let mut bench = Bench::new();
        bench.reply("rpush l a b c d e f");
        bench.replies(&[
            ("ltrim l 1 -2", "+OK"),
            ("lrange l 0 -1", "*4|$1|b|$1|c|$1|d|$1|e"),
            ("ltrim l -3 100", "+OK"),
            ("lrange l 0 -1", "*3|$1|c|$1|d|$1|e"),
            ("ltrim missing 0 0", "+OK"),
            (
                "ltrim missing x 0",
                "-ERR value is not an integer or out of range",
            ),
        ]);
        assert_eq!(bench.effect("ltrim l 0 -1"), "");
        assert_eq!(bench.events("ltrim l 0 -1"), "ltrim l");
        assert_eq!(bench.effect("ltrim l 0 1"), "ltrim l 0 1");
        assert_eq!(bench.events("ltrim l 5 9"), "ltrim l;del l");
        assert_eq!(bench.reply("exists l"), ":0");
        assert_eq!(bench.events("ltrim l 0 1"), "");
    }

    #[test]
    fn a_long_list_keeps_little_or_much() {
        for (start, stop, len) in [(0, 9, 10), (-20, -6, 15), (5, -5, 4991), (2000, 2999, 1000)] {
            let mut bench = Bench::new();
            for number in 0..5000 {
                bench.reply(&format!("rpush l element:{number}"));
            }
            bench.reply(&format!("ltrim l {start} {stop}"));
            assert_eq!(bench.reply("llen l"), format!(":{len}"));
            let first = if start < 0 { 5000 + start } else { start };
            for (index, number) in [
                (0, first),
                (len / 2, first + len / 2),
                (-1, first + len - 1),
            ] {
                let reply = bench.reply(&format!("lindex l {index}"));
                assert!(reply.ends_with(&format!("|element:{number}")), "{reply}");
            }
        }
    }
}
