//! The other directives of Redis 7.2: those that this node does not carry out. Each has the values
//! that say what the node does anyway; any other value is an error, so that nothing is read and
//! then ignored.

use super::value::{self, Invalid};

/// A directive that has one value only.
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

const AOF: &str = "the append-only file is not supported yet";
const TLS: &str = "TLS is not supported yet";
const ACL: &str = "ACL users are not supported yet";
const MODULES: &str = "modules are not supported";
const THREADS: &str = "one thread reads and writes for all clients";
const NO_FORK: &str = "this server never forks, so there is no child process to bind to CPUs";
const DEFRAG: &str = "active defragmentation is not supported";
const PUBSUB: &str = "publish and subscribe are not supported yet";
const STARTER: &str = "set it where the process is started, such as in a systemd unit or a pod";
const TITLE: &str = "this server does not change its process title";
const PACE: &str = "the pace of background work cannot be changed";
const CRASH: &str = "a crash prints only its reason";
const SYSLOG: &str = "this server logs to standard output or to a file (logfile)";

/// In alphabetical order of the names.
pub(super) static FIXED: &[Fixed] = &[
    of("acl-pubsub-default", &["resetchannels"], ACL),
    of("aclfile", &[""], ACL),
    of("acllog-max-len", &["128"], ACL),
    of("active-defrag-cycle-max", &["25"], DEFRAG),
    of("active-defrag-cycle-min", &["1"], DEFRAG),
    of("active-defrag-ignore-bytes", &["100mb"], DEFRAG),
    of("active-defrag-max-scan-fields", &["1000"], DEFRAG),
    of("active-defrag-threshold-lower", &["10"], DEFRAG),
    of("active-defrag-threshold-upper", &["100"], DEFRAG),
    of("activedefrag", &["no"], DEFRAG),
    of("activerehashing", &["yes"], PACE),
    of("always-show-logo", &["no"], "there is no logo to show"),
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
    of("bio_cpulist", &[""], STARTER).or("bio-cpulist"),
    of("cluster-allow-pubsubshard-when-down", &["yes"], PUBSUB),
    of("cluster-announce-tls-port", &["0"], TLS),
    of("crash-log-enabled", &["no"], CRASH),
    of("crash-memcheck-enabled", &["no"], CRASH),
    of(
        "daemonize",
        &["no"],
        "this server stays in the foreground; let a service manager such as systemd start it",
    ),
    of(
        "dynamic-hz",
        &["yes"],
        "expired keys are looked for again at once where many were found",
    ),
    of(
        "enable-debug-assert",
        &["no"],
        "what the assertions check is always checked, or in tests",
    ),
    of("enable-module-command", &["no"], MODULES),
    of(
        "ignore-warnings",
        &[""],
        "no warning keeps this server from starting",
    ),
    of("io-threads", &["1"], THREADS),
    of("io-threads-do-reads", &["no"], THREADS),
    of(
        "jemalloc-bg-thread",
        &["yes", "no"],
        "this server does not use jemalloc; both values mean the same",
    ),
    of(
        "list-compress-depth",
        &["0"],
        "lists are packed, but not compressed",
    ),
    of("loadmodule", &[], MODULES),
    of(
        "locale-collate",
        &[""],
        "SORT ALPHA compares bytes, in no locale",
    ),
    of(
        "lua-enable-deprecated-api",
        &["no"],
        "scripts are not supported yet",
    ),
    of("no-appendfsync-on-rewrite", &["no"], AOF),
    of(
        "notify-keyspace-events",
        &[""],
        "keyspace notifications are not supported yet",
    ),
    of("oom-score-adj", &["no"], STARTER),
    of("oom-score-adj-values", &["0 200 800"], STARTER),
    of(
        "proc-title-template",
        &["{title} {listen-addr} {server-mode}"],
        TITLE,
    ),
    of(
        "rdb-del-sync-files",
        &["no"],
        "a full sync leaves no file behind",
    ),
    of("rdb-save-incremental-fsync", &["yes"], PACE),
    of("rdbchecksum", &["yes"], "snapshots always have a checksum"),
    of("rename-command", &[], "commands cannot be renamed"),
    of(
        "repl-backlog-ttl",
        &["0"],
        "the replication backlog is never freed",
    ),
    of(
        "repl-disable-tcp-nodelay",
        &["no"],
        "replication always sends without delay",
    ),
    of(
        "repl-diskless-load",
        &["flush-before-load"],
        "a replica removes its own keys first and loads the data set as it arrives",
    ),
    of(
        "repl-diskless-sync",
        &["yes"],
        "a full sync needs no file, unless a client asks for its length first",
    ),
    of(
        "replica-announce-ip",
        &[""],
        "in a cluster, cluster-announce-ip says this",
    )
    .or("slave-announce-ip"),
    of(
        "replica-announce-port",
        &["0"],
        "in a cluster, cluster-announce-port says this",
    )
    .or("slave-announce-port"),
    of("replica-announced", &["yes"], "every replica is announced"),
    of(
        "replica-ignore-disk-write-errors",
        &["yes"],
        "a replica that cannot save logs the error and goes on",
    ),
    of(
        "replica-ignore-maxmemory",
        &["yes"],
        "a replica repeats every write of its master, whatever its maxmemory",
    )
    .or("slave-ignore-maxmemory"),
    of(
        "replica-lazy-flush",
        &["no"],
        "a replica drops its keys at once and frees them in steps",
    )
    .or("slave-lazy-flush"),
    of(
        "replicaof",
        &["", "no one"],
        "replication outside a cluster is not supported yet; in one, use CLUSTER REPLICATE",
    )
    .or("slaveof"),
    of(
        "sanitize-dump-payload",
        &["no"],
        "RESTORE is not supported yet, and data files are always checked",
    ),
    of("server_cpulist", &[""], STARTER).or("server-cpulist"),
    of("set-proc-title", &["no"], TITLE),
    of("socket-mark-id", &["0"], "marking sockets is not supported"),
    of(
        "stop-writes-on-bgsave-error",
        &["yes"],
        "writes are always refused after a failed snapshot",
    ),
    of(
        "supervised",
        &["no"],
        "this server does not signal its readiness; it runs in the foreground",
    ),
    of("syslog-enabled", &["no"], SYSLOG),
    of("syslog-facility", &["local0"], SYSLOG),
    of("syslog-ident", &["redis"], SYSLOG),
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
        "client-side caching is not supported yet",
    ),
    of("unixsocket", &[""], "Unix sockets are not supported yet"),
    of(
        "unixsocketperm",
        &["0"],
        "Unix sockets are not supported yet",
    ),
    of(
        "use-exit-on-panic",
        &["no"],
        "an invariant that is broken always ends the process in the same way",
    ),
    of("user", &[], ACL).secret(),
    of(
        "watchdog-period",
        &["0"],
        "SLOWLOG and LATENCY show what takes long; nothing interrupts it",
    ),
];
