//! The Events that a step or a new status causes.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};
use slotkeeper_crds::{Condition, RedisClusterStatus};

use crate::model::{PlannedStep, Step, StepOutcome, Target};
use crate::platform::kubernetes::names::Names;
use crate::run::kinds::StepKind;
use crate::text;

/// The longest note that the API server accepts.
const NOTE_BYTES: usize = 1024;

/// Conditions that are warnings while they are True.
const WARNINGS: [&str; 6] = [
    "NoSafeReplica",
    "NoQuorum",
    "SharedHost",
    "SnapshotsFailing",
    "NodesConfFailing",
    "MemoryOvercommitted",
];

/// The Events of a step. A step that was not sent causes none.
#[must_use]
pub fn of_step(
    cluster: &ObjectReference,
    planned: &PlannedStep,
    outcome: &StepOutcome,
) -> Vec<Event> {
    let PlannedStep {
        step, why, loss, ..
    } = planned;
    let kind = StepKind::of(step);
    let (type_, reason, note) = match outcome {
        StepOutcome::NotSent(_) => return Vec::new(),
        StepOutcome::Done => (EventType::Normal, kind.done, format!("{step}: {why}")),
        StepOutcome::Refused(error) => (
            EventType::Warning,
            "StepRefused",
            format!("{step}: refused: {error}"),
        ),
        StepOutcome::Unknown(error) => (
            EventType::Warning,
            "StepUnanswered",
            format!("{step}: it may have happened: {error}"),
        ),
    };
    let secondary = about(step).map(|target| pod(cluster, target));
    let event = |type_, reason: &str, note: &str| Event {
        type_,
        reason: reason.to_owned(),
        note: Some(cut(note)),
        action: kind.action.to_owned(),
        secondary: secondary.clone(),
    };
    let mut events = vec![event(type_, reason, &note)];
    if let Some(loss) = loss.as_ref().filter(|_| outcome.may_have_happened()) {
        events.push(event(EventType::Warning, "DataLost", loss));
    }
    events
}

/// The Events of a new status: a new phase, and new warnings.
#[must_use]
pub fn of_status(before: Option<&RedisClusterStatus>, after: &RedisClusterStatus) -> Vec<Event> {
    let mut events = Vec::new();
    let message = after.message.as_deref().unwrap_or_default();
    let phase = after.phase.as_deref().unwrap_or_default();
    let old_phase = before.and_then(|before| before.phase.as_deref());
    if !phase.is_empty() && old_phase != Some(phase) {
        let type_ = match phase {
            "Degraded" | "Outage" => EventType::Warning,
            _ => EventType::Normal,
        };
        events.push(report(type_, phase, message));
    }
    for condition in &after.conditions {
        let old = before.and_then(|before| named(&before.conditions, &condition.type_));
        let is_refused = |condition: &Condition| condition.reason == "ManifestRefused";
        if is_refused(condition) && condition.type_ == "Ready" {
            let told = old.is_some_and(|old| is_refused(old) && old.message == condition.message);
            events.extend((!told).then(|| invalid_manifest(&condition.message)));
        } else if WARNINGS.contains(&&*condition.type_) {
            let news = condition.status == "True" && old.is_none_or(|old| old.status != "True");
            let warning = || report(EventType::Warning, &condition.type_, &condition.message);
            events.extend(news.then(warning));
        }
    }
    events
}

/// The Event for a manifest that cannot be applied.
#[must_use]
pub fn invalid_manifest(why: &str) -> Event {
    report(EventType::Warning, "InvalidManifest", why)
}

fn report(type_: EventType, reason: &str, note: &str) -> Event {
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(cut(note)),
        action: "Report".to_owned(),
        secondary: None,
    }
}

fn named<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// The node that a step is about, if it is about one.
fn about(step: &Step) -> Option<&Target> {
    match step {
        // The newcomer; the other node only introduces it.
        Step::Meet { peer, .. } => Some(peer),
        // It is about the forgotten id, whose pod is gone.
        Step::Forget { .. } => None,
        step => step.targets().first().copied(),
    }
}

fn pod(cluster: &ObjectReference, target: &Target) -> ObjectReference {
    let names = Names {
        name: cluster.name.as_deref().unwrap_or_default(),
        namespace: cluster.namespace.as_deref().unwrap_or_default(),
        domain: "",
    };
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: Some(names.pod(target.pod)),
        namespace: cluster.namespace.clone(),
        uid: Some(target.uid.0.clone()),
        ..ObjectReference::default()
    }
}

/// The note as one line, cut to the length that the API server accepts.
fn cut(note: &str) -> String {
    text::cut(note, NOTE_BYTES)
}
