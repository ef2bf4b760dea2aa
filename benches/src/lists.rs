//! What is measured of lists, and its bounds.

use crate::rows::{
    Big, Collection, Cost, ENDS, Fill, INDEX, Load, Memory, NEVER_ABOVE, RANKED, Saved, Template,
    each, words,
};

/// An element of 16 bytes.
const ELEMENT: &str = "elm:__rand_int__";
/// How many elements the big list has.
const ELEMENTS: u32 = 1_000_000;

const PUSH: Template = each(&["RPUSH", "big"], &[ELEMENT]);
const BIG: Fill = Fill {
    name: "list of 1e6 elements of 16 B, B an element",
    before: None,
    request: PUSH,
    batch: 50,
    keys: 1,
    elements: ELEMENTS,
};
const LONG: Fill = Fill {
    name: "list of 1e7 elements of 16 B, B an element",
    request: each(&["RPUSH", "long"], &[ELEMENT]),
    elements: 10_000_000,
    ..BIG
};
const MIDDLE: Fill = Fill {
    name: "list of 50 elements of 16 B, B a key",
    before: None,
    request: each(&["RPUSH", "middle:__rand_int__"], &[ELEMENT]),
    batch: 50,
    keys: 20_000,
    elements: 50,
};

const RPUSH: Load =
    Load::of_one("RPUSH", words(&["RPUSH", "big", ELEMENT]), ELEMENTS, ENDS).spoiling(BIG);
const LPOP: Load = Load::of_one("LPOP", words(&["LPOP", "big"]), 1, ENDS).spoiling(BIG);

const LOADS: &[Load] = &[
    Load::of_50("RPUSH of 50", PUSH, ELEMENTS, ENDS).spoiling(BIG),
    Load::of_50(
        "LPUSH of 50",
        each(&["LPUSH", "big"], &[ELEMENT]),
        ELEMENTS,
        ENDS,
    )
    .spoiling(BIG),
    Load::of_50("LPOP 50", words(&["LPOP", "big", "50"]), 1, ENDS).spoiling(BIG),
    Load::of_50("RPOP 50", words(&["RPOP", "big", "50"]), 1, ENDS).spoiling(BIG),
    Load::of_50(
        "LRANGE of 50",
        words(&["LRANGE", "middle:__rand_int__", "0", "-1"]),
        MIDDLE.keys,
        NEVER_ABOVE,
    ),
    Load::of_50(
        "LRANGE, tail",
        words(&["LRANGE", "big", "-50", "-1"]),
        1,
        NEVER_ABOVE,
    ),
    RPUSH,
    Load::of_one("LPUSH", words(&["LPUSH", "big", ELEMENT]), ELEMENTS, ENDS).spoiling(BIG),
    LPOP,
    Load::of_one("RPOP", words(&["RPOP", "big"]), 1, ENDS).spoiling(BIG),
    // redis-benchmark writes numbers with zeros in front, which are no indexes.
    Load {
        fewer: 10,
        ..Load::of_one("LINDEX", words(&["LINDEX", "big", "333333"]), 1, RANKED)
    },
    Load {
        fewer: 10,
        ..Load::of_one(
            "LSET",
            words(&["LSET", "big", "333333", ELEMENT]),
            ELEMENTS,
            NEVER_ABOVE,
        )
    },
    RPUSH.at("RPUSH P=1", Cost::Alone),
    LPOP.at("LPOP P=1", Cost::Alone),
    RPUSH.at("RPUSH P=100", Cost::AbovePing(100)),
    LPOP.at("LPOP P=100", Cost::AbovePing(100)),
];

/// Lists.
pub const LISTS: Collection = Collection {
    name: "lists",
    memory: &[
        Memory {
            fill: BIG,
            bound: None,
        },
        Memory {
            fill: LONG,
            bound: Some(19.2),
        },
        Memory {
            fill: MIDDLE,
            bound: None,
        },
    ],
    loads: LOADS,
    big: Big {
        key: "big",
        before: &[],
        add: PUSH,
        batch: 50,
        change: each(&["LSET", "big"], &[INDEX, ELEMENT]),
        remove: words(&["LPOP", "big"]),
    },
    saved: Saved {
        fill: BIG,
        change: PUSH,
        bound: 0.1,
    },
};
