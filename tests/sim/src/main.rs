//! Runs seeds of the simulator; a failing one is replayed with `--seed N`.

use std::process::ExitCode;

use clap::Parser;
use slotkeeper_sim::chaos;

#[derive(Debug, Parser)]
#[command(about = "Whole clusters under virtual time and a seeded network")]
struct Options {
    /// Run the seeds from 1 to this one.
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// Run this seed only.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let seeds = options.seed.map_or(1..=options.seeds, |seed| seed..=seed);
    let (mut events, mut faults, mut failed) = (0, 0, 0);
    for seed in seeds {
        match chaos::run(seed) {
            Ok(summary) => {
                events += summary.events;
                faults += summary.faults;
            }
            Err(error) => {
                failed += 1;
                println!(
                    "seed {seed}: {error}\nreplay: cargo run --profile sim -p slotkeeper-sim -- --seed {seed}"
                );
            }
        }
    }
    println!("{events} events, {faults} faults, {failed} seeds failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
