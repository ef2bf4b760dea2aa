use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use slotkeeper_topology::NodeId;

use super::{Moment, NodeFacts, Place, PodUid, Seen};

/// Everything that one pass saw. What was not answered and what disagrees are values, not errors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// When the pass began, before any node was asked.
    pub now: Moment,
    /// The objects of the platform behind the pods.
    pub objects: Objects,
    /// One for every desired place, there or not, and one for every further pod of the cluster.
    pub pods: BTreeMap<Place, PodView>,
    /// What the node in each pod said; a pod without an entry was not asked.
    pub nodes: BTreeMap<Place, NodeView>,
    /// What earlier passes saw, this one included (`Seen::update`).
    pub seen: Seen,
}

impl Observation {
    /// What the node of the place answered, if it did.
    #[must_use]
    pub fn facts(&self, place: Place) -> Option<&NodeFacts> {
        match self.nodes.get(&place) {
            Some(NodeView::Answered(facts)) => Some(facts),
            _ => None,
        }
    }

    /// Why the node of the place did not answer; none when it did.
    #[must_use]
    pub fn silence(&self, place: Place) -> Option<&Silence> {
        match self.nodes.get(&place) {
            Some(NodeView::Answered(_)) => None,
            Some(NodeView::Silent(why)) => Some(why),
            None => Some(&Silence::NotAsked),
        }
    }

    /// The place of each id that answered or whose hostname names a place, also one that has no pod
    /// any more. An id that several hostnames claim belongs to none of them: it is a stranger.
    #[must_use]
    pub fn identities(&self) -> BTreeMap<NodeId, Place> {
        let mut named: BTreeMap<NodeId, Option<Place>> = BTreeMap::new();
        for line in self.answered().flat_map(|(_, facts)| &facts.lines) {
            let hostname = line.address.hostname.as_str();
            if line.flags.handshake || hostname.is_empty() {
                continue;
            }
            let place = self.place_named(hostname);
            let known = named.entry(line.id).or_insert(place);
            if *known != place {
                *known = None;
            }
        }
        let named = named
            .into_iter()
            .filter_map(|(id, place)| Some((id, place?)));
        named
            .chain(self.answered().map(|(place, facts)| (facts.id, place)))
            .collect()
    }

    /// The place that a hostname stands for: that of a pod with it, or any whose hostname differs
    /// from those of the pods in its `-SHARD-ORDINAL` alone.
    fn place_named(&self, hostname: &str) -> Option<Place> {
        if let Some((place, _)) = self.pods.iter().find(|(_, pod)| pod.hostname == hostname) {
            return Some(*place);
        }
        let (place, pod) = self.pods.iter().find(|(_, pod)| !pod.hostname.is_empty())?;
        let (label, domain) = pod.hostname.split_once('.').unwrap_or((&pod.hostname, ""));
        let prefix = label.strip_suffix(&format!("-{place}"))?;
        let (label, other_domain) = hostname.split_once('.').unwrap_or((hostname, ""));
        let (shard, ordinal) = label
            .strip_prefix(prefix)?
            .strip_prefix('-')?
            .split_once('-')?;
        let place = Place::new(shard.parse().ok()?, ordinal.parse().ok()?);
        (domain == other_domain).then_some(place)
    }

    /// All that answered.
    pub fn answered(&self) -> impl Iterator<Item = (Place, &NodeFacts)> {
        self.nodes.iter().filter_map(|(place, view)| match view {
            NodeView::Answered(facts) => Some((*place, &**facts)),
            NodeView::Silent(_) => None,
        })
    }
}

/// The objects that the platform keeps for the cluster: those of the whole (Services, Secrets, a
/// directory) and one for each shard (a StatefulSet, a set of supervised processes).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// What the whole cluster shares.
    pub common: ObjectState,
    /// The object of each shard; a shard without an entry has none.
    pub shards: BTreeMap<u32, ShardObject>,
    /// Why nothing is created or changed after the manifest: it cannot work as it is.
    pub refused: Option<String>,
}

/// The object that keeps the pods of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardObject {
    /// How many pods it keeps.
    pub pods: u32,
    /// Whether it says what the manifest says, the count aside.
    pub state: ObjectState,
}

/// How an object compares with the manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectState {
    /// It is not there.
    Missing,
    /// It is there and says something else.
    Stale,
    /// It says what the manifest says.
    #[default]
    Current,
}

/// One pod, or the hole where it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodView {
    /// Its name for people.
    pub name: String,
    /// Its present life; empty while there is none.
    pub uid: PodUid,
    /// The hostname that its node announces, known also while the pod is missing.
    pub hostname: String,
    /// How it is.
    pub phase: Phase,
    /// Where its node listens, if known.
    pub address: Option<Address>,
    /// The machine that it runs on, if known.
    pub machine: Option<String>,
    /// The proven end of the last process of this place; none while one runs or may run.
    pub ended: Option<ProcessEnd>,
    /// False while the volume that it should have is not mounted. True if it needs none.
    pub volume_mounted: bool,
    /// Directives whose values in the manifest its process takes only when it is started again.
    pub restart_for: Vec<String>,
}

/// How a pod is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// There is no pod.
    #[default]
    Missing,
    /// It is there and no process has started in it: unscheduled, or without its image.
    Pending,
    /// Its process runs.
    Running,
    /// Its process runs and has been told to end: the pod is being deleted.
    Deleting,
    /// Its process has ended and was not started again yet.
    Terminated,
    /// Its machine cannot be reached: nobody knows.
    Unknown,
}

impl Phase {
    /// Whether a process may run in it.
    #[must_use]
    pub fn may_run(self) -> bool {
        matches!(self, Phase::Running | Phase::Deleting | Phase::Unknown)
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

/// The platform proves that a process has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessEnd {
    /// The pod's life that it ended in.
    pub uid: PodUid,
    /// When the operator learned of it: never before it happened.
    pub at: Moment,
    /// What proves it.
    pub proof: Proof,
}

/// What proves that a process has ended. An unreachable machine is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// The container or the process has terminated.
    Terminated,
    /// The pod is gone from a machine that is Ready.
    PodGone,
    /// The machine has been fenced.
    Fenced,
}

/// What the node in a pod said.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeView {
    /// It answered every question.
    Answered(Box<NodeFacts>),
    /// It did not; that does not mean that it is dead. Since when is in `Seen`.
    Silent(Silence),
}

/// Why a node did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It was not asked: there is no pod.
    NotAsked,
    /// Its address is not known yet.
    NoAddress,
    /// Nothing listens there: the connection was refused, at its first try or after it broke.
    Refused,
    /// The deadline passed, or the connection broke and could not be tried again within it.
    TimedOut,
    /// It does not take the cluster's password.
    WrongPassword,
    /// It reads its data file and cannot say more.
    Loading,
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
            Silence::WrongPassword => "it does not take the cluster's password",
            Silence::Loading => "it is loading its data",
            Silence::Malformed(what) => return write!(f, "unreadable answer: {what}"),
        })
    }
}
