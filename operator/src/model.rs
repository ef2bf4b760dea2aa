//! The words that observe, plan, act and report share. Plain values: no I/O, no clock.

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
    Address, NodeView, ObjectState, Objects, Observation, Phase, PodView, ProcessEnd, Proof,
    ShardObject, Silence,
};
pub use outcome::{Outcome, StepOutcome};
pub use plan::{FailoverMode, Plan, PlannedStep, Rule, Step, Target, Wait, WaitReason};
pub use seen::{Attempt, InSync, Loss, NodeMemory, Reading, Seen, Stood, Vote};

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

/// A place in the cluster that one pod fills: shard and ordinal. Pods come and go, places stay.
/// The role of a node is not tied to its place.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Place {
    /// The shard, from 0.
    pub shard: u32,
    /// The pod of the shard, from 0.
    pub ordinal: u32,
}

impl Place {
    /// The place of that shard and ordinal.
    #[must_use]
    pub fn new(shard: u32, ordinal: u32) -> Place {
        Place { shard, ordinal }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.shard, self.ordinal)
    }
}

/// One life of the pod of a place: the UID of a Kubernetes pod, the incarnation number of a local
/// process. A step is meant for one life only.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodUid(pub String);

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
