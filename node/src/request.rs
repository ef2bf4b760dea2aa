//! What a command asks of the engine when it is about more than keys. The command has parsed and
//! checked its arguments; the engine, or the room that it hands the request to, acts and replies.

mod cluster;

use std::ops::Range;

use slotkeeper_topology::Slot;

pub use self::cluster::{ClusterRequest, Failover, OneOf, SetSlot};

/// A request to the engine. The code that carries it out writes the reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// CLUSTER and its subcommands.
    Cluster(ClusterRequest),
    /// CLIENT subcommands that reach beyond the own session.
    Client(ClientRequest),
    /// CONFIG.
    Config(ConfigRequest),
    /// REPLCONF, PSYNC, SYNC, WAIT.
    Replication(ReplicationRequest),
    /// INFO with its section names, lowercase; empty for the default ones.
    Info(Vec<String>),
    /// ROLE.
    Role,
    /// AUTH, or HELLO's AUTH: user (none for `default`) and password.
    Auth {
        /// The user, if one was named.
        user: Option<Vec<u8>>,
        /// The password.
        password: Vec<u8>,
    },
    /// HELLO: everything that it asks for takes effect, or nothing.
    Hello {
        /// 2 or 3, if named.
        protocol: Option<u8>,
        /// User and password.
        auth: Option<(Vec<u8>, Vec<u8>)>,
        /// The name to set.
        name: Option<Vec<u8>>,
    },
    /// RESET.
    Reset,
    /// QUIT.
    Quit,
    /// MULTI.
    Multi,
    /// EXEC.
    Exec,
    /// DISCARD.
    Discard,
    /// FLUSHALL or FLUSHDB: which database, all when none.
    Flush(Option<usize>),
    /// SAVE: the reply waits until the file is in place.
    Save,
    /// BGSAVE.
    BackgroundSave {
        /// Start later if another walk is going on.
        schedule: bool,
    },
    /// LASTSAVE.
    LastSave,
    /// SHUTDOWN.
    Shutdown(ShutdownRequest),
    /// SLOWLOG.
    SlowLog(SlowLogRequest),
    /// LATENCY.
    Latency(LatencyRequest),
    /// MEMORY.
    Memory(MemoryRequest),
    /// CLUSTER SLOT-STATS.
    SlotStats(SlotStatsRequest),
    /// SLOTKEEPER SERVE run-id: ends withholding; refused unless the run id is this process's.
    EndWithholding {
        /// The process that is meant.
        run_id: Vec<u8>,
    },
    /// DUMP: the value of the request's key.
    Dump,
    /// RESTORE: the request's payload becomes the value of its key.
    Restore(Restore),
    /// MIGRATE.
    Migrate(Migrate),
    /// DEBUG and its arguments.
    Debug(Vec<Vec<u8>>),
    /// Nothing was found: wait for keys.
    Block(Block),
}

/// What RESTORE makes of its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restore {
    /// In how many milliseconds the key expires; 0 for never.
    pub ttl: i64,
    /// ABSTTL: `ttl` is unix time.
    pub absolute: bool,
    /// REPLACE: what is there makes way.
    pub replace: bool,
    /// IDLETIME: so long ago the key was used last.
    pub idle_secs: u64,
    /// FREQ: so often it was used, on a logarithmic scale.
    pub uses: Option<u8>,
}

/// What MIGRATE moves, and where to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrate {
    /// The other server's address or name ...
    pub host: String,
    /// ... and its port.
    pub port: u16,
    /// Its database.
    pub db: i64,
    /// The keys, which are there, each once.
    pub keys: Vec<Vec<u8>>,
    /// For how long nothing may move on, in milliseconds.
    pub timeout_ms: u64,
    /// COPY: the keys stay here, too.
    pub copy: bool,
    /// REPLACE: keys that the other server has make way.
    pub replace: bool,
    /// AUTH's password, or AUTH2's user and password.
    pub auth: Vec<Vec<u8>>,
}

/// What a command that found nothing waits for. It is run again when one of the keys has changed:
/// what it replies and changes then is what counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Which arguments are the keys that it waits for.
    pub keys: Range<usize>,
    /// What has to be there.
    pub awaited: Awaited,
    /// Until when, in monotonic milliseconds; none: without an end.
    pub deadline: Option<u64>,
    /// The reply where nothing waits: within an EXEC.
    pub otherwise: Nothing,
    /// What is run again, with the keys at the same places; none: the request as it was written.
    pub request: Option<Vec<Vec<u8>>>,
    /// What was changed nevertheless: commands for replicas.
    pub changed: Vec<Vec<Vec<u8>>>,
}

/// What a client waits for at a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Awaited {
    /// An element of a list.
    List,
    /// A member of a sorted set.
    SortedSet,
    /// An entry of a stream, which stays there for others.
    Stream,
    /// An entry of a stream that no consumer of that group has got; or the end of the stream, since
    /// the group goes with it.
    Group(Vec<u8>),
}

/// The reply when there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// The missing array.
    Array,
    /// The missing element.
    Single,
}

/// CLIENT subcommands that concern other sessions or the whole node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientRequest {
    /// LIST, with its filters.
    List {
        /// TYPE normal | master | replica | pubsub.
        kind: Option<ClientKind>,
        /// ID id ...
        ids: Option<Vec<u64>>,
    },
    /// INFO.
    Info,
    /// KILL with its filters.
    Kill(KillFilter),
    /// PAUSE.
    Pause {
        /// How long, in milliseconds.
        millis: u64,
        /// Writes only, or everything.
        writes_only: bool,
    },
    /// UNPAUSE.
    Unpause,
    /// UNBLOCK.
    Unblock {
        /// The client's number.
        id: u64,
        /// With an error, not as at its deadline.
        error: bool,
    },
}

/// The kinds of CLIENT LIST TYPE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// An ordinary client.
    Normal,
    /// The link to our master.
    Master,
    /// A replica of ours.
    Replica,
    /// A subscriber.
    PubSub,
}

/// Which clients CLIENT KILL ends: those that match every filter given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KillFilter {
    /// The old form, `CLIENT KILL ip:port`, which replies OK or an error instead of a count.
    pub old_form: bool,
    /// ID.
    pub id: Option<u64>,
    /// TYPE.
    pub kind: Option<ClientKind>,
    /// USER.
    pub user: Option<Vec<u8>>,
    /// ADDR, `ip:port`.
    pub addr: Option<String>,
    /// LADDR, `ip:port`.
    pub local_addr: Option<String>,
    /// SKIPME; yes when not named, but for the old form.
    pub skip_me: bool,
}

/// CONFIG subcommands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigRequest {
    /// GET patterns.
    Get(Vec<Vec<u8>>),
    /// SET pairs: all or none.
    Set(Vec<(Vec<u8>, Vec<u8>)>),
    /// RESETSTAT.
    ResetStat,
    /// REWRITE.
    Rewrite,
}

/// What replicas, and clients that wait for them, ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationRequest {
    /// REPLCONF with its arguments.
    ReplConf(Vec<Vec<u8>>),
    /// PSYNC replid offset.
    Psync {
        /// The replication id, or `?`.
        replid: Vec<u8>,
        /// The first byte that the replica wants, or -1.
        offset: i64,
    },
    /// SYNC.
    Sync,
    /// WAIT.
    Wait {
        /// How many replicas.
        replicas: u64,
        /// For how long, in milliseconds; 0: without an end.
        millis: u64,
    },
}

/// SHUTDOWN's modifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownRequest {
    /// SAVE (true) or NOSAVE (false); none: save if save points are configured.
    pub save: Option<bool>,
    /// NOW: do not wait for replicas.
    pub now: bool,
    /// FORCE: leave even if saving fails.
    pub force: bool,
    /// ABORT: call a shutdown in progress off.
    pub abort: bool,
    /// FAILOVER: a replica takes over first, as with `shutdown-handover`.
    pub failover: bool,
}

/// SLOWLOG subcommands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowLogRequest {
    /// GET count; -1 for all.
    Get(i64),
    /// LEN.
    Len,
    /// RESET.
    Reset,
}

/// What CLUSTER SLOT-STATS shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotStatsRequest {
    /// SLOTSRANGE: from the first slot to the last.
    Range(Slot, Slot),
    /// ORDERBY.
    Ordered {
        /// By what.
        metric: SlotMetric,
        /// LIMIT.
        limit: usize,
        /// ASC.
        ascending: bool,
    },
}

/// A figure of CLUSTER SLOT-STATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotMetric {
    /// How many keys the slot has.
    KeyCount,
    /// How long the commands on its keys have run, in microseconds.
    CpuUsec,
    /// How many bytes the requests on its keys had.
    BytesIn,
    /// How many bytes their replies had.
    BytesOut,
}

impl SlotMetric {
    /// All of them; those behind the first are measured only on demand.
    pub const ALL: &[SlotMetric] = &[
        SlotMetric::KeyCount,
        SlotMetric::CpuUsec,
        SlotMetric::BytesIn,
        SlotMetric::BytesOut,
    ];

    /// As the command names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SlotMetric::KeyCount => "key-count",
            SlotMetric::CpuUsec => "cpu-usec",
            SlotMetric::BytesIn => "network-bytes-in",
            SlotMetric::BytesOut => "network-bytes-out",
        }
    }
}

/// MEMORY subcommands that look at no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryRequest {
    /// DOCTOR.
    Doctor,
    /// MALLOC-STATS.
    MallocStats,
    /// PURGE.
    Purge,
    /// STATS.
    Stats,
}

/// LATENCY subcommands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LatencyRequest {
    /// LATEST.
    Latest,
    /// RESET event ...
    Reset(Vec<Vec<u8>>),
    /// HISTORY event.
    History(Vec<u8>),
    /// GRAPH event.
    Graph(Vec<u8>),
    /// DOCTOR.
    Doctor,
    /// HISTOGRAM command ...
    Histogram(Vec<Vec<u8>>),
}
