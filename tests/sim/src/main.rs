//! Replays seeds of the simulator: `slotkeeper-sim gossip 17`, `slotkeeper-sim operated 1 300`.

use std::process::ExitCode;

use clap::Parser;
use slotkeeper_sim::scenario::Scenario;

#[derive(Debug, Parser)]
#[command(about = "Whole clusters under virtual time and a seeded network")]
struct Options {
    /// What is played.
    #[arg(value_parser = scenario)]
    scenario: Scenario,
    /// The seed.
    first: u64,
    /// The last of several seeds.
    last: Option<u64>,
}

fn scenario(name: &str) -> Result<Scenario, String> {
    Scenario::named(name).ok_or_else(|| {
        let names = Scenario::ALL.map(Scenario::name);
        format!("one of: {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut failed = 0;
    for seed in options.first..=options.last.unwrap_or(options.first) {
        match options.scenario.run(seed) {
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
