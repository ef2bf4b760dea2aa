//! A collection type beside redis-server: memory, and CPU time under its loads.

use crate::Options;
use crate::bounds::Verdicts;
use crate::load::{self, Measured, Workload};
use crate::memory;
use crate::rounds::{self, Rounds};
use crate::rows::{Collection, Cost, Load};
use crate::server::Server;

/// Commands of many elements: the cost of a command is spread over them anyway.
const FEW: u32 = 4;

/// A title, and which loads are of the group.
type Group = (&'static str, fn(Cost) -> bool);

/// Loads that are counted alike, in the order of the report.
const GROUPS: [Group; 4] = [
    ("CPU time for each element, in commands of many", |cost| {
        matches!(cost, Cost::PerElement(_))
    }),
    ("CPU time of a command at pipeline 1", |cost| {
        cost == Cost::Alone
    }),
    ("CPU time of a command above that of PING", |cost| {
        cost == Cost::AbovePing(16)
    }),
    ("The same at pipeline 100", |cost| {
        cost == Cost::AbovePing(100)
    }),
];

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
    for (title, is_of) in GROUPS {
        let loads = collection.loads.iter().filter(|load| is_of(load.cost));
        let loads: Vec<&Load> = loads.collect();
        if !loads.is_empty() {
            Rounds::print_titles(title);
            for (load, rounds) in loads.iter().zip(take(options, &loads, &ours, &theirs)?) {
                rounds.print(load.name);
                let what = format!("{} CPU", load.name);
                verdicts.judge(&what, rounds.cpu_ratio(), load.bound);
            }
        }
    }
    Ok(())
}

/// Measures loads that are counted alike: in each round PING once, then each of them. Half as many
/// rounds as for strings, since there are many loads.
fn take(
    options: &Options,
    loads: &[&Load],
    ours: &Server,
    theirs: &Server,
) -> Result<Vec<Rounds>, String> {
    let mut taken: Vec<Rounds> = loads.iter().map(|_| Rounds::default()).collect();
    for round in 0..options.rounds.div_ceil(2) {
        let pings = match loads[0].cost {
            Cost::AbovePing(pipeline) => {
                let pings = ping(options, pipeline);
                rounds::pair(round, ours, theirs, |server| load::run(server, &pings))?
            }
            Cost::PerElement(_) | Cost::Alone => <(Measured, Measured)>::default(),
        };
        for (load, rounds) in loads.iter().zip(&mut taken) {
            let take = |server: &Server| run(options, server, load);
            let (mut our, mut their) = rounds::pair(round, ours, theirs, take)?;
            our.cpu_us -= pings.0.cpu_us;
            their.cpu_us -= pings.1.cpu_us;
            rounds.push((our, their));
        }
    }
    Ok(taken)
}

/// One run of a load; what it has spoilt is made anew.
fn run(options: &Options, server: &Server, load: &Load) -> Result<Measured, String> {
    let workload = |elements, pipeline, requests| Workload {
        name: load.name.to_owned(),
        words: load.request.words(elements),
        pipeline,
        requests: requests / load.fewer,
        range: load.range,
    };
    let measured = match load.cost {
        Cost::PerElement(elements) => {
            let requests = options.requests * 2 / u64::from(elements);
            let measured = load::run(server, &workload(elements, FEW, requests))?;
            let elements = f64::from(elements);
            Measured {
                cpu_us: measured.cpu_us / elements,
                per_second: measured.per_second * elements,
                ..measured
            }
        }
        Cost::AbovePing(pipeline) => {
            load::run(server, &workload(1, pipeline, options.requests * 2))?
        }
        Cost::Alone => load::run(server, &workload(1, 1, options.requests))?,
    };
    if let Some(fill) = &load.spoils {
        load::refill(server, fill)?;
    }
    Ok(measured)
}

fn ping(options: &Options, pipeline: u32) -> Workload {
    Workload {
        name: "PING".to_owned(),
        words: vec!["PING".to_owned()],
        pipeline,
        requests: options.requests * 2,
        range: 1,
    }
}
