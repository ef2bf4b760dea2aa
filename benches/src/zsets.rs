//! What is measured of sorted sets, and its bounds.

use crate::rows::{
    Big, Collection, Cost, Fill, Load, Memory, NEVER_ABOVE, PLAIN, RANKED, Saved, Template, each,
    words,
};

/// A member of 16 bytes.
const MEMBER: &str = "mem:__rand_int__";
/// A score with a fraction: random in a load.
const SCORE: &str = "0.__rand_int__";
/// The same in a fill, where members come in their order and scores do not.
const FILLED: &str = "0.__scattered__";
/// How many members the big sorted set has.
const MEMBERS: u32 = 1_000_000;
/// Where random scores end, in units of their last digit.
const SCORES: u32 = u32::MAX / 2;

const ADD: Template = each(&["ZADD", "big"], &[FILLED, MEMBER]);
const CHANGE: Template = each(&["ZADD", "big"], &[SCORE, MEMBER]);
const REMOVE: Template = each(&["ZREM", "big"], &[MEMBER]);
const BIG: Fill = Fill {
    name: "sorted set of 1e6 members of 16 B, B a member",
    before: None,
    request: ADD,
    batch: 50,
    keys: 1,
    elements: MEMBERS,
};
const SMALL: Fill = Fill {
    name: "sorted set of 20 members of 16 B, B a key",
    before: None,
    request: each(&["ZADD", "key:__rand_int__"], &[FILLED, "a member it is##"]),
    batch: 20,
    keys: 100_000,
    elements: 20,
};
/// For ZRANGE, which returns so many members.
const MIDDLE: Fill = Fill {
    name: "sorted set of 50 members of 16 B, B a key",
    before: None,
    request: each(
        &["ZADD", "middle:__rand_int__"],
        &[FILLED, "a member it is##"],
    ),
    batch: 50,
    keys: 20_000,
    elements: 50,
};
const MANY: Fill = Fill {
    name: "sorted set of 5e6 members of 16 B",
    elements: 5_000_000,
    ..BIG
};

const ZADD: Load = Load::of_one(
    "ZADD",
    words(&["ZADD", "big", SCORE, MEMBER]),
    MEMBERS,
    RANKED,
);
const ZSCORE: Load = Load::of_one("ZSCORE", words(&["ZSCORE", "big", MEMBER]), MEMBERS, PLAIN);

const LOADS: &[Load] = &[
    Load::of_50("ZADD of 50", CHANGE, MEMBERS, RANKED),
    Load::of_50("ZADD of 50, new", CHANGE, SCORES, RANKED).spoiling(BIG),
    Load::of_50("ZREM of 50", REMOVE, MEMBERS, RANKED).spoiling(BIG),
    Load::of_50(
        "ZMSCORE of 50",
        each(&["ZMSCORE", "big"], &[MEMBER]),
        MEMBERS,
        PLAIN,
    ),
    Load::of_50(
        "ZRANGE of 50",
        words(&["ZRANGE", "middle:__rand_int__", "0", "-1"]),
        MIDDLE.keys,
        RANKED,
    ),
    Load::of_50(
        "ZRANGE, scores",
        words(&["ZRANGE", "middle:__rand_int__", "0", "-1", "WITHSCORES"]),
        MIDDLE.keys,
        RANKED,
    ),
    Load::of_50(
        "ZRANGE, ranks",
        words(&["ZRANGE", "big", "500000", "500049"]),
        1,
        RANKED,
    ),
    ZADD,
    ZSCORE,
    Load::of_one(
        "ZINCRBY",
        words(&["ZINCRBY", "big", "0.5", MEMBER]),
        MEMBERS,
        RANKED,
    ),
    Load::of_one("ZREM", words(&["ZREM", "big", MEMBER]), MEMBERS, RANKED).spoiling(BIG),
    Load::of_one(
        "ZRANK",
        words(&["ZRANK", "big", MEMBER]),
        MEMBERS,
        NEVER_ABOVE,
    ),
    Load::of_one("ZPOPMIN", words(&["ZPOPMIN", "big"]), 1, NEVER_ABOVE).spoiling(BIG),
    Load::of_one(
        "ZSCORE, 20",
        words(&["ZSCORE", "key:__rand_int__", "a member it is07"]),
        SMALL.keys,
        NEVER_ABOVE,
    ),
    Load::of_one(
        "ZADD, 20",
        words(&["ZADD", "key:__rand_int__", SCORE, "a member it is07"]),
        SMALL.keys,
        NEVER_ABOVE,
    ),
    ZSCORE.at("ZSCORE P=1", Cost::Alone),
    ZADD.at("ZADD P=1", Cost::Alone),
    ZSCORE.at("ZSCORE P=100", Cost::AbovePing(100)),
    ZADD.at("ZADD P=100", Cost::AbovePing(100)),
];

/// Sorted sets.
pub const ZSETS: Collection = Collection {
    name: "zsets",
    memory: &[
        Memory {
            fill: BIG,
            bound: Some(46.0),
        },
        Memory {
            fill: SMALL,
            bound: Some(575.0),
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
        change: each(&["ZADD", "big"], &["-0.__rand_int__", MEMBER]),
        remove: REMOVE,
    },
    saved: Saved {
        fill: MANY,
        change: CHANGE,
        bound: 0.1,
    },
};
