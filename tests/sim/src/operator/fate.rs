//! What befalls steps on their way: they may be lost, delayed, refused or done twice, and their
//! replies may be lost.

use slotkeeper::model::{Step, StepOutcome};

use super::Operator;
use crate::world::World;

/// What befalls a step on its way.
enum Fate {
    Good,
    /// It never arrives.
    Lost,
    Refused,
    /// It arrives twice.
    Twice,
    /// It arrives after a while, for which the operator waits.
    Late,
    /// It is done and nothing is heard of that.
    Unheard,
    /// Nothing is heard of it, and it arrives when other steps have been taken.
    Overdue,
}

/// How long a step is under way at most, in microseconds.
const LATE_US: u64 = 3_000_000;
/// The same for one on which the operator has given up: its connection lives no longer than this.
const OVERDUE_US: u64 = 1_500_000;

impl Operator {
    /// Sends a step, whatever becomes of it.
    ///
    /// # Errors
    /// What it must never do, at the moment when it would take effect.
    pub(super) fn act(&mut self, world: &mut World, step: &Step) -> Result<StepOutcome, String> {
        let unknown = |why: &str| Ok(StepOutcome::Unknown(why.to_owned()));
        match self.fate(step) {
            Fate::Good => self.perform(world, step),
            Fate::Lost => unknown("lost on its way"),
            Fate::Refused => {
                let why = "ERR refused by the simulator".to_owned();
                Ok(StepOutcome::Refused(why))
            }
            Fate::Twice => {
                self.perform(world, step)?;
                self.perform(world, step)
            }
            Fate::Late => {
                let delay = self.rng.below(LATE_US);
                world.run_for(delay);
                self.perform(world, step)
            }
            Fate::Unheard => {
                self.perform(world, step)?;
                unknown("no reply")
            }
            Fate::Overdue => {
                // Where a vote names its epoch, it does no harm however late it comes.
                let bound = matches!(step, Step::Failover { epoch: Some(_), .. });
                let most = OVERDUE_US * if bound && self.astray { 4 } else { 1 };
                let at = world.now_us + self.rng.below(most);
                self.overdue.push((at, step.clone()));
                unknown("no reply in time")
            }
        }
    }

    fn fate(&mut self, step: &Step) -> Fate {
        if self.astray && matches!(step, Step::Failover { .. }) {
            return match self.rng.below(6) {
                0 => Fate::Lost,
                1 => Fate::Unheard,
                2 | 3 => Fate::Overdue,
                _ => Fate::Good,
            };
        }
        match self.rng.below(24) {
            _ if !self.mishaps => Fate::Good,
            0 => Fate::Lost,
            1 => Fate::Refused,
            2 => Fate::Twice,
            3 => Fate::Late,
            4 => Fate::Unheard,
            5 => Fate::Overdue,
            _ => Fate::Good,
        }
    }

    /// Lets the steps arrive that are due, between two passes.
    ///
    /// # Errors
    /// What must never be done, at the moment when it would take effect.
    pub(super) fn deliver_overdue(&mut self, world: &mut World) -> Result<(), String> {
        let now = world.now_us;
        let (due, later) = std::mem::take(&mut self.overdue)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.overdue = later;
        for (_, step) in Vec::<(u64, Step)>::from_iter(due) {
            let outcome = self.perform(world, &step)?;
            let at = world.now_us as f64 / 1e6;
            (self.history).push(format!("{at:>10.3} arrives late: {step} -> {outcome:?}"));
        }
        Ok(())
    }

    /// Whether a step is still on its way.
    #[must_use]
    pub fn is_waiting_for_steps(&self) -> bool {
        !self.overdue.is_empty()
    }
}
