//! Which Events steps and statuses cause, and what a full queue does.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::events::Event;
use slotkeeper_crds::{Condition, RedisClusterStatus};
use slotkeeper_topology::{Epoch, NodeId, SlotSet};

use super::{Events, QUEUE, QueueItem, invalid_manifest, of_status, of_step};
use crate::model::{
    Address, FailoverMode, PlannedStep, PodIndex, PodUid, Rule, Step, StepOutcome, Target,
};
use crate::run::metrics::Metrics;

fn cluster() -> ObjectReference {
    ObjectReference {
        name: Some("demo".to_owned()),
        namespace: Some("shop".to_owned()),
        ..ObjectReference::default()
    }
}

fn id(digit: char) -> NodeId {
    let text: String = std::iter::repeat_n(digit, 40).collect();
    text.parse().unwrap()
}

fn target(shard: u32, ordinal: u32, digit: char) -> Target {
    Target {
        pod: PodIndex::new(shard, ordinal),
        uid: PodUid(format!("uid-{shard}-{ordinal}")),
        id: id(digit),
    }
}

fn failover(mode: FailoverMode) -> Step {
    Step::Failover {
        node: target(0, 1, 'b'),
        mode,
        master: id('a'),
        epoch: None,
    }
}

/// Every kind of step, with the pod that it is about.
fn steps() -> Vec<(Step, &'static str, Option<&'static str>)> {
    let node = || target(0, 1, 'b');
    let slots = SlotSet::new();
    let address = Address {
        ip: "10.0.0.7".to_owned(),
        port: 6379,
        bus_port: 16379,
    };
    let pod = Some("demo-0-1");
    let met = Step::Meet {
        node: target(0, 0, 'a'),
        peer: node(),
        address,
    };
    let forget = Step::Forget {
        id: id('c'),
        nodes: vec![node()],
    };
    let epoch = Epoch(3);
    let (run_id, master) = ("f".repeat(40), id('a'));
    vec![
        (Step::EnsureCommon, "ObjectsEnsured", None),
        (
            Step::EnsureShard { shard: 1, pods: 2 },
            "ShardEnsured",
            None,
        ),
        (Step::RemoveShard { shard: 1 }, "ShardRemoved", None),
        (
            Step::AddSlots {
                node: node(),
                slots,
            },
            "SlotsAssigned",
            pod,
        ),
        (
            Step::SetConfigEpoch {
                node: node(),
                epoch,
            },
            "EpochSet",
            pod,
        ),
        (met, "NodeMet", pod),
        (forget, "NodeForgotten", None),
        (Step::ResetSoft { node: node() }, "NodeReset", pod),
        (
            Step::BumpEpoch {
                node: node(),
                above: epoch,
            },
            "EpochRaised",
            pod,
        ),
        (
            Step::Replicate {
                node: node(),
                master,
            },
            "ReplicaAttached",
            pod,
        ),
        (failover(FailoverMode::Plain), "FailoverStarted", pod),
        (failover(FailoverMode::Force), "FailoverForced", pod),
        (failover(FailoverMode::Takeover), "TakenOver", pod),
        (
            Step::EndWithholding {
                node: node(),
                run_id,
            },
            "WithholdingEnded",
            pod,
        ),
    ]
}

fn planned(step: Step, loss: Option<&str>) -> PlannedStep {
    PlannedStep {
        rule: Rule::Cover,
        shard: Some(0),
        step,
        why: "it has to be done".to_owned(),
        loss: loss.map(str::to_owned),
    }
}

fn told(step: Step, loss: Option<&str>, outcome: &StepOutcome) -> Vec<Event> {
    of_step(&cluster(), &planned(step, loss), outcome)
}

/// `Normal Reason: note`
fn line(event: &Event) -> String {
    let note = event.note.as_deref().unwrap_or_default();
    format!("{:?} {}: {note}", event.type_, event.reason)
}

#[test]
fn every_kind_of_step_has_a_reason_of_its_own_and_names_its_pod() {
    for (step, reason, pod) in steps() {
        let text = step.to_string();
        let events = told(step, None, &StepOutcome::Done);
        let [event] = &events[..] else {
            panic!("{text}: {} Events", events.len());
        };
        assert_eq!(
            line(event),
            format!("Normal {reason}: {text}: it has to be done")
        );
        let related = event.secondary.as_ref();
        let name = related.and_then(|related| related.name.as_deref());
        assert_eq!(name, pod, "{text}");
        if let Some(related) = related {
            assert_eq!(related.namespace.as_deref(), Some("shop"));
            assert_eq!(related.uid.as_deref(), Some("uid-0-1"));
        }
    }
}

#[test]
fn reasons_and_actions_are_single_words_and_no_two_kinds_share_them() {
    let mut words = std::collections::BTreeSet::new();
    for (step, ..) in steps() {
        let events = told(step, None, &StepOutcome::Done);
        for word in [&events[0].reason, &events[0].action] {
            assert!(word.chars().all(|c| c.is_ascii_alphabetic()), "{word}");
            assert!(word.starts_with(|c: char| c.is_ascii_uppercase()), "{word}");
            assert!(words.insert(word.clone()), "{word} stands for two");
        }
    }
}

#[test]
fn what_was_not_sent_is_no_act() {
    let outcome = StepOutcome::NotSent("the pod has been replaced".to_owned());
    for (step, ..) in steps() {
        assert!(told(step, Some("everything"), &outcome).is_empty());
    }
}

#[test]
fn failures_warn_with_the_answer() {
    let refused = StepOutcome::Refused("exceeded quota".to_owned());
    let events = told(Step::EnsureCommon, Some("everything"), &refused);
    let lines: Vec<String> = events.iter().map(line).collect();
    // Nothing is lost by what was refused.
    assert_eq!(
        lines,
        ["Warning StepRefused: ensure the common objects: refused: exceeded quota"]
    );
    assert_eq!(events[0].action, "EnsureCommon");
    let unknown = StepOutcome::Unknown("no answer in time".to_owned());
    let lines: Vec<String> = (told(Step::RemoveShard { shard: 2 }, None, &unknown).iter())
        .map(line)
        .collect();
    assert_eq!(
        lines,
        ["Warning StepUnanswered: remove shard 2: it may have happened: no answer in time"]
    );
}

#[test]
fn a_loss_is_an_event_of_its_own_even_where_it_may_only_have_happened() {
    for outcome in [StepOutcome::Done, StepOutcome::Unknown("late".to_owned())] {
        let events = told(failover(FailoverMode::Force), Some("12 writes"), &outcome);
        assert_eq!(line(&events[1]), "Warning DataLost: 12 writes");
        assert_eq!(events[1].action, "FailoverForce");
    }
}

#[test]
fn a_long_note_is_cut_where_a_character_ends() {
    let event = invalid_manifest(&"ü".repeat(600));
    let note = event.note.unwrap();
    assert!(note.len() <= 1024 && note.len() > 1020, "{}", note.len());
    assert!(note.ends_with("ü…"), "{note}");
    let note = invalid_manifest(&"x".repeat(1024)).note.unwrap();
    assert_eq!(note, "x".repeat(1024));
}

fn status(phase: &str, conditions: &[(&str, &str, &str)]) -> RedisClusterStatus {
    let conditions = conditions.iter().map(|(kind, status, reason)| Condition {
        type_: (*kind).to_owned(),
        status: (*status).to_owned(),
        reason: (*reason).to_owned(),
        message: format!("about {kind}"),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    });
    RedisClusterStatus {
        phase: Some(phase.to_owned()),
        message: Some(format!("it is {phase}")),
        conditions: conditions.collect(),
        ..RedisClusterStatus::default()
    }
}

fn between(before: Option<&RedisClusterStatus>, after: &RedisClusterStatus) -> Vec<String> {
    of_status(before, after).iter().map(line).collect()
}

#[test]
fn another_phase_is_told_once() {
    let (ready, outage) = (status("Ready", &[]), status("Outage", &[]));
    assert_eq!(between(None, &ready), ["Normal Ready: it is Ready"]);
    assert_eq!(between(Some(&ready), &ready), [""; 0]);
    assert_eq!(
        between(Some(&ready), &outage),
        ["Warning Outage: it is Outage"]
    );
    assert_eq!(
        between(Some(&outage), &ready),
        ["Normal Ready: it is Ready"]
    );
}

#[test]
fn conditions_that_need_somebody_warn_when_they_begin() {
    let fine = status("Outage", &[("NoSafeReplica", "False", "None")]);
    let stuck = status("Outage", &[("NoSafeReplica", "True", "Waiting")]);
    let warning = ["Warning NoSafeReplica: about NoSafeReplica"];
    assert_eq!(between(Some(&fine), &stuck), warning);
    assert_eq!(between(Some(&stuck), &stuck), [""; 0]);
    assert_eq!(between(Some(&stuck), &fine), [""; 0]);
    for kind in ["SnapshotsFailing", "MemoryOvercommitted"] {
        let warned = status("Outage", &[(kind, "True", "So")]);
        let warning = format!("Warning {kind}: about {kind}");
        assert_eq!(between(Some(&fine), &warned), [warning]);
    }
    let progressing = status("Outage", &[("Progressing", "True", "Working")]);
    assert_eq!(between(Some(&fine), &progressing), [""; 0]);
}

#[test]
fn a_manifest_that_cannot_work_is_told_with_its_reason() {
    let ready = status("Degraded", &[("Ready", "False", "NodesNotReady")]);
    let refused = status("Degraded", &[("Ready", "False", "ManifestRefused")]);
    let warning = ["Warning InvalidManifest: about Ready"];
    assert_eq!(between(Some(&ready), &refused), warning);
    assert_eq!(between(Some(&refused), &refused), [""; 0]);
    let mut other = refused.clone();
    other.conditions[0].message = "spec.config: no such directive".to_owned();
    let warning = ["Warning InvalidManifest: spec.config: no such directive"];
    assert_eq!(between(Some(&refused), &other), warning);
}

#[test]
fn a_full_queue_loses_events_and_counts_them_and_nobody_waits() {
    let metrics = Metrics::new();
    let (events, mut items) = Events::queue(metrics.clone());
    let many = (0..QUEUE + 3).map(|_| invalid_manifest("no"));
    events.enqueue(&cluster(), many.collect());
    let lost = |count: usize| format!("slotkeeper_events_lost_total {count}\n");
    assert!(metrics.render().contains(&lost(3)));
    assert!(matches!(items.try_recv(), Ok(QueueItem::Publish(_))));
    events.enqueue(&cluster(), vec![invalid_manifest("fits")]);
    assert!(metrics.render().contains(&lost(3)));
}
