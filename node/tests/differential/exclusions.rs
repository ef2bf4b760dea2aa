//! Commands that are not drawn, and why.

/// Names, or their beginnings, and why their replies cannot be compared.
const EXCLUDED: [(&str, &str); 41] = [
    ("time", "the clock"),
    ("lastsave", "the clock"),
    ("role", "of the process"),
    ("info", "of the process"),
    ("debug", "of the process"),
    ("memory|", "of the process"),
    ("latency|", "of the process"),
    ("slowlog|", "of the process"),
    ("client|", "of the process"),
    ("acl|", "of the process"),
    ("module|", "of the process"),
    ("lolwut", "of the process"),
    ("config|", "each has directives of its own"),
    ("command|", "with_redis compares it"),
    ("slotkeeper|", "our own"),
    ("save", "with_redis compares what is saved"),
    ("bgsave", "with_redis compares what is saved"),
    ("bgrewriteaof", "with_redis compares what is saved"),
    ("shutdown", "ends the server"),
    ("failover", "needs a replica"),
    ("replicaof", "needs a replica"),
    ("slaveof", "needs a replica"),
    ("replconf", "changes what the connection is"),
    ("psync", "changes what the connection is"),
    ("sync", "changes what the connection is"),
    ("monitor", "changes what the connection is"),
    ("hello", "changes what the connection is"),
    ("reset", "changes what the connection is"),
    ("quit", "changes what the connection is"),
    ("auth", "there is no password"),
    ("asking", "for clusters"),
    ("readonly", "for clusters"),
    ("readwrite", "for clusters"),
    ("wait", "may wait without an end"),
    ("dump", "the payload has a version"),
    ("restore", "the payload has a version"),
    ("migrate", "needs a third server"),
    ("object|refcount", "Redis shares small numbers"),
    ("object|freq", "by chance"),
    ("pfdebug", "each keeps registers its own way"),
    ("pfselftest", "of the process"),
];

/// Why a command is not drawn; none if it is.
pub fn why(name: &str) -> Option<&'static str> {
    if name.ends_with("|help") {
        return Some("has words of its own");
    }
    let listed = EXCLUDED
        .iter()
        .find(|(excluded, _)| match excluded.strip_suffix('|') {
            Some(container) => name.split('|').next() == Some(container),
            None => name == *excluded,
        });
    listed.map(|(_, why)| *why)
}
