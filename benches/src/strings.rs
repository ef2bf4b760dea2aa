//! What is measured of strings: memory, and GET and SET at several pipelines.

use crate::Options;
use crate::bounds::Verdicts;
use crate::load::{self, VALUE_BYTES, Workload};
use crate::memory;
use crate::rounds::Rounds;
use crate::rows::{Fill, Template};
use crate::saturate::{self, Kind};
use crate::server::Server;

/// The highest ratio of resident memory for each key.
const MEMORY: f64 = 0.65;
/// The highest ratio of CPU time at pipeline 1.
const SINGLE: f64 = 0.9;
/// The same at pipeline 16.
const SET_16: f64 = 0.55;
const GET_16: f64 = 0.5;

const VALUE: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
const KEY: &str = "key:__rand_int__";

/// Measures strings on two fresh servers.
pub fn compare(options: &Options, verdicts: &mut Verdicts) -> Result<(), String> {
    let (ours, theirs) = Server::start_both(options)?;
    let fill = Fill {
        name: "RSS per key",
        before: None,
        request: Template {
            head: &["SET", KEY, VALUE],
            element: &[],
        },
        batch: 1,
        keys: options.keys,
        elements: 1,
    };
    let [per_key, their_per_key] = memory::measure(&ours, &theirs, &fill)?;
    println!("RSS per key: {per_key:.1} B, redis-server {their_per_key:.1} B");
    verdicts.judge("RSS per key", per_key / their_per_key, MEMORY);
    saturated(options, verdicts, &ours, &theirs)?;
    Rounds::print_titles("redis-benchmark");
    for pipeline in [1, 16, 100] {
        for (kind, words, bound) in [
            ("SET", &["SET", KEY, VALUE][..], SET_16),
            ("GET", &["GET", KEY][..], GET_16),
        ] {
            let workload = Workload {
                name: format!("{kind} P={pipeline}"),
                words: words.iter().map(|&word| word.to_owned()).collect(),
                pipeline,
                requests: options.requests * if pipeline == 1 { 1 } else { 4 },
                range: options.keys,
            };
            let take = |server: &Server| load::run(server, &workload);
            let rounds = Rounds::take(options.rounds, &ours, &theirs, take)?;
            rounds.print(&workload.name);
            let bound = match pipeline {
                1 => Some(SINGLE),
                16 => Some(bound),
                _ => None,
            };
            if pipeline == 1 {
                rounds.print_latencies();
            }
            if let Some(bound) = bound {
                let what = format!("{} CPU", workload.name);
                verdicts.judge(&what, rounds.cpu_ratio(), bound);
            }
        }
    }
    Ok(())
}

/// What a request costs a server that always has one to execute, at pipeline 1. redis-benchmark is
/// slower than both servers there.
fn saturated(
    options: &Options,
    verdicts: &mut Verdicts,
    ours: &Server,
    theirs: &Server,
) -> Result<(), String> {
    Rounds::print_titles("A client that keeps the servers busy");
    for (kind, name) in [(Kind::Set, "SET P=1"), (Kind::Get, "GET P=1")] {
        let take = |server: &Server| saturate::run(server, kind, options.requests, options.keys);
        let rounds = Rounds::take(options.rounds, ours, theirs, take)?;
        rounds.print(name);
        verdicts.judge(&format!("{name} CPU"), rounds.cpu_ratio(), SINGLE);
    }
    Ok(())
}

const _: () = assert!(VALUE.len() == VALUE_BYTES, "all loads write values alike");
