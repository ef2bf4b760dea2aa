//! What the manifest's status says after a pass: pure, and only what this pass has observed.

mod conditions;
mod shards;
mod status;

use crate::model::{
    Desired, Observation, Outcome, Phase as PodPhase, Place, Plan, Rule, Silence, Step,
    StepOutcome, WaitReason,
};
use crate::planner::View;
use slotkeeper_crds::ShardStatus;
use slotkeeper_topology::SLOT_COUNT;

pub use conditions::{Condition, Truth};

/// What one pass has to say about the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The generation of the manifest that the pass worked from.
    pub generation: i64,
    /// One word for people.
    pub phase: Phase,
    /// One sentence for people.
    pub message: String,
    /// The shards, in their order.
    pub shards: Vec<ShardStatus>,
    /// How many shards are served by a master.
    pub shards_served: u32,
    /// Nodes that answered and are ready.
    pub ready_nodes: usize,
    /// Nodes that the manifest wants.
    pub wanted_nodes: usize,
    /// Slots whose owner answered and serves.
    pub slots_covered: u16,
    /// All conditions, always the same ones in the same order.
    pub conditions: Vec<Condition>,
    /// Whether some nodes were late for the first time and nothing else is wrong with any: they may
    /// just be busy.
    pub is_passing: bool,
}

/// A node whose answers are late for less than that is busy, as far as anybody knows.
const BUSY_MS: u64 = 3_000;

/// The state of a cluster in one word for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The manifest says `paused`: nothing is done.
    Paused,
    /// It has not been formed yet.
    Forming,
    /// Everything is as the manifest says.
    Ready,
    /// Every slot is served, but something is missing.
    Degraded,
    /// Slots are not served.
    Outage,
}

/// Everything that a condition is made of.
struct Subject<'a> {
    view: &'a View<'a>,
    plan: &'a Plan,
    slots_covered: u16,
    ready_nodes: usize,
    wanted_nodes: usize,
}

impl Subject<'_> {
    /// The name of the pod at a place, or the place where there is none.
    fn pod_name(&self, place: Place) -> String {
        let pod = self.view.pod(place);
        pod.map_or_else(|| place.to_string(), |pod| pod.name.clone())
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
    let subject = Subject {
        view: &view,
        plan,
        slots_covered: shards::slots_served(&view),
        ready_nodes: shards::ready_nodes(&view),
        wanted_nodes: desired.places().count(),
    };
    let conditions = conditions::all(&subject);
    let phase = phase(&subject, &conditions);
    let shards = shards::statuses(&view);
    Report {
        generation: desired.generation,
        phase,
        message: message(phase, &subject, outcome),
        shards_served: shards::served(&view),
        shards,
        ready_nodes: subject.ready_nodes,
        wanted_nodes: subject.wanted_nodes,
        slots_covered: subject.slots_covered,
        is_passing: is_passing(&subject),
        conditions,
    }
}

fn is_passing(subject: &Subject<'_>) -> bool {
    let view = subject.view;
    let is_late = |place: Place, silence: &Silence| {
        let since = view.seen().silent.get(&place);
        let late = since.is_some_and(|since| view.now().since(*since) < BUSY_MS);
        let runs = view
            .pod(place)
            .is_some_and(|pod| pod.phase == PodPhase::Running);
        late && runs && *silence == Silence::TimedOut
    };
    let silent = view.desired.places().filter_map(|place| {
        let silence = view.observation.silence(place)?;
        Some(is_late(place, silence))
    });
    let silent: Vec<bool> = silent.collect();
    // Whoever is about to do something about it does not take it for nothing.
    subject.plan.steps.is_empty() && !silent.is_empty() && silent.into_iter().all(|late| late)
}

fn phase(subject: &Subject<'_>, conditions: &[Condition]) -> Phase {
    let ready = conditions
        .iter()
        .any(|c| c.kind == "Ready" && c.truth == Truth::True);
    match () {
        () if subject.view.desired.paused => Phase::Paused,
        () if ready => Phase::Ready,
        () if !subject.view.seen().formed => Phase::Forming,
        () if subject.slots_covered == SLOT_COUNT => Phase::Degraded,
        () => Phase::Outage,
    }
}

/// What a tired person has to know first: what is wrong, then what is done about it or what is
/// waited for.
fn message(phase: Phase, subject: &Subject<'_>, outcome: &Outcome) -> String {
    let Subject {
        view,
        slots_covered,
        ready_nodes,
        wanted_nodes,
        ..
    } = subject;
    let state = match phase {
        Phase::Paused => "The operator is paused by the manifest and changes nothing".to_owned(),
        Phase::Ready => {
            let Desired {
                shards,
                replicas_per_shard,
                ..
            } = view.desired;
            return format!(
                "All {SLOT_COUNT} slots are served; every one of {shards} masters has its \
                 {replicas_per_shard} replicas."
            );
        }
        Phase::Forming => format!(
            "The cluster is being formed: {} of {wanted_nodes} nodes answer",
            view.answered().count()
        ),
        Phase::Degraded => {
            format!("All slots are served, {ready_nodes} of {wanted_nodes} nodes are ready")
        }
        Phase::Outage => {
            format!(
                "{} of {SLOT_COUNT} slots are not served",
                SLOT_COUNT - slots_covered
            )
        }
    };
    match next(subject, outcome) {
        Some(next) => format!("{state}; {next}."),
        None => format!("{state}."),
    }
}

/// A step that failed, else a step of a take over, else what a shard waits for, else any step.
fn next(subject: &Subject<'_>, outcome: &Outcome) -> Option<String> {
    let failed = outcome
        .results
        .iter()
        .find_map(|(planned, result)| match result {
            StepOutcome::Refused(why) | StepOutcome::Unknown(why) => {
                Some(format!("failed: {}: {why}", planned.step))
            }
            StepOutcome::Done | StepOutcome::NotSent(_) => None,
        });
    let steps = &subject.plan.steps;
    let take_over = steps.iter().find_map(|planned| match &planned.step {
        Step::Failover { node, .. } => Some(format!("{} takes over", node.place)),
        _ => None,
    });
    let mut waits = subject.plan.waiting.iter().filter(|wait| {
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
            "{} steps are under way, first: {}",
            steps.len(),
            planned.step
        ),
    });
    take_over.or(failed).or(wait).or(working)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Moment, NodeView, PodView, Seen};

    /// A cluster of one node that has been silent for so long, in a pod of that phase.
    fn passing(silence: Silence, phase: PodPhase, silent_ms: u64) -> bool {
        let place = Place::new(0, 0);
        let pod = PodView {
            phase,
            ..PodView::default()
        };
        let observation = Observation {
            now: Moment(10_000),
            pods: BTreeMap::from([(place, pod)]),
            nodes: BTreeMap::from([(place, NodeView::Silent(silence))]),
            seen: Seen {
                silent: BTreeMap::from([(place, Moment(10_000 - silent_ms))]),
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
        assert!(!passing(Silence::Refused, PodPhase::Running, 0));
        for phase in [PodPhase::Deleting, PodPhase::Terminated, PodPhase::Unknown] {
            assert!(!passing(Silence::TimedOut, phase, 0), "{phase:?}");
        }
    }
}
