//! A plan under construction; keeps the order among the rules.

use std::collections::BTreeSet;

use slotkeeper_topology::NodeId;

use crate::model::{Moment, Plan, PlannedStep, Rule, Step, Wait, WaitReason};

use super::View;

/// A plan under construction. It keeps the order among the rules, so the rules do not have to.
pub(super) struct Draft<'a> {
    view: &'a View<'a>,
    plan: Plan,
    rule: Rule,
    /// Shards for which an earlier rule wants a step.
    ended: BTreeSet<u32>,
    /// Shards for which this rule wants a step.
    taken: BTreeSet<u32>,
    /// Whether a take over is in flight, from an earlier pass or in this one.
    take_over_in_flight: bool,
}

/// Rules whose steps touch the whole cluster wait while a take over is in flight.
const WHOLE_CLUSTER: [Rule; 3] = [Rule::Form, Rule::Meet, Rule::Forget];

impl<'a> Draft<'a> {
    pub(super) fn new(view: &'a View<'a>) -> Draft<'a> {
        Draft {
            view,
            plan: Plan::default(),
            rule: Rule::TakeOver,
            ended: BTreeSet::new(),
            taken: BTreeSet::new(),
            take_over_in_flight: view.vote_in_flight().is_some(),
        }
    }

    /// Starts the next rule.
    pub(super) fn begin(&mut self, rule: Rule) {
        self.rule = rule;
        self.ended.append(&mut self.taken);
    }

    /// Whether no earlier rule wants a step for the shard.
    pub(super) fn is_open(&self, shard: u32) -> bool {
        !self.ended.contains(&shard)
    }

    /// The master whose replica gets a vote in this pass.
    pub(super) fn planned_vote(&self) -> Option<NodeId> {
        self.plan
            .steps
            .iter()
            .find_map(|planned| match planned.step {
                Step::Failover { master, .. } => Some(master),
                _ => None,
            })
    }

    /// Plans a step of the rule.
    pub(super) fn step(&mut self, shard: Option<u32>, step: Step, why: impl Into<String>) {
        self.step_with_loss(shard, step, why, None);
    }

    /// Plans a step that makes a loss of data final.
    pub(super) fn step_with_loss(
        &mut self,
        shard: Option<u32>,
        step: Step,
        why: impl Into<String>,
        loss: Option<String>,
    ) {
        if shard.is_some_and(|shard| !self.is_open(shard)) {
            return;
        }
        if WHOLE_CLUSTER.contains(&self.rule) && self.take_over_in_flight {
            self.wait(shard, WaitReason::TakeOverInFlight, None);
            return;
        }
        if let Some(attempt) = self.view.seen().held_back(&step, self.view.now()) {
            let error = attempt.error.clone();
            let reason = WaitReason::Again {
                step: step.to_string(),
                error,
            };
            self.wait(shard, reason, Some(attempt.held_until));
            return;
        }
        self.take_over_in_flight |= matches!(step, Step::Failover { .. });
        self.taken.extend(shard);
        let (rule, why) = (self.rule, why.into());
        self.plan.steps.push(PlannedStep {
            rule,
            shard,
            step,
            why,
            loss,
        });
    }

    /// Notes what the rule waits for.
    pub(super) fn wait(&mut self, shard: Option<u32>, reason: WaitReason, until: Option<Moment>) {
        let wait = Wait {
            rule: self.rule,
            shard,
            reason,
            until,
        };
        if !self.plan.waiting.contains(&wait) {
            self.plan.waiting.push(wait);
        }
    }

    pub(super) fn finish(self) -> Plan {
        self.plan
    }
}
