//! What becomes of steps on their way: they may be lost, delayed, refused or done twice, and their
//! replies may be lost.

use slotkeeper::model::{ARRIVES_WITHIN_MS, Step, StepOutcome};

use super::{Operator, moment};
use crate::simulation::Simulation;

/// What becomes of a step on its way.
enum Delivery {
    Normal,
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
/// The same for one on which the operator has given up.
const OVERDUE_US: u64 = ARRIVES_WITHIN_MS * 1000;

impl Operator {
    /// Sends a step, as its delivery goes.
    ///
    /// # Errors
    /// What it must never do, at the moment when it would take effect.
    pub(super) fn act(&mut self, sim: &mut Simulation, step: &Step) -> Result<StepOutcome, String> {
        let unknown = |why: &str| Ok(StepOutcome::Unknown(why.to_owned()));
        let until = self.seen.try_until(step);
        let most_us = until.map_or(LATE_US, |until| until.since(moment(sim)) * 1000);
        if most_us == 0 {
            return unknown("no time is left for it");
        }
        match self.delivery(step) {
            Delivery::Normal => self.perform(sim, step),
            Delivery::Lost => unknown("lost on its way"),
            Delivery::Refused => {
                let why = "ERR refused by the simulator".to_owned();
                Ok(StepOutcome::Refused(why))
            }
            Delivery::Twice => {
                self.perform(sim, step)?;
                self.perform(sim, step)
            }
            Delivery::Late => {
                let delay = self.rng.below(most_us.min(LATE_US));
                sim.run_for(delay);
                self.perform(sim, step)
            }
            Delivery::Unheard => {
                self.perform(sim, step)?;
                unknown("no reply")
            }
            Delivery::Overdue => {
                // Where a vote names its epoch, it does no harm however late it comes.
                let bound = matches!(step, Step::Failover { epoch: Some(_), .. });
                let most = OVERDUE_US * if bound && self.vote_faults { 4 } else { 1 };
                let at = sim.now_us + self.rng.below(most);
                self.overdue.push((at, step.clone()));
                unknown("no reply in time")
            }
        }
    }

    fn delivery(&mut self, step: &Step) -> Delivery {
        if self.vote_faults && matches!(step, Step::Failover { .. }) {
            return match self.rng.below(6) {
                0 => Delivery::Lost,
                1 => Delivery::Unheard,
                2 | 3 => Delivery::Overdue,
                _ => Delivery::Normal,
            };
        }
        match self.rng.below(24) {
            _ if !self.step_faults => Delivery::Normal,
            0 => Delivery::Lost,
            1 => Delivery::Refused,
            2 => Delivery::Twice,
            3 => Delivery::Late,
            4 => Delivery::Unheard,
            5 => Delivery::Overdue,
            _ => Delivery::Normal,
        }
    }

    /// Lets the steps arrive that are due, between two passes.
    ///
    /// # Errors
    /// What must never be done, at the moment when it would take effect.
    pub(super) fn deliver_overdue(&mut self, sim: &mut Simulation) -> Result<(), String> {
        let now = sim.now_us;
        let (due, later) = std::mem::take(&mut self.overdue)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.overdue = later;
        for (_, step) in Vec::<(u64, Step)>::from_iter(due) {
            let outcome = self.perform(sim, &step)?;
            let at = sim.now_us as f64 / 1e6;
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
