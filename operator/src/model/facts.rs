//! What one node answered: the replies of CLUSTER NODES, CLUSTER INFO and INFO, parsed.

use slotkeeper_topology::{Epoch, InvalidNodesText, NodeId, NodeLine, parse_nodes};
use thiserror::Error;

use super::Moment;
use crate::text;

/// What one node answered in one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFacts {
    /// Its id: that of its own line in CLUSTER NODES.
    pub id: NodeId,
    /// The id of its process; it changes with every start.
    pub run_id: String,
    /// When the last of its replies had arrived.
    pub read_at: Moment,
    /// CLUSTER NODES: how it sees itself and the others.
    pub lines: Vec<NodeLine>,
    /// CLUSTER INFO.
    pub cluster: ClusterInfo,
    /// INFO replication.
    pub replication: Replication,
    /// How many keys it holds.
    pub keys: u64,
    /// Whether it still reads its data file.
    pub loading: bool,
    /// Whether it withholds itself: it owned slots when it stopped, and it is not proven yet that
    /// its data is current.
    pub withholding: bool,
    /// The elections that it knows of, including its own; none if the node does not report them,
    /// such as a Redis.
    pub candidacies: Option<Vec<Candidacy>>,
    /// The state of its snapshots.
    pub snapshots: Snapshots,
    /// Why it cannot store nodes.conf now; none if it can, or does not report it, such as a Redis.
    pub nodes_conf_error: Option<String>,
}

/// A replica stood for election in place of its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidacy {
    /// The master.
    pub master: NodeId,
    /// The replica.
    pub candidate: NodeId,
    /// The epoch of the election.
    pub epoch: Epoch,
    /// When it began, at the latest.
    pub since: Moment,
}

/// The snapshot fields of INFO persistence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshots {
    /// Whether the last one failed.
    pub failing: bool,
    /// When the last successful one was made, or the node started, in unix seconds.
    pub last_saved_unix: i64,
    /// Why it failed, if the node reports it.
    pub error: Option<String>,
}

/// The reply of CLUSTER INFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterInfo {
    /// `cluster_state:ok`.
    pub state_ok: bool,
    /// The highest epoch that the node has heard of.
    pub current_epoch: Epoch,
    /// The configuration epoch of its slots; that of its master's for a replica.
    pub my_epoch: Epoch,
}

/// The section replication of INFO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replication {
    /// Whether it follows a master.
    pub role: Role,
    /// The id of the replication history that it holds.
    pub replid: String,
    /// The id of the history before it last changed masters; none when all zeros.
    pub replid2: Option<String>,
    /// The offset at which its own history diverges from that older one.
    pub replid2_end: Option<u64>,
    /// Its offset in that history, in bytes.
    pub offset: u64,
    /// The link to its master; none for a master.
    pub upstream: Option<Upstream>,
}

/// Master or replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    #[default]
    Master,
    /// It follows a master.
    Replica,
}

/// A replica's link to its master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// The master's host as configured.
    pub host: String,
    /// The master's port.
    pub port: u16,
    /// Whether the link is up: the data set is complete and up to date.
    pub up: bool,
    /// Whether a full sync is under way.
    pub syncing: bool,
}

/// A reply that cannot be parsed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidReply {
    /// CLUSTER NODES.
    #[error(transparent)]
    Nodes(#[from] InvalidNodesText),
    /// CLUSTER NODES without the answering node.
    #[error("CLUSTER NODES has no line of the node itself")]
    NoMyself,
    /// A field of CLUSTER INFO or INFO.
    #[error("{0} is missing or malformed")]
    Field(&'static str),
}

impl NodeFacts {
    /// The sections of INFO that are needed.
    pub const INFO_SECTIONS: [&str; 5] = [
        "server",
        "persistence",
        "replication",
        "cluster",
        "keyspace",
    ];

    /// Parses the replies of CLUSTER NODES, CLUSTER INFO and INFO (with
    /// [`NodeFacts::INFO_SECTIONS`]).
    ///
    /// # Errors
    /// Names the reply and the field that cannot be read.
    pub fn parse(
        nodes: &str,
        cluster_info: &str,
        info: &str,
        read_at: Moment,
    ) -> Result<NodeFacts, InvalidReply> {
        let lines = parse_nodes(nodes)?;
        let myself = lines.iter().find(|line| line.flags.myself);
        let id = myself.ok_or(InvalidReply::NoMyself)?.id;
        let info = Fields(info);
        Ok(NodeFacts {
            id,
            run_id: info.text("run_id")?.to_owned(),
            read_at,
            lines,
            cluster: ClusterInfo::parse(cluster_info)?,
            replication: Replication::parse(info.0)?,
            keys: keys(&info),
            loading: info.flag("loading"),
            withholding: info.flag("slotkeeper_withholding"),
            candidacies: candidacies(&Fields(cluster_info), read_at)?,
            snapshots: Snapshots::parse(&info),
            nodes_conf_error: nodes_conf_error(&info),
        })
    }

    /// Its own line.
    #[must_use]
    pub fn myself(&self) -> &NodeLine {
        let mine = self.lines.iter().find(|line| line.flags.myself);
        mine.expect("facts are only made with a line of the node itself")
    }

    /// Its line of another node, or its own.
    #[must_use]
    pub fn line(&self, id: NodeId) -> Option<&NodeLine> {
        self.lines.iter().find(|line| line.id == id)
    }

    /// The nodes that it knows, without itself and without nodes in handshake, whose ids are made
    /// up.
    pub fn peers(&self) -> impl Iterator<Item = &NodeLine> {
        self.lines
            .iter()
            .filter(|line| !line.flags.myself && !line.flags.handshake)
    }

    /// Whether it knows no other node and is in handshake with none.
    #[must_use]
    pub fn alone(&self) -> bool {
        self.lines.len() == 1
    }

    /// Whether its own line says that it is a master.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.myself().flags.master
    }

    /// The master that it replicates, according to its own line.
    #[must_use]
    pub fn master(&self) -> Option<NodeId> {
        let myself = self.myself();
        myself.flags.slave.then_some(myself.master).flatten()
    }

    /// Whether the link to its master is up with a complete data set.
    #[must_use]
    pub fn link_up(&self) -> bool {
        let upstream = self.replication.upstream.as_ref();
        !self.loading && upstream.is_some_and(|link| link.up && !link.syncing)
    }

    /// Whether a full sync is under way.
    #[must_use]
    pub fn syncing(&self) -> bool {
        let upstream = self.replication.upstream.as_ref();
        upstream.is_some_and(|link| link.syncing)
    }
}

impl ClusterInfo {
    /// Reads the reply of CLUSTER INFO.
    ///
    /// # Errors
    /// The field that is missing or malformed.
    pub fn parse(text: &str) -> Result<ClusterInfo, InvalidReply> {
        let fields = Fields(text);
        Ok(ClusterInfo {
            state_ok: fields.text("cluster_state")? == "ok",
            current_epoch: Epoch(fields.number("cluster_current_epoch")?),
            my_epoch: Epoch(fields.number("cluster_my_epoch")?),
        })
    }
}

impl Replication {
    /// Reads the section replication of INFO.
    ///
    /// # Errors
    /// The field that is missing or malformed.
    pub fn parse(text: &str) -> Result<Replication, InvalidReply> {
        let fields = Fields(text);
        let role = match fields.text("role")? {
            "master" => Role::Master,
            "slave" => Role::Replica,
            _ => return Err(InvalidReply::Field("role")),
        };
        let master = role == Role::Master;
        let offset = if master {
            fields.number("master_repl_offset")?
        } else {
            // What it has executed, not what it has received: a promotion would serve only that.
            fields.number("slave_repl_offset")?
        };
        Ok(Replication {
            role,
            replid: fields.text("master_replid")?.to_owned(),
            replid2: Some(fields.text("master_replid2")?)
                .filter(|id| id.bytes().any(|digit| digit != b'0'))
                .map(str::to_owned),
            // -1 where there is no older history.
            replid2_end: fields.number::<i64>("second_repl_offset")?.try_into().ok(),
            offset,
            upstream: (!master).then(|| Upstream::parse(&fields)).transpose()?,
        })
    }
}

impl Snapshots {
    /// A server that reports nothing counts as not failing.
    fn parse(info: &Fields<'_>) -> Snapshots {
        let error = info.text("slotkeeper_snapshot_error").ok();
        Snapshots {
            failing: info.text("rdb_last_bgsave_status") == Ok("err"),
            last_saved_unix: info.number("rdb_last_save_time").unwrap_or_default(),
            error: error.filter(|why| !why.is_empty()).map(text::line),
        }
    }
}

fn nodes_conf_error(info: &Fields<'_>) -> Option<String> {
    let failing = info.text("slotkeeper_nodes_conf_status") == Ok("err");
    failing.then(|| text::line(info.text("slotkeeper_nodes_conf_error").unwrap_or_default()))
}

impl Upstream {
    fn parse(fields: &Fields<'_>) -> Result<Upstream, InvalidReply> {
        Ok(Upstream {
            host: fields.text("master_host")?.to_owned(),
            port: fields.number("master_port")?,
            up: fields.text("master_link_status")? == "up",
            syncing: fields.flag("master_sync_in_progress"),
        })
    }
}

/// The elections in CLUSTER INFO: `slotkeeper_election0:master=ID,candidate=ID,epoch=3,age_ms=20`.
fn candidacies(
    cluster: &Fields<'_>,
    read_at: Moment,
) -> Result<Option<Vec<Candidacy>>, InvalidReply> {
    if cluster.text("slotkeeper_elections").is_err() {
        return Ok(None);
    }
    let malformed = InvalidReply::Field("slotkeeper_election");
    (cluster.pairs())
        .filter(|(name, _)| {
            name.strip_prefix("slotkeeper_election")
                .is_some_and(|number| number.parse::<u32>().is_ok())
        })
        .map(|(_, value)| candidacy(value, read_at).ok_or_else(|| malformed.clone()))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn candidacy(value: &str, read_at: Moment) -> Option<Candidacy> {
    let field = |name: &str| {
        let mut pairs = value.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let age: u64 = field("age_ms")?.parse().ok()?;
    Some(Candidacy {
        master: field("master")?.parse().ok()?,
        candidate: field("candidate")?.parse().ok()?,
        epoch: Epoch(field("epoch")?.parse().ok()?),
        since: Moment(read_at.0.saturating_sub(age)),
    })
}

/// The keys of all databases: `db0:keys=3,expires=0,avg_ttl=0`.
fn keys(info: &Fields<'_>) -> u64 {
    info.pairs()
        .filter(|(name, _)| {
            name.strip_prefix("db")
                .is_some_and(|number| number.parse::<u32>().is_ok())
        })
        .filter_map(|(_, value)| value.split(',').next()?.strip_prefix("keys="))
        .filter_map(|keys| keys.parse::<u64>().ok())
        .sum()
}

/// `name:value` lines, with comments and blank lines between.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.0
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
    }

    fn text(&self, name: &'static str) -> Result<&'a str, InvalidReply> {
        let found = self.pairs().find(|(n, _)| *n == name);
        found
            .map(|(_, value)| value)
            .ok_or(InvalidReply::Field(name))
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, InvalidReply> {
        let value = self.text(name)?;
        value.parse().map_err(|_| InvalidReply::Field(name))
    }

    /// A field that only some servers have; a missing one counts as no.
    fn flag(&self, name: &'static str) -> bool {
        self.text(name) == Ok("1")
    }
}

#[cfg(test)]
mod tests;
