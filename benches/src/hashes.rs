//! What is measured of hashes, and its bounds.

use crate::rows::{Big, Collection, Cost, Fill, Load, Memory, NUMBER, Saved, Template};

/// A value of 16 bytes that differs from most others.
const VALUE: &str = "val:__rand_int__";
/// How many fields the big hashes have.
const FIELDS: u32 = 1_000_000;

const SET_FIELDS: Template = Template {
    head: &["HSET", "big"],
    element: &[NUMBER, VALUE],
};
const BIG: Fill = Fill {
    name: "hash of 1e6 fields of 12 + 16 B, B a field",
    request: SET_FIELDS,
    batch: 50,
    keys: 1,
    elements: FIELDS,
};
const SMALL: Fill = Fill {
    name: "hash of 10 fields of 8 + 16 B, B a key",
    request: Template {
        head: &["HSET", "key:__rand_int__"],
        element: &["field:##", VALUE],
    },
    batch: 10,
    keys: 100_000,
    elements: 10,
};
/// For HGETALL, which returns so many fields.
const MIDDLE: Fill = Fill {
    name: "hash of 50 fields of 8 + 16 B, B a key",
    request: Template {
        head: &["HSET", "middle:__rand_int__"],
        element: &["field:##", VALUE],
    },
    batch: 50,
    keys: 20_000,
    elements: 50,
};
const COUNTERS: Fill = Fill {
    name: "hash of 1e6 counters, 12 B and a number, B a field",
    request: Template {
        head: &["HSET", "counters"],
        element: &[NUMBER, "100000"],
    },
    batch: 50,
    keys: 1,
    elements: FIELDS,
};

/// What is read and written of single elements.
const PLAIN: f64 = 0.45;
/// What has to find elements by rank.
const RANKED: f64 = 0.4;

const fn of_50(name: &'static str, head: &'static [&'static str]) -> Load {
    Load {
        name,
        request: Template {
            head,
            element: &[NUMBER],
        },
        range: FIELDS,
        cost: Cost::PerElement(50),
        bound: PLAIN,
        spoils: None,
    }
}

const fn of_one(name: &'static str, head: &'static [&'static str]) -> Load {
    Load {
        name,
        request: Template { head, element: &[] },
        range: FIELDS,
        cost: Cost::AbovePing,
        bound: PLAIN,
        spoils: None,
    }
}

const LOADS: &[Load] = &[
    Load {
        request: SET_FIELDS,
        ..of_50("HSET of 50", &[])
    },
    of_50("HMGET of 50", &["HMGET", "big"]),
    Load {
        spoils: Some(BIG),
        ..of_50("HDEL of 50", &["HDEL", "big"])
    },
    Load {
        request: Template {
            head: &["HGETALL", "middle:__rand_int__"],
            element: &[],
        },
        range: MIDDLE.keys,
        ..of_50("HGETALL of 50", &[])
    },
    Load {
        request: Template {
            head: &["HRANDFIELD", "big", "50"],
            element: &[],
        },
        bound: RANKED,
        ..of_50("HRANDFIELD 50", &[])
    },
    of_one("HGET", &["HGET", "big", NUMBER]),
    of_one("HSET", &["HSET", "big", NUMBER, VALUE]),
    Load {
        spoils: Some(BIG),
        ..of_one("HDEL", &["HDEL", "big", NUMBER])
    },
    of_one("HINCRBY", &["HINCRBY", "counters", NUMBER, "1"]),
    Load {
        bound: RANKED,
        ..of_one("HRANDFIELD", &["HRANDFIELD", "big"])
    },
    Load {
        range: SMALL.keys,
        ..of_one("HGET, small", &["HGET", "key:__rand_int__", "field:07"])
    },
    Load {
        range: SMALL.keys,
        ..of_one(
            "HSET, small",
            &["HSET", "key:__rand_int__", "field:07", "other:0123456789"],
        )
    },
];

/// Fields of 12 bytes, values of 100.
const LONG: Template = Template {
    head: &["HSET", "big"],
    element: &[
        NUMBER,
        "__rand_int__ 3456789012345678901234567890123456789012345678901234567890123456789\
         012345678901234567",
    ],
};

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
        add: SET_FIELDS,
        remove: Template {
            head: &["HDEL", "big"],
            element: &[NUMBER],
        },
    },
    saved: Saved {
        fill: Fill {
            name: "hash of 1 GB",
            request: LONG,
            batch: 50,
            keys: 1,
            elements: 8_400_000,
        },
        change: LONG,
        bound: 0.1,
    },
};
