//! GEORADIUS and GEORADIUSBYMEMBER, and their forms that only read.

use super::geopos::UNIT;
use super::search::{COUNT, Form, ORDER, WITH_COORD, WITH_DIST, WITH_HASH, search};
use crate::command::Definition;
use crate::resp::Args;
use crate::spec::Flag::{DenyOom, ReadOnly, Write};
use crate::spec::KeyFlag::{Access, OW, RO, Update};
use crate::spec::{
    Argument, BeginSearch, Deprecated, FindKeys, Flags, Group, Indexes, KeySpec, Spec,
};

const LONGITUDE: Argument = Argument::double("longitude");
const LATITUDE: Argument = Argument::double("latitude");
const MEMBER: Argument = Argument::string("member");
const RADIUS: Argument = Argument::double("radius");
const STORE: Argument = Argument::one_of(
    "store",
    &[
        Argument::key_of("storekey", 1).token("STORE"),
        Argument::key_of("storedistkey", 2).token("STOREDIST"),
    ],
)
.optional();
const COMPLEXITY: &str =
    "O(N+log(M)) with N the members in the boxes around the area and M those of the set";
const STORING: Flags = Flags::of(&[Write, DenyOom]);

pub(super) static GEORADIUS: Definition = Definition {
    spec: Spec {
        name: "georadius",
        history: &[
            ("6.2.0", "`COUNT` with `ANY`."),
            ("7.0.0", "Units in capital letters."),
        ],
        arity: -6,
        flags: STORING,
        keys: &[
            KeySpec::one(1, &[RO, Access]),
            stored("STORE", 6).found_by(|args| stored_key(args, 6, "store")),
            stored("STOREDIST", 6).found_by(|args| stored_key(args, 6, "storedist")),
        ],
        summary: "Returns or stores the members that are in a circle around a place",
        deprecated: replaced("`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
        arguments: &[
            Argument::key("key"),
            LONGITUDE,
            LATITUDE,
            RADIUS,
            UNIT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
            COUNT,
            ORDER,
            STORE,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| search(exec, args, reply, Form::Radius { stores: true }))
};

pub(super) static GEORADIUS_RO: Definition = Definition {
    spec: Spec {
        name: "georadius_ro",
        history: &[("6.2.0", "`COUNT` with `ANY`.")],
        arity: -6,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "3.2.10",
        summary: "Returns the members that are in a circle around a place",
        deprecated: replaced("`GEOSEARCH` with the `BYRADIUS` argument"),
        arguments: &[
            Argument::key("key"),
            LONGITUDE,
            LATITUDE,
            RADIUS,
            UNIT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
            COUNT,
            ORDER,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| search(exec, args, reply, Form::Radius { stores: false }))
};

pub(super) static GEORADIUSBYMEMBER: Definition = Definition {
    spec: Spec {
        name: "georadiusbymember",
        history: &[("7.0.0", "Units in capital letters.")],
        arity: -5,
        flags: STORING,
        keys: &[
            KeySpec::one(1, &[RO, Access]),
            stored("STORE", 5).found_by(|args| stored_key(args, 5, "store")),
            stored("STOREDIST", 5).found_by(|args| stored_key(args, 5, "storedist")),
        ],
        summary: "Returns or stores the members that are in a circle around one of them",
        deprecated: replaced(
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
        ),
        arguments: &[
            Argument::key("key"),
            MEMBER,
            RADIUS,
            UNIT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
            COUNT,
            ORDER,
            STORE,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        search(exec, args, reply, Form::RadiusByMember { stores: true })
    })
};

pub(super) static GEORADIUSBYMEMBER_RO: Definition = Definition {
    spec: Spec {
        name: "georadiusbymember_ro",
        arity: -5,
        flags: Flags::of(&[ReadOnly]),
        keys: &[KeySpec::one(1, &[RO, Access])],
        since: "3.2.10",
        summary: "Returns the members that are in a circle around one of them",
        deprecated: replaced("`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
        arguments: &[
            Argument::key("key"),
            MEMBER,
            RADIUS,
            UNIT,
            WITH_COORD,
            WITH_DIST,
            WITH_HASH,
            COUNT,
            ORDER,
        ],
        ..family()
    },
    ..Definition::run(|exec, args, reply| {
        search(exec, args, reply, Form::RadiusByMember { stores: false })
    })
};

const fn family() -> Spec {
    Spec {
        since: "3.2.0",
        complexity: COMPLEXITY,
        ..Spec::new(Group::Geo)
    }
}

const fn replaced(replaced_by: &'static str) -> Option<Deprecated> {
    Some(Deprecated {
        since: "6.2.0",
        replaced_by,
    })
}

/// The destination, as COMMAND INFO has it.
const fn stored(word: &'static str, from: i8) -> KeySpec {
    let find = FindKeys::Range {
        last: 0,
        step: 1,
        limit: 0,
    };
    KeySpec::new(BeginSearch::Keyword { word, from }, find, &[OW, Update])
}

/// The key behind the last STORE, or the last STOREDIST. Of both words the last one counts, but Redis
/// takes the keys of both for keys of the command.
fn stored_key(args: &Args<'_>, from: usize, word: &str) -> Indexes {
    let (mut found, mut at) = (Indexes::NONE, from);
    while at + 1 < args.len() {
        if args.is(at, "store") || args.is(at, "storedist") {
            at += 1;
            if args.is(at - 1, word) {
                found = Indexes::one(at);
            }
        } else if args.is(at, "count") {
            at += 1;
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::command::resolve;
    use crate::command::testing::Bench;
    use crate::resp::Args;

    #[test]
    fn searches_around_a_place_or_a_member() {
        let mut bench = Bench::new();
        bench.reply("geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
        bench.replies(&[
            ("georadius g 15 37 100 km", "*1|$7|Catania"),
            (
                "georadius_ro g 15 37 200 km withdist asc",
                "*2|*2|$7|Catania|$7|56.4413|*2|$7|Palermo|$8|190.4424",
            ),
            (
                "georadiusbymember g Palermo 200 km desc",
                "*2|$7|Catania|$7|Palermo",
            ),
            ("georadiusbymember_ro g Palermo 10 km", "*1|$7|Palermo"),
            ("georadius g 15 37 200 km count 1 store d", ":1"),
            ("zrange d 0 -1", "*1|$7|Catania"),
            ("georadiusbymember g Palermo 200 km storedist d", ":2"),
            ("zscore d Palermo", "$1|0"),
            ("georadius missing 15 37 200 km", "*0"),
            ("georadiusbymember missing x y km", "*0"),
        ]);
        assert_eq!(bench.events("georadius g 15 37 1 km store d"), "del d");
        assert_eq!(
            bench.events("georadius g 15 37 100 km store d"),
            "georadiusstore d"
        );
        let distance = "-ERR need numeric radius";
        let member = "-ERR could not decode requested zset member";
        let both = "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and \
                    WITHCOORD options";
        bench.replies(&[
            ("georadius g 15 37 x km", distance),
            ("georadiusbymember g x 1 km", member),
            ("georadius g 15 37 1 km withdist store d", both),
            ("georadius_ro g 15 37 1 km store d", "-ERR syntax error"),
            ("georadius g 15 37 1 km byradius 1 km", "-ERR syntax error"),
        ]);
    }

    #[test]
    fn the_last_destination_of_each_word_is_found() {
        for (line, keys) in [
            ("georadius k 1 2 3 m", &[1][..]),
            ("georadius k 1 2 3 m store d", &[1, 7]),
            ("georadius k 1 2 3 m store d storedist e", &[1, 7, 9]),
            ("georadius k 1 2 3 m storedist d store e", &[1, 9, 7]),
            ("georadius k 1 2 3 m store d store e", &[1, 9]),
            ("georadius k 1 2 3 m count store store d", &[1, 9]),
            ("georadiusbymember store store 3 m store d", &[1, 6]),
            ("georadiusbymember_ro k x 3 m store d", &[1]),
        ] {
            let argv: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
            let args = Args::kept(&argv);
            let found: Vec<usize> = resolve(&args).unwrap().keys(&args).collect();
            assert_eq!(found, keys, "{line}");
        }
    }
}
