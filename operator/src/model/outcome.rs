use super::PlannedStep;

/// What became of the steps of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Every step that was taken up, in order.
    pub results: Vec<(PlannedStep, StepOutcome)>,
}

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// The other side said that it is done.
    Done,
    /// It was not sent: the node had another id or role, the pod another life, or nobody answered.
    NotSent(String),
    /// The other side refused it.
    Refused(String),
    /// It was sent and nobody answered: it may have happened.
    Unknown(String),
}

impl StepOutcome {
    /// Whether the step may have had an effect.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, StepOutcome::Done | StepOutcome::Unknown(_))
    }

    /// The same with its reason as `tell` says it.
    #[must_use]
    pub fn told(self, tell: impl FnOnce(&str) -> String) -> StepOutcome {
        match self {
            StepOutcome::Done => StepOutcome::Done,
            StepOutcome::NotSent(why) => StepOutcome::NotSent(tell(&why)),
            StepOutcome::Refused(why) => StepOutcome::Refused(tell(&why)),
            StepOutcome::Unknown(why) => StepOutcome::Unknown(tell(&why)),
        }
    }

    /// Why it is not known to be done; none when it is.
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
