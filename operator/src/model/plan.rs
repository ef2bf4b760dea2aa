//! A plan: steps to perform, and what the rules wait for.

use std::fmt;

use serde::{Deserialize, Serialize};
use slotkeeper_topology::{Epoch, NodeId, SlotSet};

use super::{Address, Moment, Observation, PodIndex, PodUid};

/// The steps of one pass, and what it waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Performed in this order; no step relies on the effect of another.
    pub steps: Vec<PlannedStep>,
    /// Why other steps are not planned yet.
    pub waiting: Vec<Wait>,
}

impl Plan {
    /// When the next pass is due, if a wait ends at a known time.
    #[must_use]
    pub fn next_pass(&self) -> Option<Moment> {
        self.waiting.iter().filter_map(|wait| wait.until).min()
    }

    /// Removes and returns the votes that must not be asked for while the memory cannot be stored,
    /// because the next operator would not know them. If every answering node reports elections,
    /// the nodes are the memory, and nothing is held back.
    pub fn hold_unstored(&mut self, observation: &Observation) -> Vec<PlannedStep> {
        if (observation.answered()).all(|(_, facts)| facts.candidacies.is_some()) {
            return Vec::new();
        }
        let is_vote = |planned: &PlannedStep| matches!(planned.step, Step::Failover { .. });
        let steps = std::mem::take(&mut self.steps);
        let (held, kept): (Vec<_>, Vec<_>) = steps.into_iter().partition(is_vote);
        self.steps = kept;
        self.waiting.extend(held.iter().map(|planned| Wait {
            rule: planned.rule,
            shard: planned.shard,
            reason: WaitReason::NotStored {
                step: planned.step.to_string(),
            },
            until: None,
        }));
        held
    }
}

/// A step, and the rule that planned it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// The rule.
    pub rule: Rule,
    /// Its shard; none for the whole cluster.
    pub shard: Option<u32>,
    /// What to do.
    pub step: Step,
    /// The reason, for people.
    pub why: String,
    /// The data that it gives up, for people: becomes an Event and the condition `DataLost`.
    pub loss: Option<String>,
}

/// The rules, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Give the slots of a dead or stopping master to its replica.
    TakeOver,
    /// Tell nodes the new addresses of others.
    HealAddresses,
    /// Create and correct the objects of the platform.
    Objects,
    /// Give the first masters their slots; happens once per cluster.
    Form,
    /// Bring every node into the cluster.
    Meet,
    /// Forget ids that are gone for good.
    Forget,
    /// Assign slots that were lost.
    Cover,
    /// Make replicas follow the master of their shard.
    Attach,
    /// Remove what the manifest no longer wants.
    Remove,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Rule::TakeOver => "take over",
            Rule::HealAddresses => "heal addresses",
            Rule::Objects => "objects",
            Rule::Form => "form",
            Rule::Meet => "meet",
            Rule::Forget => "forget",
            Rule::Cover => "cover",
            Rule::Attach => "attach",
            Rule::Remove => "remove",
        })
    }
}

/// The node that a step is meant for. Before the step is sent, `act` verifies that the pod has this
/// UID and, on the same connection, that the node has this id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its pod.
    pub pod: PodIndex,
    /// The incarnation of the pod.
    pub uid: PodUid,
    /// The id of the node.
    pub id: NodeId,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create or correct the common objects of the cluster.
    EnsureCommon,
    /// Create or correct the object of a shard, with that number of pods.
    EnsureShard {
        /// The shard.
        shard: u32,
        /// The number of pods from now on; those with the highest ordinals are removed.
        pods: u32,
    },
    /// Remove the object of a shard and its pods.
    RemoveShard {
        /// The shard.
        shard: u32,
    },
    /// CLUSTER ADDSLOTSRANGE.
    AddSlots {
        /// The master that will own them.
        node: Target,
        /// Which.
        slots: SlotSet,
    },
    /// CLUSTER SET-CONFIG-EPOCH, on a node that knows no other and has no epoch yet.
    SetConfigEpoch {
        /// The master.
        node: Target,
        /// Its own epoch.
        epoch: Epoch,
    },
    /// CLUSTER MEET. In the same step, the peer must first answer with its id at that address, on a
    /// connection with the cluster's password.
    Meet {
        /// The node that gets the command.
        node: Target,
        /// The node that it will meet.
        peer: Target,
        /// Where the peer is.
        address: Address,
    },
    /// CLUSTER FORGET at all these nodes in parallel, far faster than the 60 seconds for which a
    /// forgotten id is banned. "Unknown node" is not a failure.
    Forget {
        /// The id to forget.
        id: NodeId,
        /// The nodes that get the command.
        nodes: Vec<Target>,
    },
    /// CLUSTER RESET SOFT on a replica that holds no key. DBSIZE and the role are checked again on
    /// the same connection before it is sent.
    ResetSoft {
        /// The replica.
        node: Target,
    },
    /// CLUSTER BUMPEPOCH until the node's epoch is above the given one.
    BumpEpoch {
        /// The master.
        node: Target,
        /// The highest epoch seen.
        above: Epoch,
    },
    /// CLUSTER REPLICATE.
    Replicate {
        /// The node that becomes or stays a replica.
        node: Target,
        /// Its master.
        master: NodeId,
    },
    /// CLUSTER FAILOVER on a replica.
    Failover {
        /// The replica.
        node: Target,
        /// How.
        mode: FailoverMode,
        /// The master that it replaces.
        master: NodeId,
        /// The current epoch at planning time. The node refuses the step if a later epoch is
        /// current, so a late step has no effect. None if the node cannot check it, such as a
        /// Redis.
        epoch: Option<Epoch>,
    },
    /// Our own command that ends withholding, bound to one process.
    EndWithholding {
        /// The master.
        node: Target,
        /// The process that it is meant for.
        run_id: String,
    },
}

/// The three ways of CLUSTER FAILOVER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailoverMode {
    /// The master takes part and hands over: nothing is lost.
    Plain,
    /// The master is not asked, the other masters vote.
    Force,
    /// Without a vote.
    Takeover,
}

impl Step {
    /// The nodes that it names.
    #[must_use]
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            Step::EnsureCommon | Step::EnsureShard { .. } | Step::RemoveShard { .. } => Vec::new(),
            Step::AddSlots { node, .. }
            | Step::SetConfigEpoch { node, .. }
            | Step::ResetSoft { node }
            | Step::BumpEpoch { node, .. }
            | Step::Replicate { node, .. }
            | Step::Failover { node, .. }
            | Step::EndWithholding { node, .. } => vec![node],
            Step::Meet { node, peer, .. } => vec![node, peer],
            Step::Forget { nodes, .. } => nodes.iter().collect(),
        }
    }

    /// How long its effect may take to become visible; the same step is not planned again before.
    #[must_use]
    pub fn settle_ms(&self) -> u64 {
        match self {
            // The handshake and the first gossip.
            Step::Meet { .. } => 1_000,
            // The StatefulSet controller works asynchronously.
            Step::EnsureShard { .. } | Step::RemoveShard { .. } | Step::EnsureCommon => 1_000,
            _ => 0,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight digits of the id are enough for people; the pod identifies the node.
        write!(f, "{}({:.8})", self.pod, self.id)
    }
}

impl fmt::Display for FailoverMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailoverMode::Plain => "plain",
            FailoverMode::Force => "FORCE",
            FailoverMode::Takeover => "TAKEOVER",
        })
    }
}

/// One line that identifies a step. The incarnation of the pod is left out, so that a step that
/// fails for several incarnations counts as the same step.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::EnsureCommon => f.write_str("ensure the common objects"),
            Step::EnsureShard { shard, pods } => write!(f, "ensure shard {shard} has {pods} pods"),
            Step::RemoveShard { shard } => write!(f, "remove shard {shard}"),
            Step::AddSlots { node, slots } => write!(f, "add slots {slots} to {node}"),
            Step::SetConfigEpoch { node, epoch } => {
                write!(f, "set config epoch {epoch} on {node}")
            }
            Step::Meet {
                node,
                peer,
                address,
            } => write!(f, "meet {node} -> {peer} at {address}"),
            Step::Forget { id, nodes } => {
                write!(f, "forget {id:.8} at")?;
                nodes.iter().try_for_each(|node| write!(f, " {node}"))
            }
            Step::ResetSoft { node } => write!(f, "reset soft {node}"),
            Step::BumpEpoch { node, above } => write!(f, "bump epoch of {node} above {above}"),
            Step::Replicate { node, master } => write!(f, "replicate {node} <- {master:.8}"),
            Step::Failover {
                node, mode, master, ..
            } => {
                write!(f, "failover {mode} to {node} from {master:.8}")
            }
            Step::EndWithholding { node, run_id } => {
                write!(f, "end withholding of {node} run {run_id:.8}")
            }
        }
    }
}

/// Something that a rule wants to do and may not do yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// The rule.
    pub rule: Rule,
    /// The shard that waits; none for the whole cluster.
    pub shard: Option<u32>,
    /// What it waits for.
    pub reason: WaitReason,
    /// When it ends by itself, if that is known.
    pub until: Option<Moment>,
}

/// What a rule waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum WaitReason {
    /// The manifest says `paused`.
    Paused,
    /// The manifest cannot be applied.
    ManifestRefused {
        /// The field and what is wrong with it, for people.
        what: String,
    },
    /// A master does not answer, and nothing proves that it has ended: the failure detection of the
    /// nodes decides.
    NotProvenDead {
        /// The master.
        master: NodeId,
    },
    /// The replica of a dead master has just restarted, so the master may be about to return as
    /// well.
    RightBack {
        /// The dead master.
        master: NodeId,
    },
    /// The nodes are given time to elect a successor themselves.
    GossipsTurn {
        /// The dead master.
        master: NodeId,
    },
    /// No replica may take over; each member with its state, for people.
    NoSafeReplica {
        /// The dead or withholding master.
        master: NodeId,
        /// The members, one text each.
        members: Vec<String>,
    },
    /// The masters would deny the candidate their votes, because they do not know yet that it
    /// replicates the master.
    UnknownCandidate {
        /// The candidate.
        candidate: NodeId,
        /// The master that it will replace.
        master: NodeId,
        /// The number of slot-owning masters that answer and know it as that master's replica.
        aware: usize,
        /// The number of slot-owning masters.
        of: usize,
    },
    /// Too few slot-owning masters answer, and TAKEOVER lacks a witness.
    NoQuorum {
        /// The number of those that answer.
        answering: usize,
        /// How many there are.
        of: usize,
        /// The witness that TAKEOVER lacks.
        lacks: &'static str,
    },
    /// A vote was asked for recently, in this shard or another one.
    VotePending {
        /// The master whose slots it is about.
        master: NodeId,
    },
    /// A take over is in flight; rules that touch the whole cluster wait.
    TakeOverInFlight,
    /// These pods must answer first.
    Unanswered {
        /// Which.
        pods: Vec<PodIndex>,
    },
    /// Nodes contradict each other, or hold what they should not.
    Conflict {
        /// What, for people.
        what: String,
    },
    /// A node id may return, so it keeps its slots.
    MayReturn {
        /// The id.
        id: NodeId,
    },
    /// A node holds keys, but only an empty one may be used.
    HoldsKeys {
        /// Its pod.
        index: PodIndex,
        /// How many.
        keys: u64,
    },
    /// A vote could not be stored before it is asked for, and the nodes do not report votes.
    NotStored {
        /// The step.
        step: String,
    },
    /// The same step was just done, or failed.
    Again {
        /// The step.
        step: String,
        /// Why it failed; none if it was done and its effect is not visible yet.
        error: Option<String>,
    },
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitReason::Paused => f.write_str("paused by the manifest"),
            WaitReason::ManifestRefused { what } => {
                write!(f, "the manifest cannot be applied: {what}")
            }
            WaitReason::NotProvenDead { master } => write!(
                f,
                "master {master:.8} does not answer, and nothing proves that it has ended"
            ),
            WaitReason::RightBack { master } => write!(
                f,
                "the replica of {master:.8} has just restarted, and the master may return at any moment"
            ),
            WaitReason::GossipsTurn { master } => {
                write!(f, "the nodes elect the successor of {master:.8} themselves")
            }
            WaitReason::NoSafeReplica { master, members } => write!(
                f,
                "no safe replica for {master:.8}: {}",
                if members.is_empty() {
                    "there is none".to_owned()
                } else {
                    members.join("; ")
                }
            ),
            WaitReason::UnknownCandidate {
                candidate,
                master,
                aware,
                of,
            } => write!(
                f,
                "{aware} of {of} masters know {candidate:.8} as a replica of {master:.8}; the \
                 others would deny it their votes"
            ),
            WaitReason::NoQuorum {
                answering,
                of,
                lacks,
            } => write!(f, "{answering} of {of} masters answer; {lacks}"),
            WaitReason::VotePending { master } => {
                write!(
                    f,
                    "a vote for the slots of {master:.8} may still be under way"
                )
            }
            WaitReason::TakeOverInFlight => f.write_str("a take over is in flight"),
            WaitReason::Unanswered { pods: indexes } => {
                f.write_str("no answer from")?;
                indexes.iter().try_for_each(|index| write!(f, " {index}"))
            }
            WaitReason::Conflict { what } => f.write_str(what),
            WaitReason::MayReturn { id } => write!(f, "{id:.8} may return"),
            WaitReason::HoldsKeys { index, keys } => write!(f, "{index} holds {keys} keys"),
            WaitReason::NotStored { step } => write!(
                f,
                "the operator's memory cannot be stored; waiting for it: {step}"
            ),
            WaitReason::Again { step, error: None } => write!(f, "just done: {step}"),
            WaitReason::Again {
                step,
                error: Some(error),
            } => {
                write!(f, "backing off: {step}: {error}")
            }
        }
    }
}
