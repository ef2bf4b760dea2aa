//! CLUSTER and its subcommands, and what clients of a cluster say about their connection.

mod admin;
mod client;
mod show;
mod slot_stats;
mod slots;

use std::borrow::Cow;

use super::parse::lossy;
use super::{Definition, Effect, Exec, Refused, docs};
use crate::request::{Action, ClusterRequest};
use crate::resp::Args;
use crate::spec::{Group, Spec};

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &CLUSTER,
    &client::READONLY,
    &client::READWRITE,
    &client::ASKING,
];

static CLUSTER: Definition = Definition {
    spec: Spec {
        name: "cluster",
        since: "3.0.0",
        summary: "Commands about the cluster",
        ..Spec::container(Group::Cluster)
    },
    subcommands: &[
        &show::INFO,
        &show::NODES,
        &show::SLOTS,
        &show::SHARDS,
        &show::MYID,
        &show::MYSHARDID,
        &show::LINKS,
        &show::REPLICAS,
        &show::SLAVES,
        &show::COUNT_FAILURE_REPORTS,
        &slots::ADDSLOTS,
        &slots::ADDSLOTSRANGE,
        &slots::DELSLOTS,
        &slots::DELSLOTSRANGE,
        &slots::FLUSHSLOTS,
        &slots::SETSLOT,
        &slots::KEYSLOT,
        &slot_stats::SLOT_STATS,
        &slots::COUNTKEYSINSLOT,
        &slots::GETKEYSINSLOT,
        &admin::MEET,
        &admin::FORGET,
        &admin::REPLICATE,
        &admin::FAILOVER,
        &admin::RESET,
        &admin::SAVECONFIG,
        &admin::BUMPEPOCH,
        &admin::SET_CONFIG_EPOCH,
        &HELP,
    ],
    ..Definition::CONTAINER
};

static HELP: Definition = Definition {
    spec: Spec::help("cluster|help", Group::Cluster),
    ..Definition::run(docs::help)
};

pub(super) const DISABLED: Refused = Refused::new("ERR This instance has cluster support disabled");

/// Asks for a request, if this is a cluster at all.
fn ask(
    exec: &Exec<'_>,
    request: impl FnOnce() -> Result<ClusterRequest, Refused>,
) -> Result<Effect, Refused> {
    enabled(exec)?;
    Ok(Effect::ask(Action::Cluster(request()?)))
}

fn enabled(exec: &Exec<'_>) -> Result<(), Refused> {
    if exec.node.config.cluster_enabled {
        Ok(())
    } else {
        Err(DISABLED)
    }
}

/// The name of a node: an argument that is a node id if all is well.
fn node(args: &Args<'_>, index: usize) -> String {
    lossy(args.get(index))
}

fn refused<T>(text: impl Into<Cow<'static, str>>) -> Result<T, Refused> {
    Err(Refused(text.into()))
}
