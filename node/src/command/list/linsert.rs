//! LINSERT.

use slotkeeper_tree::element::Element;

use super::limits;
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::Event;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Insert, RW};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static LINSERT: Definition = Definition {
    spec: Spec {
        name: "linsert",
        arity: 5,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(1, &[RW, Insert])],
        since: "2.2.0",
        complexity: "O(N) with N the number of elements before the pivot",
        summary: "Inserts an element beside the first one that equals the pivot; returns the new length",
        arguments: &[
            Argument::key("key"),
            Argument::one_of(
                "where",
                &[
                    Argument::word("before", "BEFORE"),
                    Argument::word("after", "AFTER"),
                ],
            ),
            Argument::string("pivot"),
            Argument::string("element"),
        ],
        ..Spec::new(Group::List)
    },
    ..Definition::run(linsert)
};

fn linsert(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let behind = if args.is(2, "after") {
        1
    } else if args.is(2, "before") {
        0
    } else {
        return Err(SYNTAX);
    };
    let (db, key, limits) = (exec.session.db, args.key(exec.data, 1), limits(exec));
    let (pivot, element) = (Element::new(args.get(3)), args.get(4));
    let len = exec.data.change_list(db, &key, limits, |list| {
        if list.view().is_empty() {
            return (0, None);
        }
        // As in Redis, before it is known whether it can be done.
        list.will_add(element.len(), 1);
        let found = list.view().elements(0, true).position(|it| it == pivot);
        let Some(at) = found else {
            return (-1, None);
        };
        list.insert(at + behind, element);
        (list.view().len() as i64, Some(Event::LInsert))
    })?;
    reply.integer(len);
    Ok(Effect::if_changed(len > 0))
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn inserts_beside_the_pivot() {
        let mut bench = Bench::new();
        bench.reply("rpush l a 5 a");
        bench.replies(&[
            ("linsert l before 5 x", ":4"),
            ("linsert l AFTER a y", ":5"),
            ("linsert l after 5 z", ":6"),
            ("lrange l 0 -1", "*6|$1|a|$1|y|$1|x|$1|5|$1|z|$1|a"),
            ("linsert l before q x", ":-1"),
            ("linsert missing before a x", ":0"),
            ("linsert missing beside a x", "-ERR syntax error"),
        ]);
        assert_eq!(bench.effect("linsert l before q x"), "");
        assert_eq!(bench.events("linsert l before q x"), "");
        assert_eq!(bench.events("linsert l before a 1"), "linsert l");
        assert_eq!(bench.reply("exists missing"), ":0");
    }
}
