//! One run: a cluster forms, faults happen between the steps, then they end and it heals.

use slotkeeper::model::{Desired, Memory, Outcome, Plan, PodIndex, Seen, StepOutcome};
use slotkeeper::nevers::{self, Nevers};
use slotkeeper::report::ClusterPhase;
use slotkeeper::{planner, report};

use crate::cluster::{Keep, ModelCluster};
use crate::random::Random;

pub struct Story {
    cluster: ModelCluster,
    desired: Desired,
    seen: Seen,
    nevers: Nevers,
    faults: Random,
    verbose: bool,
}

/// How a run ends.
#[derive(Debug)]
pub enum End {
    /// The cluster has converged.
    Ready,
    /// Nothing may be done; the plan says what it waits for.
    Waiting(String),
}

/// How long faults happen, and how long healing may take.
const FAULTY_MS: u64 = 60_000;
const HEALING_MS: u64 = 400_000;
/// How long the plan must stay empty.
const REST_MS: u64 = 5_000;

impl Story {
    pub fn new(seed: u64, verbose: bool) -> Story {
        let mut faults = Random::new(!seed);
        let shards = u32::try_from(faults.between(1, 5)).expect("small");
        let replicas = u32::try_from(faults.below(4)).expect("small");
        let mut desired = Desired::new("demo", shards, replicas);
        desired.node_timeout_ms = 2_000;
        Story {
            cluster: ModelCluster::new(seed, shards),
            desired,
            seen: Seen::default(),
            nevers: Nevers::default(),
            faults,
            verbose,
        }
    }

    pub fn run(mut self) -> Result<End, String> {
        let calm = self.faults.chance(50);
        let start = self.cluster.now + if calm { 20_000 } else { 0 };
        let end = start + FAULTY_MS;
        while self.cluster.now < end {
            let faulty = self.cluster.now >= start;
            if faulty && self.faults.chance(15) {
                self.fault();
            }
            let turns = self.faults.between(1, 8);
            self.cluster.turns(turns);
            self.pass(faulty)?;
        }
        self.heal();
        self.come_to_rest()
    }

    fn come_to_rest(&mut self) -> Result<End, String> {
        let deadline = self.cluster.now + HEALING_MS;
        let mut at_rest_since = None;
        let mut last = Plan::default();
        while self.cluster.now < deadline {
            self.cluster.turns(3);
            let (plan, phase) = self.pass(false)?;
            let timed = plan.next_pass().is_some();
            if !plan.steps.is_empty() || timed || phase == ClusterPhase::Forming {
                at_rest_since = None;
            } else {
                let since = *at_rest_since.get_or_insert(self.cluster.now);
                // Without a wait, only what gossip and replication still do is left.
                let patience = match (phase, plan.waiting.is_empty()) {
                    (ClusterPhase::Ready, _) => REST_MS,
                    (_, false) => 40_000,
                    (_, true) => 90_000,
                };
                if self.cluster.now - since >= patience {
                    return self.end(&plan, phase);
                }
            }
            last = plan;
        }
        Err(format!("it does not come to rest: {last:?}"))
    }

    fn end(&self, plan: &Plan, phase: ClusterPhase) -> Result<End, String> {
        let waits: Vec<String> = plan
            .waiting
            .iter()
            .map(|wait| wait.reason.to_string())
            .collect();
        match phase {
            ClusterPhase::Ready => Ok(End::Ready),
            _ if waits.is_empty() => Err(format!("it rests as {phase} and waits for nothing")),
            _ => Ok(End::Waiting(format!("{phase}: {}", waits.join(" | ")))),
        }
    }

    /// One pass of the operator: observe, plan, check, act, report.
    fn pass(&mut self, faulty: bool) -> Result<(Plan, ClusterPhase), String> {
        let mut observation = self.cluster.observe(&self.desired);
        self.seen.update(&observation);
        observation.seen = self.seen.clone();
        let plan = planner::plan(&self.desired, &observation);
        let truth = self.cluster.truth();
        self.tell(&plan);
        (self.nevers.check(&truth, &observation, &plan)).map_err(|broken| broken.to_string())?;
        self.seen.intend(&plan, observation.now);
        let mut outcome = Outcome::default();
        for planned in &plan.steps {
            let result = self.act(&planned.step, faulty);
            outcome.results.push((planned.clone(), result));
        }
        self.seen.learn(&outcome, observation.now);
        self.nevers.learn(&outcome);
        let report = report::report(&self.desired, &observation, &plan, &outcome);
        nevers::check_report(&truth, &observation, &report).map_err(|broken| broken.to_string())?;
        Ok((plan, report.phase))
    }

    /// Sends a step; it may be lost, delayed, refused or duplicated.
    fn act(&mut self, step: &slotkeeper::model::Step, faulty: bool) -> StepOutcome {
        let unknown = || StepOutcome::Unknown("no answer in time".to_owned());
        if !faulty {
            return self.cluster.perform(step);
        }
        match self.faults.below(20) {
            0 => unknown(),
            1 => {
                let at = self.cluster.now + self.faults.between(100, 1_500);
                self.cluster.delayed.push((at, step.clone()));
                unknown()
            }
            2 => StepOutcome::Refused("ERR not now".to_owned()),
            3 => {
                self.cluster.perform(step);
                self.cluster.perform(step)
            }
            4 => {
                self.cluster.perform(step);
                unknown()
            }
            _ => self.cluster.perform(step),
        }
    }

    fn fault(&mut self) {
        let indexes: Vec<PodIndex> = self.cluster.members.keys().copied().collect();
        let Some(index) = self.faults.pick(&indexes).copied() else {
            return;
        };
        let what = self.faults.below(16);
        if self.verbose {
            println!("{} fault {what} at {index}", self.cluster.now);
        }
        match what {
            0..=2 => self.cluster.kill(index, Keep::All),
            3 | 4 => self.cluster.kill(index, Keep::Configuration),
            5 => self.cluster.kill(index, Keep::Nothing),
            6 | 7 => self.delete(index),
            8 => self.member(index, |member| member.cut = true),
            9 => self.member(index, |member| member.hidden = true),
            10..=12 => {
                self.member(index, |member| (member.cut, member.hidden) = (false, false));
            }
            13 => self.restart_planner(),
            14 => {
                let replicas = u32::try_from(self.faults.below(4)).expect("small");
                self.desired.replicas_per_shard = replicas;
            }
            _ => self.whole_shard(index.shard),
        }
    }

    fn member(&mut self, index: PodIndex, change: impl Fn(&mut crate::cluster::Member)) {
        if let Some(member) = self.cluster.members.get_mut(&index) {
            change(member);
        }
    }

    fn delete(&mut self, index: PodIndex) {
        let at = self.cluster.now + self.faults.between(100, 4_000);
        self.member(index, |member| {
            if member.process.is_some() {
                member.leaves_at = Some(at);
            }
        });
    }

    /// Everything of a shard at once.
    fn whole_shard(&mut self, shard: u32) {
        let keep = match self.faults.below(3) {
            0 => Keep::All,
            1 => Keep::Configuration,
            _ => Keep::Nothing,
        };
        let indexes: Vec<PodIndex> = self.cluster.members.keys().copied().collect();
        for index in indexes.into_iter().filter(|index| index.shard == shard) {
            self.cluster.kill(index, keep);
        }
    }

    /// A new planner has the stored memory; half of them lack the votes.
    fn restart_planner(&mut self) {
        let memory = Memory::from(&self.seen);
        self.seen = Seen::from(memory);
        if self.faults.chance(50) {
            self.seen.votes_since = None;
            self.seen.votes.clear();
        }
    }

    fn heal(&mut self) {
        for member in self.cluster.members.values_mut() {
            (member.cut, member.hidden) = (false, false);
        }
    }

    fn tell(&self, plan: &Plan) {
        if !self.verbose {
            return;
        }
        for planned in &plan.steps {
            println!("{} {}: {}", self.cluster.now, planned.rule, planned.step);
        }
        for wait in &plan.waiting {
            println!(
                "{}   {} {:?} waits: {}",
                self.cluster.now, wait.rule, wait.shard, wait.reason
            );
        }
    }
}
