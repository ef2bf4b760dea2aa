//! What is measured of the groups of a stream, and its bounds.

use crate::rows::{
    Big, Collection, Cost, Fill, Load, Memory, NEVER_ABOVE, Saved, Template, each, words,
};
use crate::streams::{BIG, ID, MESSAGE, QUEUE, QUEUED};

/// One consumer reads so many messages of a stream.
macro_rules! read {
    ($count:literal, $stream:literal) => {
        words(&[
            "XREADGROUP",
            "GROUP",
            "group",
            "one",
            "COUNT",
            $count,
            "STREAMS",
            $stream,
            ">",
        ])
    };
}

/// A group that has read nothing.
const BIG_GROUP: Fill = Fill {
    name: "a group",
    before: Some(&BIG),
    request: words(&["XGROUP", "CREATE", "big", "group", "0"]),
    batch: 1,
    keys: 1,
    elements: 1,
};
/// All that the group can read is pending with one consumer.
const BIG_PENDING: Fill = Fill {
    name: "group with 1e6 pending entries, B an entry",
    before: Some(&BIG_GROUP),
    request: read!("50", "big"),
    batch: 50,
    keys: 1,
    elements: BIG.elements,
};
/// A group of fewer messages, which are read and made anew.
const GROUP: Fill = Fill {
    name: "group that has read nothing, B a group",
    before: Some(&QUEUE),
    request: words(&["XGROUP", "CREATE", "queue", "group", "0"]),
    ..BIG_GROUP
};
/// Fewer pending entries, which are acknowledged and made anew.
const PENDING: Fill = Fill {
    name: "group with 1e5 pending entries, B an entry",
    before: Some(&Fill {
        before: Some(&Fill {
            request: each(&["XADD", "taken"], MESSAGE),
            ..QUEUE
        }),
        request: words(&["XGROUP", "CREATE", "taken", "group", "0"]),
        ..BIG_GROUP
    }),
    request: read!("50", "taken"),
    elements: QUEUED,
    ..BIG_PENDING
};

const CLAIM: Template = each(&["XCLAIM", "big", "group", "two", "0"], &[ID, "JUSTID"]);

const XREADGROUP: Load = Load::of_one("XREADGROUP", read!("1", "queue"), 1, NEVER_ABOVE)
    .spoiling(GROUP)
    .fewer(3);
const XACK: Load = Load::of_one(
    "XACK",
    words(&["XACK", "taken", "group", ID]),
    QUEUED,
    NEVER_ABOVE,
)
.spoiling(PENDING)
.fewer(3);

const LOADS: &[Load] = &[
    Load::of_50("XREADGROUP 50", read!("50", "queue"), 1, NEVER_ABOVE)
        .spoiling(GROUP)
        .fewer(3),
    Load::of_50(
        "XACK of 50",
        each(&["XACK", "taken", "group"], &[ID]),
        QUEUED,
        NEVER_ABOVE,
    )
    .spoiling(PENDING)
    .fewer(3),
    Load::of_50(
        "XPENDING of 50",
        words(&["XPENDING", "big", "group", ID, "+", "50"]),
        BIG.elements,
        NEVER_ABOVE,
    ),
    Load::of_50(
        "XCLAIM of 50",
        each(&["XCLAIM", "big", "group", "two", "0"], &[ID]),
        BIG.elements,
        NEVER_ABOVE,
    ),
    XREADGROUP,
    XACK,
    XREADGROUP.at("XREADGROUP P=1", Cost::Alone),
    XACK.at("XACK P=1", Cost::Alone),
    XREADGROUP.at("XREADGROUP P=100", Cost::AbovePing(100)),
    XACK.at("XACK P=100", Cost::AbovePing(100)),
];

/// Groups of a stream.
pub const GROUPS: Collection = Collection {
    name: "groups",
    memory: &[
        Memory {
            fill: BIG_PENDING,
            bound: Some(65.0),
        },
        Memory {
            fill: GROUP,
            bound: None,
        },
        Memory {
            fill: PENDING,
            bound: None,
        },
    ],
    loads: LOADS,
    big: Big {
        key: "big",
        before: &[BIG.request, BIG_GROUP.request],
        add: read!("1", "big"),
        batch: 1,
        change: CLAIM,
        remove: each(&["XACK", "big", "group"], &[ID]),
    },
    saved: Saved {
        fill: BIG_PENDING,
        change: CLAIM,
        bound: 0.1,
    },
};

/// What a stream has many of beside messages, for the pauses.
pub const TABLES: [(&str, Big); 2] = [
    (
        "groups of a stream",
        Big {
            key: "many",
            before: &[words(&["XADD", "many", "1-1", "field", "value"])],
            add: each(&["XGROUP", "CREATE", "many"], &["group:__rand_int__", "0"]),
            batch: 1,
            change: each(
                &["XREADGROUP", "GROUP"],
                &["group:__rand_int__", "one", "STREAMS", "many", "0"],
            ),
            remove: each(&["XGROUP", "DESTROY", "many"], &["group:__rand_int__"]),
        },
    ),
    (
        "consumers of a group",
        Big {
            key: "many",
            before: &[words(&[
                "XGROUP", "CREATE", "many", "group", "0", "MKSTREAM",
            ])],
            add: each(
                &["XGROUP", "CREATECONSUMER", "many", "group"],
                &["consumer:__rand_int__"],
            ),
            batch: 1,
            change: each(
                &["XREADGROUP", "GROUP", "group"],
                &["consumer:__rand_int__", "STREAMS", "many", "0"],
            ),
            remove: each(
                &["XGROUP", "DELCONSUMER", "many", "group"],
                &["consumer:__rand_int__"],
            ),
        },
    ),
];
