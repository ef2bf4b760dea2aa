//! docs/redis-conf.md: how the node treats the directives of a redis.conf written for Redis.

use std::fmt::Write as _;

use super::Config;
use super::directive::Change;
use super::fixed::FIXED;
use super::table::DIRECTIVES;

/// The lines of the redis.conf that Redis 7.2 comes with, without its remarks. That of 7.0 has no
/// others.
const STOCK: &str = r#"
bind 127.0.0.1 -::1
protected-mode yes
port 6379
tcp-backlog 511
timeout 0
tcp-keepalive 300
daemonize no
pidfile /var/run/redis_6379.pid
loglevel notice
logfile ""
databases 16
always-show-logo no
set-proc-title yes
proc-title-template "{title} {listen-addr} {server-mode}"
locale-collate ""
stop-writes-on-bgsave-error yes
rdbcompression yes
rdbchecksum yes
dbfilename dump.rdb
rdb-del-sync-files no
dir ./
replica-serve-stale-data yes
replica-read-only yes
repl-diskless-sync yes
repl-diskless-sync-delay 5
repl-diskless-sync-max-replicas 0
repl-diskless-load disabled
repl-disable-tcp-nodelay no
replica-priority 100
acllog-max-len 128
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
replica-lazy-flush no
lazyfree-lazy-user-del no
lazyfree-lazy-user-flush no
oom-score-adj no
oom-score-adj-values 0 200 800
disable-thp yes
appendonly no
appendfilename "appendonly.aof"
appenddirname "appendonlydir"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
aof-load-truncated yes
aof-use-rdb-preamble yes
aof-timestamp-enabled no
slowlog-log-slower-than 10000
slowlog-max-len 128
latency-monitor-threshold 0
notify-keyspace-events ""
hash-max-listpack-entries 512
hash-max-listpack-value 64
list-max-listpack-size -2
list-compress-depth 0
set-max-intset-entries 512
set-max-listpack-entries 128
set-max-listpack-value 64
zset-max-listpack-entries 128
zset-max-listpack-value 64
hll-sparse-max-bytes 3000
stream-node-max-bytes 4096
stream-node-max-entries 100
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
dynamic-hz yes
aof-rewrite-incremental-fsync yes
rdb-save-incremental-fsync yes
jemalloc-bg-thread yes
"#;

/// The lines that Debian has changed in its own.
const DEBIAN: &str = r#"
daemonize yes
pidfile /run/redis/redis-server.pid
logfile /var/log/redis/redis-server.log
dir /var/lib/redis
"#;

/// The lines of both that are refused, with the reasons.
fn refused() -> Vec<(&'static str, String)> {
    let lines = STOCK.lines().chain(DEBIAN.lines());
    let lines = lines.filter(|line| !line.is_empty());
    let reason = |line| {
        let error = Config::from_text(line).err()?.to_string();
        Some(error.lines().last()?.to_owned())
    };
    lines
        .filter_map(|line| Some((line, reason(line)?)))
        .collect()
}

fn render() -> String {
    let mut text = String::from(
        "# redis.conf\n\n\
         Generated from the tables of directives; do not edit. A test fails when it is stale;\n\
         `UPDATE=1 cargo test -p slotkeeper-node --lib config::docs` updates it.\n\n\
         A directive of Redis 7.2 is either supported, or it may only have the value that describes\n\
         what the node does anyway. Every other value is an error that names file and line: nothing\n\
         is read and ignored. `slotkeeper-node --check-config FILE` checks a file and starts\n\
         nothing.\n\n\
         `include` accepts `*`, `?` and `[...]`: matching files are read in the order of their names,\n\
         and there may be none. A relative path starts at the working directory, as in Redis.\n\n\
         Put passwords in a file (`password-file`, or `requirepass` in a redis.conf): every user who\n\
         can list processes can read the command line.\n\n\
         ## Lines of a stock file that are refused\n\n\
         In the redis.conf that comes with Redis 7.0 and 7.2, and in Debian's, change or remove these\n\
         lines:\n\n\
         | Line | Why |\n|---|---|\n",
    );
    // Writing to a String cannot fail.
    for (line, reason) in refused() {
        let _ = writeln!(text, "| `{line}` | {reason} |");
    }
    text.push_str(
        "\n## Supported\n\n\
         With both values of `lazyfree-lazy-eviction` and `lazyfree-lazy-expire` keys leave alike, and\n\
         replicas are told by DEL or UNLINK. `lazyfree-lazy-server-del`, `lazyfree-lazy-user-del` and\n\
         `lazyfree-lazy-user-flush` change nothing: small values are freed at once and big ones in\n\
         steps, by DEL as by UNLINK, and a flush is always in steps.\n\n\
         `maxmemory` counts, as in Redis, what clients make this server hold: requests that are not\n\
         complete yet, queued commands and replies. Only what waits for replicas beyond\n\
         `repl-backlog-size` is left out. While clients take the memory, keys are evicted and commands\n\
         that take memory are refused. But the rest of a request that has begun is read whatever\n\
         `maxmemory` says, as in Redis: many clients with long unfinished requests can make the server\n\
         hold more than `maxmemory`, each up to `client-query-buffer-limit`. `maxmemory-clients`\n\
         bounds all of them together: with `20%`, the largest clients are closed while clients take\n\
         more than a fifth of `maxmemory`.\n\n\
         | Directive | Default | CONFIG SET |\n|---|---|---|\n",
    );
    let default = Config::default();
    for directive in DIRECTIVES {
        let value = String::from_utf8_lossy(&directive.show(&default)).into_owned();
        let change = match directive.change {
            Change::Always => "yes",
            Change::Protected => "with `enable-protected-configs`",
            Change::AtStart => "no",
        };
        let name = named(directive.name, directive.alias);
        let _ = writeln!(text, "| {name} | {} | {change} |", code(&value));
    }
    text.push_str("\n## One value only\n\n| Directive | Value | Why |\n|---|---|---|\n");
    for fixed in FIXED {
        let values: Vec<String> = fixed.values.iter().map(|value| code(value)).collect();
        let values = match values.as_slice() {
            [] => "none".to_owned(),
            values => values.join(" or "),
        };
        let name = named(fixed.name, fixed.alias);
        let _ = writeln!(text, "| {name} | {values} | {} |", fixed.why);
    }
    text
}

fn named(name: &str, alias: Option<&str>) -> String {
    match alias {
        Some(alias) => format!("`{name}` (`{alias}`)"),
        None => format!("`{name}`"),
    }
}

fn code(value: &str) -> String {
    if value.is_empty() {
        return "empty".to_owned();
    }
    format!("`{value}`")
}

#[test]
fn of_a_stock_file_little_is_refused() {
    let lines: Vec<&str> = refused().into_iter().map(|(line, _)| line).collect();
    let known = [
        "set-proc-title yes",
        "repl-diskless-load disabled",
        "daemonize yes",
    ];
    assert_eq!(lines, known);
    let rest = STOCK.lines().filter(|line| !known.contains(line));
    let text: Vec<&str> = rest.chain(["cluster-enabled yes"]).collect();
    assert!(Config::from_text(&text.join("\n")).is_ok());
}

#[test]
fn the_docs_are_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/redis-conf.md");
    let wanted = render();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/redis-conf.md is stale: UPDATE=1 updates it"
    );
}
