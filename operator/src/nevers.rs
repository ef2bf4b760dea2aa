//! What the operator must never do, checked step by step against the real state of the cluster.
//!
//! For tests: a model, or a simulator of real nodes, fills in a [`Truth`] at every pass. The
//! checker shares no code with the rules and keeps its own record, which survives restarts of the
//! planner.

mod voters;

use std::collections::BTreeMap;
use std::fmt;

use slotkeeper_topology::{NodeId, SlotSet};

use crate::model::{
    FailoverMode, Moment, NodeFacts, NodeView, Observation, Outcome, Plan, PlannedStep, PodIndex,
    Step, Target,
};
use crate::report::Report;
use voters::voters;

/// The real state of the cluster at the moment of an observation.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Every node whose process runs or whose disk is kept.
    pub nodes: Vec<TrueNode>,
    /// Whether the cluster has been formed once.
    pub formed: bool,
    /// The slots that were ever written to.
    pub written: SlotSet,
    /// `cluster-node-timeout`, in milliseconds.
    pub node_timeout_ms: u64,
    /// The number of pods that the platform runs for each shard.
    pub pods: BTreeMap<u32, u32>,
}

/// One node as it really is.
#[derive(Clone, Debug)]
pub struct TrueNode {
    /// Its pod.
    pub pod: PodIndex,
    /// Its id.
    pub id: NodeId,
    /// Whether its process runs; else it may return from its disk.
    pub running: bool,
    /// The master that it replicates, according to its own table.
    pub master: Option<NodeId>,
    /// The slots that it owns, according to its own table.
    pub slots: SlotSet,
    /// The configuration epoch in which it owns them.
    pub epoch: u64,
    /// The slots of which it holds keys.
    pub keys: SlotSet,
    /// Whether its data set is complete.
    pub complete: bool,
    /// The master whose data set it last had in full, if it still has that.
    pub synced_with: Option<NodeId>,
    /// Whether it withholds itself.
    pub withholding: bool,
}

/// One of the seven nevers was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which, from 1 to 7.
    pub never: u8,
    /// The step and what is wrong with it.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "never {}: {}", self.never, self.what)
    }
}

/// The checker and its record of a run.
#[derive(Clone, Debug, Default)]
pub struct Nevers {
    /// Votes asked for, in their order.
    votes: Vec<Asked>,
    /// The masters for which a node has accepted a failover command, and when.
    taken: Vec<(NodeId, Moment)>,
    /// What CLUSTER NODES of an observer (second) showed of a node (first).
    readings: BTreeMap<(NodeId, NodeId), Vec<Shown>>,
    /// Since when no process runs with an id.
    ended: BTreeMap<NodeId, Moment>,
}

#[derive(Clone, Debug)]
struct Asked {
    master: NodeId,
    candidate: NodeId,
    mode: FailoverMode,
    at: Moment,
    won: bool,
    /// Whether a node has accepted the command.
    taken: bool,
}

/// Ping sent, pong received, by the observer's clock, and when that was read.
type Shown = (i64, i64, Moment);

type Verdict = Result<(), (u8, &'static str)>;

/// The maximum number of readings that are kept per pair.
const READINGS_MOST: usize = 64;

impl Nevers {
    /// Checks the plan of a pass.
    ///
    /// # Errors
    /// The first step that breaks a never.
    pub fn check(
        &mut self,
        truth: &Truth,
        observation: &Observation,
        plan: &Plan,
    ) -> Result<(), Broken> {
        self.watch(truth, observation);
        for planned in &plan.steps {
            self.check_step(truth, observation, planned)
                .map_err(|(never, why)| Broken {
                    never,
                    what: format!("{} ({}): {why}", planned.step, planned.why),
                })?;
            if let Step::Failover {
                node, mode, master, ..
            } = &planned.step
            {
                self.votes.push(Asked {
                    master: *master,
                    candidate: node.id,
                    mode: *mode,
                    at: observation.now,
                    won: false,
                    taken: false,
                });
            }
        }
        Ok(())
    }

    /// Removes the votes that were not asked for after all: not sent, or refused.
    pub fn learn(&mut self, outcome: &Outcome) {
        for (planned, result) in &outcome.results {
            if let (Step::Failover { node, master, .. }, false) =
                (&planned.step, result.may_have_happened())
            {
                let last = self
                    .votes
                    .iter()
                    .rposition(|vote| vote.master == *master && vote.candidate == node.id);
                last.map(|last| self.votes.remove(last));
            }
        }
    }

    /// Notes that a node accepts a failover command now, no matter who sent it and when.
    ///
    /// # Errors If a node had accepted another one for the same master within two node timeouts.
    pub fn taken(&mut self, truth: &Truth, step: &Step, at: Moment) -> Result<(), Broken> {
        let Step::Failover {
            node, mode, master, ..
        } = step
        else {
            return Ok(());
        };
        if *mode == FailoverMode::Plain {
            return Ok(());
        }
        let asked = self.votes.iter_mut().rev();
        let mut asked = asked.filter(|vote| vote.master == *master && vote.candidate == node.id);
        if let Some(vote) = asked.next() {
            (vote.taken, vote.at) = (true, vote.at.max(at));
        }
        let recent = |taken: &(NodeId, Moment)| at.since(taken.1) < 2 * truth.node_timeout_ms;
        let second = self.taken.iter().any(|it| it.0 == *master && recent(it));
        self.taken.push((*master, at));
        broken(5, second, "a second vote within two node timeouts").map_err(|(never, why)| Broken {
            never,
            what: format!("{step}: {why}"),
        })
    }

    /// Another operator succeeds this one. It need not know commands that no node has accepted.
    pub fn succeed(&mut self) {
        self.votes.retain(|vote| vote.taken);
    }

    /// Checks what must still hold at the moment when a command takes effect.
    ///
    /// # Errors
    /// The never that it breaks.
    pub fn check_effect(truth: &Truth, step: &Step) -> Result<(), Broken> {
        let verdict = match step {
            Step::ResetSoft { node } => reset(truth, node),
            _ => Ok(()),
        };
        verdict.map_err(|(never, why)| Broken {
            never,
            what: format!("{step}: {why}"),
        })
    }

    fn watch(&mut self, truth: &Truth, observation: &Observation) {
        for vote in &mut self.votes {
            let mut nodes = truth.nodes.iter();
            vote.won |= nodes.any(|n| n.id == vote.candidate && !n.slots.is_empty());
        }
        for (_, facts) in observation.answered() {
            for line in facts.lines.iter().filter(|line| !line.flags.myself) {
                let readings = self.readings.entry((line.id, facts.id)).or_default();
                readings.push((line.ping_sent, line.pong_received, observation.now));
                if readings.len() > READINGS_MOST {
                    readings.remove(0);
                }
                let runs = truth
                    .nodes
                    .iter()
                    .any(|node| node.id == line.id && node.running);
                if runs {
                    self.ended.remove(&line.id);
                } else {
                    self.ended.entry(line.id).or_insert(observation.now);
                }
            }
        }
    }

    fn check_step(
        &self,
        truth: &Truth,
        observation: &Observation,
        planned: &PlannedStep,
    ) -> Verdict {
        match &planned.step {
            Step::EnsureCommon
            | Step::SetConfigEpoch { .. }
            | Step::BumpEpoch { .. }
            | Step::Replicate { .. } => Ok(()),
            Step::ResetSoft { node } => reset(truth, node),
            Step::AddSlots { node, slots } => add_slots(truth, planned, node, slots),
            Step::EndWithholding { node, .. } => end_withholding(truth, planned, node),
            Step::Forget { id, .. } => forget(truth, *id),
            Step::EnsureShard { shard, pods } => shrink(truth, *shard, *pods),
            Step::RemoveShard { shard } => remove(truth, *shard),
            Step::Meet { peer, address, .. } => {
                let answered = matches!(observation.nodes.get(&peer.pod),
                    Some(NodeView::Answered(facts)) if facts.id == peer.id);
                let pod = observation.pods.get(&peer.pod);
                let there = pod.is_some_and(|pod| pod.address.as_ref() == Some(address));
                broken(
                    7,
                    !answered || !there,
                    "the peer did not answer there in this pass",
                )
            }
            Step::Failover {
                node, mode, master, ..
            } => self.failover(truth, observation, node, *mode, *master),
        }
    }

    fn failover(
        &self,
        truth: &Truth,
        observation: &Observation,
        node: &Target,
        mode: FailoverMode,
        master: NodeId,
    ) -> Verdict {
        let voters = voters(observation);
        let majority = |votes: &dyn Fn(&NodeFacts) -> bool| {
            let voting = voters.iter().filter(|id| {
                (observation.answered()).any(|(_, facts)| facts.id == **id && votes(facts))
            });
            2 * voting.count() > voters.len()
        };
        let answers = majority(&|_| true);
        let candidate = truth.nodes.iter().find(|n| n.id == node.id && n.running);
        broken(
            5,
            candidate.is_some_and(|n| !n.complete),
            "the candidate's data is incomplete",
        )?;
        match mode {
            FailoverMode::Plain => Ok(()),
            FailoverMode::Force => {
                broken(5, !answers, "FORCE without a majority that answers")?;
                let knows = |facts: &NodeFacts| {
                    let line = facts.line(node.id);
                    line.is_some_and(|line| line.master == Some(master))
                };
                broken(
                    5,
                    !majority(&knows),
                    "FORCE without a majority that knows the candidate as the master's replica",
                )?;
                self.spacing(truth, observation.now, node.id, master)
            }
            FailoverMode::Takeover => {
                broken(5, answers, "TAKEOVER where a vote can succeed")?;
                let runs = truth.nodes.iter().any(|n| n.id == master && n.running);
                broken(5, runs, "TAKEOVER while the master's process runs")?;
                broken(
                    5,
                    !self.witnessed(observation, master),
                    "TAKEOVER without two readings",
                )?;
                self.spacing(truth, observation.now, node.id, master)
            }
        }
    }

    /// One vote at a time, and never a second candidate for a master within two node timeouts.
    fn spacing(&self, truth: &Truth, now: Moment, candidate: NodeId, master: NodeId) -> Verdict {
        for vote in self.votes.iter().rev() {
            if now.since(vote.at) >= 2 * truth.node_timeout_ms {
                break;
            }
            let second = vote.master == master && vote.candidate != candidate;
            broken(5, second, "a second candidate within two node timeouts")?;
            let pending = vote.mode != FailoverMode::Plain && !vote.won;
            broken(5, pending, "a second election at the same time")?;
        }
        Ok(())
    }

    /// Whether every answering node that lists the master shows the same pong and an open ping in
    /// two readings, 500 ms apart and both after the end.
    fn witnessed(&self, observation: &Observation, master: NodeId) -> bool {
        let Some(end) = self.ended.get(&master) else {
            return false;
        };
        let mut listing = observation
            .answered()
            .filter(|(_, facts)| facts.line(master).is_some());
        listing.all(|(_, facts)| {
            let readings = self.readings.get(&(master, facts.id)).map(Vec::as_slice);
            let after: Vec<_> = readings
                .unwrap_or_default()
                .iter()
                .filter(|(_, _, at)| at >= end)
                .collect();
            let Some((_, last_pong, last_at)) = after.last() else {
                return false;
            };
            after
                .iter()
                .rev()
                .take_while(|(ping, pong, _)| *ping != 0 && pong == last_pong)
                .any(|(_, _, at)| last_at.since(*at) >= 500)
        })
    }
}

/// Checks that a report claims nothing that its pass did not observe.
///
/// # Errors
/// What it made up.
pub fn check_report(
    truth: &Truth,
    observation: &Observation,
    report: &Report,
) -> Result<(), Broken> {
    let answered = observation.answered().count();
    let serving = (truth.nodes.iter())
        .filter(|node| {
            observation
                .facts(node.pod)
                .is_some_and(|facts| facts.id == node.id)
        })
        .filter(|node| node.master.is_none() && !node.withholding)
        .fold(SlotSet::new(), |all, node| all.union(&node.slots));
    let verdict = broken(
        7,
        report.ready_nodes > answered,
        "more nodes ready than answered",
    )
    .and_then(|()| {
        let more = usize::from(report.slots_covered) > serving.len();
        broken(7, more, "more slots served than by the nodes that answered")
    });
    verdict.map_err(|(never, why)| Broken {
        never,
        what: format!("the report: {why}"),
    })
}

fn broken(never: u8, is_broken: bool, why: &'static str) -> Verdict {
    if is_broken { Err((never, why)) } else { Ok(()) }
}

fn reset(truth: &Truth, node: &Target) -> Verdict {
    let target = truth.nodes.iter().find(|n| n.id == node.id);
    let holds = target.is_some_and(|n| !n.keys.is_empty() || !n.slots.is_empty());
    broken(1, holds, "RESET of a node that holds keys or slots")
}

fn add_slots(truth: &Truth, planned: &PlannedStep, node: &Target, slots: &SlotSet) -> Verdict {
    let others = truth.nodes.iter().filter(|n| n.id != node.id);
    let held = others
        .clone()
        .any(|n| !n.keys.intersection(slots).is_empty());
    broken(2, held, "another node holds keys of these slots")?;
    let owned = others
        .clone()
        .any(|n| !n.slots.intersection(slots).is_empty());
    broken(
        2,
        owned && truth.formed,
        "another node owns these slots by its own table",
    )?;
    broken(
        2,
        truth.formed && planned.loss.is_none(),
        "lost slots assigned silently",
    )
}

fn end_withholding(truth: &Truth, planned: &PlannedStep, node: &Target) -> Verdict {
    let Some(master) = truth.nodes.iter().find(|n| n.id == node.id) else {
        return Ok(());
    };
    let empty = master.keys.intersection(&master.slots).is_empty();
    let followers = truth.nodes.iter().filter(|n| n.id != node.id && n.complete);
    let held = followers
        .clone()
        .any(|n| !n.keys.intersection(&master.slots).is_empty());
    broken(
        2,
        empty && held,
        "an empty master serves while another node holds its keys",
    )?;
    let written = !truth.written.intersection(&master.slots).is_empty();
    let survived = truth
        .nodes
        .iter()
        .any(|n| n.id != node.id && n.synced_with == Some(node.id));
    let silent = empty && written && !survived && planned.loss.is_none();
    broken(
        2,
        silent,
        "a shard that lost its keys serves again silently",
    )
}

fn forget(truth: &Truth, id: NodeId) -> Verdict {
    let returns = truth.nodes.iter().any(|n| n.id == id);
    broken(3, returns, "FORGET of a node that may return")
}

fn shrink(truth: &Truth, shard: u32, pods: u32) -> Verdict {
    let kept = truth.pods.get(&shard).copied().unwrap_or(0);
    broken(
        4,
        kept > pods + 1,
        "two nodes of a shard taken down at once",
    )?;
    let mut going = truth
        .nodes
        .iter()
        .filter(|n| n.pod.shard == shard && n.pod.ordinal >= pods && n.pod.ordinal < kept);
    // A node whose slots another node owns in a higher epoch has handed over, even if it does not
    // know it.
    let superseded = |node: &TrueNode| {
        let later = truth
            .nodes
            .iter()
            .filter(|n| n.epoch > node.epoch && n.master.is_none());
        let taken = later.fold(SlotSet::new(), |all, n| all.union(&n.slots));
        node.slots.difference(&taken).is_empty()
    };
    let owner = going.any(|n| n.master.is_none() && n.running && !superseded(n));
    broken(4, owner, "a master is taken away that has not handed over")
}

fn remove(truth: &Truth, shard: u32) -> Verdict {
    let mut nodes = truth.nodes.iter().filter(|n| n.pod.shard == shard);
    let holds = nodes.any(|n| !n.slots.is_empty() || !n.keys.is_empty());
    broken(6, holds, "the shard still owns a slot or a key")
}

#[cfg(test)]
mod tests;
