//! Measures the node beside redis-server in one run and prints ratios.
//!
//! Server and client are each pinned to a core, the two servers take turns, and what is printed is
//! the median of the rounds. The exit code is 1 when a ratio misses the bound that the project set
//! itself; a bare timing is never judged.

mod bounds;
mod load;
mod pause;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use bounds::Verdicts;
use load::{Kind, Measured, Workload};
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
    /// Rounds of each load; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many keys both servers hold while they are loaded.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u32,
    /// Requests per round at pipeline 1; four times as many at 16 and 100.
    #[arg(long, default_value_t = 400_000)]
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
    println!(
        "\n{:<14}{:>12}{:>12}{:>8}{:>14}{:>14}{:>8}",
        "load", "ours us/op", "theirs", "ratio", "ours op/s", "theirs", "ratio"
    );
    for pipeline in [1, 16, 100] {
        for kind in [Kind::Set, Kind::Get] {
            let requests = if pipeline == 1 {
                options.requests
            } else {
                options.requests * 4
            };
            let workload = Workload {
                kind,
                pipeline,
                requests,
                keys: options.keys,
            };
            let (a, b) = rounds(options.rounds, &workload, &ours, &theirs)?;
            print_row(&workload, &a, &b);
            if let Some(bound) = bounds::cpu(&workload) {
                verdicts.judge(&format!("{workload} CPU"), a.cpu_us / b.cpu_us, bound);
            }
        }
    }
    Ok(())
}

/// The medians of both servers, which take turns so that a drift of the machine meets both.
fn rounds(
    rounds: usize,
    workload: &Workload,
    ours: &Server,
    theirs: &Server,
) -> Result<(Measured, Measured), String> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        a.push(load::run(ours, workload)?);
        b.push(load::run(theirs, workload)?);
    }
    Ok((load::median(&a), load::median(&b)))
}

fn print_row(workload: &Workload, ours: &Measured, theirs: &Measured) {
    println!(
        "{:<14}{:>12.3}{:>12.3}{:>8.2}{:>14.0}{:>14.0}{:>8.2}",
        workload.to_string(),
        ours.cpu_us,
        theirs.cpu_us,
        ours.cpu_us / theirs.cpu_us,
        ours.per_second,
        theirs.per_second,
        ours.per_second / theirs.per_second
    );
    if workload.pipeline == 1 {
        for (name, m) in [("ours", ours), ("redis-server", theirs)] {
            println!(
                "  latency ms, {name}: p50 {} p99 {} p99.9 {}",
                m.p50, m.p99, m.p999
            );
        }
    }
}
