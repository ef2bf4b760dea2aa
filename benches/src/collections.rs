//! A collection type beside redis-server: memory, and CPU time under its loads.

use crate::Options;
use crate::bounds::Verdicts;
use crate::load::{self, Measured, Workload};
use crate::memory;
use crate::rounds::Rounds;
use crate::rows::{Collection, Cost, Load};
use crate::server::Server;

/// What a command above PING is sent with.
const PIPELINE: u32 = 16;
/// Commands of many elements: the cost of a command is spread over them anyway.
const FEW: u32 = 4;

/// Measures the type on two fresh servers.
pub fn compare(
    options: &Options,
    verdicts: &mut Verdicts,
    collection: &Collection,
) -> Result<(), String> {
    println!("\nMemory of {}, resident", collection.name);
    let (ours, theirs) = Server::start_both(options)?;
    for memory in collection.memory {
        let [our_bytes, their_bytes] = memory::measure(&ours, &theirs, &memory.fill)?;
        let name = memory.fill.name;
        println!("{name}: {our_bytes:.1}, redis-server {their_bytes:.1}");
        if let Some(bound) = memory.bound {
            verdicts.judge(name, our_bytes, bound);
        }
    }
    for (title, above_ping) in [
        ("CPU time for each element, in commands of many", false),
        ("CPU time of a command above that of PING", true),
    ] {
        Rounds::print_titles(title);
        let loads = collection.loads.iter();
        for load in loads.filter(|load| (load.cost == Cost::AbovePing) == above_ping) {
            let take = |server: &Server| run(options, server, load);
            let rounds = Rounds::take(options.rounds, &ours, &theirs, take)?;
            rounds.print(load.name);
            let what = format!("{} CPU", load.name);
            verdicts.judge(&what, rounds.cpu_ratio(), load.bound);
        }
    }
    Ok(())
}

/// One run of a load; what it has taken away is filled in again.
fn run(options: &Options, server: &Server, load: &Load) -> Result<Measured, String> {
    let measured = match load.cost {
        Cost::PerElement(elements) => {
            let requests = options.requests * 2 / u64::from(elements);
            let commands = workload(load, load.request.words(elements), FEW, requests);
            let measured = load::run(server, &commands)?;
            let elements = f64::from(elements);
            Measured {
                cpu_us: measured.cpu_us / elements,
                per_second: measured.per_second * elements,
                ..measured
            }
        }
        Cost::AbovePing => {
            let words = load.request.words(1);
            let commands = workload(load, words, PIPELINE, options.requests * 2);
            let measured = load::run(server, &commands)?;
            let pings = workload(
                load,
                vec!["PING".to_owned()],
                PIPELINE,
                options.requests * 2,
            );
            let ping = load::run(server, &pings)?;
            Measured {
                cpu_us: measured.cpu_us - ping.cpu_us,
                ..measured
            }
        }
    };
    if let Some(fill) = &load.spoils {
        load::fill(server.port(), fill)?;
    }
    Ok(measured)
}

fn workload(load: &Load, words: Vec<String>, pipeline: u32, requests: u64) -> Workload {
    Workload {
        name: load.name.to_owned(),
        words,
        pipeline,
        requests,
        range: load.range,
    }
}
