//! GEOADD: ZADD with geohashes as scores.

use super::place;
use crate::command::parse::SYNTAX;
use crate::command::sorted_set::zadd;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::{DenyOom, Write};
use crate::spec::KeyFlag::{RW, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

pub(super) static GEOADD: Definition = Definition {
    spec: Spec {
        name: "geoadd",
        arity: -5,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[KeySpec::one(1, &[RW, Update])],
        since: "3.2.0",
        complexity: "O(log(N)) for each member, with N the number of members",
        summary: "Gives members of a sorted set places on the earth; returns how many are new",
        history: &[("6.2.0", "With `CH`, `NX` and `XX`.")],
        arguments: &[
            Argument::key("key"),
            Argument::one_of(
                "condition",
                &[Argument::word("nx", "NX"), Argument::word("xx", "XX")],
            )
            .since("6.2.0")
            .optional(),
            Argument::word("change", "CH").since("6.2.0").optional(),
            Argument::block(
                "data",
                &[
                    Argument::double("longitude"),
                    Argument::double("latitude"),
                    Argument::string("member"),
                ],
            )
            .multiple(),
        ],
        ..Spec::new(Group::Geo)
    },
    ..Definition::run(geoadd)
};

fn geoadd(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let (mut options, mut at) = (zadd::Options::default(), 2);
    while at < args.len() {
        if args.is(at, "nx") {
            options.nx = true;
        } else if args.is(at, "xx") {
            options.xx = true;
        } else if args.is(at, "ch") {
            options.ch = true;
        } else {
            break;
        }
        at += 1;
    }
    let rest = args.len() - at;
    if rest == 0 || !rest.is_multiple_of(3) || options.nx && options.xx {
        return Err(SYNTAX);
    }
    let mut scored = Vec::with_capacity(rest / 3);
    for at in (at..args.len()).step_by(3) {
        scored.push((place(args, at)?.score(), args.get(at + 2)));
    }
    let key = args.key(exec.data, 1);
    zadd::add(exec, &key, &scored, options, reply)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn adds_places() {
        let mut bench = Bench::new();
        let line = "geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania";
        assert_eq!(bench.events(line), "zadd g");
        bench.replies(&[
            (line, ":0"),
            ("zscore g Palermo", "$16|3479099956230698"),
            ("geoadd g ch 13.4 38.1 Palermo 1 2 new", ":2"),
            ("geoadd g nx 1 1 Palermo", ":0"),
            ("geoadd g xx 1 1 other", ":0"),
            ("zcard g", ":3"),
            (
                "geoadd g 180 85.05112878 corner -180 -85.05112878 other",
                ":2",
            ),
        ]);
        assert_eq!(bench.effect("geoadd g 1 2 new"), "");
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.plant_hash("h");
        let pair = |numbers: &str| format!("-ERR invalid longitude,latitude pair {numbers}");
        bench.replies(&[
            ("geoadd g 181 1 x", &pair("181.000000,1.000000")),
            ("geoadd g 1 85.06 x", &pair("1.000000,85.060000")),
            ("geoadd g 1 1 a 1 -inf x", &pair("1.000000,-inf")),
            ("geoadd g x 1 x", "-ERR value is not a valid float"),
            ("geoadd g 1 1 a 1", "-ERR syntax error"),
            ("geoadd g nx xx 1 1 a", "-ERR syntax error"),
            ("geoadd g ch ch ch", "-ERR syntax error"),
            (
                "geoadd h 1 1 a",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
            ("exists g", ":0"),
        ]);
    }
}
