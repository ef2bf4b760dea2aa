//! Plays seeds that nobody has played before, for so many minutes: every scenario in turn, on every
//! core. For each finding it prints the command that plays it again.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use slotkeeper_sim::scenario::Scenario;

/// Seeds of two runs that begin in the same second do not meet, nor those of a run that plays less
/// than a million seeds a second.
const SEEDS_PER_SECOND: u64 = 1_000_000;
/// How often it says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// How long, and from where.
#[derive(Debug, Parser)]
struct Options {
    /// No further seed is begun after so many minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// How many seeds are played beside each other; as many as there are cores, unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// The first seed; taken from the clock, unless given.
    #[arg(long)]
    first: Option<u64>,
}

/// What all threads share.
struct Soak {
    first: u64,
    until: Instant,
    /// How many seeds were handed out.
    begun: AtomicU64,
    faults: AtomicU64,
    failed: AtomicU64,
}

impl Soak {
    fn new(options: &Options) -> Soak {
        Soak {
            first: options.first.unwrap_or_else(seed_of_the_clock),
            until: Instant::now() + Duration::from_secs(options.minutes * 60),
            begun: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Plays until the time is up.
    fn play(&self) {
        while Instant::now() < self.until {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            let scenario = Scenario::ALL[(number % Scenario::ALL.len() as u64) as usize];
            self.play_one(scenario, self.first + number);
        }
    }

    fn play_one(&self, scenario: Scenario, seed: u64) {
        let finding = match scenario.run(seed) {
            Ok(summary) => {
                self.faults
                    .fetch_add(summary.faults as u64, Ordering::Relaxed);
                return;
            }
            Err(finding) => finding,
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        println!("seed {seed}: {finding}\nreplay: {}", scenario.replay(seed));
    }

    fn report(&self) {
        println!(
            "{} seeds from {} on, {} faults injected, {} seeds failed",
            self.begun.load(Ordering::Relaxed),
            self.first,
            self.faults.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        );
    }
}

fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs() * SEEDS_PER_SECOND
}

fn main() -> ExitCode {
    let options = Options::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let soak = Soak::new(&options);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads.unwrap_or(cores).max(1))
            .map(|_| scope.spawn(|| soak.play()))
            .collect();
        let mut reported = Instant::now();
        while threads.iter().any(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                soak.report();
            }
        }
    });
    soak.report();
    if soak.failed.into_inner() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
