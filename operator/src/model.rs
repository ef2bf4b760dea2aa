//! The types that observe, plan, act and report share. Plain values: no I/O, no clock.

mod desired;
mod facts;
mod memory;
mod observation;
mod outcome;
mod plan;
mod seen;

pub use desired::{Amount, Desired, MemoryBounds};
pub use facts::{
    Candidacy, ClusterInfo, InvalidReply, NodeFacts, Replication, Role, Snapshots, Upstream,
};
pub use memory::{Memory, StoredVote};
pub use observation::{
    Address, NodeView, ObjectState, Objects, Observation, PodPhase, PodView, ProcessEnd, Proof,
    ShardObject, Silence,
};
pub use outcome::{Outcome, StepOutcome};
pub use plan::{FailoverMode, Plan, PlannedStep, Rule, Step, Target, Wait, WaitReason};
pub use seen::{
    ARRIVES_WITHIN_MS, Attempt, Election, InSync, Loss, NodeMemory, Reading, Seen, Vote,
};

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time by the operator's clock: Unix time in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Moment(pub u64);

impl Moment {
    /// Milliseconds since an earlier moment; 0 when it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment that many milliseconds later.
    #[must_use]
    pub fn after(self, ms: u64) -> Moment {
        Moment(self.0.saturating_add(ms))
    }
}

/// Identifies a pod of the cluster by shard and ordinal, as its name does. A replaced pod has the
/// same index and another [`PodUid`]. The role of a node does not depend on it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct PodIndex {
    /// The shard, from 0.
    pub shard: u32,
    /// The ordinal of the pod within its shard, from 0.
    pub ordinal: u32,
}

impl PodIndex {
    /// The index of that shard and ordinal.
    #[must_use]
    pub fn new(shard: u32, ordinal: u32) -> PodIndex {
        PodIndex { shard, ordinal }
    }
}

impl fmt::Display for PodIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.shard, self.ordinal)
    }
}

/// One incarnation of a pod: the UID of a Kubernetes pod, or the number of a local process's start.
/// A step is meant for one incarnation only.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodUid(pub String);

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
