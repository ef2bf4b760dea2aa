//! What is measured of sets, and its bounds.

use crate::rows::{
    Big, Collection, Cost, Fill, INTEGER, Load, Memory, NEVER_ABOVE, PLAIN, RANKED, Saved,
    Template, each, words,
};

/// A member of 16 bytes.
const MEMBER: &str = "mem:__rand_int__";
/// How many members the big sets have.
const MEMBERS: u32 = 1_000_000;

const ADD: Template = each(&["SADD", "big"], &[MEMBER]);
const REMOVE: Template = each(&["SREM", "big"], &[MEMBER]);
const BIG: Fill = Fill {
    name: "set of 1e6 members of 16 B, B a member",
    before: None,
    request: ADD,
    batch: 50,
    keys: 1,
    elements: MEMBERS,
};
const INTEGERS: Fill = Fill {
    name: "set of 1e6 members of 8 digits, B a member",
    request: each(&["SADD", "integers"], &[INTEGER]),
    ..BIG
};
const SMALL: Fill = Fill {
    name: "set of 20 members of 16 B, B a key",
    before: None,
    request: each(&["SADD", "key:__rand_int__"], &["a member it is##"]),
    batch: 20,
    keys: 100_000,
    elements: 20,
};
/// For SMEMBERS, which returns so many members.
const MIDDLE: Fill = Fill {
    name: "set of 50 members of 16 B, B a key",
    before: None,
    request: each(&["SADD", "middle:__rand_int__"], &["a member it is##"]),
    batch: 50,
    keys: 20_000,
    elements: 50,
};
const MANY: Fill = Fill {
    name: "set of 1e7 members of 16 B",
    elements: 10_000_000,
    ..BIG
};

const SADD: Load = Load::of_one("SADD", words(&["SADD", "big", MEMBER]), MEMBERS, PLAIN);
const SISMEMBER: Load = Load::of_one(
    "SISMEMBER",
    words(&["SISMEMBER", "big", MEMBER]),
    MEMBERS,
    PLAIN,
);

const LOADS: &[Load] = &[
    Load::of_50("SADD of 50", ADD, MEMBERS, PLAIN),
    Load::of_50("SADD of 50, new", ADD, u32::MAX / 2, PLAIN).spoiling(BIG),
    Load::of_50("SREM of 50", REMOVE, MEMBERS, PLAIN).spoiling(BIG),
    Load::of_50("SREM, missing", REMOVE, u32::MAX / 2, PLAIN),
    Load::of_50(
        "SMISMEMBER, 50",
        each(&["SMISMEMBER", "big"], &[MEMBER]),
        MEMBERS,
        PLAIN,
    ),
    Load::of_50(
        "SMEMBERS of 50",
        words(&["SMEMBERS", "middle:__rand_int__"]),
        MIDDLE.keys,
        PLAIN,
    ),
    Load::of_50(
        "SRANDMEMBER 50",
        words(&["SRANDMEMBER", "big", "50"]),
        1,
        RANKED,
    ),
    Load::of_50("SPOP 50", words(&["SPOP", "big", "50"]), 1, RANKED).spoiling(BIG),
    SADD,
    SISMEMBER,
    Load::of_one("SREM", words(&["SREM", "big", MEMBER]), MEMBERS, PLAIN).spoiling(BIG),
    Load::of_one("SPOP", words(&["SPOP", "big"]), 1, RANKED).spoiling(BIG),
    Load::of_one("SRANDMEMBER", words(&["SRANDMEMBER", "big"]), 1, RANKED),
    Load::of_one(
        "SISMEMBER, 20",
        words(&["SISMEMBER", "key:__rand_int__", "a member it is07"]),
        SMALL.keys,
        NEVER_ABOVE,
    ),
    Load::of_one(
        "SADD, 20",
        words(&["SADD", "key:__rand_int__", "a member it is07"]),
        SMALL.keys,
        NEVER_ABOVE,
    ),
    SISMEMBER.at("SISMEMBER P=1", Cost::Alone),
    SADD.at("SADD P=1", Cost::Alone),
    SISMEMBER.at("SISMEMBER 100", Cost::AbovePing(100)),
    SADD.at("SADD P=100", Cost::AbovePing(100)),
];

/// Sets.
pub const SETS: Collection = Collection {
    name: "sets",
    memory: &[
        Memory {
            fill: BIG,
            bound: Some(24.0),
        },
        Memory {
            fill: INTEGERS,
            bound: Some(10.0),
        },
        Memory {
            fill: SMALL,
            bound: Some(385.0),
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
        add: ADD,
        batch: 50,
        change: ADD,
        remove: REMOVE,
    },
    saved: Saved {
        fill: MANY,
        change: ADD,
        bound: 0.1,
    },
};
