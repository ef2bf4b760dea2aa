use slotkeeper_topology::{Epoch, InvalidNodesText, NodeId, NodeLine, parse_nodes};
use thiserror::Error;

use super::Moment;
use crate::text;

/// What one node answered in one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFacts {
    /// Its id: that of its own line in CLUSTER NODES.
    pub id: NodeId,
    /// The id of its process; another one means that it was started again.
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
    /// Whether it withholds itself: it owned slots when it stopped and has not shown itself
    /// current since it started.
    pub withholding: bool,
    /// The elections that it knows of, its own among them; none from a node that tells nothing of
    /// them, as a Redis.
    pub candidacies: Option<Vec<Candidacy>>,
    /// What became of its snapshots.
    pub snapshots: Snapshots,
}

/// That a replica stood for election in place of its master.
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

/// What INFO persistence says of snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshots {
    /// Whether the last one failed.
    pub failing: bool,
    /// When the last good one was made, or the node started, in unix seconds.
    pub last_saved_unix: i64,
    /// Why it failed, where the node says so.
    pub error: Option<String>,
}

/// What CLUSTER INFO says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterInfo {
    /// `cluster_state:ok`.
    pub state_ok: bool,
    /// The highest epoch that it has heard of.
    pub current_epoch: Epoch,
    /// The configuration epoch of its slots; that of its master's for a replica.
    pub my_epoch: Epoch,
}

/// What INFO replication says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replication {
    /// Whether it follows a master.
    pub role: Role,
    /// The id of the history that it holds.
    pub replid: String,
    /// The id of the history before it last changed masters; none when all zeros.
    pub replid2: Option<String>,
    /// The offset from which on that older history is another one than its own.
    pub replid2_end: Option<u64>,
    /// How far it is in that history, in bytes.
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
    /// Whether the link is up: the data set is complete and follows.
    pub up: bool,
    /// Whether a full sync is under way.
    pub syncing: bool,
}

/// A reply that a pass could not read.
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
    /// Reads the replies of CLUSTER NODES, CLUSTER INFO and INFO (the sections server,
    /// persistence, replication and keyspace at least).
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

    /// The nodes that it knows beside itself; one that it has only been told to meet does not
    /// count, since the id of that is made up.
    pub fn peers(&self) -> impl Iterator<Item = &NodeLine> {
        self.lines
            .iter()
            .filter(|line| !line.flags.myself && !line.flags.handshake)
    }

    /// Whether it knows nobody and waits for nobody.
    #[must_use]
    pub fn alone(&self) -> bool {
        self.lines.len() == 1
    }

    /// Whether it is a master by its own line.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.myself().flags.master
    }

    /// The master that it follows by its own line.
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
            // What it has executed, not what it has read: that is what a promotion would serve.
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
    /// A server that says nothing of them has not failed.
    fn parse(info: &Fields<'_>) -> Snapshots {
        let error = info.text("slotkeeper_snapshot_error").ok();
        Snapshots {
            failing: info.text("rdb_last_bgsave_status") == Ok("err"),
            last_saved_unix: info.number("rdb_last_save_time").unwrap_or_default(),
            error: error.filter(|why| !why.is_empty()).map(text::line),
        }
    }
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

    /// A field that only some servers have: absent is no.
    fn flag(&self, name: &'static str) -> bool {
        self.text(name) == Ok("1")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const NODES: &str = "07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:7000@17000,a \
                         myself,slave 67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 0 0 3 connected\n\
                         67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 127.0.0.1:7001@17001,b \
                         master - 0 5 3 connected 0-16383\n";
    const CLUSTER: &str = "cluster_enabled:1\r\ncluster_state:ok\r\n\
                           cluster_current_epoch:6\r\ncluster_my_epoch:3\r\n";
    const INFO: &str = "# Server\r\nrun_id:abc\r\n# Persistence\r\nloading:0\r\n\
                        # Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\n\
                        master_port:7001\r\nmaster_link_status:up\r\n\
                        master_sync_in_progress:0\r\nslave_repl_offset:90\r\n\
                        master_replid:aa\r\nmaster_replid2:0000\r\nsecond_repl_offset:-1\r\n\
                        master_repl_offset:90\r\n# Keyspace\r\n\
                        db0:keys=3,expires=0,avg_ttl=0\r\n";

    #[test]
    fn replies_of_a_replica_are_read() {
        let facts = NodeFacts::parse(NODES, CLUSTER, INFO, Moment(5)).unwrap();
        assert_eq!(facts.run_id, "abc");
        assert!(facts.link_up() && !facts.is_master() && !facts.alone());
        assert_eq!(facts.master(), facts.peers().next().map(|line| line.id));
        assert_eq!((facts.keys, facts.replication.offset), (3, 90));
        assert_eq!(facts.replication.replid2, None);
        assert!(!facts.withholding);
        assert_eq!(facts.snapshots, Snapshots::default());
    }

    #[test]
    fn a_failed_snapshot_is_seen_with_its_reason() {
        let snapshots = |fields: &str| {
            let info = INFO.replace("loading:0\r\n", fields);
            NodeFacts::parse(NODES, CLUSTER, &info, Moment(5))
                .unwrap()
                .snapshots
        };
        let redis = "rdb_last_save_time:7\r\nrdb_last_bgsave_status:err\r\n";
        let failed = Snapshots {
            failing: true,
            last_saved_unix: 7,
            error: None,
        };
        assert_eq!(snapshots(redis), failed);
        let ours = format!("{redis}slotkeeper_snapshot_error:No space left on device\r\n");
        let error = Some("No space left on device".to_owned());
        assert_eq!(snapshots(&ours), Snapshots { error, ..failed });
        let good = "rdb_last_bgsave_status:ok\r\nslotkeeper_snapshot_error:\r\n";
        assert_eq!(snapshots(good), Snapshots::default());
    }

    #[test]
    fn elections_are_read_where_a_node_tells_of_them() {
        let read = |told: &str| {
            let cluster = format!("{CLUSTER}{told}");
            NodeFacts::parse(NODES, &cluster, INFO, Moment(5_000))
        };
        assert_eq!(read("").unwrap().candidacies, None);
        let none = read("slotkeeper_elections:0\r\n").unwrap();
        assert_eq!(none.candidacies, Some(Vec::new()));
        let (master, candidate) = ("a".repeat(40), "b".repeat(40));
        let line = format!("master={master},candidate={candidate},epoch=7,age_ms=1200");
        let told = format!("slotkeeper_elections:1\r\nslotkeeper_election0:{line}\r\n");
        let candidacy = Candidacy {
            master: master.parse().unwrap(),
            candidate: candidate.parse().unwrap(),
            epoch: Epoch(7),
            since: Moment(3_800),
        };
        assert_eq!(read(&told).unwrap().candidacies, Some(vec![candidacy]));
        assert_eq!(
            read(&told.replace("epoch=7", "epoch=x")),
            Err(InvalidReply::Field("slotkeeper_election"))
        );
    }

    #[test]
    fn a_missing_field_is_named() {
        let info = INFO.replace("master_replid:aa\r\n", "");
        assert_eq!(
            NodeFacts::parse(NODES, CLUSTER, &info, Moment(5)),
            Err(InvalidReply::Field("master_replid"))
        );
        assert_eq!(
            NodeFacts::parse("", CLUSTER, INFO, Moment(5)),
            Err(InvalidReply::NoMyself)
        );
    }

    /// A text with some characters replaced, and cut.
    fn changed(text: &str) -> impl Strategy<Value = String> + use<> {
        let text: Vec<char> = text.chars().collect();
        let change = (
            any::<Index>(),
            prop::sample::select("\r\n :,=-@[]<>/09az\0\u{e4}".chars().collect::<Vec<_>>()),
        );
        let changes = prop::collection::vec(change, 0..6);
        (changes, any::<Index>(), any::<bool>()).prop_map(move |(changes, end, cut)| {
            let mut text = text.clone();
            for (at, character) in changes {
                let at = at.index(text.len());
                text[at] = character;
            }
            if cut {
                text.truncate(end.index(text.len()));
            }
            text.into_iter().collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn no_reply_makes_it_panic(nodes in changed(NODES), cluster in changed(CLUSTER), info in changed(INFO)) {
            for (nodes, cluster, info) in [
                (&*nodes, CLUSTER, INFO),
                (NODES, &*cluster, INFO),
                (NODES, CLUSTER, &*info),
            ] {
                if let Ok(facts) = NodeFacts::parse(nodes, cluster, info, Moment(5)) {
                    // What is asked of facts is answered, whatever they are.
                    let _ = (facts.link_up(), facts.is_master(), facts.alone(), facts.master());
                    let _ = (facts.peers().count(), facts.myself());
                }
            }
        }
    }
}
