//! The votes that were asked for, and the elections that the nodes reported.

use std::cmp::Ordering;

use slotkeeper_topology::{Epoch, NodeId};

use super::Seen;
use crate::model::{FailoverMode, Moment, Observation, Plan, PlannedStep, Step, StepOutcome};

/// How long after the operator has given up a request it may still reach its node, in milliseconds.
/// The connections guarantee it: see [`Links`](crate::links::Links).
pub const ARRIVES_WITHIN_MS: u64 = 1_500;

/// How long after it was noted a vote that nothing fences may be asked for, in milliseconds: what is
/// stored says when it arrives, at the latest.
const ASKED_WITHIN_MS: u64 = 2_000;

/// A vote that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The shard of the master.
    pub shard: u32,
    /// The replica that was told to fail over.
    pub candidate: NodeId,
    /// How.
    pub mode: FailoverMode,
    /// When the node was told, at the latest. It may be later than now.
    pub asked_at: Moment,
    /// Whether the candidate has since been seen as a master with slots.
    pub succeeded: bool,
}

/// An election that nodes reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Election {
    /// The replica that stood.
    pub candidate: NodeId,
    /// The epoch of the election.
    pub epoch: Epoch,
    /// When it began, at the latest.
    pub since: Moment,
    /// Whether the candidate was seen as a master with slots since.
    pub succeeded: bool,
}

impl Seen {
    /// Notes the votes of a plan before it is performed, so that they are remembered even if the
    /// operator ends while it asks.
    pub fn intend(&mut self, plan: &Plan, now: Moment) {
        for planned in &plan.steps {
            let Step::Failover {
                node, mode, master, ..
            } = &planned.step
            else {
                continue;
            };
            let asked_at = match is_fenced(&planned.step) {
                true => now,
                false => now.after(ASKED_WITHIN_MS + ARRIVES_WITHIN_MS),
            };
            let vote = Vote {
                shard: planned.shard.unwrap_or(node.pod.shard),
                candidate: node.id,
                mode: *mode,
                asked_at,
                succeeded: false,
            };
            self.votes.insert(*master, vote);
        }
    }

    /// When an intended step has to be given up if it has no outcome; none if it is not bound. A vote
    /// that nothing fences must not arrive later than was noted.
    #[must_use]
    pub fn try_until(&self, step: &Step) -> Option<Moment> {
        let Step::Failover { master, .. } = step else {
            return None;
        };
        let vote = self.votes.get(master).filter(|_| !is_fenced(step))?;
        Some(Moment(vote.asked_at.0.saturating_sub(ARRIVES_WITHIN_MS)))
    }

    /// Removes the votes of steps that will not be performed.
    pub fn withdraw(&mut self, held: &[PlannedStep]) {
        for planned in held {
            if let Step::Failover { master, .. } = &planned.step {
                self.votes.remove(master);
            }
        }
    }

    pub(super) fn note_votes(&mut self, observation: &Observation) {
        let told = observation
            .answered()
            .filter_map(|(_, facts)| facts.candidacies.as_ref());
        for told in told.flatten() {
            let election = Election {
                candidate: told.candidate,
                epoch: told.epoch,
                since: told.since,
                succeeded: false,
            };
            let known = self.elections.entry(told.master).or_insert(election);
            match known.epoch.cmp(&told.epoch) {
                Ordering::Less => *known = election,
                Ordering::Equal => known.since = known.since.max(told.since),
                Ordering::Greater => {}
            }
        }
        let owner = |id: NodeId| {
            observation.answered().any(|(_, facts)| {
                facts.id == id && facts.is_master() && !facts.myself().slots.is_empty()
            })
        };
        for vote in self.votes.values_mut() {
            vote.succeeded |= owner(vote.candidate);
        }
        for election in self.elections.values_mut() {
            election.succeeded |= owner(election.candidate);
        }
    }

    pub(super) fn learn_vote(&mut self, step: &Step, result: &StepOutcome, now: Moment) {
        let Step::Failover { node, master, .. } = step else {
            return;
        };
        let Some(vote) = self.votes.get_mut(master) else {
            return;
        };
        if vote.candidate != node.id {
            return;
        }
        match result {
            StepOutcome::Unknown(_) if !is_fenced(step) => {
                vote.asked_at = now.after(ARRIVES_WITHIN_MS);
            }
            StepOutcome::Done | StepOutcome::Unknown(_) => vote.asked_at = now,
            // No vote was asked for, so nothing is in flight.
            StepOutcome::NotSent(_) | StepOutcome::Refused(_) => {
                self.votes.remove(master);
            }
        }
    }
}

/// Whether the node itself refuses the step if it arrives too late: a vote that names its epoch.
fn is_fenced(step: &Step) -> bool {
    !matches!(step, Step::Failover { epoch: None, .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, PodIndex, PodUid, Rule, Target};

    fn id(letter: &str) -> NodeId {
        letter.repeat(40).parse().unwrap()
    }

    /// A plan to replace node a by node b.
    fn planned(epoch: Option<Epoch>) -> Plan {
        let step = Step::Failover {
            node: Target {
                pod: PodIndex::new(0, 1),
                uid: PodUid("1".to_owned()),
                id: id("b"),
            },
            mode: FailoverMode::Force,
            master: id("a"),
            epoch,
        };
        let planned = PlannedStep {
            rule: Rule::TakeOver,
            shard: Some(0),
            step,
            why: String::new(),
            loss: None,
        };
        Plan {
            steps: vec![planned],
            ..Plan::default()
        }
    }

    /// What is remembered of the vote that was planned at 0, after its outcome at 10 seconds.
    fn asked_at(epoch: Option<Epoch>, outcome: StepOutcome) -> Option<Moment> {
        let (mut seen, plan) = (Seen::default(), planned(epoch));
        seen.intend(&plan, Moment(0));
        let results = vec![(plan.steps[0].clone(), outcome)];
        seen.learn(&Outcome { results }, Moment(10_000));
        seen.votes.get(&id("a")).map(|vote| vote.asked_at)
    }

    #[test]
    fn an_unanswered_vote_that_nothing_fences_counts_from_when_it_may_still_arrive() {
        let unknown = || StepOutcome::Unknown("no answer in time".to_owned());
        let late = Some(Moment(10_000 + ARRIVES_WITHIN_MS));
        assert_eq!(asked_at(None, unknown()), late);
        assert_eq!(asked_at(Some(Epoch(3)), unknown()), Some(Moment(10_000)));
        assert_eq!(asked_at(None, StepOutcome::Done), Some(Moment(10_000)));
    }

    #[test]
    fn a_vote_that_was_refused_or_not_sent_is_not_remembered() {
        for outcome in [StepOutcome::NotSent, StepOutcome::Refused] {
            assert_eq!(asked_at(None, outcome("why".to_owned())), None);
        }
    }

    #[test]
    fn what_is_stored_of_a_vote_is_no_earlier_than_it_may_arrive() {
        let (mut seen, plan) = (Seen::default(), planned(None));
        seen.intend(&plan, Moment(0));
        let until = seen.try_until(&plan.steps[0].step).unwrap();
        assert!(until > Moment(0));
        let stored = seen.votes[&id("a")].asked_at;
        assert_eq!(stored, until.after(ARRIVES_WITHIN_MS));
    }

    #[test]
    fn a_vote_that_names_its_epoch_may_be_asked_for_at_any_time() {
        let (mut seen, plan) = (Seen::default(), planned(Some(Epoch(3))));
        seen.intend(&plan, Moment(5));
        assert_eq!(seen.try_until(&plan.steps[0].step), None);
        assert_eq!(seen.votes[&id("a")].asked_at, Moment(5));
    }
}
