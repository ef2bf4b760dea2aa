//! The stable names of steps and outcomes, for metrics and Events: alerts and scripts match on them.

use crate::model::{FailoverMode, Step, StepOutcome};

/// The names of one kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepKind {
    /// The value of the label `step` of metrics.
    pub label: &'static str,
    /// The `action` of an Event.
    pub action: &'static str,
    /// The `reason` of an Event after it was done.
    pub done: &'static str,
}

impl StepKind {
    /// The kind of a step.
    #[must_use]
    pub fn of(step: &Step) -> StepKind {
        let (label, action, done) = match step {
            Step::EnsureCommon => ("ensure_common", "EnsureCommon", "ObjectsEnsured"),
            Step::EnsureShard { .. } => ("ensure_shard", "EnsureShard", "ShardEnsured"),
            Step::RemoveShard { .. } => ("remove_shard", "RemoveShard", "ShardRemoved"),
            Step::AddSlots { .. } => ("add_slots", "AddSlots", "SlotsAssigned"),
            Step::SetConfigEpoch { .. } => ("set_config_epoch", "SetConfigEpoch", "EpochSet"),
            Step::Meet { .. } => ("meet", "Meet", "NodeMet"),
            Step::Forget { .. } => ("forget", "Forget", "NodeForgotten"),
            Step::ResetSoft { .. } => ("reset_soft", "ResetSoft", "NodeReset"),
            Step::BumpEpoch { .. } => ("bump_epoch", "BumpEpoch", "EpochRaised"),
            Step::Replicate { .. } => ("replicate", "Replicate", "ReplicaAttached"),
            Step::Failover { mode, .. } => match mode {
                FailoverMode::Plain => ("failover", "Failover", "FailoverStarted"),
                FailoverMode::Force => ("failover_force", "FailoverForce", "FailoverForced"),
                FailoverMode::Takeover => ("failover_takeover", "FailoverTakeover", "TakenOver"),
            },
            Step::EndWithholding { .. } => {
                ("end_withholding", "EndWithholding", "WithholdingEnded")
            }
        };
        StepKind {
            label,
            action,
            done,
        }
    }
}

/// The value of the label `outcome` of metrics.
#[must_use]
pub fn outcome_label(outcome: &StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Done => "done",
        StepOutcome::NotSent(_) => "not_sent",
        StepOutcome::Refused(_) => "refused",
        StepOutcome::Unknown(_) => "unknown",
    }
}
