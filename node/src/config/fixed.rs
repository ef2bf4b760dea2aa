//! The other directives of Redis 7.2: those that this node does not carry out. Each has the values
//! that say what the node does anyway; any other value is an error, so that nothing is read and
//! then ignored.

use super::value::{self, Invalid};

/// A directive with nothing to choose.
pub(super) struct Fixed {
    /// As in redis.conf.
    pub name: &'static str,
    /// The older name.
    pub alias: Option<&'static str>,
    /// What may stand there; the first is what CONFIG GET shows. None: not even the name may.
    pub values: &'static [&'static str],
    /// Why nothing else may.
    pub why: &'static str,
    /// Whether what is given for it may be a secret.
    pub is_secret: bool,
}

const fn of(name: &'static str, values: &'static [&'static str], why: &'static str) -> Fixed {
    Fixed {
        name,
        alias: None,
        values,
        why,
        is_secret: false,
    }
}

impl Fixed {
    const fn or(mut self, alias: &'static str) -> Fixed {
        self.alias = Some(alias);
        self
    }

    const fn secret(mut self) -> Fixed {
        self.is_secret = true;
        self
    }

    /// Whether it is called so; case does not matter.
    pub fn is_called(&self, name: &[u8]) -> bool {
        let same = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
        same(self.name) || self.alias.is_some_and(same)
    }

    /// Accepts the words that follow the name if they say what the node does anyway.
    ///
    /// # Errors
    /// When they do not; the text says why.
    pub fn check(&self, words: &[Vec<u8>]) -> Result<(), Invalid> {
        let given = words.join(&b' ');
        if self.values.iter().any(|value| means_same(&given, value)) {
            return Ok(());
        }
        let name = self.name;
        let why = self.why;
        Err(Invalid(match self.values {
            [] => format!("'{name}' is not supported: {why}"),
            ["", ..] => format!("'{name}' can only be empty: {why}"),
            [value, ..] => format!("'{name}' can only be '{value}': {why}"),
        }))
    }
}

/// `512MB` is `536870912`, and `No` is `no`.
fn means_same(given: &[u8], value: &str) -> bool {
    let bytes = |text: &[u8]| value::memory(text).ok();
    given.eq_ignore_ascii_case(value.as_bytes())
        || bytes(given).is_some_and(|n| Some(n) == bytes(value.as_bytes()))
}

const AOF: &str = "there is no append-only file yet";
const TYPES: &str = "strings and hashes are the only data types yet";
const EVICTION: &str = "keys are not evicted yet";
const TLS: &str = "there is no TLS yet";
const ACL: &str = "there are no ACL users yet";
const THREADS: &str = "one thread serves all clients";
const NO_FORK: &str = "this server never forks";
const FREEING: &str = "values are freed where they are removed";
const DISKLESS: &str = "a full sync goes through a file only where its length is wanted first";
const ALLOCATOR: &str = "memory is never defragmented in the background";
const PUBSUB: &str = "there is no publish and subscribe yet";
const SYSTEM: &str = "the supervisor of the process decides this";
const TIMING: &str = "the pace of background work is not configurable";
const CLUSTER: &str = "the cluster does only this yet";
const REPLICATION: &str = "replication does only this yet";
const OBSERVING: &str = "there are no per-command percentiles yet";

/// In alphabetical order of the names.
pub(super) static FIXED: &[Fixed] = &[
    of("acl-pubsub-default", &["resetchannels"], ACL),
    of("aclfile", &[""], ACL),
    of("acllog-max-len", &["128"], ACL),
    of("active-defrag-cycle-max", &["25"], ALLOCATOR),
    of("active-defrag-cycle-min", &["1"], ALLOCATOR),
    of("active-defrag-ignore-bytes", &["100mb"], ALLOCATOR),
    of("active-defrag-max-scan-fields", &["1000"], ALLOCATOR),
    of("active-defrag-threshold-lower", &["10"], ALLOCATOR),
    of("active-defrag-threshold-upper", &["100"], ALLOCATOR),
    of("active-expire-effort", &["1"], TIMING),
    of("activedefrag", &["no"], ALLOCATOR),
    of("activerehashing", &["yes"], TIMING),
    of("always-show-logo", &["no"], "there is no logo"),
    of("aof-disable-auto-gc", &["no"], AOF),
    of("aof-load-truncated", &["yes"], AOF),
    of("aof-rewrite-incremental-fsync", &["yes"], AOF),
    of("aof-timestamp-enabled", &["no"], AOF),
    of("aof-use-rdb-preamble", &["yes"], AOF),
    of("aof_rewrite_cpulist", &[""], NO_FORK).or("aof-rewrite-cpulist"),
    of("appenddirname", &["appendonlydir"], AOF),
    of("appendfilename", &["appendonly.aof"], AOF),
    of("appendfsync", &["everysec"], AOF),
    of("appendonly", &["no"], AOF),
    of("auto-aof-rewrite-min-size", &["64mb"], AOF),
    of("auto-aof-rewrite-percentage", &["100"], AOF),
    of("bgsave_cpulist", &[""], NO_FORK).or("bgsave-cpulist"),
    of("bio_cpulist", &[""], SYSTEM).or("bio-cpulist"),
    of("cluster-allow-pubsubshard-when-down", &["yes"], PUBSUB),
    of("cluster-announce-human-name", &[""], CLUSTER),
    of("cluster-announce-tls-port", &["0"], TLS),
    of("cluster-link-sendbuf-limit", &["0"], CLUSTER),
    of("cluster-preferred-endpoint-type", &["ip"], CLUSTER),
    of(
        "crash-log-enabled",
        &["no"],
        "a crash prints its reason and no more",
    ),
    of(
        "crash-memcheck-enabled",
        &["no"],
        "a crash prints its reason and no more",
    ),
    of(
        "daemonize",
        &["no"],
        "this server stays in the foreground; let a supervisor start it",
    ),
    of("dynamic-hz", &["yes"], TIMING),
    of("enable-module-command", &["no"], "there are no modules"),
    of("hll-sparse-max-bytes", &["3000"], TYPES),
    of("hz", &["10"], TIMING),
    of("ignore-warnings", &[""], "no warning stops the start"),
    of("io-threads", &["1"], THREADS),
    of("io-threads-do-reads", &["no"], THREADS),
    of(
        "jemalloc-bg-thread",
        &["yes", "no"],
        "the allocator is not jemalloc, so neither means anything",
    ),
    of("latency-tracking", &["no"], OBSERVING),
    of(
        "latency-tracking-info-percentiles",
        &["50 99 99.9"],
        OBSERVING,
    ),
    of("lazyfree-lazy-eviction", &["no"], FREEING),
    of("lazyfree-lazy-expire", &["no"], FREEING),
    of("lazyfree-lazy-server-del", &["no"], FREEING),
    of("lazyfree-lazy-user-del", &["no"], FREEING),
    of("lazyfree-lazy-user-flush", &["no"], FREEING),
    of("lfu-decay-time", &["1"], EVICTION),
    of("lfu-log-factor", &["10"], EVICTION),
    of("list-compress-depth", &["0"], TYPES),
    of("list-max-listpack-size", &["-2"], TYPES).or("list-max-ziplist-size"),
    of("loadmodule", &[], "there are no modules"),
    of("locale-collate", &[""], TYPES),
    of("maxmemory-eviction-tenacity", &["10"], EVICTION),
    of("maxmemory-policy", &["noeviction"], EVICTION),
    of("maxmemory-samples", &["5"], EVICTION),
    of("no-appendfsync-on-rewrite", &["no"], AOF),
    of("notify-keyspace-events", &[""], PUBSUB),
    of("oom-score-adj", &["no"], SYSTEM),
    of("oom-score-adj-values", &["0 200 800"], SYSTEM),
    of(
        "proc-title-template",
        &["{title} {listen-addr} {server-mode}"],
        SYSTEM,
    ),
    of("rdb-del-sync-files", &["no"], DISKLESS),
    of("rdb-save-incremental-fsync", &["yes"], TIMING),
    of("rdbchecksum", &["yes"], "snapshots always have a checksum"),
    of("rename-command", &[], "commands keep their names"),
    of("repl-backlog-ttl", &["0"], "the backlog is kept"),
    of("repl-disable-tcp-nodelay", &["no"], REPLICATION),
    of(
        "repl-diskless-load",
        &["flush-before-load"],
        "a replica loads what it receives as it comes, into an empty keyspace",
    ),
    of("repl-diskless-sync", &["yes"], DISKLESS),
    of("replica-announce-ip", &[""], REPLICATION).or("slave-announce-ip"),
    of("replica-announce-port", &["0"], REPLICATION).or("slave-announce-port"),
    of("replica-announced", &["yes"], REPLICATION),
    of(
        "replica-ignore-disk-write-errors",
        &["yes"],
        "a replica that cannot save says so and goes on",
    ),
    of("replica-ignore-maxmemory", &["yes"], REPLICATION).or("slave-ignore-maxmemory"),
    of("replica-lazy-flush", &["no"], FREEING).or("slave-lazy-flush"),
    of(
        "replicaof",
        &["", "no one"],
        "outside cluster mode nodes stand alone yet",
    )
    .or("slaveof"),
    of("sanitize-dump-payload", &["no"], TYPES),
    of("server_cpulist", &[""], SYSTEM).or("server-cpulist"),
    of("set-max-intset-entries", &["512"], TYPES),
    of("set-max-listpack-entries", &["128"], TYPES),
    of("set-max-listpack-value", &["64"], TYPES),
    of(
        "set-proc-title",
        &["no"],
        "the process keeps the command line that it was started with",
    ),
    of(
        "shutdown-on-sigint",
        &["default"],
        "signals shut down as SHUTDOWN does",
    ),
    of(
        "shutdown-on-sigterm",
        &["default"],
        "signals shut down as SHUTDOWN does",
    ),
    of("socket-mark-id", &["0"], SYSTEM),
    of(
        "stop-writes-on-bgsave-error",
        &["yes"],
        "a failed snapshot stops writes",
    ),
    of("stream-node-max-bytes", &["4096"], TYPES),
    of("stream-node-max-entries", &["100"], TYPES),
    of("supervised", &["no"], SYSTEM),
    of(
        "syslog-enabled",
        &["no"],
        "the log goes to standard output or a file",
    ),
    of(
        "syslog-facility",
        &["local0"],
        "the log goes to standard output or a file",
    ),
    of(
        "syslog-ident",
        &["redis"],
        "the log goes to standard output or a file",
    ),
    of("tls-auth-clients", &["yes"], TLS),
    of("tls-ca-cert-dir", &[""], TLS),
    of("tls-ca-cert-file", &[""], TLS),
    of("tls-cert-file", &[""], TLS),
    of("tls-ciphers", &[""], TLS),
    of("tls-ciphersuites", &[""], TLS),
    of("tls-client-cert-file", &[""], TLS),
    of("tls-client-key-file", &[""], TLS),
    of("tls-client-key-file-pass", &[""], TLS).secret(),
    of("tls-cluster", &["no"], TLS),
    of("tls-dh-params-file", &[""], TLS),
    of("tls-key-file", &[""], TLS),
    of("tls-key-file-pass", &[""], TLS).secret(),
    of("tls-port", &["0"], TLS),
    of("tls-prefer-server-ciphers", &["no"], TLS),
    of("tls-protocols", &[""], TLS),
    of("tls-replication", &["no"], TLS),
    of("tls-session-cache-size", &["20480"], TLS),
    of("tls-session-cache-timeout", &["300"], TLS),
    of("tls-session-caching", &["yes"], TLS),
    of(
        "tracking-table-max-keys",
        &["1000000"],
        "there is no client tracking yet",
    ),
    of("unixsocket", &[""], "there are no Unix sockets yet"),
    of("unixsocketperm", &["0"], "there are no Unix sockets yet"),
    of("user", &[], ACL).secret(),
    of("zset-max-listpack-entries", &["128"], TYPES).or("zset-max-ziplist-entries"),
    of("zset-max-listpack-value", &["64"], TYPES).or("zset-max-ziplist-value"),
];
