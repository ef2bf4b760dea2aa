//! A checker that never objects checks nothing: for each never, one plan that it must refuse.

use slotkeeper_topology::even_split;

use super::*;
use crate::model::{Address, Desired, PodUid, Rule};
use crate::report::report;

fn id(digit: u8) -> NodeId {
    NodeId::from_random([digit; 20])
}

fn target(shard: u32, digit: u8) -> Target {
    Target {
        pod: PodIndex::new(shard, 0),
        uid: PodUid("1".to_owned()),
        id: id(digit),
    }
}

/// Two masters with all slots and their keys, and a replica of the first.
fn truth() -> Truth {
    let slots = even_split(2);
    let node = |index, digit, slots: &SlotSet, master: Option<NodeId>| TrueNode {
        pod: index,
        id: id(digit),
        running: true,
        master,
        slots: if master.is_some() {
            SlotSet::new()
        } else {
            slots.clone()
        },
        epoch: u64::from(digit),
        keys: slots.clone(),
        complete: true,
        synced_with: master,
        withholding: false,
    };
    Truth {
        nodes: vec![
            node(PodIndex::new(0, 0), 1, &slots[0], None),
            node(PodIndex::new(1, 0), 2, &slots[1], None),
            node(PodIndex::new(0, 1), 3, &slots[0], Some(id(1))),
        ],
        formed: true,
        written: SlotSet::full(),
        node_timeout_ms: 2_000,
        pods: BTreeMap::from([(0, 2), (1, 1)]),
    }
}

fn plan(step: Step) -> Plan {
    let planned = PlannedStep {
        rule: Rule::Remove,
        shard: Some(0),
        step,
        why: String::new(),
        loss: None,
    };
    Plan {
        steps: vec![planned],
        waiting: Vec::new(),
    }
}

fn never(truth: &Truth, step: Step) -> Option<u8> {
    let observation = Observation::default();
    let verdict = Nevers::default().check(truth, &observation, &plan(step));
    verdict.err().map(|broken| broken.never)
}

#[test]
fn resetting_keys_is_refused() {
    let step = Step::ResetSoft { node: target(0, 3) };
    assert_eq!(never(&truth(), step.clone()), Some(1));
    assert!(Nevers::check_effect(&truth(), &step).is_err());
}

#[test]
fn assigning_what_another_holds_is_refused() {
    let slots = even_split(2)[1].clone();
    assert_eq!(
        never(
            &truth(),
            Step::AddSlots {
                node: target(0, 1),
                slots
            }
        ),
        Some(2)
    );
}

#[test]
fn serving_empty_beside_a_full_replica_is_refused() {
    let mut truth = truth();
    truth.nodes[0].keys = SlotSet::new();
    let step = Step::EndWithholding {
        node: target(0, 1),
        run_id: String::new(),
    };
    assert_eq!(never(&truth, step.clone()), Some(2));
    truth.nodes[2].keys = SlotSet::new();
    truth.nodes[2].synced_with = None;
    assert_eq!(never(&truth, step), Some(2), "silently");
}

#[test]
fn forgetting_who_may_return_is_refused() {
    let mut truth = truth();
    truth.nodes[1].running = false;
    assert_eq!(
        never(
            &truth,
            Step::Forget {
                id: id(2),
                nodes: Vec::new()
            }
        ),
        Some(3)
    );
}

#[test]
fn taking_a_master_away_is_refused() {
    assert_eq!(
        never(&truth(), Step::EnsureShard { shard: 1, pods: 0 }),
        Some(4)
    );
    assert_eq!(
        never(&truth(), Step::EnsureShard { shard: 0, pods: 1 }),
        None
    );
}

#[test]
fn votes_are_refused_without_majority_or_witnesses() {
    let failover = |mode| Step::Failover {
        node: target(0, 3),
        mode,
        master: id(1),
        epoch: None,
    };
    assert_eq!(never(&truth(), failover(FailoverMode::Force)), Some(5));
    assert_eq!(never(&truth(), failover(FailoverMode::Takeover)), Some(5));
    let mut truth = truth();
    truth.nodes[2].complete = false;
    assert_eq!(never(&truth, failover(FailoverMode::Plain)), Some(5));
}

#[test]
fn more_than_was_observed_is_refused_in_a_report() {
    let (desired, observation) = (Desired::new("demo", 2, 1), Observation::default());
    let mut report = report(
        &desired,
        &observation,
        &Plan::default(),
        &Outcome::default(),
    );
    assert_eq!(check_report(&truth(), &observation, &report), Ok(()));
    report.slots_covered = 1;
    let broken = check_report(&truth(), &observation, &report).unwrap_err();
    assert_eq!(broken.never, 7);
}

#[test]
fn removing_a_shard_with_slots_is_refused() {
    assert_eq!(never(&truth(), Step::RemoveShard { shard: 1 }), Some(6));
}

#[test]
fn meeting_who_did_not_answer_is_refused() {
    let (node, peer) = (target(0, 1), target(1, 2));
    let step = Step::Meet {
        node,
        peer,
        address: Address::default(),
    };
    assert_eq!(never(&truth(), step), Some(7));
}
