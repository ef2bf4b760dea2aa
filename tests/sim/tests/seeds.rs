//! The seeds that always run, beside each other: 200 without the operator and 150 with it, about a
//! minute each, and fewer of what takes less. A failing one is replayed by the command line that it
//! prints.

use slotkeeper_sim::scenario::Scenario;

fn run_all(scenario: Scenario, seeds: u64) {
    let (mut events, mut faults) = (0, 0);
    for seed in 1..=seeds {
        match scenario.run(seed) {
            Ok(summary) => {
                events += summary.events;
                faults += summary.faults;
            }
            Err(error) => panic!("seed {seed}: {error}\nreplay: {}", scenario.replay(seed)),
        }
    }
    assert!(faults > 100, "only {faults} faults injected");
    println!("{events} events, {faults} faults");
}

#[test]
fn nodes_alone_come_back_to_one_view() {
    run_all(Scenario::Gossip, 200);
}

#[test]
fn what_is_acknowledged_after_a_sleep_is_kept() {
    run_all(Scenario::Asleep, 40);
}

#[test]
fn the_operator_forms_and_heals_and_keeps_promises() {
    run_all(Scenario::Operated, 150);
}

#[test]
fn replicas_hold_what_their_masters_hold() {
    run_all(Scenario::Synced, 10);
}

#[test]
fn the_operator_breaks_no_never_where_worse_strikes() {
    run_all(Scenario::Hard, 50);
}

#[test]
fn no_second_vote_whoever_takes_the_operators_place() {
    run_all(Scenario::Succession, 40);
}

#[test]
fn promises_are_kept_where_not_everybody_reaches_everybody() {
    run_all(Scenario::Partitioned, 30);
}

#[test]
fn a_hand_over_loses_no_acknowledged_write() {
    run_all(Scenario::Handover, 30);
}
