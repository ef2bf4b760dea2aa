//! Compares the node with redis-server in one run and prints ratios.
//!
//! Server and client are each pinned to a core, and the two servers take turns. Figures are medians
//! over the rounds; a ratio is the median of the ratios per round, so that a machine whose speed
//! drifts affects both servers equally. The exit code is 1 if a bound is missed. Time is judged
//! beside redis-server only, but for the longest engine call, which is taken at its best of several
//! runs; memory is judged in bytes.

mod bounds;
mod client;
mod collections;
mod eviction;
mod groups;
mod hashes;
mod lists;
mod load;
mod memory;
mod migrate;
mod node;
mod pause;
mod restart;
mod rounds;
mod rows;
mod saturate;
mod saved;
mod server;
mod sets;
mod streams;
mod strings;
mod zsets;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use bounds::Verdicts;
use pause::waiting;
use rows::{COLLECTIONS, Collection};

/// A stream has so many times fewer groups than another value has elements: each is a value itself.
const TABLE: u32 = 20;

/// How to measure.
#[derive(Debug, Parser)]
struct Options {
    /// The node's binary, built with `--release`.
    #[arg(long, default_value = "target/release/slotkeeper-node")]
    node: PathBuf,
    /// The server to compare with.
    #[arg(long, default_value = "redis-server")]
    reference: PathBuf,
    /// Rounds of each load of strings, and half as many of others; the median counts. Many short ones rather than a few long: the speed of
    /// a machine that others share changes from one second to the next.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// How many strings both servers hold while they are loaded.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u32,
    /// Requests per round at pipeline 1, and a multiple of them for larger pipelines.
    #[arg(long, default_value_t = 150_000)]
    requests: u64,
    /// How far the keyspace grows while pauses are measured.
    #[arg(long, default_value_t = 5_000_000)]
    growth: u32,
    /// How many elements a big value has while pauses are measured.
    #[arg(long, default_value_t = 2_000_000)]
    elements: u32,
    /// How many clients wait for one key while pauses are measured.
    #[arg(long, default_value_t = 100_000)]
    clients: usize,
    /// The first of two free ports.
    #[arg(long, default_value_t = 16900)]
    port: u16,
    /// Measure only this: `strings`, `eviction`, `waiting`, `migrate`, `restart`, or the name of another type. May be given several times.
    #[arg(long)]
    only: Vec<String>,
    /// Leave out the comparison with the other server.
    #[arg(long)]
    only_pauses: bool,
    /// Leave out the pauses and what grows while a value is saved.
    #[arg(long, conflicts_with = "only_pauses")]
    no_pauses: bool,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
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
    let names = || COLLECTIONS.iter().map(|collection| collection.name);
    for only in &options.only {
        let has_no_type = [
            "strings",
            eviction::NAME,
            waiting::NAME,
            migrate::NAME,
            restart::NAME,
        ]
        .contains(&only.as_str());
        if !has_no_type && !names().any(|name| name == only) {
            let names = names().collect::<Vec<_>>().join(", ");
            return Err(format!(
                "--only takes strings, eviction, waiting, migrate, restart, {names}; not {only}"
            ));
        }
    }
    let mut verdicts = Verdicts::default();
    let collections = || {
        COLLECTIONS
            .iter()
            .filter(|collection| options.wants(collection.name))
    };
    if !options.only_pauses {
        if options.wants("strings") {
            strings::compare(options, &mut verdicts)?;
        }
        if options.wants(eviction::NAME) {
            eviction::compare(options, &mut verdicts)?;
        }
        if options.wants(migrate::NAME) {
            migrate::compare(options, &mut verdicts)?;
        }
        if options.wants(restart::NAME) {
            restart::compare(options, &mut verdicts)?;
        }
        for collection in collections() {
            collections::compare(options, &mut verdicts, collection)?;
        }
    }
    if !options.no_pauses {
        if options.wants("strings") {
            pause::keyspace(options.growth, &mut verdicts)?;
        }
        if options.wants(eviction::NAME) {
            pause::eviction::measure(options.growth / 10, &mut verdicts)?;
        }
        if options.wants(waiting::NAME) {
            waiting::measure(options.clients, &mut verdicts)?;
        }
        for collection in collections() {
            let Collection { name, big, .. } = collection;
            pause::value(name, big, options.elements, &mut verdicts)?;
            saved::measure(options, collection, &mut verdicts)?;
        }
        if options.wants(groups::GROUPS.name) {
            for (name, big) in &groups::TABLES {
                pause::value(name, big, options.elements / TABLE, &mut verdicts)?;
            }
        }
    }
    Ok(verdicts)
}
