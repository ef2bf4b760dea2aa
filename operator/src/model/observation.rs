//! What one pass observed: objects, pods, and the answers of nodes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use slotkeeper_topology::NodeId;

use super::{Moment, NodeFacts, PodIndex, PodUid, Seen};

/// Everything that one pass observed. Missing answers and contradictions are values, not errors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// When the pass began, before any node was asked.
    pub now: Moment,
    /// The objects of the platform behind the pods.
    pub objects: Objects,
    /// One for every desired pod, existing or not, and one for every other pod of the cluster.
    pub pods: BTreeMap<PodIndex, PodView>,
    /// The answer of the node in each pod; a pod without an entry was not asked.
    pub nodes: BTreeMap<PodIndex, NodeView>,
    /// What earlier passes saw, this one included (`Seen::update`).
    pub seen: Seen,
}

impl Observation {
    /// What the node of the pod answered, if it did.
    #[must_use]
    pub fn facts(&self, index: PodIndex) -> Option<&NodeFacts> {
        match self.nodes.get(&index) {
            Some(NodeView::Answered(facts)) => Some(facts),
            _ => None,
        }
    }

    /// Why the node of the pod did not answer; none if it did.
    #[must_use]
    pub fn silence(&self, index: PodIndex) -> Option<&Silence> {
        match self.nodes.get(&index) {
            Some(NodeView::Answered(_)) => None,
            Some(NodeView::Silent(why)) => Some(why),
            None => Some(&Silence::NotAsked),
        }
    }

    /// The pod of each id that answered or whose hostname names a pod, even one that no longer
    /// exists. An id that is listed with several hostnames belongs to none of them: it is a
    /// stranger.
    #[must_use]
    pub fn identities(&self) -> BTreeMap<NodeId, PodIndex> {
        let mut named: BTreeMap<NodeId, Option<PodIndex>> = BTreeMap::new();
        for line in self.answered().flat_map(|(_, facts)| &facts.lines) {
            let hostname = line.address.hostname.as_str();
            if line.flags.handshake || hostname.is_empty() {
                continue;
            }
            let index = self.index_of_hostname(hostname);
            let known = named.entry(line.id).or_insert(index);
            if *known != index {
                *known = None;
            }
        }
        let named = named
            .into_iter()
            .filter_map(|(id, index)| Some((id, index?)));
        named
            .chain(self.answered().map(|(index, facts)| (facts.id, index)))
            .collect()
    }

    /// The pod that a hostname stands for: an existing one, or one whose hostname differs from an
    /// existing pod's only in `-SHARD-ORDINAL`.
    fn index_of_hostname(&self, hostname: &str) -> Option<PodIndex> {
        if let Some((index, _)) = self.pods.iter().find(|(_, pod)| pod.hostname == hostname) {
            return Some(*index);
        }
        let (index, pod) = self.pods.iter().find(|(_, pod)| !pod.hostname.is_empty())?;
        let (label, domain) = pod.hostname.split_once('.').unwrap_or((&pod.hostname, ""));
        let prefix = label.strip_suffix(&format!("-{index}"))?;
        let (label, other_domain) = hostname.split_once('.').unwrap_or((hostname, ""));
        let (shard, ordinal) = label
            .strip_prefix(prefix)?
            .strip_prefix('-')?
            .split_once('-')?;
        let index = PodIndex::new(shard.parse().ok()?, ordinal.parse().ok()?);
        (domain == other_domain).then_some(index)
    }

    /// All that answered.
    pub fn answered(&self) -> impl Iterator<Item = (PodIndex, &NodeFacts)> {
        self.nodes.iter().filter_map(|(index, view)| match view {
            NodeView::Answered(facts) => Some((*index, &**facts)),
            NodeView::Silent(_) => None,
        })
    }
}

/// The objects of the platform for the cluster: common ones (Services, ConfigMaps, a directory) and
/// one per shard (a StatefulSet, a set of supervised processes).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// What the whole cluster shares.
    pub common: ObjectState,
    /// The object of each shard; a shard without an entry has none.
    pub shards: BTreeMap<u32, ShardObject>,
    /// Why the manifest cannot be applied; then nothing is created or changed.
    pub refused: Option<String>,
}

/// The object that runs the pods of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardObject {
    /// The number of pods that it runs.
    pub pods: u32,
    /// How it compares with the manifest, apart from the number of pods.
    pub state: ObjectState,
}

/// How an object compares with the manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectState {
    /// It does not exist.
    Missing,
    /// It exists and differs.
    Stale,
    /// It matches the manifest.
    #[default]
    Current,
}

/// One pod, existing or missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Its present incarnation; empty while the pod is missing.
    pub uid: PodUid,
    /// The hostname that its node announces; also known while the pod is missing.
    pub hostname: String,
    /// Its phase.
    pub phase: PodPhase,
    /// The address of its node, if known.
    pub address: Option<Address>,
    /// The Kubernetes node that it runs on, if known.
    pub host: Option<String>,
    /// The proven end of its last process; none while a process runs or may run.
    pub ended: Option<ProcessEnd>,
    /// False until the desired volume is mounted. True if it needs none.
    pub volume_mounted: bool,
    /// The memory limit of its container, in bytes; none if it has none, or it is unknown.
    pub memory_limit: Option<u64>,
    /// Directives whose new values take effect only after a restart of its process.
    pub restart_for: Vec<String>,
}

/// The phase of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodPhase {
    /// There is no pod.
    #[default]
    Missing,
    /// It exists and no process has started in it yet: unscheduled, or without its image.
    Pending,
    /// Its process runs.
    Running,
    /// Its process runs and was asked to end: the pod is being deleted.
    Deleting,
    /// Its process has ended and was not restarted yet.
    Terminated,
    /// Its host is unreachable, so its state is unknown.
    Unknown,
}

impl PodPhase {
    /// Whether a process may run in it.
    #[must_use]
    pub fn may_run(self) -> bool {
        matches!(
            self,
            PodPhase::Running | PodPhase::Deleting | PodPhase::Unknown
        )
    }
}

/// Where clients and peers reach a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The IP as text.
    pub ip: String,
    /// The port for clients.
    pub port: u16,
    /// The port of the cluster bus.
    pub bus_port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}@{}", self.ip, self.port, self.bus_port)
    }
}

/// A proof of the platform that a process has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessEnd {
    /// The incarnation of the pod in which it ended.
    pub uid: PodUid,
    /// When the operator learned of it, which is never before it happened.
    pub at: Moment,
    /// What proves it.
    pub proof: Proof,
}

/// What proves that a process has ended. An unreachable host is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// The container or the process has terminated.
    Terminated,
    /// The pod is gone from a host that is Ready.
    PodGone,
    /// The host has been fenced.
    Fenced,
}

/// The answer of the node in a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeView {
    /// It answered every question.
    Answered(Box<NodeFacts>),
    /// It did not answer, which does not mean that it is dead. `Seen` knows since when.
    Silent(Silence),
}

/// Why a node did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It was not asked: there is no pod.
    NotAsked,
    /// Its address is not known yet.
    NoAddress,
    /// Nothing listens: the connection was refused, at the first try or after it broke.
    Refused,
    /// The deadline passed, or the connection broke and could not be tried again within it.
    TimedOut,
    /// It does not accept the cluster's password.
    WrongPassword,
    /// It is loading its data file.
    Loading,
    /// It executes one command for long, and answers little else meanwhile.
    Busy,
    /// It answered something that cannot be read.
    Malformed(String),
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Silence::NotAsked => "there is no pod",
            Silence::NoAddress => "it has no address yet",
            Silence::Refused => "connection refused",
            Silence::TimedOut => "no answer in time",
            Silence::WrongPassword => "it does not accept the cluster's password",
            Silence::Loading => "it is loading its data",
            Silence::Busy => "it is busy with a long command",
            Silence::Malformed(what) => return write!(f, "unreadable answer: {what}"),
        })
    }
}
