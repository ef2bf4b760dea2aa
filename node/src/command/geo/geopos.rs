//! GEOPOS and GEODIST.

use super::hash::Place;
use super::{show_distance, show_place, unit};
use crate::command::parse::SYNTAX;
use crate::command::{Definition, Effect, Exec, Refused};
use crate::resp::{Args, Reply};
use crate::spec::Flag::ReadOnly;
use crate::spec::KeyFlag::{Access, RO};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

/// The units of distances.
pub(super) const UNIT: Argument = Argument::one_of(
    "unit",
    &[
        Argument::word("m", "M"),
        Argument::word("km", "KM"),
        Argument::word("ft", "FT"),
        Argument::word("mi", "MI"),
    ],
);

pub(super) static GEOPOS: Definition = Definition {
    spec: Spec {
        name: "geopos",
        arity: -2,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "3.2.0",
        complexity: "O(1) for each member",
        summary: "Returns the longitudes and latitudes of members",
        arguments: &[
            Argument::key("key"),
            Argument::string("member").multiple().optional(),
        ],
        ..Spec::new(Group::Geo)
    },
    ..Definition::run(geopos)
};

pub(super) static GEODIST: Definition = Definition {
    spec: Spec {
        name: "geodist",
        arity: -4,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "3.2.0",
        summary: "Returns the distance between two members",
        arguments: &[
            Argument::key("key"),
            Argument::string("member1"),
            Argument::string("member2"),
            UNIT.optional(),
        ],
        ..Spec::new(Group::Geo)
    },
    ..Definition::run(geodist)
};

fn geopos(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let key = args.key(exec.data, 1);
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    reply.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => show_place(reply, Place::of_score(score)),
            None => reply.null_array(),
        }
    }
    Ok(Effect::None)
}

fn geodist(exec: &mut Exec<'_>, args: &Args<'_>, reply: &mut Reply) -> Result<Effect, Refused> {
    let metres = match args.len() {
        4 => 1.0,
        5 => unit(args.get(4))?,
        _ => return Err(SYNTAX),
    };
    let key = args.key(exec.data, 1);
    let zset = exec.data.get_zset(exec.session.db, &key)?;
    let place = |index| Some(Place::of_score(zset?.score(args.get(index))?));
    match place(2).zip(place(3)) {
        Some((one, other)) => show_distance(reply, one.distance(other) / metres),
        None => reply.null(),
    }
    Ok(Effect::None)
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    #[test]
    fn shows_places_and_distances() {
        let mut bench = Bench::new();
        bench.reply("geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
        bench.replies(&[
            (
                "geopos g Palermo x",
                "*2|*2|$20|13.36138933897018433|$20|38.11555639549629859|*-1",
            ),
            ("geopos missing x", "*1|*-1"),
            ("geopos g", "*0"),
            ("geodist g Palermo Catania", "$11|166274.1516"),
            ("geodist g Palermo Catania KM", "$8|166.2742"),
            ("geodist g Palermo Catania mi", "$8|103.3182"),
            ("geodist g Palermo Palermo ft", "$6|0.0000"),
            ("geodist g Palermo x", "$-1"),
            ("geodist missing Palermo x", "$-1"),
            (
                "geodist g Palermo Catania x",
                "-ERR unsupported unit provided. please use M, KM, FT, MI",
            ),
            ("geodist g Palermo Catania km m", "-ERR syntax error"),
        ]);
        bench.session.resp3 = true;
        bench.replies(&[
            (
                "geopos g Palermo x",
                "*2|*2|,13.36138933897018433|,38.11555639549629859|_",
            ),
            ("geodist g Palermo Catania", "$11|166274.1516"),
        ]);
    }
}
