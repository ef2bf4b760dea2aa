//! The configuration: one typed struct, and one table of directives (`config/table.rs`) from which
//! files, arguments and CONFIG GET, SET and REWRITE follow.

mod change;
mod directive;
#[cfg(test)]
mod docs;
mod eviction;
mod fixed;
mod include;
mod latency;
mod limits;
mod lists;
mod load;
mod password;
mod rewrite;
mod secrecy;
mod signals;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod words;

pub use change::Changes;
pub use eviction::{EvictionPolicy, Frequency};
pub use latency::Percentile;
pub use limits::{HashLimits, Limits, ListLimits, SetLimits, ZsetLimits};
pub use load::{ConfigError, Invocation, Source};
pub use rewrite::transfer;
pub use secrecy::{REDACTED, Secrecy, exposed_secret};
pub use text::is_human_nodename;
pub use words::{EndpointType, Gate, PropagationErrors};

use crate::io::Level;
use crate::request::ShutdownRequest;

/// The version of this server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The configuration of a node: a field for every directive that has an effect, named like it.
/// What a directive means is documented in redis.conf; here stands the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The addresses to listen at; a leading `-` allows one to be missing, `*` is every one.
    pub bind: Vec<String>,
    /// The address to connect to other nodes from.
    pub bind_source_addr: Option<std::net::IpAddr>,
    /// The port for clients; 0 for none.
    pub port: u16,
    /// Refuse clients of other machines while there is no password.
    pub protected_mode: bool,
    /// The listen backlog, in connections.
    pub tcp_backlog: u32,
    /// Seconds between keepalive probes; 0 for none.
    pub tcp_keepalive: u32,
    /// Seconds after which an idle client is closed; 0 for never.
    pub timeout: u64,
    /// How many clients may be connected at once.
    pub maxclients: usize,
    /// The file that holds the process id; none when empty.
    pub pidfile: String,
    /// What the log contains.
    pub loglevel: Level,
    /// The log file; standard output when empty.
    pub logfile: String,
    /// The working directory.
    pub dir: String,
    /// How many keyspaces there are outside cluster mode.
    pub databases: usize,
    /// The password of clients.
    pub requirepass: Option<Vec<u8>>,
    /// The password at our master.
    pub masterauth: Option<Vec<u8>>,
    /// The file that `requirepass` and `masterauth` were taken from; none when empty (ours).
    pub password_file: String,
    /// The user at our master; `default` when none.
    pub masteruser: Option<Vec<u8>>,
    /// Bytes of the replication stream that are kept for a partial resync.
    pub repl_backlog_size: usize,
    /// Seconds of silence after which a replication link is given up.
    pub repl_timeout: u64,
    /// Seconds between the PINGs that a master sends down its stream.
    pub repl_ping_replica_period: u64,
    /// Seconds that a full sync waits for more replicas to share it.
    pub repl_diskless_sync_delay: u64,
    /// Once this many replicas wait, it starts at once; 0 for no such number.
    pub repl_diskless_sync_max_replicas: usize,
    /// Whether a replica refuses writes.
    pub replica_read_only: bool,
    /// Whether a replica without its master answers reads.
    pub replica_serve_stale_data: bool,
    /// What INFO tells those who choose a replica for promotion.
    pub replica_priority: u32,
    /// Writes need this many replicas ...
    pub min_replicas_to_write: u32,
    /// ... that were heard of within this many seconds.
    pub min_replicas_max_lag: u64,
    /// Bytes of memory above which what takes more of it is refused; 0 for no limit.
    pub maxmemory: u64,
    /// Which keys go before.
    pub maxmemory_policy: EvictionPolicy,
    /// How many keys are looked at for one that goes.
    pub maxmemory_samples: usize,
    /// How much is done at once to get below the limit: 0 is the least, 100 the most.
    pub maxmemory_eviction_tenacity: u64,
    /// How rarely a use of a key counts that is used often.
    pub lfu_log_factor: u32,
    /// Minutes without a use in which the count of a key goes down by one; 0 for never.
    pub lfu_decay_time: u32,
    /// Whether replicas are told to UNLINK a key that goes for want of memory, not to DEL it.
    pub lazyfree_lazy_eviction: bool,
    /// The same of one whose time has come.
    pub lazyfree_lazy_expire: bool,
    /// `lazyfree-lazy-server-del`: both values say what is done anyway. Small values are freed at
    /// once, and big ones in steps, whoever removes them.
    pub lazyfree_lazy_server_del: bool,
    /// `lazyfree-lazy-user-del`: likewise.
    pub lazyfree_lazy_user_del: bool,
    /// `lazyfree-lazy-user-flush`: likewise, in steps.
    pub lazyfree_lazy_user_flush: bool,
    /// How many more expired keys are removed at once: from 1, the fewest, to 10.
    pub active_expire_effort: usize,
    /// How often, each second, expired keys are looked for.
    pub hz: u64,
    /// What clients may take together before the largest are closed.
    pub maxmemory_clients: ClientMemory,
    /// What the requests of one client may take before they are executed, in bytes.
    pub client_query_buffer_limit: usize,
    /// What a replica does when a command of its master fails.
    pub propagation_error_behavior: PropagationErrors,
    /// When a snapshot is made by itself.
    pub save: Vec<SavePoint>,
    /// Whether keys and values are packed in snapshots and full syncs.
    pub rdbcompression: bool,
    /// The snapshot's file name.
    pub dbfilename: String,
    /// The longest argument of a request, and the longest string, in bytes.
    pub proto_max_bulk_len: usize,
    /// Keep the kernel from giving this process huge pages by itself.
    pub disable_thp: bool,
    /// Seconds that a shutdown waits for replicas.
    pub shutdown_timeout: u64,
    /// On shutdown, hand over to the best replica first (ours; the operator sets it).
    pub shutdown_handover: bool,
    /// What SIGTERM asks for.
    pub shutdown_on_sigterm: ShutdownRequest,
    /// What SIGINT asks for.
    pub shutdown_on_sigint: ShutdownRequest,
    /// Who may change protected directives with CONFIG SET.
    pub enable_protected_configs: Gate,
    /// Who may use DEBUG.
    pub enable_debug_command: Gate,
    /// What may wait, unsent, for clients of each kind.
    pub client_output_buffer_limit: OutputLimits,
    /// Microseconds from which on a command enters the slow log; 0 for all, negative for none.
    pub slowlog_log_slower_than: i64,
    /// How many entries the slow log keeps.
    pub slowlog_max_len: usize,
    /// A hash of more fields is no `listpack` (OBJECT ENCODING).
    pub hash_max_listpack_entries: usize,
    /// Nor is one with a field or value of more bytes.
    pub hash_max_listpack_value: usize,
    /// A HyperLogLog of more bytes is dense.
    pub hll_sparse_max_bytes: usize,
    /// A sorted set of more members is no `listpack`.
    pub zset_max_listpack_entries: usize,
    /// Nor is one with a member of more bytes.
    pub zset_max_listpack_value: usize,
    /// A node of a stream has no more bytes; 0 for as many as there is room for.
    pub stream_node_max_bytes: usize,
    /// Nor more messages.
    pub stream_node_max_entries: usize,
    /// A set of more integers is no `intset`.
    pub set_max_intset_entries: usize,
    /// A set of more members is no `listpack`.
    pub set_max_listpack_entries: usize,
    /// Nor is one with a member of more bytes.
    pub set_max_listpack_value: usize,
    /// A list of more elements is no `listpack`; negative: one of more than 4 KB (-1) to 64 KB (-5).
    pub list_max_listpack_size: i32,
    /// Milliseconds from which on an event enters LATENCY; 0 for none.
    pub latency_monitor_threshold: u64,
    /// Whether it is counted how long the calls of each command take.
    pub latency_tracking: bool,
    /// The percentiles of INFO latencystats.
    pub latency_tracking_percentiles: Vec<Percentile>,
    /// A command that takes longer is reported to other clients as -BUSY, in milliseconds.
    pub busy_reply_threshold: u64,
    /// Cluster mode.
    pub cluster_enabled: bool,
    /// Microseconds that each key takes longer to be loaded; negative: one microsecond for so many
    /// keys. For tests.
    pub key_load_delay: i64,
    /// The same for a key to be saved, in a data file or for a replica.
    pub rdb_key_save_delay: i64,
    /// How many bytes of the data file are loaded before clients have their turn.
    pub loading_process_events_interval_bytes: usize,
    /// Whether it is measured what is asked of each slot (CLUSTER SLOT-STATS).
    pub cluster_slot_stats_enabled: bool,
    /// The file of the cluster's state, relative to `dir`.
    pub cluster_config_file: String,
    /// Milliseconds of silence after which a node is suspected.
    pub cluster_node_timeout: u64,
    /// The port of the cluster bus; 0 for `port` + 10000.
    pub cluster_port: u16,
    /// The address that other nodes and clients are told to use.
    pub cluster_announce_ip: Option<String>,
    /// The client port that they are told to use; 0 for `port`.
    pub cluster_announce_port: u16,
    /// The bus port that other nodes are told to use; 0 for our own.
    pub cluster_announce_bus_port: u16,
    /// The host name that this node announces.
    pub cluster_announce_hostname: Option<String>,
    /// Where this node runs, for clients that prefer a node near them; in INFO and HELLO.
    pub availability_zone: Option<String>,
    /// A name of this node for people: it stands in logs beside its id.
    pub cluster_announce_human_nodename: Option<String>,
    /// What clients are told to connect to.
    pub cluster_preferred_endpoint_type: EndpointType,
    /// What may wait to be sent on a link of the cluster bus, in bytes; 0 for what this node grants.
    pub cluster_link_sendbuf_limit: u64,
    /// Serve no slot unless all 16384 have an owner.
    pub cluster_require_full_coverage: bool,
    /// Answer reads even when the cluster is down.
    pub cluster_allow_reads_when_down: bool,
    /// Let replicas change to masters that have none, and who lost its last slot follow the new
    /// owner.
    pub cluster_allow_replica_migration: bool,
    /// How many replicas in order a master keeps before one of them may leave it for another.
    pub cluster_migration_barrier: usize,
    /// Never start a failover by itself.
    pub cluster_replica_no_failover: bool,
    /// How old, in node timeouts, a replica's data may be for an election; 0 for any age.
    pub cluster_replica_validity_factor: u32,
    /// Seconds after which a master that lost its data serves nevertheless; -1 for never (ours).
    pub cluster_empty_master_wait: i64,
    /// The port of the probes and metrics; 0 for none (ours).
    pub health_port: u16,
    /// The addresses of the probes and metrics, like `bind` (ours).
    pub health_bind: Vec<String>,
}

/// A snapshot is due when `changes` keys have changed and `seconds` have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Since the last one.
    pub seconds: u64,
    /// Since the last one.
    pub changes: u64,
}

/// `maxmemory-clients`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMemory {
    /// There is no limit.
    Unlimited,
    /// A number of bytes.
    Bytes(u64),
    /// Per cent of `maxmemory`.
    Percent(u8),
}

impl ClientMemory {
    /// The limit in bytes; none without one, or if it is a part of a `maxmemory` that is none.
    #[must_use]
    pub fn limit(self, maxmemory: u64) -> Option<u64> {
        match self {
            ClientMemory::Unlimited => None,
            ClientMemory::Bytes(bytes) => Some(bytes),
            ClientMemory::Percent(_) if maxmemory == 0 => None,
            ClientMemory::Percent(percent) => {
                let part = u128::from(maxmemory) * u128::from(percent) / 100;
                u64::try_from(part).ok()
            }
        }
    }
}

/// The limits of unsent output for one kind of client; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes beyond which the client is closed at once.
    pub hard: u64,
    /// Bytes beyond which it is closed if it stays there ...
    pub soft: u64,
    /// ... for this many seconds.
    pub soft_seconds: u64,
}

impl OutputLimit {
    /// Whether a number of bytes is beyond it. `over_soft_since` remembers, in monotonic
    /// milliseconds, since when the soft limit is passed.
    pub fn is_passed(self, bytes: u64, over_soft_since: &mut Option<u64>, now_ms: u64) -> bool {
        if self.hard > 0 && bytes > self.hard {
            return true;
        }
        if self.soft == 0 || bytes <= self.soft {
            *over_soft_since = None;
            return false;
        }
        let since = *over_soft_since.get_or_insert(now_ms);
        now_ms.saturating_sub(since) > self.soft_seconds * 1000
    }
}

/// `client-output-buffer-limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    /// Ordinary clients.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
}

/// Bytes that are given as a memory value, with or without a unit.
pub(crate) fn memory_value(word: &[u8]) -> Option<u64> {
    value::memory(word).ok()
}

impl Config {
    /// The port of the cluster bus, `cluster-port` or the default that belongs to `port`.
    #[must_use]
    pub fn bus_port(&self) -> u16 {
        match self.cluster_port {
            0 => self.port.saturating_add(10_000),
            port => port,
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        let everywhere = || vec!["*".to_owned(), "-::*".to_owned()];
        let point = |seconds, changes| SavePoint { seconds, changes };
        let limit = |hard, soft, soft_seconds| OutputLimit {
            hard,
            soft,
            soft_seconds,
        };
        Config {
            bind: everywhere(),
            bind_source_addr: None,
            port: 6379,
            protected_mode: true,
            tcp_backlog: 511,
            tcp_keepalive: 300,
            timeout: 0,
            maxclients: 10_000,
            pidfile: String::new(),
            loglevel: Level::Notice,
            logfile: String::new(),
            dir: ".".to_owned(),
            databases: 16,
            requirepass: None,
            masterauth: None,
            password_file: String::new(),
            masteruser: None,
            repl_backlog_size: 1 << 20,
            repl_timeout: 60,
            repl_ping_replica_period: 10,
            repl_diskless_sync_delay: 0,
            repl_diskless_sync_max_replicas: 0,
            replica_read_only: true,
            replica_serve_stale_data: true,
            replica_priority: 100,
            min_replicas_to_write: 0,
            min_replicas_max_lag: 10,
            maxmemory: 0,
            maxmemory_policy: EvictionPolicy::NoEviction,
            maxmemory_samples: 5,
            maxmemory_eviction_tenacity: 10,
            lfu_log_factor: 10,
            lfu_decay_time: 1,
            lazyfree_lazy_eviction: false,
            lazyfree_lazy_expire: false,
            lazyfree_lazy_server_del: false,
            lazyfree_lazy_user_del: false,
            lazyfree_lazy_user_flush: false,
            active_expire_effort: 1,
            hz: 10,
            maxmemory_clients: ClientMemory::Unlimited,
            client_query_buffer_limit: 1 << 30,
            propagation_error_behavior: PropagationErrors::Ignore,
            save: vec![point(3600, 1), point(300, 100), point(60, 10_000)],
            rdbcompression: true,
            dbfilename: "dump.rdb".to_owned(),
            proto_max_bulk_len: 512 << 20,
            disable_thp: false,
            shutdown_timeout: 10,
            shutdown_handover: false,
            shutdown_on_sigterm: ShutdownRequest::default(),
            shutdown_on_sigint: ShutdownRequest::default(),
            enable_protected_configs: Gate::No,
            enable_debug_command: Gate::No,
            client_output_buffer_limit: OutputLimits {
                normal: OutputLimit::default(),
                replica: limit(256 << 20, 64 << 20, 60),
            },
            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            hll_sparse_max_bytes: 3000,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            list_max_listpack_size: -2,
            latency_monitor_threshold: 0,
            latency_tracking: true,
            latency_tracking_percentiles: [50.0, 99.0, 99.9].map(Percentile::of).into(),
            busy_reply_threshold: 5000,
            cluster_enabled: false,
            key_load_delay: 0,
            rdb_key_save_delay: 0,
            loading_process_events_interval_bytes: 64 << 10,
            cluster_slot_stats_enabled: false,
            cluster_config_file: "nodes.conf".to_owned(),
            cluster_node_timeout: 15_000,
            cluster_port: 0,
            cluster_announce_ip: None,
            cluster_announce_port: 0,
            cluster_announce_bus_port: 0,
            cluster_announce_hostname: None,
            availability_zone: None,
            cluster_announce_human_nodename: None,
            cluster_preferred_endpoint_type: EndpointType::Ip,
            cluster_link_sendbuf_limit: 0,
            cluster_require_full_coverage: true,
            cluster_allow_reads_when_down: false,
            cluster_allow_replica_migration: true,
            cluster_migration_barrier: 1,
            cluster_replica_no_failover: false,
            cluster_replica_validity_factor: 10,
            cluster_empty_master_wait: 60,
            health_port: 0,
            health_bind: everywhere(),
        }
    }
}
