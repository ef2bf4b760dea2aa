//! The directives that the operator sets itself, and the rules on `spec.config`.

use kube::core::{Rule, validate};
use schemars::{Schema, SchemaGenerator, json_schema};

/// A directive that `spec.config` must not set.
#[derive(Clone, Copy, Debug)]
pub struct Owned {
    /// Its name in redis.conf.
    pub directive: &'static str,
    /// Why the operator sets it, or which field to use instead.
    pub reason: &'static str,
}

const ADDRESS: &str = "the operator decides where a node listens and what it announces";
const FILES: &str = "the operator decides where a node keeps its files";
const PROCESS: &str = "the platform runs the process";
const PASSWORD: &str = "use spec.auth.passwordSecretRef";
const REPLICAS: &str = "the operator decides which node replicates which";
const CLUSTER: &str = "nodes always run as a cluster";
const COMMANDS: &str = "the operator needs every command under its own name";
const HANDOVER: &str = "the operator relies on it to keep acknowledged writes";
const HEALTH: &str = "the probes use it";

/// Every directive that the operator sets itself.
pub const OWNED: &[Owned] = &[
    owned("bind", ADDRESS),
    owned("bind-source-addr", ADDRESS),
    owned("port", ADDRESS),
    owned("tls-port", ADDRESS),
    owned("tls-cluster", ADDRESS),
    owned("tls-replication", ADDRESS),
    owned("unixsocket", ADDRESS),
    owned("protected-mode", ADDRESS),
    owned("cluster-port", ADDRESS),
    owned("cluster-announce-ip", ADDRESS),
    owned("cluster-announce-port", ADDRESS),
    owned("cluster-announce-tls-port", ADDRESS),
    owned("cluster-announce-bus-port", ADDRESS),
    owned("cluster-announce-hostname", ADDRESS),
    owned("cluster-announce-human-nodename", ADDRESS),
    owned("cluster-preferred-endpoint-type", ADDRESS),
    owned("replica-announce-ip", ADDRESS),
    owned("replica-announce-port", ADDRESS),
    owned("slave-announce-ip", ADDRESS),
    owned("slave-announce-port", ADDRESS),
    owned("dir", FILES),
    owned("include", FILES),
    owned("logfile", FILES),
    owned("pidfile", FILES),
    owned("cluster-config-file", FILES),
    owned("daemonize", PROCESS),
    owned("supervised", PROCESS),
    owned("requirepass", PASSWORD),
    owned("masterauth", PASSWORD),
    owned("masteruser", PASSWORD),
    owned("password-file", PASSWORD),
    owned("aclfile", PASSWORD),
    owned("user", PASSWORD),
    owned("replicaof", REPLICAS),
    owned("slaveof", REPLICAS),
    owned("cluster-allow-replica-migration", REPLICAS),
    owned("cluster-replica-no-failover", REPLICAS),
    owned("cluster-slave-no-failover", REPLICAS),
    owned("cluster-enabled", CLUSTER),
    owned("rename-command", COMMANDS),
    owned("shutdown-handover", HANDOVER),
    owned("cluster-empty-master-wait", HANDOVER),
    owned("health-port", HEALTH),
    owned("health-bind", HEALTH),
];

const fn owned(directive: &'static str, reason: &'static str) -> Owned {
    Owned { directive, reason }
}

/// The schema of `spec.config`: names and values are text, and rules refuse what cannot work.
///
/// The sizes bound the cost of the rules; without them the API server refuses the schema.
pub fn config_schema(_: &mut SchemaGenerator) -> Schema {
    let mut schema = json_schema!({
        "type": "object",
        "maxProperties": 256,
        "additionalProperties": { "type": "string", "maxLength": 4096 },
    });
    let general = [
        (
            "self.all(name, name.matches('^[a-z][a-z0-9-]*$'))",
            "names of directives contain only lower-case letters, digits and hyphens",
        ),
        (
            r"self.all(name, !self[name].contains('\n') && !self[name].contains('\r'))",
            "the value of a directive must be a single line",
        ),
        (
            "!('cluster-node-timeout' in self) || self['cluster-node-timeout'].matches('^[1-9][0-9]{2,6}$')",
            "cluster-node-timeout must be a number of milliseconds from 100 to 9999999",
        ),
    ];
    let rules = general.into_iter().map(Rule::from);
    let refusals = OWNED.iter().map(|Owned { directive, reason }| {
        Rule::new(format!("!('{directive}' in self)"))
            .message(format!("{directive} is set by the operator: {reason}").as_str())
    });
    for rule in rules.chain(refusals) {
        validate(&mut schema, rule).expect("a rule is plain text and always serialises");
    }
    schema
}
