//! The commands of Redis 7.2 that this server does not have, by name.

/// Commands that are missing together, as COMMAND LIST names them.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    /// What they are for, and what follows from their absence.
    pub what: &'static str,
    /// Each with its container, as in `client|tracking`; a container alone stands for its subcommands.
    pub names: &'static [&'static str],
}

/// All of them. A test compares this list with the commands of a real redis-server.
pub const MISSING: &[Missing] = &[
    Missing {
        what: "Publish and subscribe",
        names: &[
            "psubscribe",
            "publish",
            "pubsub",
            "punsubscribe",
            "spublish",
            "ssubscribe",
            "subscribe",
            "sunsubscribe",
            "unsubscribe",
        ],
    },
    Missing {
        what: "Scripts and functions",
        names: &[
            "eval",
            "evalsha",
            "evalsha_ro",
            "eval_ro",
            "fcall",
            "fcall_ro",
            "function",
            "script",
        ],
    },
    Missing {
        what: "Tracking by clients, and MONITOR",
        names: &[
            "client|caching",
            "client|getredir",
            "client|tracking",
            "client|trackinginfo",
            "monitor",
        ],
    },
    Missing {
        what: "Users. There is one password, of the user `default`",
        names: &["acl"],
    },
    Missing {
        what: "The append-only file. Snapshots are there",
        names: &["bgrewriteaof", "waitaof"],
    },
    Missing {
        what: "Replication outside cluster mode. CLUSTER REPLICATE and CLUSTER FAILOVER are there",
        names: &["failover", "replicaof", "slaveof"],
    },
];

/// Fields of INFO of Redis 7.0 that this server does not have, each with the reason. A test compares
/// this list with the fields of a real redis-server.
pub const MISSING_INFO: &[(&str, &str)] = &[
    ("atomicvar_api", "of the C compiler that built Redis"),
    ("gcc_version", "of the C compiler that built Redis"),
];
