//! Replays seeds of the simulator: `slotkeeper-sim gossip 17`, `slotkeeper-sim operated 1 300`.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use slotkeeper_sim::{gossip, hard, operated, synced};

#[derive(Debug, Parser)]
#[command(about = "Whole clusters under virtual time and a seeded network")]
struct Options {
    /// What is played.
    scenario: Scenario,
    /// The seed.
    first: u64,
    /// The last of several seeds.
    last: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scenario {
    /// Nodes alone: faults of processes and of the network.
    Gossip,
    /// With the operator, and clients that write.
    Operated,
    /// The same, with worse than one failure at a time.
    Hard,
    /// Full syncs of keys that change meanwhile.
    Synced,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let run = match options.scenario {
        Scenario::Gossip => gossip::run,
        Scenario::Operated => operated::run,
        Scenario::Hard => hard::run,
        Scenario::Synced => synced::run,
    };
    let mut failed = 0;
    for seed in options.first..=options.last.unwrap_or(options.first) {
        match run(seed) {
            Ok(summary) => println!(
                "seed {seed}: {} events, {} faults",
                summary.events, summary.faults
            ),
            Err(error) => {
                failed += 1;
                println!("seed {seed}: {error}");
            }
        }
    }
    println!("{failed} seeds failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
