//! The seeds that always run, scenarios beside each other. A failing one is replayed by the command
//! line that it prints.

use slotkeeper_sim::scenario::Scenario;

fn run_all(scenario: Scenario) {
    let (mut seeds, mut events, mut faults) = (0, 0, 0);
    for seed in scenario.seeds() {
        seeds += 1;
        match scenario.run(seed) {
            Ok(summary) => {
                events += summary.events;
                faults += summary.faults;
            }
            Err(error) => panic!("seed {seed}: {error}\nreplay: {}", scenario.replay(seed)),
        }
    }
    assert!(
        faults >= seeds,
        "only {faults} faults injected in {seeds} seeds"
    );
    println!("{events} events, {faults} faults");
}

#[test]
fn nodes_alone_come_back_to_one_view() {
    run_all(Scenario::Gossip);
}

#[test]
fn what_is_acknowledged_after_a_sleep_is_kept() {
    run_all(Scenario::Asleep);
}

#[test]
fn a_busy_node_is_neither_dead_nor_asleep() {
    run_all(Scenario::Busy);
}

#[test]
fn the_operator_forms_and_heals_and_keeps_promises() {
    run_all(Scenario::Operated);
}

#[test]
fn replicas_hold_what_their_masters_hold() {
    run_all(Scenario::Synced);
}

#[test]
fn replicas_lose_the_keys_that_their_master_evicts_and_no_others() {
    run_all(Scenario::Evicting);
}

#[test]
fn a_slot_that_moves_keeps_every_acknowledged_write() {
    run_all(Scenario::Migrating);
}

#[test]
fn a_replica_ahead_of_its_masters_file_does_not_go_on_in_another_history() {
    run_all(Scenario::Behind);
}

#[test]
fn who_waits_gets_each_element_once() {
    run_all(Scenario::Queues);
}

#[test]
fn who_waits_for_messages_gets_each_of_them_once() {
    run_all(Scenario::Readers);
}

#[test]
fn the_operator_breaks_no_never_where_worse_strikes() {
    run_all(Scenario::Hard);
}

#[test]
fn no_second_vote_whoever_takes_the_operators_place() {
    run_all(Scenario::Succession);
}

#[test]
fn nodes_start_again_from_whole_files() {
    run_all(Scenario::Restarted);
}

#[test]
fn clocks_that_are_set_let_keys_expire_and_do_nothing_else() {
    run_all(Scenario::Clocks);
}

#[test]
fn promises_are_kept_where_not_everybody_reaches_everybody() {
    run_all(Scenario::Partitioned);
}

#[test]
fn a_hand_over_loses_no_acknowledged_write() {
    run_all(Scenario::Handover);
}
