//! GEOSEARCH and GEOSEARCHSTORE.

use super::geopos::UNIT;
use super::search::{COUNT, Form, ORDER, WITH_COORD, WITH_DIST, WITH_HASH, search};
use crate::command::Definition;
use crate::data::Event;
use crate::spec::Flag::{DenyOom, ReadOnly, Write};
use crate::spec::KeyFlag::{Access, OW, RO, Update};
use crate::spec::{Argument, Flags, Group, KeySpec, Spec};

const FROM: Argument = Argument::one_of(
    "from",
    &[
        Argument::string("member").token("FROMMEMBER"),
        Argument::block(
            "fromlonlat",
            &[Argument::double("longitude"), Argument::double("latitude")],
        )
        .token("FROMLONLAT"),
    ],
);
const BY: Argument = Argument::one_of(
    "by",
    &[
        Argument::block(
            "circle",
            &[Argument::double("radius").token("BYRADIUS"), UNIT],
        ),
        Argument::block(
            "box",
            &[
                Argument::double("width").token("BYBOX"),
                Argument::double("height"),
                UNIT,
            ],
        ),
    ],
);
const COMPLEXITY: &str =
    "O(N+log(M)) with N the members in the boxes around the area and M those of the set";

pub(super) static GEOSEARCH: Definition = Definition {
    spec: Spec {
        name: "geosearch",
        history: &[("7.0.0", "Units in capital letters.")],
        arity: -7,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "6.2.0",
        complexity: COMPLEXITY,
        summary: "Returns the members that are in a circle or in a box",
        arguments: &[
            Argument::key("key"),
            FROM,
            BY,
            ORDER,
            COUNT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
        ],
        ..Spec::new(Group::Geo)
    },
    ..Definition::run(|exec, args, reply| search(exec, args, reply, Form::Search))
};

pub(super) static GEOSEARCHSTORE: Definition = Definition {
    spec: Spec {
        name: "geosearchstore",
        history: &[("7.0.0", "Units in capital letters.")],
        arity: -8,
        flags: Flags::of(&[Write, DenyOom]),
        keys: &[
            KeySpec::one(1, &[OW, Update]),
            KeySpec::one(2, &[RO, Access]),
        ],
        since: "6.2.0",
        complexity: COMPLEXITY,
        summary: "Stores the members that are in a circle or in a box; returns how many",
        arguments: &[
            Argument::key("destination"),
            Argument::key_of("source", 1),
            FROM,
            BY,
            ORDER,
            COUNT,
            Argument::word("storedist", "STOREDIST").optional(),
        ],
        ..Spec::new(Group::Geo)
    },
    ..Definition::run(|exec, args, reply| {
        search(exec, args, reply, Form::SearchStore(Event::GeoSearchStore))
    })
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;

    fn sicily() -> Bench {
        let mut bench = Bench::new();
        bench.reply("geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
        bench.reply("geoadd g 12.758489 38.788135 edge1 17.241510 38.788135 edge2");
        bench
    }

    #[test]
    fn finds_what_is_in_a_circle_or_in_a_box() {
        let mut bench = sicily();
        bench.replies(&[
            (
                "geosearch g fromlonlat 15 37 byradius 200 km asc",
                "*2|$7|Catania|$7|Palermo",
            ),
            (
                "geosearch g fromlonlat 15 37 bybox 400 400 km asc withcoord withdist",
                "*4|*3|$7|Catania|$7|56.4413|*2|$20|15.08726745843887329|$20|37.50266842333162032\
                 |*3|$7|Palermo|$8|190.4424|*2|$20|13.36138933897018433|$20|38.11555639549629859\
                 |*3|$5|edge2|$8|279.7403|*2|$20|17.24151045083999634|$20|38.78813451624225195\
                 |*3|$5|edge1|$8|279.7405|*2|$19|12.7584877610206604|$20|38.78813451624225195",
            ),
            (
                "geosearch g frommember Palermo byradius 100 km withhash",
                "*2|*2|$7|Palermo|:3479099956230698|*2|$5|edge1|:3479273021651468",
            ),
            (
                "geosearch g frommember Palermo byradius 1000 km count 2 desc",
                "*2|$5|edge2|$7|Catania",
            ),
            ("geosearch missing frommember x byradius 1 km", "*0"),
        ]);
        let any = bench.reply("geosearch g fromlonlat 15 37 byradius 300 km count 1 any");
        assert!(any.starts_with("*1|"), "{any}");
    }

    #[test]
    fn stores_what_it_finds() {
        let mut bench = sicily();
        bench.reply("set d x");
        let line = "geosearchstore d g fromlonlat 15 37 byradius 200 km";
        assert_eq!(bench.events(line), "geosearchstore d");
        assert_eq!(bench.effect(line), line);
        bench.replies(&[
            (
                "zrange d 0 -1 withscores",
                "*4|$7|Palermo|$16|3479099956230698|$7|Catania|$16|3479447370796909",
            ),
            (&format!("{line} storedist count 1"), ":1"),
            (
                "zrange d 0 -1 withscores",
                "*2|$7|Catania|$16|56.4412578701582",
            ),
        ]);
        let nothing = "geosearchstore d g fromlonlat 100 37 byradius 200 km";
        assert_eq!(bench.events(nothing), "del d");
        assert_eq!(bench.effect(nothing), "");
        bench.reply("set d x");
        assert_eq!(
            bench.events("geosearchstore d missing frommember x byradius 1 m"),
            "del d"
        );
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = sicily();
        bench.plant_hash("h");
        let from = "geosearch g frommember Palermo";
        let syntax = "-ERR syntax error";
        for (line, reply) in [
            (format!("{from} byradius x km"), "-ERR need numeric radius"),
            (
                format!("{from} byradius -1 km"),
                "-ERR radius cannot be negative",
            ),
            (format!("{from} bybox x 1 km"), "-ERR need numeric width"),
            (format!("{from} bybox 1 x km"), "-ERR need numeric height"),
            (
                format!("{from} bybox 1 -1 km"),
                "-ERR height or width cannot be negative",
            ),
            (
                format!("{from} byradius 1 x"),
                "-ERR unsupported unit provided. please use M, KM, FT, MI",
            ),
            (
                "geosearch g frommember x byradius 1 km".to_owned(),
                "-ERR could not decode requested zset member",
            ),
            (format!("{from} fromlonlat 1 1 byradius 1 m"), syntax),
            (format!("{from} byradius 1 m bybox 1 1 m"), syntax),
            (format!("{from} byradius 1 m store d"), syntax),
            (format!("{from} byradius 1 m storedist"), syntax),
            (
                format!("{from} byradius 1 m any"),
                "-ERR the ANY argument requires COUNT argument",
            ),
            (
                format!("{from} byradius 1 m count 0"),
                "-ERR COUNT must be > 0",
            ),
            (
                "geosearch g asc asc asc asc asc".to_owned(),
                "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch",
            ),
            (
                format!("{from} asc asc asc"),
                "-ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch",
            ),
            (
                "geosearchstore d g frommember Palermo byradius 1 m withdist".to_owned(),
                "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            (
                "geosearch h frommember Palermo byradius 1 m".to_owned(),
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ] {
            assert_eq!(bench.reply(&line), reply, "{line}");
        }
    }
}
