//! LMOVE, and RPOPLPUSH as it was called with fixed ends.

use slotkeeper_tree::element::{Element, Text};

use super::{end, event, limits, take_from};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{End, ListMut};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{Access, Delete, Insert, RW};
use crate::spec::{Argument, Deprecated, Flags, Group, KeySpec, Spec};

const ENDS: &[Argument] = &[
    Argument::word("left", "LEFT"),
    Argument::word("right", "RIGHT"),
];

pub(super) static LMOVE: Definition = Definition {
    spec: Spec {
        name: "lmove",
        arity: 5,
        since: "6.2.0",
        summary: "Moves an element from an end of a list to an end of another, or of the same; returns it",
        arguments: &[
            Argument::key("source"),
            Argument::key_of("destination", 1),
            Argument::one_of("wherefrom", ENDS),
            Argument::one_of("whereto", ENDS),
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        let ends = (end(args.get(3))?, end(args.get(4))?);
        shift(exec, args, reply, ends)
    })
};

pub(super) static RPOPLPUSH: Definition = Definition {
    spec: Spec {
        name: "rpoplpush",
        arity: 3,
        since: "1.2.0",
        summary: "Moves the last element of a list before the first of another; returns it",
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`LMOVE` with the `RIGHT` and `LEFT` arguments",
        }),
        arguments: &[Argument::key("source"), Argument::key_of("destination", 1)],
        ..family()
    },
    ..Definition::run(|exec, args, reply| shift(exec, args, reply, (End::Right, End::Left)))
};

const fn family() -> Spec {
    Spec {
        flags: Flags::of(&[Write, DenyOom]),
        keys: const {
            &[
                KeySpec::one(1, &[RW, Access, Delete]),
                KeySpec::one(2, &[RW, Insert]),
            ]
        },
        ..Spec::new(Group::List)
    }
}

fn shift(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    (from, to): (End, End),
) -> Result<Effect, Refused> {
    let (db, limits) = (exec.session.db, limits(exec));
    let (source, destination) = (args.key(exec.data, 1), args.key(exec.data, 2));
    let moved = match exec.data.get_to_change(db, &source) {
        None => None,
        Some(entry) => entry.as_list()?.at_end(from).map(Moved::new),
    };
    let Some(moved) = moved else {
        reply.null();
        return Ok(Effect::None);
    };
    if source.bytes == destination.bytes {
        exec.data.change_list(db, &source, limits, |list| {
            take_from(list, from, 1);
            moved.push(list, to);
            ((), Some(event(to, true)))
        })?;
        exec.data.note(db, &source, event(from, false));
    } else {
        exec.data.change_list(db, &destination, limits, |list| {
            moved.push(list, to);
            ((), Some(event(to, true)))
        })?;
        exec.data.change_list(db, &source, limits, |list| {
            take_from(list, from, 1);
            ((), Some(event(from, false)))
        })?;
    }
    reply.bulk(&moved.bytes);
    Ok(Effect::AsWritten)
}

/// An element on its way.
struct Moved {
    bytes: Vec<u8>,
    is_integer: bool,
}

impl Moved {
    fn new(element: Element<'_>) -> Moved {
        Moved {
            bytes: element.bytes(&mut Text::new()).to_vec(),
            is_integer: matches!(element, Element::Int(_)),
        }
    }

    fn push(&self, list: &mut ListMut<'_>, to: End) {
        // As in Redis, an integer that is moved counts nothing.
        let bytes = if self.is_integer { 0 } else { self.bytes.len() };
        list.will_add(bytes, 1);
        list.push(to, &self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn moves_between_lists_and_within_one() {
        let mut bench = Bench::new();
        bench.reply("rpush a 1 2 3");
        bench.replies(&[
            ("lmove a b LEFT RIGHT", "$1|1"),
            ("lmove a b right left", "$1|3"),
            ("lrange b 0 -1", "*2|$1|3|$1|1"),
            ("rpoplpush b a", "$1|1"),
            ("lrange a 0 -1", "*2|$1|1|$1|2"),
            ("lmove a a left right", "$1|1"),
            ("lrange a 0 -1", "*2|$1|2|$1|1"),
            ("rpoplpush a a", "$1|1"),
            ("lmove a a left left", "$1|1"),
            ("lrange a 0 -1", "*2|$1|1|$1|2"),
            ("lmove missing a left left", "$-1"),
            ("lmove a b left middle", "-ERR syntax error"),
        ]);
        bench.reply("rpush one x");
        assert_eq!(bench.reply("rpoplpush one one"), "$1|x");
        assert_eq!(bench.reply("lrange one 0 -1"), "*1|$1|x");
    }

    #[test]
    fn tells_of_both_lists() {
        let mut bench = Bench::new();
        bench.reply("rpush a 1 2");
        assert_eq!(bench.events("lmove a b left right"), "rpush b;lpop a");
        assert_eq!(bench.events("rpoplpush a b"), "lpush b;rpop a;del a");
        assert_eq!(bench.events("lmove b b left left"), "lpush b;lpop b");
        assert_eq!(bench.effect("rpoplpush b a"), "rpoplpush b a");
        assert_eq!(bench.effect("rpoplpush missing a"), "");
        assert_eq!(bench.events("rpoplpush missing a"), "");
    }

    #[test]
    fn refuses_another_type_and_changes_nothing() {
        let mut bench = Bench::new();
        bench.reply("rpush a 1 2");
        bench.reply("set s x");
        for line in [
            "lmove a s left left",
            "lmove s a left left",
            "rpoplpush s s",
        ] {
            assert!(bench.reply(line).starts_with("-WRONGTYPE"), "{line}");
            assert_eq!(bench.events(line), "", "{line}");
        }
        // Without an element to move, the other key is not looked at.
        assert_eq!(bench.reply("rpoplpush missing s"), "$-1");
        assert_eq!(bench.reply("lrange a 0 -1"), "*2|$1|1|$1|2");
    }
}
