//! The status after a pass: pure, and only from what this pass observed.

mod conditions;
mod shards;
mod status;

use crate::model::{
    Desired, Observation, Outcome, Plan, PodIndex, PodPhase, Rule, Silence, Step, StepOutcome,
    WaitReason,
};
use crate::planner::View;
use slotkeeper_crds::ShardStatus;
use slotkeeper_topology::SLOT_COUNT;

pub use conditions::{Condition, ConditionStatus};

/// The report of one pass about the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The generation of the manifest that the pass used.
    pub generation: i64,
    /// One word for people.
    pub phase: ClusterPhase,
    /// One sentence for people.
    pub message: String,
    /// The shards, in their order.
    pub shards: Vec<ShardStatus>,
    /// The number of shards that a master serves.
    pub shards_served: u32,
    /// The number of nodes that answered and are ready.
    pub ready_nodes: usize,
    /// The number of nodes that the manifest wants.
    pub wanted_nodes: usize,
    /// The number of slots whose owner answered and serves.
    pub slots_covered: u16,
    /// All conditions, always in the same order.
    pub conditions: Vec<Condition>,
    /// Whether the only problem is that some nodes are late for a short time: they may just be
    /// busy.
    pub is_passing: bool,
}

/// A node whose answers are late for less than this may just be busy.
const BUSY_MS: u64 = 3_000;

/// The state of a cluster in one word, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterPhase {
    /// The manifest says `paused`: nothing is changed.
    Paused,
    /// It has not been formed yet.
    Forming,
    /// The cluster matches the manifest.
    Ready,
    /// Every slot is served, but something else is missing.
    Degraded,
    /// Slots are not served.
    Outage,
}

/// The input of every condition.
struct ReportInput<'a> {
    view: &'a View<'a>,
    plan: &'a Plan,
    slots_covered: u16,
    ready_nodes: usize,
    wanted_nodes: usize,
}

impl ReportInput<'_> {
    /// The name of a pod, or its index if it does not exist.
    fn pod_name(&self, index: PodIndex) -> String {
        let pod = self.view.pod(index);
        pod.map_or_else(|| index.to_string(), |pod| pod.name.clone())
    }

    fn is_busy(&self, index: PodIndex) -> bool {
        self.view.observation.silence(index) == Some(&Silence::Busy)
    }

    /// Which nodes execute a long command, for people; none if no node does.
    fn busy(&self) -> Option<String> {
        let busy = (self.view.desired.pod_indexes()).filter(|index| self.is_busy(*index));
        let names: Vec<String> = busy.map(|index| self.pod_name(index)).collect();
        match &names[..] {
            [] => None,
            [name] => Some(format!("node {name} is busy with a long command")),
            names => Some(format!(
                "nodes {} are busy with long commands",
                names.join(", ")
            )),
        }
    }

    /// The message, and which nodes are busy.
    fn with_busy(&self, message: String) -> String {
        match self.busy() {
            Some(busy) => format!("{message}; {busy}"),
            None => message,
        }
    }
}

/// The report of a pass.
#[must_use]
pub fn report(
    desired: &Desired,
    observation: &Observation,
    plan: &Plan,
    outcome: &Outcome,
) -> Report {
    let view = View::new(desired, observation);
    let input = ReportInput {
        view: &view,
        plan,
        slots_covered: shards::slots_served(&view),
        ready_nodes: shards::ready_nodes(&view),
        wanted_nodes: desired.pod_indexes().count(),
    };
    let conditions = conditions::all(&input);
    let phase = phase(&input, &conditions);
    let shards = shards::statuses(&view);
    Report {
        generation: desired.generation,
        phase,
        message: message(phase, &input, outcome),
        shards_served: shards::served(&view),
        shards,
        ready_nodes: input.ready_nodes,
        wanted_nodes: input.wanted_nodes,
        slots_covered: input.slots_covered,
        is_passing: is_passing(&input),
        conditions,
    }
}

fn is_passing(input: &ReportInput<'_>) -> bool {
    let view = input.view;
    let is_late = |index: PodIndex, silence: &Silence| {
        let since = view.seen().silent.get(&index);
        let late = since.is_some_and(|since| view.now().since(*since) < BUSY_MS);
        let runs = view
            .pod(index)
            .is_some_and(|pod| pod.phase == PodPhase::Running);
        late && runs && matches!(silence, Silence::TimedOut | Silence::Busy)
    };
    let silent = view.desired.pod_indexes().filter_map(|index| {
        let silence = view.observation.silence(index)?;
        Some(is_late(index, silence))
    });
    let silent: Vec<bool> = silent.collect();
    // A pass that plans a step must report it.
    input.plan.steps.is_empty() && !silent.is_empty() && silent.into_iter().all(|late| late)
}

fn phase(input: &ReportInput<'_>, conditions: &[Condition]) -> ClusterPhase {
    let ready = conditions
        .iter()
        .any(|c| c.kind == "Ready" && c.status == ConditionStatus::True);
    match () {
        () if input.view.desired.paused => ClusterPhase::Paused,
        () if ready => ClusterPhase::Ready,
        () if !input.view.seen().formed => ClusterPhase::Forming,
        () if input.slots_covered == SLOT_COUNT => ClusterPhase::Degraded,
        () => ClusterPhase::Outage,
    }
}

/// What a person must know first: what is wrong, then what is done about it or waited for.
fn message(phase: ClusterPhase, input: &ReportInput<'_>, outcome: &Outcome) -> String {
    let ReportInput {
        view,
        slots_covered,
        ready_nodes,
        wanted_nodes,
        ..
    } = input;
    let state = match phase {
        ClusterPhase::Paused => {
            "The operator is paused by the manifest and changes nothing".to_owned()
        }
        ClusterPhase::Ready => {
            let Desired {
                shards,
                replicas_per_shard,
                ..
            } = view.desired;
            return format!(
                "All {SLOT_COUNT} slots are served by {shards} masters; replicas per master: \
                 {replicas_per_shard}."
            );
        }
        ClusterPhase::Forming => format!(
            "The cluster is being formed: {} of {wanted_nodes} nodes answer",
            view.answered().count()
        ),
        ClusterPhase::Degraded => {
            format!("All slots are served, {ready_nodes} of {wanted_nodes} nodes are ready")
        }
        ClusterPhase::Outage => {
            format!(
                "{} of {SLOT_COUNT} slots are not served",
                SLOT_COUNT - slots_covered
            )
        }
    };
    match next(input, outcome) {
        Some(next) => format!("{state}; {next}."),
        None => format!("{state}."),
    }
}

/// A take over, else a step that failed, else what a shard waits for, else any step, else who is
/// busy.
fn next(input: &ReportInput<'_>, outcome: &Outcome) -> Option<String> {
    let failed = outcome
        .results
        .iter()
        .find_map(|(planned, result)| match result {
            StepOutcome::Refused(why) | StepOutcome::Unknown(why) => {
                Some(format!("failed: {}: {why}", planned.step))
            }
            StepOutcome::Done | StepOutcome::NotSent(_) => None,
        });
    let steps = &input.plan.steps;
    let take_over = steps.iter().find_map(|planned| match &planned.step {
        Step::Failover { node, .. } => Some(format!("{} takes over", node.pod)),
        _ => None,
    });
    let mut waits = input.plan.waiting.iter().filter(|wait| {
        !matches!(
            wait.reason,
            WaitReason::Paused | WaitReason::Again { error: None, .. }
        )
    });
    let wait = waits.next().map(|wait| match wait.shard {
        Some(shard) => format!("shard {shard} waits: {}", wait.reason),
        None => format!("waiting: {}", wait.reason),
    });
    let working = steps.first().map(|planned| match planned.rule {
        Rule::Objects => "its objects are being created".to_owned(),
        _ => format!(
            "{} steps are in progress, first: {}",
            steps.len(),
            planned.step
        ),
    });
    take_over
        .or(failed)
        .or(wait)
        .or(working)
        .or_else(|| input.busy())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Moment, NodeView, PodView, Seen};

    /// A cluster of one node, silent for this long, in a pod of that phase.
    fn passing(silence: Silence, phase: PodPhase, silent_ms: u64) -> bool {
        let index = PodIndex::new(0, 0);
        let pod = PodView {
            phase,
            ..PodView::default()
        };
        let observation = Observation {
            now: Moment(10_000),
            pods: BTreeMap::from([(index, pod)]),
            nodes: BTreeMap::from([(index, NodeView::Silent(silence))]),
            seen: Seen {
                silent: BTreeMap::from([(index, Moment(10_000 - silent_ms))]),
                ..Seen::default()
            },
            ..Observation::default()
        };
        let desired = Desired::new("demo", 1, 0);
        report(
            &desired,
            &observation,
            &Plan::default(),
            &Outcome::default(),
        )
        .is_passing
    }

    #[test]
    fn only_a_node_that_is_late_for_a_moment_may_be_busy() {
        assert!(passing(Silence::TimedOut, PodPhase::Running, 2_999));
        assert!(!passing(Silence::TimedOut, PodPhase::Running, 3_000));
        assert!(passing(Silence::Busy, PodPhase::Running, 2_999));
        assert!(!passing(Silence::Busy, PodPhase::Running, 3_000));
        assert!(!passing(Silence::Refused, PodPhase::Running, 0));
        for phase in [PodPhase::Deleting, PodPhase::Terminated, PodPhase::Unknown] {
            assert!(!passing(Silence::TimedOut, phase, 0), "{phase:?}");
        }
    }
}
