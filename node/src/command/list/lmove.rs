//! LMOVE, and RPOPLPUSH as it was called with fixed ends; BLMOVE and BRPOPLPUSH wait for an element.

use slotkeeper_tree::element::{Element, Text};

use super::{end, event, limits, take_from, wait};
use crate::command::parse::deadline_after_seconds;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::data::{End, ListMut};
use crate::request::Nothing;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Blocking, DenyOom, NoScript, Write};
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
        shift_now(exec, args, reply, ends)
    })
};

pub(super) static BLMOVE: Definition = Definition {
    spec: Spec {
        name: "blmove",
        arity: 6,
        since: "6.2.0",
        summary: "Moves an element from an end of a list to an end of a list; waits for one to move",
        arguments: &[
            Argument::key("source"),
            Argument::key_of("destination", 1),
            Argument::one_of("wherefrom", ENDS),
            Argument::one_of("whereto", ENDS),
            Argument::double("timeout"),
        ],
        ..waiting()
    },
    ..Definition::run(|exec, args, reply| {
        let ends = (end(args.get(3))?, end(args.get(4))?);
        let deadline = deadline_after_seconds(args.get(5), exec.now)?;
        if !shift(exec, args, reply, ends)? {
            return Ok(wait(1..2, deadline, Nothing::Single));
        }
        let (source, destination) = (args.get(1), args.get(2));
        let argv = [b"LMOVE", source, destination, args.get(3), args.get(4)];
        Ok(Effect::rewritten(&argv))
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
    ..Definition::run(|exec, args, reply| shift_now(exec, args, reply, (End::Right, End::Left)))
};

pub(super) static BRPOPLPUSH: Definition = Definition {
    spec: Spec {
        name: "brpoplpush",
        arity: 4,
        since: "2.2.0",
        summary: "Moves the last element of a list before the first of another; waits for one to move",
        history: &[("6.0.0", "`timeout` may have a fraction.")],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
        }),
        arguments: &[
            Argument::key("source"),
            Argument::key_of("destination", 1),
            Argument::double("timeout"),
        ],
        ..waiting()
    },
    ..Definition::run(|exec, args, reply| {
        let deadline = deadline_after_seconds(args.get(3), exec.now)?;
        if !shift(exec, args, reply, (End::Right, End::Left))? {
            return Ok(wait(1..2, deadline, Nothing::Single));
        }
        Ok(Effect::rewritten(&[b"RPOPLPUSH", args.get(1), args.get(2)]))
    })
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

const fn waiting() -> Spec {
    Spec {
        flags: Flags::of(&[Write, DenyOom, NoScript, Blocking]),
        ..family()
    }
}

fn shift_now(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    ends: (End, End),
) -> Result<Effect, Refused> {
    if shift(exec, args, reply, ends)? {
        return Ok(Effect::AsWritten);
    }
    reply.null();
    Ok(Effect::None)
}

/// Moves an element, and shows it; false if there is none.
fn shift(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    (from, to): (End, End),
) -> Result<bool, Refused> {
    let (db, limits) = (exec.session.db, limits(exec));
    let (source, destination) = (args.key(exec.data, 1), args.key(exec.data, 2));
    let moved = match exec.data.get_to_change(db, &source) {
        None => None,
        Some(entry) => entry.as_list()?.at_end(from).map(Moved::new),
    };
    let Some(moved) = moved else {
        return Ok(false);
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
    Ok(true)
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
    use crate::request::{Awaited, Nothing};

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
    fn waits_for_the_source_alone() {
        let mut bench = Bench::new();
        for line in ["blmove a b left right 0.25", "brpoplpush a b 0.25"] {
            let block = bench.block(line);
            assert_eq!((block.keys, block.awaited), (1..2, Awaited::List), "{line}");
            assert_eq!(block.deadline, Some(bench.now.mono_ms() + 250));
            assert_eq!(block.otherwise, Nothing::Single);
        }
        bench.reply("rpush a 1 2 3 4");
        bench.replies(&[
            ("blmove a b left right 0", "$1|1"),
            ("brpoplpush a b 0", "$1|4"),
            ("lrange b 0 -1", "*2|$1|4|$1|1"),
            ("blmove a b left middle x", "-ERR syntax error"),
            ("brpoplpush a b -1", "-ERR timeout is negative"),
        ]);
        let line = "blmove a b LEFT right 0";
        assert_eq!(bench.effect(line), "LMOVE a b LEFT right");
        assert_eq!(bench.effect("brpoplpush a b 0"), "RPOPLPUSH a b");
        bench.reply("set s x");
        assert!(
            bench
                .reply("blmove s b left left 0")
                .starts_with("-WRONGTYPE")
        );
        assert!(
            bench
                .reply("blmove b s left left 0")
                .starts_with("-WRONGTYPE")
        );
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
