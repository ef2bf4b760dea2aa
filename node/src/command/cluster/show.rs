//! Subcommands of CLUSTER that show what the node knows.

use super::{ask, node};
use crate::command::Definition;
use crate::request::ClusterRequest;
use crate::spec::Flag::{Admin, Stale, StoredTogether};
use crate::spec::{Argument, Deprecated, Flags, Group, Spec};

const TIPS: &[&str] = &["nondeterministic_output"];

pub(super) static INFO: Definition = Definition {
    spec: Spec {
        name: "cluster|info",
        arity: 2,
        flags: Flags::of(&[Stale, StoredTogether]),
        tips: TIPS,
        since: "3.0.0",
        summary: "Returns the state of the cluster: slots, epochs, messages, latest elections",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::Info)))
};

pub(super) static NODES: Definition = Definition {
    spec: Spec {
        name: "cluster|nodes",
        arity: 2,
        flags: Flags::of(&[Stale, StoredTogether]),
        tips: TIPS,
        since: "3.0.0",
        complexity: "O(N) with N the number of nodes",
        summary: "Returns all nodes as this one sees them, one per line",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::Nodes)))
};

pub(super) static SLOTS: Definition = Definition {
    spec: Spec {
        name: "cluster|slots",
        history: &[
            ("4.0.0", "With node ids."),
            ("7.0.0", "With further addresses."),
        ],
        arity: 2,
        flags: Flags::of(&[Stale, StoredTogether]),
        tips: TIPS,
        since: "3.0.0",
        complexity: "O(N) with N the number of nodes",
        summary: "Returns the ranges of slots with their nodes",
        deprecated: Some(Deprecated {
            since: "7.0.0",
            replaced_by: "`CLUSTER SHARDS`",
        }),
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::Slots)))
};

pub(super) static SHARDS: Definition = Definition {
    spec: Spec {
        name: "cluster|shards",
        arity: 2,
        flags: Flags::of(&[Stale, StoredTogether]),
        tips: TIPS,
        since: "7.0.0",
        complexity: "O(N) with N the number of nodes",
        summary: "Returns the shards with their slots and nodes",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::Shards)))
};

pub(super) static MYID: Definition = Definition {
    spec: Spec {
        name: "cluster|myid",
        arity: 2,
        flags: Flags::of(&[Stale, StoredTogether]),
        since: "3.0.0",
        summary: "Returns the id of this node",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::MyId)))
};

pub(super) static MYSHARDID: Definition = Definition {
    spec: Spec {
        name: "cluster|myshardid",
        arity: 2,
        flags: Flags::of(&[Stale, StoredTogether]),
        tips: TIPS,
        since: "7.2.0",
        summary: "Returns the id of this node's shard",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::MyShardId)))
};

pub(super) static LINKS: Definition = Definition {
    spec: Spec {
        name: "cluster|links",
        arity: 2,
        flags: Flags::of(&[Stale, StoredTogether]),
        tips: TIPS,
        since: "7.0.0",
        complexity: "O(N) with N the number of nodes",
        summary: "Returns the bus connections to other nodes",
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, _, _| ask(exec, || Ok(ClusterRequest::Links)))
};

pub(super) static REPLICAS: Definition = Definition {
    spec: Spec {
        name: "cluster|replicas",
        arity: 3,
        flags: Flags::of(&[Admin, Stale, StoredTogether]),
        tips: TIPS,
        since: "5.0.0",
        complexity: "O(N) with N the number of replicas",
        summary: "Returns the replicas of a master, in the format of CLUSTER NODES",
        arguments: &[Argument::string("node-id")],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| ask(exec, || Ok(ClusterRequest::Replicas(node(args, 2)))))
};

pub(super) static SLAVES: Definition = Definition {
    spec: Spec {
        name: "cluster|slaves",
        arity: 3,
        flags: Flags::of(&[Admin, Stale, StoredTogether]),
        tips: TIPS,
        since: "3.0.0",
        complexity: "O(N) with N the number of replicas",
        summary: "Returns the replicas of a master, in the format of CLUSTER NODES",
        deprecated: Some(Deprecated {
            since: "5.0.0",
            replaced_by: "`CLUSTER REPLICAS`",
        }),
        arguments: &[Argument::string("node-id")],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| ask(exec, || Ok(ClusterRequest::Replicas(node(args, 2)))))
};

pub(super) static COUNT_FAILURE_REPORTS: Definition = Definition {
    spec: Spec {
        name: "cluster|count-failure-reports",
        arity: 3,
        flags: Flags::of(&[Admin, Stale, StoredTogether]),
        tips: TIPS,
        since: "3.0.0",
        complexity: "O(N) with N the number of reports",
        summary: "Returns the number of nodes that report a node as failing",
        arguments: &[Argument::string("node-id")],
        ..Spec::new(Group::Cluster)
    },
    ..Definition::run(|exec, args, _| {
        ask(exec, || {
            Ok(ClusterRequest::CountFailureReports(node(args, 2)))
        })
    })
};

#[cfg(test)]
mod tests {
    use crate::command::testing::Bench;
    use crate::request::{Action, ClusterRequest};

    #[test]
    fn asks_the_cluster() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.reply("cluster info"),
            "-ERR This instance has cluster support disabled"
        );
        bench.config.cluster_enabled = true;
        for (line, request) in [
            ("cluster info", ClusterRequest::Info),
            ("CLUSTER MYSHARDID", ClusterRequest::MyShardId),
            ("cluster slaves x", ClusterRequest::Replicas("x".to_owned())),
        ] {
            assert_eq!(bench.ask(line), Action::Cluster(request));
        }
    }
}
