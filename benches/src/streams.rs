//! What is measured of streams, and its bounds.

use crate::rows::{
    Big, Collection, Cost, Fill, Load, Memory, NEVER_ABOVE, RANKED, Saved, Template, each, words,
};

/// The id of the message of a number.
pub const ID: &str = "__rand_int__-1";
/// Three fields, with values of about 8 bytes.
pub const MESSAGE: &[&str] = &[
    ID, "sensor", "s:##", "value", "17.25 Hz", "place", "hall no7",
];
/// How many messages the big stream has.
pub const MESSAGES: u32 = 1_000_000;
/// How many messages a load may remove or take before they are made anew.
pub const QUEUED: u32 = 100_000;

pub const BIG: Fill = Fill {
    name: "stream of 1e6 messages of 3 fields, B a message",
    before: None,
    request: each(&["XADD", "big"], MESSAGE),
    batch: 1,
    keys: 1,
    elements: MESSAGES,
};
const MANY: Fill = Fill {
    name: "stream of 5e6 messages of 3 fields",
    elements: 5_000_000,
    ..BIG
};
const MIDDLE: Fill = Fill {
    name: "stream of 50 messages of 3 fields, B a key",
    request: each(&["XADD", "middle:__rand_int__"], &["*", "sensor", "s:##"]),
    keys: 20_000,
    elements: 50,
    ..BIG
};
pub const QUEUE: Fill = Fill {
    name: "stream of 1e5 messages of 3 fields",
    request: each(&["XADD", "queue"], MESSAGE),
    elements: QUEUED,
    ..BIG
};
/// A stream with one message, to which others are added.
const LOG: Fill = Fill {
    name: "stream of 1 message",
    request: each(&["XADD", "log"], MESSAGE),
    elements: 1,
    ..BIG
};

const REMOVE: Template = each(&["XDEL", "big"], &[ID]);

const XADD: Load = Load::of_one(
    "XADD",
    words(&[
        "XADD",
        "log",
        "*",
        "sensor",
        "s:__rand_int__",
        "value",
        "17.25 Hz",
        "place",
        "hall no7",
    ]),
    MESSAGES,
    NEVER_ABOVE,
)
.spoiling(LOG);
const XDEL: Load = Load::of_one("XDEL", words(&["XDEL", "queue", ID]), QUEUED, NEVER_ABOVE)
    .spoiling(QUEUE)
    .fewer(3);
const XRANGE: Load = Load::of_one(
    "XRANGE of 1",
    words(&["XRANGE", "big", ID, "+", "COUNT", "1"]),
    MESSAGES,
    NEVER_ABOVE,
);

const LOADS: &[Load] = &[
    Load::of_50(
        "XRANGE of 50",
        words(&["XRANGE", "big", ID, "+", "COUNT", "50"]),
        MESSAGES,
        RANKED,
    ),
    Load::of_50(
        "XRANGE, key",
        words(&["XRANGE", "middle:__rand_int__", "-", "+"]),
        MIDDLE.keys,
        NEVER_ABOVE,
    ),
    Load::of_50(
        "XREVRANGE",
        words(&["XREVRANGE", "big", ID, "-", "COUNT", "50"]),
        MESSAGES,
        NEVER_ABOVE,
    ),
    Load::of_50(
        "XREAD of 50",
        words(&["XREAD", "COUNT", "50", "STREAMS", "big", ID]),
        MESSAGES,
        NEVER_ABOVE,
    ),
    Load::of_50(
        "XDEL of 50",
        each(&["XDEL", "queue"], &[ID]),
        QUEUED,
        NEVER_ABOVE,
    )
    .spoiling(QUEUE)
    .fewer(3),
    XADD,
    XDEL,
    XRANGE,
    XADD.at("XADD P=1", Cost::Alone),
    XDEL.at("XDEL P=1", Cost::Alone),
    XADD.at("XADD P=100", Cost::AbovePing(100)),
    XDEL.at("XDEL P=100", Cost::AbovePing(100)),
];

/// Streams.
pub const STREAMS: Collection = Collection {
    name: "streams",
    memory: &[
        Memory {
            fill: BIG,
            bound: Some(44.0),
        },
        Memory {
            fill: MIDDLE,
            bound: None,
        },
        Memory {
            fill: QUEUE,
            bound: None,
        },
    ],
    loads: LOADS,
    big: Big {
        key: "big",
        before: &[],
        add: BIG.request,
        batch: 1,
        change: REMOVE,
        remove: REMOVE,
    },
    saved: Saved {
        fill: MANY,
        change: REMOVE,
        bound: 0.1,
    },
};
