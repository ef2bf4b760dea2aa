use std::fmt;

use serde::{Deserialize, Serialize};
use slotkeeper_topology::{Epoch, NodeId, SlotSet};

use super::{Address, Moment, Observation, Place, PodUid};

/// What one pass wants done, and what it waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// To be performed in this order; none relies on the effect of another.
    pub steps: Vec<PlannedStep>,
    /// What holds back what is not planned.
    pub waiting: Vec<Wait>,
}

impl Plan {
    /// When the next pass is due by itself, if a wait ends at a known time.
    #[must_use]
    pub fn next_pass(&self) -> Option<Moment> {
        self.waiting.iter().filter_map(|wait| wait.until).min()
    }

    /// Takes out, and gives back, the votes that must not be asked for when what has to outlive the
    /// operator could not be stored: nobody would tell its successor of them. Where every node that
    /// answers tells of elections, those are the memory, and no store stands in the way.
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

/// A step with the rule that wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// The rule.
    pub rule: Rule,
    /// The shard that it is for; none for the whole cluster.
    pub shard: Option<u32>,
    /// What to do.
    pub step: Step,
    /// Why, for people.
    pub why: String,
    /// The data that is given up by it, for people: becomes an Event and the condition `DataLost`.
    pub loss: Option<String>,
}

/// The rules, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Give the slots of a dead or leaving master to its replica.
    TakeOver,
    /// Tell nodes the new addresses of others.
    HealAddresses,
    /// Create what the platform lacks.
    Objects,
    /// Give the first masters their slots, once in the life of a cluster.
    Form,
    /// Bring every node into the cluster.
    Meet,
    /// Drop ids that are gone for good.
    Forget,
    /// Assign slots that were lost.
    Cover,
    /// Make replicas follow the master of their shard.
    Attach,
    /// Take away what the manifest no longer wants.
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

/// The node that a step is meant for. Whoever performs the step first makes sure, on the same
/// connection, that the pod still lives that life and that the node has that id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its place.
    pub place: Place,
    /// The life of the pod.
    pub uid: PodUid,
    /// The id that MYID has to give.
    pub id: NodeId,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create or correct what the whole cluster shares on the platform.
    EnsureCommon,
    /// Create or correct the object of a shard, to keep that many pods.
    EnsureShard {
        /// The shard.
        shard: u32,
        /// How many pods it keeps from now on; the ones with the highest ordinals go.
        pods: u32,
    },
    /// Remove the object of a shard and its pods.
    RemoveShard {
        /// The shard.
        shard: u32,
    },
    /// CLUSTER ADDSLOTSRANGE.
    AddSlots {
        /// The master that gets them.
        node: Target,
        /// Which.
        slots: SlotSet,
    },
    /// CLUSTER SET-CONFIG-EPOCH: on a node that knows no other and has no epoch yet.
    SetConfigEpoch {
        /// The master.
        node: Target,
        /// Its own epoch.
        epoch: Epoch,
    },
    /// CLUSTER MEET, after the peer has answered with its id at that address on a connection with
    /// the cluster's password, in the same step.
    Meet {
        /// The node that is told.
        node: Target,
        /// The node that it is to meet.
        peer: Target,
        /// Where the peer is.
        address: Address,
    },
    /// CLUSTER FORGET at all these nodes, in parallel, far below the 60 seconds for which a
    /// forgotten id is banned. "Unknown node" is no failure.
    Forget {
        /// The id to drop.
        id: NodeId,
        /// The nodes that are told.
        nodes: Vec<Target>,
    },
    /// CLUSTER RESET SOFT on a replica that holds no key: to be asked again (DBSIZE, role) on the
    /// same connection before it is sent.
    ResetSoft {
        /// The replica.
        node: Target,
    },
    /// CLUSTER BUMPEPOCH until the node's epoch is above the given one.
    BumpEpoch {
        /// The master.
        node: Target,
        /// Every epoch seen is at most this.
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
        /// The epoch that was current then, for a node that refuses once a later one is: so what
        /// was under way for long comes to nothing. None where the node cannot, as a Redis.
        epoch: Option<Epoch>,
    },
    /// The node's own command that ends withholding, bound to one process.
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
    /// The living master hands over: nothing is lost.
    Plain,
    /// The master is not asked, the other masters vote.
    Force,
    /// Nobody is asked.
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

    /// How long its effect may take to be seen; the same step is not planned again before.
    #[must_use]
    pub fn settle_ms(&self) -> u64 {
        match self {
            // The handshake and the first gossip.
            Step::Meet { .. } => 1_000,
            // A StatefulSet's controller acts on its own time.
            Step::EnsureShard { .. } | Step::RemoveShard { .. } | Step::EnsureCommon => 1_000,
            _ => 0,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight digits of the id are enough for people; the pod tells the rest.
        write!(f, "{}({:.8})", self.place, self.id)
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

/// One line that tells steps apart; the life of the pod is left out, so that the same step for
/// another life counts as the same when it fails.
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

/// Something that a rule wants and may not do yet.
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
    /// The manifest cannot work as it is.
    ManifestRefused {
        /// The field and what is wrong with it, for people.
        what: String,
    },
    /// A master does not answer, and nothing proves that it has ended: the nodes' own failure
    /// detection decides.
    NotProvenDead {
        /// The master.
        master: NodeId,
    },
    /// A dead master's replica has just been started again, and the master may be, too.
    RightBack {
        /// The dead master.
        master: NodeId,
    },
    /// The nodes' own election has its turn.
    GossipsTurn {
        /// The dead master.
        master: NodeId,
    },
    /// No replica may take over; each member with what it has, for people.
    NoSafeReplica {
        /// The dead or withholding master.
        master: NodeId,
        /// The members, one text each.
        members: Vec<String>,
    },
    /// The masters would deny the candidate their votes: they have not heard yet that it follows
    /// the master.
    UnknownCandidate {
        /// The candidate.
        candidate: NodeId,
        /// The master that it is to replace.
        master: NodeId,
        /// How many slot-owning masters answer and know it as that master's replica.
        aware: usize,
        /// How many there are.
        of: usize,
    },
    /// Too few slot-owning masters answer, and TAKEOVER lacks a witness.
    NoQuorum {
        /// How many answer.
        answering: usize,
        /// How many there are.
        of: usize,
        /// The witness that TAKEOVER lacks.
        lacks: &'static str,
    },
    /// A vote was asked for a short while ago, here or in another shard.
    VotePending {
        /// For the slots of this master.
        master: NodeId,
    },
    /// A take over is in flight; what touches the whole cluster waits.
    TakeOverInFlight,
    /// Pods have to answer first.
    Unanswered {
        /// Which.
        places: Vec<Place>,
    },
    /// Nodes disagree, or hold what they should not.
    Conflict {
        /// What, for people.
        what: String,
    },
    /// An id may return, so its slots stay its own.
    MayReturn {
        /// The id.
        id: NodeId,
    },
    /// A node holds keys where only an empty one will do.
    HoldsKeys {
        /// Its place.
        place: Place,
        /// How many.
        keys: u64,
    },
    /// A vote could not be stored before it is asked for, and the nodes would tell nobody of it.
    NotStored {
        /// The step.
        step: String,
    },
    /// The same step has just been done or has failed.
    Again {
        /// The step.
        step: String,
        /// Why it failed; none when it was done and its effect is not seen yet.
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
                "the replica of {master:.8} has just restarted, and the master may be right back"
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
            WaitReason::Unanswered { places } => {
                f.write_str("no answer from")?;
                places.iter().try_for_each(|place| write!(f, " {place}"))
            }
            WaitReason::Conflict { what } => f.write_str(what),
            WaitReason::MayReturn { id } => write!(f, "{id:.8} may return"),
            WaitReason::HoldsKeys { place, keys } => write!(f, "{place} holds {keys} keys"),
            WaitReason::NotStored { step } => write!(
                f,
                "what has to outlive the operator cannot be stored, and this waits for it: {step}"
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
