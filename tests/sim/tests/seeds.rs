//! The seeds that always run, beside each other: 200 without the operator and 150 with it, about a
//! minute each, and fewer of what takes less. A failing one is replayed by the command line that it
//! prints.

use slotkeeper_sim::gossip::Summary;
use slotkeeper_sim::{gossip, hard, operated, synced};

fn run_all(scenario: &str, seeds: u64, run: impl Fn(u64) -> Result<Summary, String>) {
    let (mut events, mut faults) = (0, 0);
    for seed in 1..=seeds {
        match run(seed) {
            Ok(summary) => {
                events += summary.events;
                faults += summary.faults;
            }
            Err(error) => panic!(
                "seed {seed}: {error}\nreplay: cargo run -p slotkeeper-sim -- {scenario} {seed}"
            ),
        }
    }
    assert!(faults > 100, "only {faults} faults struck");
    println!("{events} events, {faults} faults");
}

#[test]
fn nodes_alone_come_back_to_one_view() {
    run_all("gossip", 200, gossip::run);
}

#[test]
fn the_operator_forms_and_heals_and_keeps_promises() {
    run_all("operated", 150, operated::run);
}

#[test]
fn replicas_hold_what_their_masters_hold() {
    run_all("synced", 10, synced::run);
}

#[test]
fn the_operator_breaks_no_never_where_worse_strikes() {
    run_all("hard", 50, hard::run);
}
