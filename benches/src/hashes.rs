//! What is measured of hashes, and its bounds.

use crate::rows::{
    Big, Collection, Cost, Fill, Load, Memory, NUMBER, PLAIN, RANKED, Saved, Template, each, words,
};

/// A value of 16 bytes that differs from most others.
const VALUE: &str = "val:__rand_int__";
/// How many fields the big hashes have.
const FIELDS: u32 = 1_000_000;

const SET_FIELDS: Template = each(&["HSET", "big"], &[NUMBER, VALUE]);
const REMOVE_FIELDS: Template = each(&["HDEL", "big"], &[NUMBER]);
const BIG: Fill = Fill {
    name: "hash of 1e6 fields of 12 + 16 B, B a field",
    before: None,
    request: SET_FIELDS,
    batch: 50,
    keys: 1,
    elements: FIELDS,
};
const SMALL: Fill = Fill {
    name: "hash of 10 fields of 8 + 16 B, B a key",
    before: None,
    request: each(&["HSET", "key:__rand_int__"], &["field:##", VALUE]),
    batch: 10,
    keys: 100_000,
    elements: 10,
};
/// For HGETALL, which returns so many fields.
const MIDDLE: Fill = Fill {
    name: "hash of 50 fields of 8 + 16 B, B a key",
    before: None,
    request: each(&["HSET", "middle:__rand_int__"], &["field:##", VALUE]),
    batch: 50,
    keys: 20_000,
    elements: 50,
};
const COUNTERS: Fill = Fill {
    name: "hash of 1e6 counters, 12 B and a number, B a field",
    before: None,
    request: each(&["HSET", "counters"], &[NUMBER, "100000"]),
    batch: 50,
    keys: 1,
    elements: FIELDS,
};

const HSET: Load = Load::of_one(
    "HSET",
    words(&["HSET", "big", NUMBER, VALUE]),
    FIELDS,
    PLAIN,
);
const HGET: Load = Load::of_one("HGET", words(&["HGET", "big", NUMBER]), FIELDS, PLAIN);

const LOADS: &[Load] = &[
    Load::of_50("HSET of 50", SET_FIELDS, FIELDS, PLAIN),
    Load::of_50(
        "HMGET of 50",
        each(&["HMGET", "big"], &[NUMBER]),
        FIELDS,
        PLAIN,
    ),
    Load::of_50("HDEL of 50", REMOVE_FIELDS, FIELDS, PLAIN).spoiling(BIG),
    Load::of_50(
        "HGETALL of 50",
        words(&["HGETALL", "middle:__rand_int__"]),
        MIDDLE.keys,
        PLAIN,
    ),
    Load::of_50(
        "HRANDFIELD 50",
        words(&["HRANDFIELD", "big", "50"]),
        FIELDS,
        RANKED,
    ),
    HGET,
    HSET,
    Load::of_one("HDEL", words(&["HDEL", "big", NUMBER]), FIELDS, PLAIN).spoiling(BIG),
    Load::of_one(
        "HINCRBY",
        words(&["HINCRBY", "counters", NUMBER, "1"]),
        FIELDS,
        PLAIN,
    ),
    Load::of_one("HRANDFIELD", words(&["HRANDFIELD", "big"]), FIELDS, RANKED),
    Load::of_one(
        "HGET, small",
        words(&["HGET", "key:__rand_int__", "field:07"]),
        SMALL.keys,
        PLAIN,
    ),
    Load::of_one(
        "HSET, small",
        words(&["HSET", "key:__rand_int__", "field:07", "other:0123456789"]),
        SMALL.keys,
        PLAIN,
    ),
    HGET.at("HGET P=1", Cost::Alone),
    HSET.at("HSET P=1", Cost::Alone),
    HGET.at("HGET P=100", Cost::AbovePing(100)),
    HSET.at("HSET P=100", Cost::AbovePing(100)),
];

/// Fields of 12 bytes, values of 100.
const LONG: Template = each(
    &["HSET", "big"],
    &[
        NUMBER,
        "__rand_int__ 3456789012345678901234567890123456789012345678901234567890123456789\
         012345678901234567",
    ],
);

/// Hashes.
pub const HASHES: Collection = Collection {
    name: "hashes",
    memory: &[
        Memory {
            fill: BIG,
            bound: Some(40.0),
        },
        Memory {
            fill: SMALL,
            bound: Some(305.0),
        },
        Memory {
            fill: MIDDLE,
            bound: None,
        },
        Memory {
            fill: COUNTERS,
            bound: None,
        },
    ],
    loads: LOADS,
    big: Big {
        key: "big",
        before: &[],
        add: SET_FIELDS,
        batch: 50,
        change: SET_FIELDS,
        remove: REMOVE_FIELDS,
    },
    saved: Saved {
        fill: Fill {
            name: "hash of 1 GB",
            before: None,
            request: LONG,
            batch: 50,
            keys: 1,
            elements: 8_400_000,
        },
        change: LONG,
        bound: 0.1,
    },
};
