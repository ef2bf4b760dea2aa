//! The directives that this node carries out, each with its field.

use super::directive::Change::{self, Always, AtStart, Protected};
use super::directive::{Directive, Kind};
use super::lists;
use super::signals;
use super::text::{address, file_name, hostname, human_nodename, not_empty, printed};
use super::value::Invalid;
use super::words;

const INT_MAX: i64 = i32::MAX as i64;
/// The highest `hz`.
const HZ_MAX: i64 = 500;
const MEMORY_MAX: u64 = i64::MAX as u64;

const fn of(name: &'static str, change: Change, kind: Kind) -> Directive {
    Directive {
        name,
        alias: None,
        change,
        kind,
    }
}

impl Directive {
    const fn or(mut self, alias: &'static str) -> Directive {
        self.alias = Some(alias);
        self
    }
}

macro_rules! yes_no {
    ($field:ident) => {
        Kind::YesNo(|c| c.$field, |c, value| c.$field = value)
    };
}

/// The limits are within the field's own, so that the conversions lose nothing.
macro_rules! number {
    ($field:ident: $type:ty, $min:expr, $max:expr) => {
        Kind::Number(
            $min,
            $max,
            |c| c.$field as i64,
            |c, n| c.$field = n as $type,
        )
    };
}

macro_rules! memory {
    ($field:ident: $type:ty, $min:expr, $max:expr) => {
        Kind::Memory {
            min: $min,
            max: $max,
            get: |c| c.$field as u64,
            set: |c, n| c.$field = n as $type,
        }
    };
}

macro_rules! text {
    ($field:ident) => {
        text!($field, |_| Ok(()))
    };
    ($field:ident, $check:expr) => {
        Kind::Text(
            |c| &c.$field,
            |c, text| {
                let check: fn(&str) -> Result<(), Invalid> = $check;
                check(&text)?;
                c.$field = text;
                Ok(())
            },
        )
    };
}

macro_rules! optional_text {
    ($field:ident, $check:expr) => {
        Kind::Text(
            |c| c.$field.as_deref().unwrap_or_default(),
            |c, text| {
                let check: fn(&str) -> Result<(), Invalid> = $check;
                check(&text)?;
                c.$field = Some(text).filter(|text| !text.is_empty());
                Ok(())
            },
        )
    };
}

macro_rules! secret {
    ($field:ident) => {
        Kind::Secret(|c| c.$field.as_deref(), |c, value| c.$field = value)
    };
}

macro_rules! words {
    ($field:ident) => {
        Kind::Words(|c| &c.$field, |c| &mut c.$field)
    };
}

/// In alphabetical order of the names.
pub(super) static DIRECTIVES: &[Directive] = &[
    of(
        "active-expire-effort",
        Always,
        number!(active_expire_effort: usize, 1, 10),
    ),
    of(
        "availability-zone",
        Always,
        optional_text!(availability_zone, printed),
    ),
    of("bind", Always, words!(bind)),
    of("bind-source-addr", AtStart, lists::SOURCE_ADDRESS),
    of(
        "busy-reply-threshold",
        Always,
        number!(busy_reply_threshold: u64, 0, i64::MAX),
    )
    .or("lua-time-limit"),
    of("client-output-buffer-limit", Always, lists::OUTPUT_LIMITS),
    of("client-query-buffer-limit", Always, lists::QUERY_LIMIT),
    of(
        "cluster-allow-reads-when-down",
        Always,
        yes_no!(cluster_allow_reads_when_down),
    ),
    of(
        "cluster-allow-replica-migration",
        Always,
        yes_no!(cluster_allow_replica_migration),
    ),
    of(
        "cluster-announce-bus-port",
        Always,
        number!(cluster_announce_bus_port: u16, 0, 65535),
    ),
    of(
        "cluster-announce-hostname",
        Always,
        optional_text!(cluster_announce_hostname, hostname),
    ),
    of(
        "cluster-announce-human-nodename",
        Always,
        optional_text!(cluster_announce_human_nodename, human_nodename),
    ),
    of(
        "cluster-announce-ip",
        Always,
        optional_text!(cluster_announce_ip, address),
    ),
    of(
        "cluster-announce-port",
        Always,
        number!(cluster_announce_port: u16, 0, 65535),
    ),
    of(
        "cluster-config-file",
        AtStart,
        text!(cluster_config_file, not_empty),
    ),
    of(
        "cluster-empty-master-wait",
        Always,
        number!(cluster_empty_master_wait: i64, -1, INT_MAX),
    ),
    of("cluster-enabled", AtStart, yes_no!(cluster_enabled)),
    of(
        "cluster-link-sendbuf-limit",
        Always,
        memory!(cluster_link_sendbuf_limit: u64, 0, u64::MAX),
    ),
    of(
        "cluster-migration-barrier",
        Always,
        number!(cluster_migration_barrier: usize, 0, INT_MAX),
    ),
    of(
        "cluster-node-timeout",
        Always,
        number!(cluster_node_timeout: u64, 1, INT_MAX),
    ),
    of(
        "cluster-port",
        AtStart,
        number!(cluster_port: u16, 0, 65535),
    ),
    of(
        "cluster-preferred-endpoint-type",
        Always,
        words::ENDPOINT_TYPE,
    ),
    of(
        "cluster-replica-no-failover",
        Always,
        yes_no!(cluster_replica_no_failover),
    )
    .or("cluster-slave-no-failover"),
    of(
        "cluster-replica-validity-factor",
        Always,
        number!(cluster_replica_validity_factor: u32, 0, INT_MAX),
    )
    .or("cluster-slave-validity-factor"),
    of(
        "cluster-require-full-coverage",
        Always,
        yes_no!(cluster_require_full_coverage),
    ),
    of(
        "cluster-slot-stats-enabled",
        Always,
        yes_no!(cluster_slot_stats_enabled),
    ),
    of("databases", AtStart, number!(databases: usize, 1, INT_MAX)),
    of("dbfilename", Protected, text!(dbfilename, file_name)),
    of("dir", Protected, text!(dir, not_empty)),
    of("disable-thp", AtStart, yes_no!(disable_thp)),
    of("enable-debug-command", AtStart, words::DEBUG_COMMAND),
    of(
        "enable-protected-configs",
        AtStart,
        words::PROTECTED_CONFIGS,
    ),
    of(
        "hash-max-listpack-entries",
        Always,
        number!(hash_max_listpack_entries: usize, 0, i64::MAX),
    )
    .or("hash-max-ziplist-entries"),
    of(
        "hash-max-listpack-value",
        Always,
        memory!(hash_max_listpack_value: usize, 0, MEMORY_MAX),
    )
    .or("hash-max-ziplist-value"),
    of("health-bind", AtStart, words!(health_bind)),
    of("health-port", AtStart, number!(health_port: u16, 0, 65535)),
    of(
        "hll-sparse-max-bytes",
        Always,
        memory!(hll_sparse_max_bytes: usize, 0, MEMORY_MAX),
    ),
    of(
        "hz",
        Always,
        // Beyond what it can be it is the nearest that it can, as in Redis.
        Kind::Number(
            0,
            INT_MAX,
            |c| c.hz as i64,
            |c, n| c.hz = n.clamp(1, HZ_MAX) as u64,
        ),
    ),
    of(
        "key-load-delay",
        Always,
        number!(key_load_delay: i64, -1 - INT_MAX, INT_MAX),
    ),
    of(
        "latency-monitor-threshold",
        Always,
        number!(latency_monitor_threshold: u64, 0, i64::MAX),
    ),
    of("latency-tracking", Always, yes_no!(latency_tracking)),
    of(
        "latency-tracking-info-percentiles",
        Always,
        lists::PERCENTILES,
    ),
    of(
        "lazyfree-lazy-eviction",
        Always,
        yes_no!(lazyfree_lazy_eviction),
    ),
    of(
        "lazyfree-lazy-expire",
        Always,
        yes_no!(lazyfree_lazy_expire),
    ),
    of(
        "lazyfree-lazy-server-del",
        Always,
        yes_no!(lazyfree_lazy_server_del),
    ),
    of(
        "lazyfree-lazy-user-del",
        Always,
        yes_no!(lazyfree_lazy_user_del),
    ),
    of(
        "lazyfree-lazy-user-flush",
        Always,
        yes_no!(lazyfree_lazy_user_flush),
    ),
    of(
        "lfu-decay-time",
        Always,
        number!(lfu_decay_time: u32, 0, INT_MAX),
    ),
    of(
        "lfu-log-factor",
        Always,
        number!(lfu_log_factor: u32, 0, INT_MAX),
    ),
    of(
        "list-max-listpack-size",
        Always,
        number!(list_max_listpack_size: i32, -1 - INT_MAX, INT_MAX),
    )
    .or("list-max-ziplist-size"),
    of(
        "loading-process-events-interval-bytes",
        Always,
        number!(loading_process_events_interval_bytes: usize, 1024, 2 << 20),
    ),
    of("logfile", AtStart, text!(logfile)),
    of("loglevel", Always, words::LOG_LEVEL),
    of("masterauth", Always, secret!(masterauth)),
    of("masteruser", Always, secret!(masteruser)),
    of(
        "maxclients",
        Always,
        number!(maxclients: usize, 1, u32::MAX as i64),
    ),
    of("maxmemory", Always, memory!(maxmemory: u64, 0, u64::MAX)),
    of("maxmemory-clients", Always, lists::CLIENT_MEMORY),
    of(
        "maxmemory-eviction-tenacity",
        Always,
        number!(maxmemory_eviction_tenacity: u64, 0, 100),
    ),
    of("maxmemory-policy", Always, super::eviction::POLICY),
    of(
        "maxmemory-samples",
        Always,
        number!(maxmemory_samples: usize, 1, 64),
    ),
    of(
        "min-replicas-max-lag",
        Always,
        number!(min_replicas_max_lag: u64, 0, INT_MAX),
    )
    .or("min-slaves-max-lag"),
    of(
        "min-replicas-to-write",
        Always,
        number!(min_replicas_to_write: u32, 0, INT_MAX),
    )
    .or("min-slaves-to-write"),
    of("password-file", AtStart, text!(password_file)),
    of("pidfile", AtStart, text!(pidfile)),
    of("port", Always, number!(port: u16, 0, 65535)),
    of(
        "propagation-error-behavior",
        Always,
        words::PROPAGATION_ERRORS,
    ),
    of("protected-mode", Always, yes_no!(protected_mode)),
    of("proto-max-bulk-len", Always, lists::BULK_LENGTH),
    of(
        "rdb-key-save-delay",
        Always,
        number!(rdb_key_save_delay: i64, -1 - INT_MAX, INT_MAX),
    ),
    of("rdbcompression", Always, yes_no!(rdbcompression)),
    of(
        "repl-backlog-size",
        Always,
        memory!(repl_backlog_size: usize, 16 << 10, MEMORY_MAX),
    ),
    of(
        "repl-diskless-sync-delay",
        Always,
        number!(repl_diskless_sync_delay: u64, 0, INT_MAX),
    ),
    of(
        "repl-diskless-sync-max-replicas",
        Always,
        number!(repl_diskless_sync_max_replicas: usize, 0, INT_MAX),
    ),
    of(
        "repl-ping-replica-period",
        Always,
        number!(repl_ping_replica_period: u64, 1, INT_MAX),
    )
    .or("repl-ping-slave-period"),
    of(
        "repl-timeout",
        Always,
        number!(repl_timeout: u64, 1, INT_MAX),
    ),
    of(
        "replica-priority",
        Always,
        number!(replica_priority: u32, 0, INT_MAX),
    )
    .or("slave-priority"),
    of("replica-read-only", Always, yes_no!(replica_read_only)).or("slave-read-only"),
    of(
        "replica-serve-stale-data",
        Always,
        yes_no!(replica_serve_stale_data),
    )
    .or("slave-serve-stale-data"),
    of("requirepass", Always, secret!(requirepass)),
    of("save", Always, lists::SAVE_POINTS),
    of(
        "set-max-intset-entries",
        Always,
        number!(set_max_intset_entries: usize, 0, i64::MAX),
    ),
    of(
        "set-max-listpack-entries",
        Always,
        number!(set_max_listpack_entries: usize, 0, i64::MAX),
    ),
    of(
        "set-max-listpack-value",
        Always,
        number!(set_max_listpack_value: usize, 0, i64::MAX),
    ),
    of("shutdown-handover", Always, yes_no!(shutdown_handover)),
    of("shutdown-on-sigint", Always, signals::INTERRUPT),
    of("shutdown-on-sigterm", Always, signals::TERMINATE),
    of(
        "shutdown-timeout",
        Always,
        number!(shutdown_timeout: u64, 0, INT_MAX),
    ),
    of(
        "slowlog-log-slower-than",
        Always,
        number!(slowlog_log_slower_than: i64, -1, i64::MAX),
    ),
    of(
        "slowlog-max-len",
        Always,
        number!(slowlog_max_len: usize, 0, i64::MAX),
    ),
    of(
        "stream-node-max-bytes",
        Always,
        memory!(stream_node_max_bytes: usize, 0, MEMORY_MAX),
    ),
    of(
        "stream-node-max-entries",
        Always,
        number!(stream_node_max_entries: usize, 0, i64::MAX),
    ),
    of(
        "tcp-backlog",
        AtStart,
        number!(tcp_backlog: u32, 0, INT_MAX),
    ),
    of(
        "tcp-keepalive",
        Always,
        number!(tcp_keepalive: u32, 0, INT_MAX),
    ),
    of("timeout", Always, number!(timeout: u64, 0, INT_MAX)),
    of(
        "zset-max-listpack-entries",
        Always,
        number!(zset_max_listpack_entries: usize, 0, i64::MAX),
    )
    .or("zset-max-ziplist-entries"),
    of(
        "zset-max-listpack-value",
        Always,
        memory!(zset_max_listpack_value: usize, 0, MEMORY_MAX),
    )
    .or("zset-max-ziplist-value"),
];
