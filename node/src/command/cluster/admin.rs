//! Subcommands of CLUSTER that change who belongs to it and who leads.

use slotkeeper_topology::Epoch;

use super::{ask, node, refused};
use crate::command::parse::{SYNTAX, bad_subcommand, integer, lossy, shown};
use crate::command::{Definition, Effect, Exec, Refused};
use crate::request::{ClusterRequest, Failover};
use crate::resp::number::parse_integer;
use crate::resp::{Args, Reply};
use crate::spec::Flag::{Admin, NoAsyncLoading, NoScript, Stale, StoredTogether};
use crate::spec::{Argument, Flags, Group, Spec};

const FLAGS: Flags = Flags::of(&[Admin, Stale, NoAsyncLoading, StoredTogether]);

pub(super) static MEET: Definition = Definition {
    spec: Spec {
        name: "cluster|meet",
        arity: -4,
        flags: FLAGS,
        since: "3.0.0",
        summary: "Introduces this node and another one to each other",
        history: &[("4.0.0", "With the bus port.")],
        arguments: &[
            Argument::string("ip"),
            Argument::integer("port"),
            Argument::integer("cluster_bus_port")
                .optional()
                .since("4.0.0"),
        ],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(meet)
};

pub(super) static FORGET: Definition = Definition {
    spec: Spec {
        name: "cluster|forget",
        arity: 3,
        flags: FLAGS,
        since: "3.0.0",
        summary: "Removes a node from those that this one knows, and bans it for a minute",
        arguments: &[Argument::string("node-id")],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| ask(exec, || Ok(ClusterRequest::Forget(node(args, 2)))))
};

pub(super) static REPLICATE: Definition = Definition {
    spec: Spec {
        name: "cluster|replicate",
        arity: -3,
        flags: FLAGS,
        since: "3.0.0",
        summary: "Makes this node a replica of a master, or an empty master",
        history: &[("9.0.0", "`NO ONE`, as in Valkey.")],
        arguments: &[Argument::one_of(
            "args",
            &[
                Argument::string("node-id"),
                Argument::block(
                    "no-one",
                    &[Argument::word("no", "NO"), Argument::word("one", "ONE")],
                )
                .since("9.0.0"),
            ],
        )],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(replicate)
};

fn replicate(exec: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    ask(exec, || match args.len() {
        3 => Ok(ClusterRequest::Replicate(node(args, 2))),
        4 if args.is(2, "no") && args.is(3, "one") => Ok(ClusterRequest::ReplicateNoOne),
        _ => Err(SYNTAX),
    })
}

pub(super) static FAILOVER: Definition = Definition {
    spec: Spec {
        name: "cluster|failover",
        arity: -2,
        flags: Flags::of(&[Admin, Stale, NoAsyncLoading]),
        since: "3.0.0",
        summary: "Makes this replica take over from its master; FORCE at most once within two node timeouts",
        arguments: &[Argument::one_of(
            "options",
            &[
                Argument::word("force", "FORCE"),
                Argument::word("takeover", "TAKEOVER"),
            ],
        )
        .optional()],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(failover)
};

pub(super) static RESET: Definition = Definition {
    spec: Spec {
        name: "cluster|reset",
        arity: -2,
        flags: Flags::of(&[Admin, NoScript, Stale, StoredTogether]),
        since: "3.0.0",
        complexity: "O(N) with N the number of nodes, and of keys if this is a replica",
        summary: "Makes this node forget the cluster; HARD also gives it a new id",
        arguments: &[Argument::one_of(
            "hard_soft",
            &[
                Argument::word("hard", "HARD"),
                Argument::word("soft", "SOFT"),
            ],
        )
        .optional()],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(reset)
};

pub(super) static SAVECONFIG: Definition = Definition {
    spec: Spec {
        name: "cluster|saveconfig",
        arity: 2,
        flags: FLAGS,
        since: "3.0.0",
        summary: "Writes nodes.conf",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::SaveConfig)))
};

pub(super) static BUMPEPOCH: Definition = Definition {
    spec: Spec {
        name: "cluster|bumpepoch",
        arity: 2,
        flags: FLAGS,
        tips: &["nondeterministic_output"],
        since: "3.0.0",
        summary: "Raises the config epoch of this node above all others",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::BumpEpoch)))
};

pub(super) static SET_CONFIG_EPOCH: Definition = Definition {
    spec: Spec {
        name: "cluster|set-config-epoch",
        arity: 3,
        flags: FLAGS,
        since: "3.0.0",
        summary: "Sets the config epoch of a new node that knows no other",
        arguments: &[Argument::integer("config-epoch")],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(set_config_epoch)
};

fn meet(exec: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    ask(exec, || {
        if args.len() > 5 {
            return Err(bad_subcommand(args.get(1), "CLUSTER"));
        }
        let ip = lossy(args.get(2));
        let base = port_number(args.get(3), "base")?;
        let bus = args.opt(4).map(|text| port_number(text, "bus"));
        let bus = bus.transpose()?;
        let port = |number: i64| u16::try_from(number).ok();
        let (Some(port), bus_port) = (port(base), bus.map(port)) else {
            return refused(format!("ERR Invalid node address specified: {ip}:{base}"));
        };
        if port == 0 || bus_port == Some(None) {
            return refused(format!("ERR Invalid node address specified: {ip}:{base}"));
        }
        Ok(ClusterRequest::Meet {
            ip,
            port,
            bus_port: bus_port.flatten(),
        })
    })
}

fn port_number(text: &[u8], which: &str) -> Result<i64, Refused> {
    match parse_integer(text) {
        Some(number) => Ok(number),
        None => refused(format!(
            "ERR Invalid TCP {which} port specified: {}",
            shown(text)
        )),
    }
}

fn failover(exec: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    ask(exec, || {
        let how = match args.len() {
            2 => Failover::Plain,
            3 if args.is(2, "force") => Failover::Force,
            3 if args.is(2, "takeover") => Failover::Takeover,
            3 => return Err(SYNTAX),
            _ => return Err(bad_subcommand(args.get(1), "CLUSTER")),
        };
        Ok(ClusterRequest::Failover(how))
    })
}

fn reset(exec: &mut Exec<'_>, args: &Args<'_>, _: &mut Reply) -> Result<Effect, Refused> {
    ask(exec, || {
        let hard = match args.len() {
            2 => false,
            3 if args.is(2, "soft") => false,
            3 if args.is(2, "hard") => true,
            3 => return Err(SYNTAX),
            _ => return Err(bad_subcommand(args.get(1), "CLUSTER")),
        };
        Ok(ClusterRequest::Reset { hard })
    })
}

fn set_config_epoch(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    _: &mut Reply,
) -> Result<Effect, Refused> {
    ask(exec, || {
        let epoch = integer(args.get(2))?;
        match u64::try_from(epoch) {
            Ok(epoch) => Ok(ClusterRequest::SetConfigEpoch(Epoch(epoch))),
            Err(_) => refused(format!("ERR Invalid config epoch specified: {epoch}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Bench;
    use crate::request::Action;

    #[test]
    fn parses() {
        let mut bench = Bench::new();
        bench.config.cluster_enabled = true;
        for (line, request) in [
            (
                "cluster meet 1.2.3.4 7000 17001",
                ClusterRequest::Meet {
                    ip: "1.2.3.4".to_owned(),
                    port: 7000,
                    bus_port: Some(17001),
                },
            ),
            (
                "cluster failover FORCE",
                ClusterRequest::Failover(Failover::Force),
            ),
            ("cluster reset", ClusterRequest::Reset { hard: false }),
            ("cluster reset hard", ClusterRequest::Reset { hard: true }),
            (
                "cluster set-config-epoch 7",
                ClusterRequest::SetConfigEpoch(Epoch(7)),
            ),
        ] {
            assert_eq!(bench.ask(line), Action::Cluster(request), "{line}");
        }
    }

    #[test]
    fn refuses_as_redis_does() {
        let mut bench = Bench::new();
        bench.config.cluster_enabled = true;
        for (line, text) in [
            ("meet a b", "-ERR Invalid TCP base port specified: b"),
            ("meet 1.1.1.1 1 x", "-ERR Invalid TCP bus port specified: x"),
            (
                "meet 1.1.1.1 99999",
                "-ERR Invalid node address specified: 1.1.1.1:99999",
            ),
            (
                "meet 1.1.1.1 0",
                "-ERR Invalid node address specified: 1.1.1.1:0",
            ),
            ("failover foo", "-ERR syntax error"),
            (
                "failover force x",
                "-ERR unknown subcommand or wrong number of arguments for 'failover'. Try CLUSTER HELP.",
            ),
            (
                "set-config-epoch -1",
                "-ERR Invalid config epoch specified: -1",
            ),
        ] {
            assert_eq!(bench.reply(&format!("cluster {line}")), text, "{line}");
        }
    }
}
