//! Compares the node with redis-server in one run and prints ratios.
//!
//! Server and client are each pinned to a core, and the two servers take turns. Figures are medians
//! over the rounds; a ratio is the median of the ratios per round, so that a machine whose speed
//! drifts affects both servers equally. The exit code is 1 if a ratio misses its bound; an absolute
//! timing is never judged.

mod bounds;
mod load;
mod pause;
mod rounds;
mod saturate;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use bounds::Verdicts;
use load::{Kind, Workload};
use rounds::Rounds;
use server::{Program, Server};

/// How to measure.
#[derive(Debug, Parser)]
struct Options {
    /// The node's binary, built with `--release`.
    #[arg(long, default_value = "target/release/slotkeeper-node")]
    node: PathBuf,
    /// The server to compare with.
    #[arg(long, default_value = "redis-server")]
    reference: PathBuf,
    /// Rounds of each load; the median counts. Many short ones rather than a few long: the speed of
    /// a machine that others share changes from one second to the next.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// How many keys both servers hold while they are loaded.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u32,
    /// Requests per round at pipeline 1; four times as many at 16 and 100.
    #[arg(long, default_value_t = 150_000)]
    requests: u64,
    /// How far the keyspace grows while pauses are measured.
    #[arg(long, default_value_t = 5_000_000)]
    growth: u32,
    /// The first of two free ports.
    #[arg(long, default_value_t = 16900)]
    port: u16,
    /// Skip the comparison: pauses only.
    #[arg(long)]
    only_pauses: bool,
}

impl Options {
    fn workload(&self, kind: Kind, pipeline: u32, factor: u64) -> Workload {
        Workload {
            kind,
            pipeline,
            requests: self.requests * factor,
            keys: self.keys,
        }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(verdicts) if verdicts.all_kept() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<Verdicts, String> {
    let mut verdicts = Verdicts::default();
    if !options.only_pauses {
        compare(options, &mut verdicts)?;
    }
    println!(
        "\nLongest engine call while the keyspace grows to {} keys",
        options.growth
    );
    for shape in pause::SHAPES {
        let longest = pause::longest(3, shape, options.growth)?;
        verdicts.judge(
            &format!("{} (us)", shape.name()),
            longest.as_secs_f64() * 1e6,
            1000.0,
        );
    }
    Ok(verdicts)
}

fn compare(options: &Options, verdicts: &mut Verdicts) -> Result<(), String> {
    let ours = Server::start(&options.node, Program::Node, options.port)?;
    let theirs = Server::start(&options.reference, Program::Redis, options.port + 1)?;
    let mut per_key = Vec::new();
    for server in [&ours, &theirs] {
        let empty = server.rss_bytes()?;
        load::fill(server.port(), options.keys)?;
        per_key.push((server.rss_bytes()?.saturating_sub(empty)) as f64 / f64::from(options.keys));
    }
    println!(
        "RSS per key: {:.1} B, redis-server {:.1} B",
        per_key[0], per_key[1]
    );
    verdicts.judge("RSS per key", per_key[0] / per_key[1], 0.65);
    saturate(options, verdicts, &ours, &theirs)?;
    Rounds::print_titles("redis-benchmark");
    for pipeline in [1, 16, 100] {
        for kind in [Kind::Set, Kind::Get] {
            let factor = if pipeline == 1 { 1 } else { 4 };
            let workload = options.workload(kind, pipeline, factor);
            let take = |server: &Server| load::run(server, &workload);
            let rounds = Rounds::take(options.rounds, &ours, &theirs, take)?;
            rounds.print(&workload);
            if pipeline == 1 {
                rounds.print_latencies();
            }
            if let Some(bound) = bounds::cpu(&workload) {
                verdicts.judge(&format!("{workload} CPU"), rounds.cpu_ratio(), bound);
            }
        }
    }
    Ok(())
}

/// What a request costs a server that always has one to execute, at pipeline 1. redis-benchmark is
/// slower than both servers there.
fn saturate(
    options: &Options,
    verdicts: &mut Verdicts,
    ours: &Server,
    theirs: &Server,
) -> Result<(), String> {
    Rounds::print_titles("A client that keeps the servers busy");
    for kind in [Kind::Set, Kind::Get] {
        let workload = options.workload(kind, 1, 1);
        let take = |server: &Server| saturate::run(server, &workload);
        let rounds = Rounds::take(options.rounds, ours, theirs, take)?;
        rounds.print(&workload);
        if let Some(bound) = bounds::cpu(&workload) {
            verdicts.judge(&format!("{workload} CPU"), rounds.cpu_ratio(), bound);
        }
    }
    Ok(())
}
