//! The outcome of steps.

use super::PlannedStep;

/// The outcomes of the steps of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Every step that was tried, in order.
    pub results: Vec<(PlannedStep, StepOutcome)>,
}

/// The outcome of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// It was confirmed.
    Done,
    /// It was not sent: the node had another id or role, the pod was replaced, or the node did not
    /// answer.
    NotSent(String),
    /// It was refused.
    Refused(String),
    /// It was sent and not answered: it may have happened.
    Unknown(String),
}

impl StepOutcome {
    /// Whether the step may have had an effect.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, StepOutcome::Done | StepOutcome::Unknown(_))
    }

    /// The same outcome with its reason mapped.
    #[must_use]
    pub fn map_reason(self, map: impl FnOnce(&str) -> String) -> StepOutcome {
        match self {
            StepOutcome::Done => StepOutcome::Done,
            StepOutcome::NotSent(why) => StepOutcome::NotSent(map(&why)),
            StepOutcome::Refused(why) => StepOutcome::Refused(map(&why)),
            StepOutcome::Unknown(why) => StepOutcome::Unknown(map(&why)),
        }
    }

    /// Why it is not known to be done; none if it is.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            StepOutcome::Done => None,
            StepOutcome::NotSent(why) | StepOutcome::Refused(why) | StepOutcome::Unknown(why) => {
                Some(why)
            }
        }
    }
}
